"""Runs the migrations in the transaction that `lineage db upgrade` opened."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from lineage.database import tables

tables.load_all()

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
context.run_migrations()
