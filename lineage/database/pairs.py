"""The rows of pairs: which served in a slot, and which were rolled back. Plain, quick queries.

A pair is a version with a pipeline version that it was validated with. What is ordered is ordered
by the numbers of events, never by a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlmodel import func, select

from lineage.database import tables, telling
from lineage.database.slots import subject
from lineage.guard.facts import RolledBack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from lineage.database.slots import SlotState

_RETURNS: Final = text(
    "SELECT 1 FROM served_pair p WHERE p.environment = :environment AND p.version_id = :version "
    "AND p.pipeline_digest = :blake3 AND NOT EXISTS (SELECT 1 FROM rolled_back r "
    "WHERE r.version_id = p.version_id AND r.environment = p.environment "
    "AND (r.version_left OR r.pipeline_digest = p.pipeline_digest) "
    "AND (r.seq IS NULL OR r.seq > p.seq))"
)
_LAST: Final = text(
    "SELECT p.version_id, p.pipeline, p.pipeline_digest, p.seq, e.at, e.actor FROM served_pair p "
    "JOIN event e ON e.seq = p.seq WHERE p.environment = :environment AND p.model = :model "
    "ORDER BY p.seq DESC LIMIT :limit"
)
_ON: Final = text(
    "SELECT p.version_id, p.pipeline, p.pipeline_digest, p.seq, e.at, e.actor FROM served_pair p "
    "JOIN event e ON e.seq = p.seq WHERE p.environment = :environment AND p.model = :model "
    "AND p.pipeline_digest = :blake3 ORDER BY p.seq DESC LIMIT 20"
)
_ALL: Final = text(
    "SELECT p.environment, p.model, v.number, p.pipeline_digest, p.seq FROM served_pair p "
    "JOIN model_version v ON v.id = p.version_id"
)
_ROLLED_BACK: Final = text(
    'SELECT verdicts_until, reason, at, "by" FROM rolled_back '
    "WHERE version_id = :version AND environment = :environment "
    "AND (version_left OR pipeline_digest = :blake3) ORDER BY id DESC LIMIT 1"
)


@dataclass(frozen=True)
class ServedPair:
    """A pair that served; ``seq`` is the newest event that says so, by whom and when."""

    version_id: int
    pipeline: str
    blake3: str
    seq: int
    at: str
    by: str


def returns(session: Session, environment: str, version_id: int, blake3: str | None) -> bool:
    """Whether a pair served in an environment, proven, and was not rolled back since.

    What was rolled back and validated anew enters again.
    """
    if blake3 is None:
        return False
    values = {"environment": environment, "version": version_id, "blake3": blake3}
    return session.connection().execute(_RETURNS, values).first() is not None


def last_served(session: Session, environment: str, model: str, most: int) -> list[ServedPair]:
    """The pairs that served in a slot last, the newest first."""
    values = {"environment": environment, "model": model, "limit": most}
    return [ServedPair(*row) for row in session.connection().execute(_LAST, values)]


def served_on(session: Session, environment: str, model: str, blake3: str) -> list[ServedPair]:
    """Those of them that served with one pipeline version."""
    values = {"environment": environment, "model": model, "blake3": blake3}
    return [ServedPair(*row) for row in session.connection().execute(_ON, values)]


def all_served(session: Session) -> dict[tuple[str, int, str], int]:
    """The event of every pair: by the slot's subject, the version's number, the BLAKE3."""
    rows = session.connection().execute(_ALL)
    return {
        (subject(model, environment), number, blake3): seq
        for environment, model, number, blake3, seq in rows
    }


def record_served(session: Session, states: Iterable[SlotState]) -> None:
    """Record that the next event tells of these slots; what serves on a waiver alone is no pair."""
    table, number = tables.ServedPair, telling.next_number(session)
    for state in states:
        side = state.serving
        if side is None or not side.proven:
            continue
        key = (state.environment, side.version_id, side.pipeline_blake3)
        row = session.get(table, key)
        if row is None:
            row = table(
                environment=state.environment,
                version_id=side.version_id,
                pipeline_blake3=side.pipeline_blake3 or "",
                model=state.model,
                pipeline=side.pipeline or "",
                seq=number,
            )
        row.seq = number
        telling.tell(session, row)


def rolled_back(
    session: Session, environment: str, version_id: int, blake3: str | None
) -> RolledBack | None:
    """The newest rollback of a version, or of its pair with this pipeline version alone."""
    values = {"version": version_id, "environment": environment, "blake3": blake3}
    row = session.connection().execute(_ROLLED_BACK, values).first()
    return RolledBack(*row) if row is not None else None


def mark_rolled_back(
    session: Session,
    environment: str,
    version_id: int,
    blake3: str | None,
    *,
    version_left: bool,
    reason: str | None,
    at: str,
    by: str,
) -> None:
    """Mark a pair that the next event rolls back: no validation up to now brings it back."""
    newest = session.exec(select(func.max(tables.Validation.id))).one()
    row = tables.RolledBack(
        environment=environment,
        version_id=version_id,
        verdicts_until=newest or 0,
        reason=reason,
        at=at,
        by=by,
        pipeline_blake3=blake3,
        version_left=version_left,
        seq=telling.next_number(session),
    )
    telling.tell(session, row)
