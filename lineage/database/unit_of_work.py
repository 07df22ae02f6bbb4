"""The session of a transaction that works with rows as objects."""

from __future__ import annotations

from sqlalchemy import event
from sqlmodel import Session


class UnitOfWork(Session):
    """A session that keeps what it has loaded: a row is read once in a transaction.

    SQLAlchemy's own lets go of what nobody holds, and would read it again.
    """


def _keep(session: Session, row: object) -> None:
    session.info.setdefault("kept", []).append(row)


for _moment in ("loaded_as_persistent", "pending_to_persistent"):
    event.listen(UnitOfWork, _moment, _keep)


@event.listens_for(UnitOfWork, "after_rollback")
def _forget(session: Session) -> None:
    """What was written is gone, and so is what the next event was to tell of it."""
    session.info.clear()
