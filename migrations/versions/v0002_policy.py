"""Environment policy, approvals, waivers, checked weights; how a verdict came about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0002"
down_revision = "0001"

HISTORY = {
    "environment_policy": "environment, revision",
    "approval": "id",
    "waiver": "id",
    "weights_check": "id",
}

VALIDATION = (
    "basis VARCHAR DEFAULT 'stated' NOT NULL CONSTRAINT validation_basis CHECK (basis IN ('stated', 'run', 'carried'))",
    "rests_on INTEGER CONSTRAINT validation_rests_on REFERENCES validation (id) CONSTRAINT validation_carried CHECK ((basis = 'carried') = (rests_on IS NOT NULL))",
    "difference TEXT",
    "run TEXT",
    "data_digest VARCHAR CONSTRAINT validation_data REFERENCES data_version (digest)",
)
"""New columns with their constraints: SQLite adds a column without making the table anew."""

PROOF = (
    "serving_version_id IS NULL OR environment_kind = 'experimental' OR ("
    "serving_version_kind = 'production' AND (serving_waiver_id IS NOT NULL OR "
    "serving_pipeline IS NOT NULL AND serving_pipeline_digest IS NOT NULL AND "
    "serving_validation_id IS NOT NULL AND serving_passed IS NOT NULL))"
)
BACKUP_PROOF = (
    "backup_version_id IS NULL OR environment_kind = 'experimental' OR ("
    "backup_version_kind = 'production' AND (backup_pipeline IS NOT NULL AND "
    "backup_pipeline_digest IS NOT NULL AND backup_validation_id IS NOT NULL AND "
    "backup_passed IS NOT NULL))"
)
WHOLE = (
    "(serving_version_id IS NOT NULL AND serving_version_kind IS NOT NULL AND "
    "serving_promoted_at IS NOT NULL AND serving_promoted_by IS NOT NULL) OR "
    "(serving_version_id IS NULL AND serving_version_kind IS NULL AND "
    "serving_promoted_at IS NULL AND serving_promoted_by IS NULL AND serving_pipeline IS NULL AND "
    "serving_pipeline_digest IS NULL AND serving_validation_id IS NULL AND "
    "serving_passed IS NULL AND serving_waiver_id IS NULL AND serving_waiver_code IS NULL)"
)
CODES = (
    "code IN ('pipeline-deployed', 'validated', 'pipeline-match', 'weights-intact', "
    "'requirements', 'promotion-path', 'approvals', 'backup-ready')"
)


def upgrade() -> None:
    """Make the new tables, widen the old ones."""
    create_tables()
    for column in VALIDATION:
        op.execute(f"ALTER TABLE validation ADD COLUMN {column}")
    op.execute("ALTER TABLE model_version ADD COLUMN run TEXT")
    widen_slot()
    for table, key in HISTORY.items():
        triggers.forbid_changes(table, key)
        triggers.demand_checks(table, "INSERT")
    triggers.refuse(
        "approval_of_ones_own",
        "approval",
        "INSERT",
        "EXISTS (SELECT 1 FROM model_version WHERE id = NEW.version_id "
        "AND lower(trim(registered_by)) = lower(trim(NEW.approved_by)))",
        "nobody approves a version that they registered",
    )


def widen_slot() -> None:
    """Let a waiver stand in for the proof. SQLite makes the table anew, without its triggers."""
    with op.batch_alter_table("slot", recreate="auto") as batch:
        batch.add_column(sa.Column("serving_waiver_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("serving_waiver_code", sa.String(), nullable=True))
        batch.create_foreign_key(
            "slot_serving_waiver",
            "waiver",
            ["serving_waiver_id", "serving_version_id", "environment", "serving_waiver_code"],
            ["id", "version_id", "environment", "code"],
        )
        batch.create_foreign_key(
            "slot_serving_waiver_pipeline",
            "waiver",
            ["serving_waiver_id", "serving_version_id", "environment", "serving_pipeline_digest"],
            ["id", "version_id", "environment", "pipeline_digest"],
        )
        for name, check in (
            ("slot_serving_proof", PROOF),
            ("slot_backup_proof", BACKUP_PROOF),
            ("slot_serving_whole", WHOLE),
        ):
            batch.drop_constraint(name, type_="check")
            batch.create_check_constraint(name, check)
        batch.create_check_constraint(
            "slot_waiver_whole", "(serving_waiver_id IS NULL) = (serving_waiver_code IS NULL)"
        )
        batch.create_check_constraint(
            "slot_waiver_lifts_proof",
            "serving_waiver_code IS NULL OR serving_waiver_code IN "
            "('pipeline-deployed', 'validated', 'pipeline-match')",
        )
    if not triggers.postgresql():
        triggers.demand_checks("slot", "INSERT", "UPDATE", "DELETE")
        for side in ("serving", "backup"):
            triggers.newest_verdict_counts(side)


def create_tables() -> None:
    """The new tables as lineage/database/tables had them in 0.2."""
    op.create_table(
        "environment_policy",
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.String(), nullable=False),
        sa.Column("applied_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment"], ["environment.name"], name="environment_policy_environment"
        ),
        sa.PrimaryKeyConstraint("environment", "revision"),
    )
    op.create_table(
        "approval",
        sa.Column("id", sa.Integer(), nullable=False),
        *_on_pipeline(),
        sa.Column("approved_at", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        *_keys("approval"),
    )
    op.create_index("approval_of", "approval", ["version_id", "environment"])
    op.create_table(
        "waiver",
        sa.Column("id", sa.Integer(), nullable=False),
        *_on_pipeline(),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.String(), nullable=True),
        sa.Column("waived_at", sa.String(), nullable=False),
        sa.Column("waived_by", sa.String(), nullable=False),
        *_keys("waiver"),
        sa.UniqueConstraint("id", "version_id", "environment", "code", name="waiver_of_rule"),
        sa.UniqueConstraint(
            "id", "version_id", "environment", "pipeline_digest", name="waiver_on_pipeline"
        ),
        sa.CheckConstraint(CODES, name="waiver_code"),
        sa.CheckConstraint("length(trim(reason)) > 0", name="waiver_reason"),
    )
    op.create_index("waiver_of", "waiver", ["version_id", "environment"])
    op.create_table(
        "weights_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("checked_at", sa.String(), nullable=False),
        sa.Column("checked_by", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('intact', 'missing', 'changed')", name="weights_check_state"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="weights_check_version"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("weights_check_of", "weights_check", ["version_id", "id"])


def _on_pipeline() -> list[sa.Column[object]]:
    return [
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("pipeline", sa.String(), nullable=True),
        sa.Column("pipeline_digest", sa.String(), nullable=True),
    ]


def _keys(table: str) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name=f"{table}_version"),
        sa.ForeignKeyConstraint(["environment"], ["environment.name"], name=f"{table}_environment"),
        sa.ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name=f"{table}_pipeline_version",
        ),
    ]
