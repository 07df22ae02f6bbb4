"""The numbers of each version's newest verdict, by which versions are searched and sorted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make the table; what belongs into it is worked out by the program (`db upgrade`)."""
    op.create_table(
        "version_metric",
        sa.Column("model", sa.String(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["model_version.model", "model_version.number"],
            name="version_metric_version",
            onupdate="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("version_metric_value", "version_metric", ["model", "name", "value", "number"])
    for column in ("actor", "kind"):
        op.create_index(f"event_{column}", "event", [column, "seq"])
