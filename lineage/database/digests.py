"""Digests in the tables: finding the recorded one that a person wrote the beginning of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text as text_of

from lineage.database.lists import ask
from lineage.database.sql import select
from lineage.errors import Conflict
from lineage.identity.digest import check_beginning, check_long_enough

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy.orm import Mapped
    from sqlmodel import Session

BEHIND: Final = "zzzzzzzz"
"""What makes of a beginning a text that stands behind all digests that begin so."""

MOST_CANDIDATES: Final = 5
"""Digests that a refusal names at the most."""


def whole_digest(
    session: Session,
    text: str,
    columns: Sequence[Mapped[str] | Mapped[str | None]],
    *conditions: ColumnElement[bool],
) -> str | None:
    """The recorded digest that ``text`` is, or begins.

    Args:
        session: a transaction.
        text: a digest, or at least eight characters of its value.
        columns: where digests are recorded.
        conditions: of the rows that count, on the columns' own table.

    Returns:
        None where none is recorded.

    Raises:
        UsageError: the text is no digest, or too short for the beginning of one.
        Conflict: several digests begin so.
    """
    check_beginning(text)
    for column in columns:
        query = select(column).where(column == text, *conditions).limit(1)
        if session.exec(query).first() is not None:
            return text
    check_long_enough(text)
    found: set[str] = set()
    for column in columns:
        query = select(column).where(*begins_with(column, text), *conditions).distinct()
        query = query.order_by(column)
        found.update(digest for digest in session.exec(query.limit(MOST_CANDIDATES + 1)) if digest)
    if len(found) > 1:
        raise ambiguous(text, sorted(found))
    return next(iter(found), None)


def begins_with(
    column: Mapped[str] | Mapped[str | None], text: str
) -> tuple[ColumnElement[bool], ...]:
    """That a digest begins so; found by index where the order is not that of bytes, too."""
    return column >= text, column < text + BEHIND, column.startswith(text, autoescape=True)


def recorded(
    connection: Connection, columns: Sequence[tuple[str, str]], wanted: Sequence[str]
) -> set[str]:
    """Those of some digests that stand in one of the columns (a table, a column of it)."""
    if not wanted:
        return set()
    # a part for each column: of columns that OR joins, PostgreSQL reads those of all rows
    query = " UNION ".join(
        f"SELECT w.value FROM EACH :wanted w "  # nosec B608 # noqa: S608 - our own names
        f"WHERE EXISTS (SELECT 1 FROM {table} t WHERE t.{column} = w.value)"
        for table, column in columns
    )
    return {digest for (digest,) in ask(connection, query, {"wanted": wanted})}


def beginning(
    connection: Connection, columns: Sequence[tuple[str, str]], texts: Sequence[str]
) -> set[str]:
    """The digests in columns that begin so: one more than a refusal names at the most.

    Each is found by a step in an index, however many rows have it.
    """
    least = " UNION ALL ".join(
        f"SELECT {number}, w.value, (SELECT min(t.{column}) FROM {table} t "  # nosec B608 # noqa: S608 - our own names
        f"WHERE t.{column} > w.value AND t.{column} < w.value || '{BEHIND}') FROM EACH :texts w"
        for number, (table, column) in enumerate(columns)
    )
    found: set[str] = set()
    for number, begin, digest in ask(connection, least, {"texts": texts}):
        table, column = columns[number]
        step = f"SELECT min({column}) FROM {table} WHERE {column} > :last AND {column} < :end"  # nosec B608 # noqa: S608 - our own names
        last, seen = digest, 0
        while last is not None and seen <= MOST_CANDIDATES:
            seen += last.startswith(begin)
            found |= {last} if last.startswith(begin) else set()
            asked = {"last": last, "end": begin + BEHIND}
            last = connection.execute(text_of(step), asked).scalar()
    return found


def ambiguous(text: str, candidates: Sequence[str], what: str = "digests") -> Conflict:
    """The refusal of a text that several digests, or others, match."""
    more = " and more" if len(candidates) > MOST_CANDIDATES else ""
    return Conflict(
        f"{text[:80]} names several {what}: {', '.join(candidates[:MOST_CANDIDATES])}{more}.",
        remedy="Write more of the one that you mean.",
    )
