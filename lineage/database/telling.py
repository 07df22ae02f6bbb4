"""Writing rows that the history tells: each names the next event, which then holds all of them.

The rows of a change are written first, each with the number of the event that is to tell it, and
the event after them: the database refuses it unless it holds exactly those rows, and refuses to
commit a row whose event is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from lineage.database import tables
from lineage.database.sql import col, select
from lineage.database.told import TOLD

if TYPE_CHECKING:
    from sqlmodel import Session, SQLModel

Rows = dict[str, list[dict[str, Any]]]
"""The rows that an event tells, by table."""


def head(session: Session) -> tuple[int, str]:
    """The number and the digest of the newest event; 0 and nothing where there is none."""
    found: tuple[int, str] | None = session.info.get("head")
    if found is None:
        table = tables.Event
        query = select(table.seq, table.blake3).order_by(col(table.seq).desc()).limit(1)
        row = session.exec(query).first()
        found = (row[0], row[1]) if row is not None else (0, "")
        session.info["head"] = found
    return found


def next_number(session: Session) -> int:
    """The number of the event that is to come in a write transaction, which is alone."""
    return head(session)[0] + 1


def tell(session: Session, *rows: SQLModel) -> None:
    """Write new or changed rows now; the next event tells of them."""
    number = next_number(session)
    waiting = session.info.setdefault("told", {})
    for row in rows:
        row.event = number
        session.add(row)
        waiting[id(row)] = row
    session.flush()


def is_waiting(session: Session) -> bool:
    """Whether rows were written that no event tells yet."""
    return bool(session.info.get("told"))


def waiting_rows(session: Session) -> Rows:
    """The rows that wait for the next event, as it tells them."""
    found: Rows = {}
    for row in session.info.get("told", {}).values():
        table = str(row.__tablename__)
        found.setdefault(table, []).append(as_told(row))
    return found


def as_told(row: SQLModel) -> dict[str, Any]:
    """What an event tells of a row, by the names of its columns."""
    mapper = inspect(type(row))
    named = {prop.columns[0].name: prop.key for prop in mapper.column_attrs}
    columns = TOLD[str(row.__tablename__)].columns
    return {column: getattr(row, named[column]) for column in columns}


def advance(session: Session, number: int, digest: str) -> None:
    """An event was appended: it is the newest, and no row waits any more."""
    session.info["head"] = (number, digest)
    session.info["told"] = {}
