"""Persons: whom tokens, registrations, validations, approvals and waivers count for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0013"
down_revision = "0012"

_FIXED_OF_TOKEN = (
    "id",
    "name",
    "person",
    "key",
    "digest",
    "scopes",
    "environments",
    "models",
    "created_at",
    "created_by",
    "expires_at",
)


def upgrade() -> None:
    """Note persons from now on; of rows that are there, the name counts."""
    for table, column in (
        ("token", "person"),
        ("model_version", "registered_by_person"),
        ("validation", "validated_by_person"),
        ("approval", "approved_by_person"),
        ("waiver", "waived_by_person"),
    ):
        op.add_column(table, sa.Column(column, sa.String()))
    op.add_column("approval", sa.Column("claimed", sa.Boolean()))
    op.add_column("validation", sa.Column("on_word", sa.Boolean()))
    changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in _FIXED_OF_TOKEN)
    triggers.drop("token_fixed", "token")
    triggers.refuse("token_fixed", "token", "UPDATE", changed, "a token is revoked, never changed")
    triggers.drop("approval_of_ones_own", "approval")
    triggers.refuse(
        "approval_of_ones_own",
        "approval",
        "INSERT",
        "EXISTS (SELECT 1 FROM model_version WHERE id = NEW.version_id "
        "AND lower(trim(coalesce(registered_by_person, registered_by))) "
        "= lower(trim(coalesce(NEW.approved_by_person, NEW.approved_by))))",
        "nobody approves a version that they registered",
    )
