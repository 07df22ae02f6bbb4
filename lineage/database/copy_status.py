"""What stores hold and rollbacks took out, as the guard sees it: two plain, quick queries.

Making a table's class takes milliseconds, and these need none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from lineage.guard.facts import HeldCopy, RolledBack

if TYPE_CHECKING:
    from sqlmodel import Session

_COPIES: Final = text(
    "SELECT c.store, k.state, k.deep, k.checked_at, k.checked_by FROM weights_copy c "
    "JOIN copy_check k ON k.id = (SELECT max(id) FROM copy_check WHERE copy_id = c.id) "
    "WHERE c.version_id = :version AND c.removed_at IS NULL ORDER BY c.store"
)
_ROLLED_BACK: Final = text(
    'SELECT verdicts_until, reason, at, "by" FROM rolled_back '
    "WHERE version_id = :version AND environment = :environment ORDER BY id DESC LIMIT 1"
)


def copies(session: Session, version_id: int) -> tuple[HeldCopy, ...]:
    """The copies of a version with what the newest check of each found, by the store's name."""
    rows = session.connection().execute(_COPIES, {"version": version_id})
    return tuple(HeldCopy(store, state, bool(deep), at, by) for store, state, deep, at, by in rows)


def rolled_back(session: Session, environment: str, version_id: int) -> RolledBack | None:
    """The newest rollback that took a version out of an environment."""
    values = {"version": version_id, "environment": environment}
    row = session.connection().execute(_ROLLED_BACK, values).first()
    return RolledBack(*row) if row is not None else None
