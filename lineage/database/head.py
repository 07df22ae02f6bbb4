"""The head of the history: its newest event, asked for once in a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlmodel import Session

_HEAD: Final = "head"
_NEWEST: Final = text("SELECT seq, digest, at FROM event ORDER BY seq DESC LIMIT 1")


class Head(NamedTuple):
    """The newest event: its number, its digest, its moment; 0 and nothing where there is none."""

    seq: int = 0
    digest: str = ""
    at: str | None = None


NO_EVENT: Final = Head()


def newest(session: Session) -> Head:
    """The newest event that a transaction sees, or has appended itself."""
    found: Head | None = session.info.get(_HEAD)
    if found is None:
        row = session.connection().execute(_NEWEST).first()
        found = note(session, Head(*row) if row is not None else NO_EVENT)
    return found


def note(session: Session, head: Head) -> Head:
    """Tell a transaction which event is the newest; it."""
    session.info[_HEAD] = head
    return head
