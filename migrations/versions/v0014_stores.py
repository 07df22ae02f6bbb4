"""Stores: which are a folder of one host, by what each is known, and looks at a sample."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Say of each store whether other hosts reach it; a folder is one host's until it is told."""
    op.add_column(
        "store", sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.text("true"))
    )
    op.execute("UPDATE store SET shared = false WHERE url LIKE 'file:%'")
    op.add_column("store", sa.Column("marker", sa.String()))
    op.create_index("store_marker", "store", ["marker"], unique=True)
    op.add_column("copy_check", sa.Column("sample", sa.Integer()))
