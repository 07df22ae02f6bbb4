"""What is staged in a slot before it serves, and what hosts hold besides what they have loaded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0012"
down_revision = "0011"

_COLUMNS = (
    ("staged_version_id", sa.Integer()),
    ("staged_version_kind", sa.String()),
    ("staged_pipeline", sa.String()),
    ("staged_pipeline_digest", sa.String()),
    ("staged_validation_id", sa.Integer()),
    ("staged_passed", sa.Boolean()),
    ("staged_promoted_at", sa.String()),
    ("staged_promoted_by", sa.String()),
)
_PROOF = (
    "staged_pipeline IS NOT NULL AND staged_pipeline_digest IS NOT NULL AND "
    "staged_validation_id IS NOT NULL AND staged_passed IS NOT NULL"
)
_CHECKS = {
    "passed": "staged_passed IS NULL OR staged_passed IS TRUE",
    "proof": f"staged_version_id IS NULL OR ({_PROOF}) AND "
    "(environment_kind = 'experimental' OR staged_version_kind = 'production')",
    "whole": "("
    + " AND ".join(
        f"{name} IS NOT NULL"
        for name in (
            "staged_version_id",
            "staged_version_kind",
            "staged_promoted_at",
            "staged_promoted_by",
        )
    )
    + ") OR ("
    + " AND ".join(
        f"staged_{name} IS NULL"
        for name in (
            "version_id",
            "version_kind",
            "promoted_at",
            "promoted_by",
            "pipeline",
            "pipeline_digest",
            "validation_id",
            "passed",
        )
    )
    + ")",
}


def upgrade() -> None:
    """A third side of a slot, which has its own passing validation. SQLite makes the table anew."""
    with op.batch_alter_table("slot", recreate="auto") as batch:
        for name, kind in _COLUMNS:
            batch.add_column(sa.Column(name, kind))
        batch.create_foreign_key(
            "slot_staged_version",
            "model_version",
            ["staged_version_id", "model", "staged_version_kind"],
            ["id", "model", "kind"],
        )
        batch.create_foreign_key(
            "slot_staged_pipeline",
            "model_version",
            ["staged_version_id", "staged_pipeline"],
            ["id", "pipeline"],
        )
        batch.create_foreign_key(
            "slot_staged_validation",
            "validation",
            [
                "staged_version_id",
                "staged_pipeline_digest",
                "staged_validation_id",
                "staged_passed",
            ],
            ["version_id", "pipeline_digest", "id", "passed"],
        )
        for name, condition in _CHECKS.items():
            batch.create_check_constraint(f"slot_staged_{name}", sa.text(condition))
        batch.create_index("slot_staged_on", ["environment", "staged_pipeline"])
    if not triggers.postgresql():
        triggers.demand_checks("slot", "INSERT", "UPDATE", "DELETE")
        for side in ("serving", "backup"):
            triggers.newest_verdict_counts(side)
    triggers.newest_verdict_counts("staged")
    op.add_column("observation", sa.Column("standby", sa.String()))
    op.add_column("observation", sa.Column("revision", sa.Integer()))
    op.add_column("observation", sa.Column("lagged", sa.Integer()))
    op.add_column(
        "observation",
        sa.Column("proven", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
