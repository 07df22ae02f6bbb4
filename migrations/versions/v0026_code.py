"""The code of pipelines stands in the graph of contents: what a version only imports is found."""

from __future__ import annotations

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Change no table: the rows are worked out by the program (`db upgrade`)."""
