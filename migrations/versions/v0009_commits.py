"""Which commit holds a pipeline version that was first captured with uncommitted changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0009"
down_revision = "0008"

_SEEN = """
INSERT INTO pipeline_commit (pipeline, pipeline_digest, code_commit, seen_at, seen_by)
SELECT v.pipeline, v.pipeline_digest, substr(v.code_digest, 5), v.registered_at, v.registered_by
FROM model_version v
WHERE v.id IN (
    SELECT min(one.id) FROM model_version one
    JOIN pipeline_version p ON p.pipeline = one.pipeline AND p.digest = one.pipeline_digest
    WHERE p.code_dirty AND NOT one.code_dirty AND one.code_digest IS NOT NULL
    GROUP BY one.pipeline, one.pipeline_digest
)
"""


def upgrade() -> None:
    """Make the table; versions that were registered from a clean tree name their commit."""
    op.create_table(
        "pipeline_commit",
        sa.Column("pipeline", sa.String(), primary_key=True),
        sa.Column("pipeline_digest", sa.String(), primary_key=True),
        sa.Column("code_commit", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.Column("seen_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="pipeline_commit_pipeline_version",
        ),
    )
    op.execute(_SEEN)
    triggers.forbid_changes("pipeline_commit", "pipeline, pipeline_digest")
    triggers.demand_checks("pipeline_commit", "INSERT")
