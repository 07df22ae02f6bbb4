"""Stores, copies of weights, looks at them, rollbacks, and the end of an observation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0004"
down_revision = "0003"

FIXED = (
    "id",
    "version_id",
    "store",
    "object",
    "listing",
    "size",
    "files",
    "found_there",
    "repository",
    "revision",
    "stored_at",
    "stored_by",
)
"""What never changes of a copy."""


def upgrade() -> None:
    """Make the four tables; let an observation have an end."""
    op.create_table(
        "store",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("added_at", sa.String(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
    )
    op.create_index("store_url", "store", ["url"], unique=True)
    _copies()
    op.create_table(
        "copy_check",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("copy_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("deep", sa.Boolean(), nullable=False),
        sa.Column("checked_at", sa.String(), nullable=False),
        sa.Column("checked_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["copy_id"], ["weights_copy.id"], name="copy_check_copy"),
        sa.CheckConstraint(
            "state IN ('intact', 'missing', 'changed', 'unreachable')", name="copy_check_state"
        ),
    )
    op.create_index("copy_check_of", "copy_check", ["copy_id", "id"])
    op.create_table(
        "rolled_back",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("verdicts_until", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment"], ["environment.name"], name="rolled_back_environment"
        ),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="rolled_back_version"),
    )
    op.create_index("rolled_back_of", "rolled_back", ["version_id", "environment"])
    op.create_index("model_version_weights", "model_version", ["weights_blake3"])
    op.create_index("model_version_weights_digest", "model_version", ["weights_digest"])
    op.add_column("observation", sa.Column("expires_at", sa.String()))
    op.execute("UPDATE observation SET expires_at = reported_at")
    _guard()


def _copies() -> None:
    live = sa.text("removed_at IS NULL")
    op.create_table(
        "weights_copy",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("listing", sa.String()),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("found_there", sa.Boolean(), nullable=False),
        sa.Column("repository", sa.String()),
        sa.Column("revision", sa.String()),
        sa.Column("stored_at", sa.String(), nullable=False),
        sa.Column("stored_by", sa.String(), nullable=False),
        sa.Column("removed_at", sa.String()),
        sa.Column("removed_by", sa.String()),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="weights_copy_version"),
        sa.ForeignKeyConstraint(["store"], ["store.name"], name="weights_copy_store"),
        sa.CheckConstraint(
            "(removed_at IS NULL) = (removed_by IS NULL)", name="weights_copy_removal"
        ),
    )
    op.create_index(
        "weights_copy_of",
        "weights_copy",
        ["version_id", "store"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_index("weights_copy_in", "weights_copy", ["store", "removed_at"])


def _guard() -> None:
    """What was stored, found and rolled back is history."""
    for table in ("copy_check", "rolled_back"):
        triggers.forbid_changes(table, "id")
    changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in FIXED)
    triggers.refuse(
        "weights_copy_fixed", "weights_copy", "UPDATE", changed, "a copy is removed, never changed"
    )
    triggers.refuse(
        "weights_copy_stays_removed",
        "weights_copy",
        "UPDATE",
        "OLD.removed_at IS NOT NULL AND NEW.removed_at IS NOT OLD.removed_at",
        "a removed copy stays removed",
    )
    triggers.refuse(
        "weights_copy_no_delete", "weights_copy", "DELETE", "", "a copy is removed, never deleted"
    )
    triggers.keep_rows("weights_copy")
    for table in ("store", "weights_copy"):
        triggers.demand_checks(table, "INSERT", "UPDATE")
    for table in ("copy_check", "rolled_back"):
        triggers.demand_checks(table, "INSERT")
