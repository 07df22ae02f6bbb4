"""Whatever digest is asked for is found by an index, in a registry of a million versions too."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add an index for each part of a version, and for the version that it was made from."""
    for name, column in (
        ("tuple_alone", "tuple_digest"),
        ("code", "code_digest"),
        ("data_of", "data_digest"),
        ("pipeline_of", "pipeline_digest"),
        ("parent_of", "parent_id"),
    ):
        op.create_index(f"model_version_{name}", "model_version", [column])
    op.create_index("pipeline_version_digest", "pipeline_version", ["digest"])
