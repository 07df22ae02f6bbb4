"""Answers to writes that were made under an idempotency key: one effect, one answer.

The row is written in the transaction of the write itself, so a server that dies between the commit
and the answer, or another one, gives the same answer to the retry.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from lineage import timestamps
from lineage.errors import KeyReused

if TYPE_CHECKING:
    from sqlmodel import Session

KEPT_DAYS: Final = 7

MOST_SURE: Final = 1_000
"""The newest answers are kept however old they are: a clock that jumps ahead ages all of them."""

AT_ONCE: Final = 100
"""Answers that one write forgets at the most: others wait for it."""

_FIND: Final = text(
    "SELECT request, status, body FROM kept_answer WHERE principal = :principal AND key = :key"
)
_KEEP: Final = text(
    "INSERT INTO kept_answer (principal, key, request, status, body, kept_at) "
    "VALUES (:principal, :key, :request, :status, :body, :at) ON CONFLICT (principal, key) "
    "DO UPDATE SET request = excluded.request, status = excluded.status, body = excluded.body, "
    "kept_at = excluded.kept_at"
)
_FORGET: Final = text(
    "DELETE FROM kept_answer WHERE (principal, key) IN (SELECT principal, key FROM kept_answer "
    "WHERE kept_at < :oldest AND kept_at < (SELECT kept_at FROM kept_answer "
    "ORDER BY kept_at DESC LIMIT 1 OFFSET :newest) ORDER BY kept_at LIMIT :most)"
)


def find(session: Session, principal: str, key: str, request: str) -> tuple[int, str] | None:
    """The status and the body that a request was answered with; None where it was never made.

    Raises:
        KeyReused: the key was used for another request.
    """
    row = session.connection().execute(_FIND, {"principal": principal, "key": key}).first()
    if row is None:
        return None
    if row.request != request:
        raise KeyReused(
            "This Idempotency-Key was used for another request.",
            remedy="Make a new key for each request, and keep it for the retries of that one.",
        )
    return row.status, row.body


def keep(
    session: Session, principal: str, key: str, request: str, answer: tuple[int, str], at: str
) -> None:
    """Record an answer, also in the place of one; delete some that are older than a week."""
    oldest = timestamps.written(timestamps.moment(at) - dt.timedelta(days=KEPT_DAYS))
    session.connection().execute(_FORGET, {"oldest": oldest, "newest": MOST_SURE, "most": AT_ONCE})
    status, body = answer
    values = {"principal": principal, "key": key, "request": request, "status": status}
    session.connection().execute(_KEEP, values | {"body": body, "at": at})
