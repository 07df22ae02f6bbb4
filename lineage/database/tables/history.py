"""The append-only history."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, Text
from sqlmodel import Field, SQLModel


class Event(SQLModel, table=True):
    """One entry of the append-only, hash-chained history."""

    __table_args__: Any = (
        Index("event_actor", "actor", "seq"),
        Index("event_kind", "kind", "seq"),
    )

    seq: int = Field(primary_key=True)
    at: str = Field(index=True)
    actor: str
    kind: str
    subject: str
    payload: str = Field(sa_type=Text)
    previous: str
    blake3: str = Field(sa_column_kwargs={"name": "digest"})


class EventSubject(SQLModel, table=True):
    """Which events concern a model, a version, a slot, a pipeline or an environment."""

    __tablename__ = "event_subject"
    __table_args__: Any = (
        ForeignKeyConstraint(
            ["seq"],
            ["event.seq"],
            name="event_subject_event",
            deferrable=True,
            initially="DEFERRED",
        ),
        Index("event_subject_told_by", "seq"),
    )

    subject: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
