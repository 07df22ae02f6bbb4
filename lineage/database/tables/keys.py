"""The key by which a row names the event that tells of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index


def told_by_event(table: str, column: str = "event") -> tuple[Any, ...]:
    """The foreign key of a row's event, and its index.

    It is deferred: the rows of a change are written before the event that tells them.
    """
    return (
        ForeignKeyConstraint(
            [column], ["event.seq"], name=f"{table}_told", deferrable=True, initially="DEFERRED"
        ),
        Index(f"{table}_told_by", column),
    )
