"""The newest versions of what very many share are read from an index's end, on PostgreSQL too."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"

INDEXES = (
    ("model_version_code", "model_version", ["code_digest", "id"]),
    ("model_version_data_of", "model_version", ["data_digest", "id"]),
    ("model_version_pipeline_of", "model_version", ["pipeline_digest", "id"]),
    ("model_version_parent_of", "model_version", ["parent_id", "id"]),
    ("validation_data_of", "validation", ["data_digest", "version_id"]),
)


def upgrade() -> None:
    """Make indexes anew, of what is shared and the version; one more finds weights by their path."""
    for name, table, columns in INDEXES:
        op.drop_index(name, table)
        op.create_index(name, table, columns)
    op.create_index("model_version_weights_path", "model_version", ["weights_path", "id"])
