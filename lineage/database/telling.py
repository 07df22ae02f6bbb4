"""Writing rows that the history tells: each names the next event, which then holds all of them.

The rows of a change are written first, each with the number of the event that is to tell it, and
the event after them: the database refuses it unless it holds exactly those rows, and refuses to
commit a row whose event is not there.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import TextClause, inspect, text

from lineage.database import head as history
from lineage.database.told import TOLD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session, SQLModel

Rows = dict[str, list[dict[str, Any]]]
"""The rows that an event tells, by table."""


_NUMBERS: Final = "numbers"

KNOWN = "known"
"""Where a session keeps what it knows (:mod:`lineage.database.known`): what is written ends it."""


def head(session: Session) -> tuple[int, str]:
    """The number and the digest of the newest event; 0 and nothing where there is none."""
    newest = history.newest(session)
    return newest.seq, newest.digest


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
    session.info.pop(KNOWN, None)
    session.flush()


def add(session: Session, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Write a new row past the session, by its columns' names; the next event tells of it.

    A row as an object takes several times as long, and others wait for it.

    Args:
        session: a write transaction.
        table: one whose rows are told.
        row: its values; those that it leaves out are null, but for an ``id``, which the database
            gives.

    Returns:
        All of the row's columns.
    """
    told, connection = TOLD[table], session.connection()
    reserved = session.info.get(_NUMBERS, {}).get(table)
    if reserved:
        row = {**row, "id": reserved.pop()}
    numbered = told.key == ("id",) and "id" not in row
    columns = (*told.columns, *told.unbound)
    values = {name: row.get(name) for name in columns} | {told.event: next_number(session)}
    on_postgresql = connection.dialect.name == "postgresql"
    written = connection.execute(
        _insertion(table, numbered=numbered, returning=numbered and on_postgresql), values
    )
    if numbered:
        values["id"] = written.scalar_one() if on_postgresql else written.lastrowid
    note(session, table, values)
    return values


def reserve(session: Session, table: str, numbers: Iterable[int]) -> None:
    """Let the next rows that are added to a table have ids that the database gave before.

    So that none of them has to be waited for (:func:`lineage.database.bulk.together`).
    """
    session.info.setdefault(_NUMBERS, {})[table] = sorted(numbers, reverse=True)


@functools.cache
def _insertion(table: str, *, numbered: bool, returning: bool) -> TextClause:
    """The statement that adds a row; a ``numbered`` one is given its ``id``."""
    told = TOLD[table]
    names = [
        name
        for name in (*told.columns, *told.unbound, told.event)
        if not (numbered and name == "id")
    ]
    places = ", ".join(f":{name}" for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    end = " RETURNING id" if returning else ""
    return text(f"INSERT INTO {table} ({quoted}) VALUES ({places}){end}")  # nosec B608 # noqa: S608 - our own names


def note(session: Session, table: str, row: dict[str, Any]) -> None:
    """The next event tells of a row that was written past the session, by its columns' names.

    It was written with the number of that event.
    """
    told = TOLD[table]
    key = (table, *(row[column] for column in told.key))
    session.info.setdefault("told", {})[key] = (table, {name: row[name] for name in told.columns})
    session.info.pop(KNOWN, None)


def is_waiting(session: Session) -> bool:
    """Whether rows were written that no event tells yet."""
    return bool(session.info.get("told"))


def waiting_rows(session: Session) -> Rows:
    """The rows that wait for the next event, as it tells them."""
    found: Rows = {}
    for row in session.info.get("told", {}).values():
        table, columns = row if isinstance(row, tuple) else (str(row.__tablename__), as_told(row))
        found.setdefault(table, []).append(columns)
    return found


def as_told(row: SQLModel) -> dict[str, Any]:
    """What an event tells of a row, by the names of its columns."""
    mapper = inspect(type(row))
    named = {prop.columns[0].name: prop.key for prop in mapper.column_attrs}
    columns = TOLD[str(row.__tablename__)].columns
    return {column: getattr(row, named[column]) for column in columns}


def advance(session: Session, number: int, digest: str, at: str) -> None:
    """An event was appended: it is the newest, and no row waits any more."""
    history.note(session, history.Head(number, digest, at))
    session.info["told"] = {}
    session.info.pop(KNOWN, None)
