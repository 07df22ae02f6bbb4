"""How far a streaming standby is, told in the snapshot that an answer is read in.

See docs/decisions/0035-look-ups-from-a-standby.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from lineage.database import reports

if TYPE_CHECKING:
    from sqlmodel import Session

_QUESTION: Final = (
    "SELECT ({changed}), "
    "(SELECT digest FROM event WHERE seq = :number), (SELECT max(seq) FROM event), "
    "pg_snapshot_xmin(pg_current_snapshot())::text, pg_is_in_recovery()"
)
_ASKED: Final = text(_QUESTION.format(changed=reports.CHANGED))


@dataclass(frozen=True, slots=True)
class Level:
    """The state that a transaction on a standby sees.

    Attributes:
        digest: that of the event that was asked for; None where it is not there.
        newest: the number of the newest event; 0 where nothing happened yet.
        reported: the newest change by reports.
        finished: every transaction before this number is over, and its rows are seen.
        follows: whether it is a standby still; one that was promoted takes writes of its own.
    """

    digest: str | None
    newest: int
    reported: int
    finished: int
    follows: bool


def level(session: Session, number: int) -> Level:
    """How far the database is beside an event, in the session's own snapshot.

    Whether it follows is asked after the snapshot was taken: what that sees came from the primary.
    """
    row = session.connection().execute(_ASKED, {"number": number}).one()
    reported, digest, newest, finished, follows = row
    return Level(digest, newest or 0, reported or 0, int(finished), follows)
