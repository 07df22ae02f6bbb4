"""Signed statements on versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import telling, triggers

revision = "0023"
down_revision = "0022"

TOLD = [
    "id",
    "version_id",
    "about",
    "validation_id",
    "digest",
    "signed_by",
    "public_key",
    "recorded_at",
    "recorded_by",
]
"""What events hold of one; of the document itself the digest."""


def upgrade() -> None:
    """Make the table, whose rows never change."""
    op.create_table(
        "attestation",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("validation_id", sa.Integer()),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("signed_by", sa.String(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("event", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["event"], ["event.seq"], name="attestation_told", deferrable=True, initially="DEFERRED"
        ),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="attestation_version"),
        sa.ForeignKeyConstraint(
            ["validation_id"], ["validation.id"], name="attestation_validation"
        ),
        sa.UniqueConstraint("version_id", "digest", "signed_by", name="attestation_once"),
    )
    op.create_index("attestation_told_by", "attestation", ["event"])
    op.create_index("attestation_of", "attestation", ["version_id", "signed_by"])
    triggers.forbid_changes("attestation", "id")
    if triggers.postgresql():
        triggers.fix_search_path("attestation_no_truncate")
    telling.tell("attestation", TOLD)
    triggers.demand_checks("attestation", "INSERT")
