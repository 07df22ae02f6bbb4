"""Read paths: the indexes that moves and lists read by."""

from __future__ import annotations

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Nothing: every statement of moves and lists was found to have its index."""
