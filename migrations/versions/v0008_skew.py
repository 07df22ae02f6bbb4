"""Which packages of an instance are not those that what serves was validated with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Let an observation name them; those that are there compared nothing."""
    op.add_column("observation", sa.Column("skew", sa.Text()))
