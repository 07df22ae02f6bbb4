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


def _plain(name: str) -> str:
    """Letter case tells two names of an issuer's apart, and no others."""
    return f"CASE WHEN substr({name}, 1, 5) = 'oidc:' THEN {name} ELSE lower(trim({name})) END"


_REGISTRANT, _REGISTRANTS_NAME = _plain("registered_by_person"), _plain("registered_by")
_APPROVER, _APPROVERS_NAME = _plain("NEW.approved_by_person"), _plain("NEW.approved_by")

# where the person of one was not noted, a name that both share makes them one
_ONE_PERSON = (
    f"{_REGISTRANT} = {_APPROVER} "
    "OR ((registered_by_person IS NULL OR NEW.approved_by_person IS NULL) AND "
    f"({_REGISTRANTS_NAME} IN ({_APPROVERS_NAME}, {_APPROVER}) OR {_REGISTRANT} = {_APPROVERS_NAME}))"
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
        f"EXISTS (SELECT 1 FROM model_version WHERE id = NEW.version_id AND ({_ONE_PERSON}))",  # nosec B608 # names of our own tables
        "nobody approves a version that they registered",
    )
