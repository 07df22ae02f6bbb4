"""Runs the migrations in the transaction that `lineage db upgrade` opened.

It is given the connection, and the metadata of the tables, which it does not import itself.
"""

from __future__ import annotations

from alembic import context

GIVEN = context.config.attributes

context.configure(
    connection=GIVEN["connection"],
    target_metadata=GIVEN.get("metadata"),
    render_as_batch=True,
)
context.run_migrations()
