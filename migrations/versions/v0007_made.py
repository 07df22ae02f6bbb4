"""What made a version's weights."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Let a version tell it; of those that are recorded already nobody knows."""
    op.add_column("model_version", sa.Column("weights_made", sa.Text()))
