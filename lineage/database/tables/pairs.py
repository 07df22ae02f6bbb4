"""Pairs of a version and a pipeline version: which served where, and which were rolled back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ForeignKeyConstraint, Index, Text
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event


class ServedPair(SQLModel, table=True):
    """A pair that served in a slot on a proof; ``seq`` is the newest event that says so."""

    __tablename__ = "served_pair"
    __table_args__: Any = (
        *told_by_event("served_pair"),
        ForeignKeyConstraint(["environment"], ["environment.name"], name="served_pair_environment"),
        ForeignKeyConstraint(
            ["version_id", "pipeline"],
            ["model_version.id", "model_version.pipeline"],
            name="served_pair_version",
        ),
        ForeignKeyConstraint(
            ["pipeline", "pipeline_digest"],
            ["pipeline_version.pipeline", "pipeline_version.digest"],
            name="served_pair_pipeline_version",
        ),
        ForeignKeyConstraint(
            ["seq"], ["event.seq"], name="served_pair_event", deferrable=True, initially="DEFERRED"
        ),
        Index("served_pair_of", "environment", "model", "seq"),
    )

    environment: str = Field(primary_key=True)
    version_id: int = Field(primary_key=True)
    pipeline_blake3: str = Field(primary_key=True, sa_column_kwargs={"name": "pipeline_digest"})
    model: str
    pipeline: str
    seq: int
    event: int | None = None


class RolledBack(SQLModel, table=True):
    """A pair that was rolled back; no validation up to ``verdicts_until`` brings it back.

    ``version_left`` tells that the version went too: then none of its pairs comes back. Where its
    pipeline alone moved back under it, only this pair does not. ``seq`` is the event that did it,
    null of rollbacks before schema 0011.
    """

    __tablename__ = "rolled_back"
    __table_args__: Any = (
        *told_by_event("rolled_back"),
        ForeignKeyConstraint(["environment"], ["environment.name"], name="rolled_back_environment"),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="rolled_back_version"),
        ForeignKeyConstraint(
            ["seq"], ["event.seq"], name="rolled_back_event", deferrable=True, initially="DEFERRED"
        ),
        Index("rolled_back_of", "version_id", "environment"),
    )

    id: int | None = Field(default=None, primary_key=True)
    environment: str
    version_id: int
    verdicts_until: int
    reason: str | None = Field(default=None, sa_type=Text)
    at: str
    by: str
    pipeline_blake3: str | None = Field(default=None, sa_column_kwargs={"name": "pipeline_digest"})
    version_left: bool = Field(
        default=True, sa_type=Boolean, sa_column_kwargs={"server_default": "true"}
    )
    seq: int | None = None
    event: int | None = None
