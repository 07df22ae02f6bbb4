"""Tokens, kept answers and observations: what the registry as a service needs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0003"
down_revision = "0002"

FIXED = (
    "id",
    "name",
    "key",
    "digest",
    "scopes",
    "environments",
    "models",
    "created_at",
    "created_by",
    "expires_at",
)
"""What never changes of a token."""


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "token",
        sa.Column("id", sa.String(), primary_key=True),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("name", "key", "digest", "scopes")
        ),
        sa.Column("environments", sa.Text()),
        sa.Column("models", sa.Text()),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.String())
            for name in ("expires_at", "revoked_at", "revoked_by", "last_used_at")
        ),
    )
    op.create_index("ix_token_name", "token", ["name"])
    op.create_table(
        "kept_answer",
        sa.Column("principal", sa.String(), primary_key=True),
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.String(), nullable=False),
    )
    op.create_index("kept_answer_age", "kept_answer", ["kept_at"])
    op.create_table(
        "observation",
        sa.Column("environment", sa.String(), primary_key=True),
        sa.Column("model", sa.String(), primary_key=True),
        sa.Column("instance", sa.String(), primary_key=True),
        sa.Column("weights", sa.String(), nullable=False),
        sa.Column("pipeline", sa.String()),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("loaded_at", "reported_at", "reported_by")
        ),
        sa.ForeignKeyConstraint(
            ["environment"], ["environment.name"], name="observation_environment"
        ),
        sa.ForeignKeyConstraint(["model"], ["model.name"], name="observation_model"),
    )
    changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in FIXED)
    triggers.refuse("token_fixed", "token", "UPDATE", changed, "a token is revoked, never changed")
    triggers.refuse(
        "token_stays_revoked",
        "token",
        "UPDATE",
        "OLD.revoked_at IS NOT NULL AND (NEW.revoked_at IS NOT OLD.revoked_at OR NEW.revoked_by IS NOT OLD.revoked_by)",
        "a revoked token stays revoked",
    )
    triggers.refuse("token_no_delete", "token", "DELETE", "", "a token is revoked, never deleted")
    triggers.keep_rows("token")
    triggers.demand_checks("observation", "INSERT", "UPDATE")
