"""How an instance knows which pipeline it runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from lineage.migrations import triggers

revision = "0006"
down_revision = "0005"

PROOFS = "NEW.proof NOT IN ('sealed', 'claimed')"


def upgrade() -> None:
    """Let an observation say so; those that are there only claimed it."""
    op.add_column(
        "observation", sa.Column("proof", sa.String(), nullable=False, server_default="claimed")
    )
    for event in ("INSERT", "UPDATE"):
        triggers.refuse(
            f"observation_proof_{event.lower()}",
            "observation",
            event,
            PROOFS,
            "an observation is sealed or claimed",
        )
