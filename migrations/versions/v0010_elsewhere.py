"""Whether a validation was made where the version's own parts were not looked at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Let a validation say it; of those that are there it is not known."""
    op.add_column("validation", sa.Column("elsewhere", sa.Boolean()))
