"""Profiles: what the data of a validation looked like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import telling, triggers

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Make the table of profiles, and that of which validation was made on which."""
    _told(
        "profile",
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("public_digest", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        key="digest",
        named=["digest", "public_digest"],
    )
    _told(
        "validation_profile",
        sa.Column("validation_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("profile_digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["validation_id"], ["validation.id"], name="validation_profile_validation"
        ),
        sa.ForeignKeyConstraint(
            ["profile_digest"], ["profile.digest"], name="validation_profile_profile"
        ),
        key="validation_id",
        named=["validation_id", "profile_digest"],
    )


def _told(table: str, *columns: sa.schema.SchemaItem, key: str, named: list[str]) -> None:
    """A table whose rows never change, each told by an event."""
    op.create_table(
        table,
        *columns,
        sa.Column("event", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["event"], ["event.seq"], name=f"{table}_told", deferrable=True, initially="DEFERRED"
        ),
    )
    op.create_index(f"{table}_told_by", table, ["event"])
    triggers.forbid_changes(table, key)
    if triggers.postgresql():
        triggers.fix_search_path(f"{table}_no_truncate")
    telling.tell(table, named)
    triggers.demand_checks(table, "INSERT")
