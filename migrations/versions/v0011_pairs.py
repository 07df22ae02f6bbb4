"""Backups on a pipeline version of their own, the pairs that served, and those rolled back."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0011"
down_revision = "0010"

_NO_STEP_BACK = (
    "NEW.seq < OLD.seq OR NEW.environment IS NOT OLD.environment OR "
    "NEW.version_id IS NOT OLD.version_id OR NEW.pipeline_digest IS NOT OLD.pipeline_digest OR "
    "NEW.model IS NOT OLD.model OR NEW.pipeline IS NOT OLD.pipeline"
)


def upgrade() -> None:
    """Free the backup of the deployed pipeline; the history says which pairs served."""
    _free_backups()
    op.create_table(
        "served_pair",
        sa.Column("environment", sa.String(), primary_key=True),
        sa.Column("version_id", sa.Integer(), primary_key=True),
        sa.Column("pipeline_digest", sa.String(), primary_key=True),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment"], ["environment.name"], name="served_pair_environment"
        ),
        sa.ForeignKeyConstraint(
            ["version_id", "pipeline"],
            ["model_version.id", "model_version.pipeline"],
            name="served_pair_version",
        ),
        sa.ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="served_pair_pipeline_version",
        ),
        sa.ForeignKeyConstraint(["seq"], ["event.seq"], name="served_pair_event"),
    )
    op.create_index("served_pair_of", "served_pair", ["environment", "model", "seq"])
    _take_from_history()
    triggers.refuse(
        "served_pair_moves_on", "served_pair", "UPDATE", _NO_STEP_BACK, "what served stays so"
    )
    triggers.refuse("served_pair_no_delete", "served_pair", "DELETE", "", "what served stays so")
    triggers.keep_rows("served_pair")
    triggers.demand_checks("served_pair", "INSERT", "UPDATE")
    op.add_column("rolled_back", sa.Column("pipeline_digest", sa.String()))
    op.add_column(
        "rolled_back",
        sa.Column("version_left", sa.Boolean(), nullable=False, server_default=sa.text("true")),
    )
    op.execute(  # SQLite adds a column with its constraint without making the table anew
        "ALTER TABLE rolled_back ADD COLUMN seq INTEGER "
        "CONSTRAINT rolled_back_event REFERENCES event (seq)"
    )


def _free_backups() -> None:
    """And count waivers by their numbers. SQLite makes the table anew, without its triggers."""
    with op.batch_alter_table("slot", recreate="auto") as batch:
        batch.drop_constraint("slot_backup_deployment", type_="foreignkey")
        batch.add_column(
            sa.Column("waivers_after", sa.Integer(), nullable=False, server_default="0")
        )
    op.execute(
        "UPDATE slot SET waivers_after = (SELECT coalesce(max(w.id), 0) FROM waiver w WHERE "
        "w.environment = slot.environment AND w.version_id = slot.serving_version_id "
        "AND w.waived_at < slot.serving_promoted_at) WHERE serving_version_id IS NOT NULL"
    )
    if not triggers.postgresql():
        triggers.demand_checks("slot", "INSERT", "UPDATE", "DELETE")
        for side in ("serving", "backup"):
            triggers.newest_verdict_counts(side)


def _take_from_history() -> None:
    """The newest event of each pair that served on a validation."""
    connection = op.get_bind()
    numbers = {
        (model, number): (key, pipeline)
        for model, number, key, pipeline in connection.execute(
            sa.text("SELECT model, number, id, pipeline FROM model_version")
        )
    }
    events = connection.execute(
        sa.text("SELECT seq, payload FROM event WHERE payload LIKE '%\"slots\"%' ORDER BY seq")
    )
    pairs: dict[tuple[str, int, str], dict[str, object]] = {}
    for seq, payload in events:
        for subject, state in json.loads(payload).get("slots", {}).items():
            served = (state or {}).get("serving")
            if not served or served.get("validation") is None:
                continue
            model, _, environment = subject.partition("@")
            key, pipeline = numbers[model, served["version"]]
            digest = served["pipeline_digest"]
            pairs[environment, key, digest] = {
                "environment": environment,
                "version_id": key,
                "pipeline_digest": digest,
                "model": model,
                "pipeline": pipeline,
                "seq": seq,
            }
    if pairs:
        table = sa.table("served_pair", *map(sa.column, next(iter(pairs.values()))))
        connection.execute(sa.insert(table), list(pairs.values()))
