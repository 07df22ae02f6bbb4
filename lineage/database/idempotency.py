"""Answers to writes that were made under an idempotency key: one effect, one answer.

The row is written in the transaction of the write itself, so a server that dies between the commit
and the answer, or another one, gives the same answer to the retry.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from sqlmodel import col, delete

from lineage import timestamps
from lineage.database import tables
from lineage.errors import KeyReused

if TYPE_CHECKING:
    from sqlmodel import Session

KEPT_DAYS: Final = 7


def find(session: Session, principal: str, key: str, request: str) -> tuple[int, str] | None:
    """The status and the body that a request was answered with; None where it was never made.

    Raises:
        KeyReused: the key was used for another request.
    """
    row = session.get(tables.KeptAnswer, (principal, key))
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
    """Record an answer, also in the place of one; delete those that are older than a week."""
    oldest = dt.datetime.fromisoformat(at) - dt.timedelta(days=KEPT_DAYS)
    session.exec(
        delete(tables.KeptAnswer).where(col(tables.KeptAnswer.kept_at) < timestamps.written(oldest))
    )
    status, body = answer
    session.merge(
        tables.KeptAnswer(
            principal=principal, key=key, request=request, status=status, body=body, kept_at=at
        )
    )
    session.flush()
