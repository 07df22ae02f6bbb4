"""The rows of pairs: which served in a slot, and which were rolled back. Plain, quick queries.

A pair is a version with a pipeline version that it was validated with. What is ordered is ordered
by the numbers of events, never by a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.database import tables, telling
from lineage.database.slots import subject
from lineage.database.sql import func, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session

    from lineage.database.known import Known
    from lineage.database.slot_state import SlotState

_SERVES: Final = text(
    "INSERT INTO served_pair (environment, version_id, pipeline_digest, model, pipeline, seq, "
    "event) VALUES (:environment, :version_id, :pipeline_digest, :model, :pipeline, :seq, :seq)"
)
_SERVES_ANEW: Final = text(
    "UPDATE served_pair SET seq = :seq, event = :seq WHERE environment = :environment "
    "AND version_id = :version_id AND pipeline_digest = :pipeline_digest"
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


@dataclass(frozen=True)
class ServedPair:
    """A pair that served; ``seq`` is the newest event that says so, by whom and when."""

    version_id: int
    pipeline: str
    blake3: str
    seq: int
    at: str
    by: str


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


def record_served(session: Session, known: Known, states: Iterable[SlotState]) -> None:
    """Record that the next event tells of these slots; what serves on a waiver alone is no pair."""
    number = telling.next_number(session)
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for state in states:
        side = state.serving
        if side is None or side.pipeline_blake3 is None or not side.proven:
            continue
        served = known.served(session, side.version_id, side.pipeline_blake3) is not None
        rows[served].append(
            {
                "environment": state.environment,
                "version_id": side.version_id,
                "pipeline_digest": side.pipeline_blake3,
                "model": state.model,
                "pipeline": side.pipeline or "",
                "seq": number,
            }
        )
    for served, written in rows.items():
        if written:
            session.connection().execute(_SERVES_ANEW if served else _SERVES, written)
    for row in (*rows[True], *rows[False]):
        telling.note(session, "served_pair", row)


def mark_rolled_back(
    session: Session,
    environment: str,
    pairs: Sequence[tuple[int, str | None, bool]],
    *,
    reason: str | None,
    at: str,
    by: str,
) -> list[tables.RolledBack]:
    """Mark pairs that the next event rolls back: no validation up to now brings them back.

    Each is a version, a pipeline version, and whether the version goes with it.
    """
    if not pairs:
        return []
    newest = session.exec(select(func.max(tables.Validation.id))).one()
    rows = [
        tables.RolledBack(
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
        for version_id, blake3, version_left in pairs
    ]
    telling.tell(session, *rows)
    return rows
