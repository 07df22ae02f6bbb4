"""Who is told of what by webhooks, and the messages to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import telling, triggers

revision = "0020"
down_revision = "0019"

MOVES = ["fingerprint", "rotated_at", "disabled_at", "removed_at", "removed_by"]
"""The columns that events hold and that may change."""

TOLD = [
    "id",
    "address",
    "fingerprint",
    "types",
    "environments",
    "models",
    "format",
    "created_at",
    "created_by",
    "rotated_at",
    "disabled_at",
    "removed_at",
    "removed_by",
]

SECRETS = ["url", "secret", "secret_before"]
"""What no event holds, and what changes with one alone: `fingerprint` is the BLAKE3 of it."""

PROGRESS = ["told_until", "conditions"]
"""What changes without one: how far messages were made."""


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "webhook",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("environments", sa.Text()),
        sa.Column("models", sa.Text()),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("secret_before", sa.String()),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.String())
            for name in ("rotated_at", "disabled_at", "removed_at", "removed_by")
        ),
        sa.Column("told_until", sa.Integer(), nullable=False),
        sa.Column("conditions", sa.Text()),
        sa.Column("event", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["event"], ["event.seq"], name="webhook_told", deferrable=True, initially="DEFERRED"
        ),
    )
    op.create_index("webhook_told_by", "webhook", ["event"])
    telling.tell(
        "webhook",
        TOLD,
        moves=[*MOVES, *SECRETS],
        unbound=PROGRESS,
        free=PROGRESS,
        fixed="a webhook is removed, never changed",
    )
    triggers.refuse(
        "webhook_stays_removed",
        "webhook",
        "UPDATE",
        "OLD.removed_at IS NOT NULL AND (NEW.removed_at IS NOT OLD.removed_at OR NEW.removed_by IS NOT OLD.removed_by OR NEW.secret IS NOT OLD.secret)",
        "a removed webhook stays removed",
    )
    triggers.refuse(
        "webhook_no_delete", "webhook", "DELETE", "", "a webhook is removed, never deleted"
    )
    triggers.keep_rows("webhook")
    if triggers.postgresql():
        triggers.fix_search_path("webhook_no_truncate")
    triggers.demand_checks("webhook", "INSERT", "UPDATE")
    telling.refuse_replacing("webhook", ["id"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("webhook", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer()),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.String(), nullable=False),
        sa.Column("next_at", sa.String()),
        sa.Column("tried_at", sa.String()),
        sa.Column("status", sa.Integer()),
        sa.Column("detail", sa.Text()),
        sa.ForeignKeyConstraint(["webhook"], ["webhook.id"], name="webhook_delivery_of"),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'failed')", name="webhook_delivery_state"
        ),
    )
    op.create_index("webhook_delivery_due", "webhook_delivery", ["state", "next_at"])
    op.create_index("webhook_delivery_age", "webhook_delivery", ["webhook", "made_at"])
