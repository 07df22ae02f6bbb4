"""What production saw: windows of counts, and who sent which part of them last."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
)
from sqlmodel import Field, SQLModel

MERGED: Final = ""
"""The instance of a window that is the sum of all hosts'; each host's own stands beside it."""


class SeenWindow(SQLModel, table=True):
    """What was counted of the rows between two moments, on one instance or on all of them.

    ``counts`` is canonical JSON of :class:`lineage.evidence.parts.Part`, on the scale of the
    profile, packed by zlib. ``start`` is in UTC and without fractions; ``seconds`` is the length.
    After ``fold_at`` the window is added to the longer one that it lies in.
    """

    __tablename__ = "seen_window"
    __table_args__: Any = (
        ForeignKeyConstraint(["environment"], ["environment.name"], name="seen_window_environment"),
        ForeignKeyConstraint(["version_id"], ["model_version.id"], name="seen_window_version"),
        ForeignKeyConstraint(["profile_digest"], ["profile.digest"], name="seen_window_profile"),
        CheckConstraint("kind IN ('inputs', 'outcomes')", name="seen_window_kind"),
        Index("seen_window_fold", "fold_at"),
    )

    environment: str = Field(primary_key=True)
    version_id: int = Field(
        primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False}
    )
    pipeline_blake3: str = Field(primary_key=True, sa_column_kwargs={"name": "pipeline_digest"})
    profile_blake3: str = Field(primary_key=True, sa_column_kwargs={"name": "profile_digest"})
    kind: str = Field(primary_key=True)
    start: str = Field(primary_key=True)
    seconds: int = Field(
        primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False}
    )
    instance: str = Field(primary_key=True)
    rows: int = Field(sa_type=BigInteger)
    counts: bytes = Field(sa_type=LargeBinary)
    fold_at: str | None = None


class SeenStream(SQLModel, table=True):
    """The newest part that a stream of an instance sent: what it sends again is known by it.

    A stream is one run of a service on a host, or a batch. Its parts are numbered; they come in
    order.
    """

    __tablename__ = "seen_stream"
    __table_args__: Any = (Index("seen_stream_over", "batch", "recorded_at"),)

    environment: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    instance: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    sequence: int = Field(sa_type=BigInteger)
    batch: bool
    recorded_at: str
    recorded_by: str
