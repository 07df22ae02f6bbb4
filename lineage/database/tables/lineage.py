"""What lies between data and weights: runs, the chain of a version, and the graph of contents.

The graph (nodes, edges, labels, and which versions hold which nodes) is no state of its own:
:mod:`lineage.database.graph` works it out of the documents.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, Text
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event

_WITHOUT_ROWID: Any = {"sqlite_with_rowid": False}


class StageRun(SQLModel, table=True):
    """A run that led to versions; ``document`` is JSON of it, ``blake3`` that of the document."""

    __tablename__ = "stage_run"
    __table_args__: Any = told_by_event("stage_run")

    blake3: str = Field(primary_key=True, sa_column_kwargs={"name": "digest"})
    document: str = Field(sa_type=Text)
    event: int | None = None


class VersionChain(SQLModel, table=True):
    """The runs that led to a version, as JSON; ``blake3`` is that of the document."""

    __tablename__ = "version_chain"
    __table_args__: Any = (
        *told_by_event("version_chain"),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="version_chain_version"),
    )

    version_id: int = Field(primary_key=True)
    blake3: str = Field(sa_column_kwargs={"name": "digest"})
    document: str = Field(sa_type=Text)
    event: int | None = None


class LineageNode(SQLModel, table=True):
    """A content, a run, parameters, an origin, a package or a set of them, a pipeline's code."""

    __tablename__ = "lineage_node"
    __table_args__: Any = (Index("lineage_node_digest", "digest", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    digest: str
    kind: str


class LineageEdge(SQLModel, table=True):
    """From what was used to what was made of it, and as what it was used."""

    __tablename__ = "lineage_edge"
    __table_args__: Any = (
        Index("lineage_edge_up", "target", "source"),
        _WITHOUT_ROWID,
    )

    source: int = Field(primary_key=True)
    target: int = Field(primary_key=True)
    role: str = Field(primary_key=True)


class LineageLabel(SQLModel, table=True):
    """A path by which a content was known in a repository (its address, or nothing)."""

    __tablename__ = "lineage_label"
    __table_args__: Any = (
        Index("lineage_label_of", "node"),
        _WITHOUT_ROWID,
    )

    path: str = Field(primary_key=True)
    node: int = Field(primary_key=True)
    repository: str = Field(primary_key=True)


class LineageVersion(SQLModel, table=True):
    """A node that a version holds, and as what."""

    __tablename__ = "lineage_version"
    __table_args__: Any = (
        Index("lineage_version_of", "version_id"),
        _WITHOUT_ROWID,
    )

    node: int = Field(primary_key=True)
    version_id: int = Field(primary_key=True)
    role: str = Field(primary_key=True)
