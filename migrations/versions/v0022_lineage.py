"""What lies between data and weights: runs, the chains of versions, and the graph of contents."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from lineage.migrations import telling, triggers

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make the tables; what belongs into the graph is worked out by the program (`db upgrade`)."""
    _told("stage_run", sa.Column("digest", sa.String(), primary_key=True))
    _told(
        "version_chain",
        sa.Column("version_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="version_chain_version"),
    )
    op.create_table(
        "lineage_node",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
    )
    op.create_index("lineage_node_digest", "lineage_node", ["digest"], unique=True)
    _keyed("lineage_edge", source=sa.Integer(), target=sa.Integer(), role=sa.String())
    op.create_index("lineage_edge_up", "lineage_edge", ["target", "source"])
    _keyed("lineage_label", path=sa.String(), node=sa.Integer(), repository=sa.String())
    op.create_index("lineage_label_of", "lineage_label", ["node"])
    _keyed("lineage_version", node=sa.Integer(), version_id=sa.Integer(), role=sa.String())
    op.create_index("lineage_version_of", "lineage_version", ["version_id"])
    op.create_index("validation_data_of", "validation", ["data_digest"])
    op.create_index("data_item_name", "data_item", ["name", "digest"])


def _told(table: str, *columns: sa.schema.SchemaItem) -> None:
    """A table of documents that never change, each told by its digest."""
    op.create_table(
        table,
        *columns,
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("event", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["event"], ["event.seq"], name=f"{table}_told", deferrable=True, initially="DEFERRED"
        ),
    )
    op.create_index(f"{table}_told_by", table, ["event"])
    key = "digest" if table == "stage_run" else "version_id"
    named = ["digest"] if table == "stage_run" else ["version_id", "digest"]
    triggers.forbid_changes(table, key)
    if triggers.postgresql():
        triggers.fix_search_path(f"{table}_no_truncate")
    telling.tell(table, named)
    triggers.demand_checks(table, "INSERT")


def _keyed(table: str, **columns: sa.types.TypeEngine[Any]) -> None:
    """A table whose rows are their keys."""
    op.create_table(
        table,
        *(
            sa.Column(name, kind, primary_key=True, autoincrement=False)
            for name, kind in columns.items()
        ),
        sqlite_with_rowid=False,
    )
