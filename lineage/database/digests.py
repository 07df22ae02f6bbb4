"""Digests in the tables: finding the recorded one that a person wrote the beginning of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.database.sql import select
from lineage.errors import Conflict
from lineage.identity.digest import check_beginning, check_long_enough

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Mapped
    from sqlmodel import Session

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
        begins = column.startswith(text, autoescape=True)
        query = select(column).where(begins, *conditions).distinct().order_by(column)
        found.update(digest for digest in session.exec(query.limit(MOST_CANDIDATES + 1)) if digest)
    if len(found) > 1:
        raise ambiguous(text, sorted(found))
    return next(iter(found), None)


def ambiguous(text: str, candidates: Sequence[str]) -> Conflict:
    """The refusal of a text that several digests match."""
    more = " and more" if len(candidates) > MOST_CANDIDATES else ""
    return Conflict(
        f"{text[:80]} names several digests: {', '.join(candidates[:MOST_CANDIDATES])}{more}.",
        remedy="Write more of the one that you mean.",
    )
