"""The first schema: the invariant as keys and checks, history as triggers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0001"
down_revision = None

HISTORY = {
    "model": "name",
    "data_version": "digest",
    "data_item": "data_digest, name",
    "pipeline_version": "pipeline, digest",
    "model_version": "id",
    "validation": "id",
    "event": "seq",
    "event_subject": "subject, seq",
}
"""Tables whose rows never change, and their primary keys."""

SIZE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

STATE = ("environment", "pipeline_deployment", "slot")
"""Tables whose rows change by the registry's own rules."""

CHAIN = (
    "NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM event) OR NEW.previous <> "
    "coalesce((SELECT digest FROM event ORDER BY seq DESC LIMIT 1), '')"
)


def upgrade() -> None:
    """Make the tables and their triggers."""
    create_tables()
    for table, key in HISTORY.items():
        triggers.forbid_changes(table, key)
        triggers.demand_checks(table, "INSERT")
    for table in STATE:
        triggers.demand_checks(table, "INSERT", "UPDATE", "DELETE")
        triggers.keep_rows(table)
    for side in ("serving", "backup"):
        triggers.newest_verdict_counts(side)
    message = "an event follows the newest one and names its digest"
    triggers.refuse("event_chain", "event", "INSERT", CHAIN, message)


def create_tables() -> None:
    """The tables as lineage/database/tables had them in 0.1."""
    op.create_table(
        "data_version",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("public_digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index(
        "ix_data_version_public_digest", "data_version", ["public_digest"], unique=False
    )
    op.create_table(
        "environment",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('production', 'experimental')", name="environment_kind"),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("name", "kind", name="environment_name_kind"),
    )
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_event_at", "event", ["at"], unique=False)
    op.create_table(
        "model",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "pipeline_version",
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("public_digest", sa.String(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=True),
        sa.Column("code_commit", sa.String(), nullable=True),
        sa.Column("code_dirty", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "digest"),
    )
    op.create_index(
        "ix_pipeline_version_public_digest", "pipeline_version", ["public_digest"], unique=False
    )
    op.create_table(
        "data_item",
        sa.Column("data_digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size", SIZE, nullable=True),
        sa.ForeignKeyConstraint(["data_digest"], ["data_version.digest"], name="data_item_version"),
        sa.PrimaryKeyConstraint("data_digest", "name"),
    )
    op.create_index("ix_data_item_digest", "data_item", ["digest"], unique=False)
    op.create_table(
        "event_subject",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["event.seq"], name="event_subject_event"),
        sa.PrimaryKeyConstraint("subject", "seq"),
    )
    op.create_table(
        "model_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tuple_digest", sa.String(), nullable=False),
        sa.Column("code_digest", sa.String(), nullable=True),
        sa.Column("code_dirty", sa.Boolean(), nullable=False),
        sa.Column("code_remote", sa.String(), nullable=True),
        sa.Column("code_branch", sa.String(), nullable=True),
        sa.Column("code_subfolder", sa.String(), nullable=True),
        sa.Column("data_digest", sa.String(), nullable=True),
        sa.Column("data_asserted", sa.Text(), nullable=False),
        sa.Column("pipeline", sa.String(), nullable=True),
        sa.Column("pipeline_digest", sa.String(), nullable=True),
        sa.Column("weights_digest", sa.String(), nullable=True),
        sa.Column("weights_blake3", sa.String(), nullable=True),
        sa.Column("weights_path", sa.String(), nullable=True),
        sa.Column("weights_size", SIZE, nullable=True),
        sa.Column("weights_files", sa.Integer(), nullable=True),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("registered_at", sa.String(), nullable=False),
        sa.Column("registered_by", sa.String(), nullable=False),
        sa.CheckConstraint(
            "kind = 'experiment' OR (code_digest IS NOT NULL AND code_dirty IS FALSE AND data_digest IS NOT NULL AND pipeline_digest IS NOT NULL AND weights_digest IS NOT NULL AND weights_blake3 IS NOT NULL)",
            name="model_version_complete",
        ),
        sa.CheckConstraint("kind IN ('production', 'experiment')", name="model_version_kinds"),
        sa.ForeignKeyConstraint(
            ["data_digest"], ["data_version.digest"], name="model_version_data"
        ),
        sa.ForeignKeyConstraint(["model"], ["model.name"], name="model_version_model"),
        sa.ForeignKeyConstraint(["parent_id"], ["model_version.id"], name="model_version_parent"),
        sa.ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="model_version_pipeline_version",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("id", "model", "kind", name="model_version_kind"),
        sa.UniqueConstraint("id", "pipeline", name="model_version_pipeline"),
        sa.UniqueConstraint("model", "number", name="model_version_number"),
    )
    op.create_index(
        "model_version_tuple", "model_version", ["model", "kind", "tuple_digest"], unique=False
    )
    op.create_table(
        "pipeline_deployment",
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("deployed_at", sa.String(), nullable=False),
        sa.Column("deployed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment"], ["environment.name"], name="pipeline_deployment_environment"
        ),
        sa.ForeignKeyConstraint(
            ["pipeline", "digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="pipeline_deployment_version",
        ),
        sa.PrimaryKeyConstraint("environment", "pipeline"),
        sa.UniqueConstraint("environment", "pipeline", "digest", name="pipeline_deployment_digest"),
    )
    op.create_table(
        "validation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("pipeline_digest", sa.String(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=True),
        sa.Column("outcomes", sa.Text(), nullable=False),
        sa.Column("validated_at", sa.String(), nullable=False),
        sa.Column("validated_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="validation_pipeline_version",
        ),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="validation_version"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "version_id", "pipeline_digest", "id", "passed", name="validation_verdict"
        ),
    )
    op.create_table(
        "slot",
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("environment_kind", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("serving_version_id", sa.Integer(), nullable=True),
        sa.Column("serving_version_kind", sa.String(), nullable=True),
        sa.Column("serving_pipeline", sa.String(), nullable=True),
        sa.Column("serving_pipeline_digest", sa.String(), nullable=True),
        sa.Column("serving_validation_id", sa.Integer(), nullable=True),
        sa.Column("serving_passed", sa.Boolean(), nullable=True),
        sa.Column("serving_promoted_at", sa.String(), nullable=True),
        sa.Column("serving_promoted_by", sa.String(), nullable=True),
        sa.Column("backup_version_id", sa.Integer(), nullable=True),
        sa.Column("backup_version_kind", sa.String(), nullable=True),
        sa.Column("backup_pipeline", sa.String(), nullable=True),
        sa.Column("backup_pipeline_digest", sa.String(), nullable=True),
        sa.Column("backup_validation_id", sa.Integer(), nullable=True),
        sa.Column("backup_passed", sa.Boolean(), nullable=True),
        sa.Column("backup_promoted_at", sa.String(), nullable=True),
        sa.Column("backup_promoted_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "backup_version_id IS NULL OR environment_kind = 'experimental' OR (backup_pipeline IS NOT NULL AND backup_pipeline_digest IS NOT NULL AND backup_validation_id IS NOT NULL AND backup_passed IS NOT NULL AND backup_version_kind = 'production')",
            name="slot_backup_proof",
        ),
        sa.CheckConstraint(
            "serving_version_id IS NULL OR environment_kind = 'experimental' OR (serving_pipeline IS NOT NULL AND serving_pipeline_digest IS NOT NULL AND serving_validation_id IS NOT NULL AND serving_passed IS NOT NULL AND serving_version_kind = 'production')",
            name="slot_serving_proof",
        ),
        sa.CheckConstraint(
            "(backup_version_id IS NOT NULL AND backup_version_kind IS NOT NULL AND backup_promoted_at IS NOT NULL AND backup_promoted_by IS NOT NULL) OR (backup_version_id IS NULL AND backup_version_kind IS NULL AND backup_promoted_at IS NULL AND backup_promoted_by IS NULL AND backup_pipeline IS NULL AND backup_pipeline_digest IS NULL AND backup_validation_id IS NULL AND backup_passed IS NULL)",
            name="slot_backup_whole",
        ),
        sa.CheckConstraint(
            "(serving_version_id IS NOT NULL AND serving_version_kind IS NOT NULL AND serving_promoted_at IS NOT NULL AND serving_promoted_by IS NOT NULL) OR (serving_version_id IS NULL AND serving_version_kind IS NULL AND serving_promoted_at IS NULL AND serving_promoted_by IS NULL AND serving_pipeline IS NULL AND serving_pipeline_digest IS NULL AND serving_validation_id IS NULL AND serving_passed IS NULL)",
            name="slot_serving_whole",
        ),
        sa.CheckConstraint(
            "backup_passed IS NULL OR backup_passed IS TRUE", name="slot_backup_passed"
        ),
        sa.CheckConstraint(
            "backup_version_id IS NULL OR serving_version_id IS NOT NULL", name="slot_backup_of"
        ),
        sa.CheckConstraint(
            "serving_passed IS NULL OR serving_passed IS TRUE", name="slot_serving_passed"
        ),
        sa.ForeignKeyConstraint(
            ["backup_version_id", "backup_pipeline"],
            ["model_version.id", "model_version.pipeline"],
            name="slot_backup_pipeline",
        ),
        sa.ForeignKeyConstraint(
            [
                "backup_version_id",
                "backup_pipeline_digest",
                "backup_validation_id",
                "backup_passed",
            ],
            [
                "validation.version_id",
                "validation.pipeline_digest",
                "validation.id",
                "validation.passed",
            ],
            name="slot_backup_validation",
        ),
        sa.ForeignKeyConstraint(
            ["backup_version_id", "model", "backup_version_kind"],
            ["model_version.id", "model_version.model", "model_version.kind"],
            name="slot_backup_version",
        ),
        sa.ForeignKeyConstraint(
            ["environment", "backup_pipeline", "backup_pipeline_digest"],
            [
                "pipeline_deployment.environment",
                "pipeline_deployment.pipeline",
                "pipeline_deployment.digest",
            ],
            name="slot_backup_deployment",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["environment", "environment_kind"],
            ["environment.name", "environment.kind"],
            name="slot_environment",
        ),
        sa.ForeignKeyConstraint(
            ["environment", "serving_pipeline", "serving_pipeline_digest"],
            [
                "pipeline_deployment.environment",
                "pipeline_deployment.pipeline",
                "pipeline_deployment.digest",
            ],
            name="slot_serving_deployment",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["model"], ["model.name"], name="slot_model"),
        sa.ForeignKeyConstraint(
            ["serving_version_id", "model", "serving_version_kind"],
            ["model_version.id", "model_version.model", "model_version.kind"],
            name="slot_serving_version",
        ),
        sa.ForeignKeyConstraint(
            ["serving_version_id", "serving_pipeline"],
            ["model_version.id", "model_version.pipeline"],
            name="slot_serving_pipeline",
        ),
        sa.ForeignKeyConstraint(
            [
                "serving_version_id",
                "serving_pipeline_digest",
                "serving_validation_id",
                "serving_passed",
            ],
            [
                "validation.version_id",
                "validation.pipeline_digest",
                "validation.id",
                "validation.passed",
            ],
            name="slot_serving_validation",
        ),
        sa.PrimaryKeyConstraint("environment", "model"),
    )
    op.create_index("slot_backup_on", "slot", ["environment", "backup_pipeline"], unique=False)
    op.create_index("slot_serving_on", "slot", ["environment", "serving_pipeline"], unique=False)
