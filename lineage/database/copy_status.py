"""What stores hold, as the guard sees it: a plain, quick query.

Making a table's class takes milliseconds, and this needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from lineage.guard.facts import HeldCopy, Sample

if TYPE_CHECKING:
    from sqlmodel import Session

_COPIES: Final = text(
    "SELECT c.store, k.state, k.deep, k.checked_at, k.checked_by, CASE WHEN EXISTS "
    "(SELECT 1 FROM copy_check w WHERE w.copy_id = c.id AND w.id > d.id AND w.state IN "
    "('missing', 'changed')) THEN NULL ELSE d.checked_at END, s.shared, k.sample, c.files "
    "FROM weights_copy c "
    "JOIN store s ON s.name = c.store "
    "JOIN copy_check k ON k.id = (SELECT max(id) FROM copy_check WHERE copy_id = c.id) "
    "LEFT JOIN copy_check d ON d.id = (SELECT id FROM copy_check WHERE copy_id = c.id AND deep "
    "AND state = 'intact' ORDER BY id DESC LIMIT 1) "
    "WHERE c.version_id = :version AND c.removed_at IS NULL ORDER BY c.store"
)

_HELD: Final = text(
    "SELECT max(expires_at) FROM observation WHERE environment = :environment AND model = :model "
    "AND proven AND expires_at > :now AND (standby = :weights OR weights = :weights)"
)


def held_until(
    session: Session, environment: str, model: str, weights: str | None, now: str
) -> str | None:
    """Until when a host's word counts that it holds weights; None where none does.

    Of those hosts that read every byte and may say what is intact.
    """
    values = {"environment": environment, "model": model, "weights": weights, "now": now}
    found: str | None = session.connection().execute(_HELD, values).scalar()
    return found


def copies(session: Session, version_id: int) -> tuple[HeldCopy, ...]:
    """The copies of a version with what the newest check of each found, by the store's name.

    The deep look that counts is the newest one that found every byte right, unless a later look
    found something wrong.
    """
    rows = session.connection().execute(_COPIES, {"version": version_id})
    return tuple(
        HeldCopy(
            store,
            state,
            bool(deep),
            at,
            by,
            deep_at,
            bool(shared),
            Sample(sample, files) if sample is not None else None,
        )
        for store, state, deep, at, by, deep_at, shared, sample, files in rows
    )
