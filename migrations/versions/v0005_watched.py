"""Watched runs, and what of a pipeline could not be followed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table of watched runs; let a pipeline version say what is unseen in it."""
    op.create_table(
        "watched_run",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("validation_id", sa.Integer()),
        sa.Column("pipeline", sa.String()),
        sa.Column("pipeline_digest", sa.String()),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="watched_run_version"),
        sa.ForeignKeyConstraint(
            ["validation_id"], ["validation.id"], name="watched_run_validation"
        ),
        sa.ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="watched_run_pipeline_version",
        ),
    )
    op.create_index("watched_run_of", "watched_run", ["version_id", "id"])
    op.execute("ALTER TABLE pipeline_version ADD COLUMN unseen TEXT")
    triggers.forbid_changes("watched_run", "id")
    triggers.demand_checks("watched_run", "INSERT")
