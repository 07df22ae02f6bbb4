"""What stores hold, as the guard sees it: a plain, quick query.

Making a table's class takes milliseconds, and this needs none.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import text

from lineage.database import reports
from lineage.database.engine import is_shared
from lineage.guard.facts import HeldCopy, Sample

if TYPE_CHECKING:
    from sqlmodel import Session

_COPIES: Final = text(
    "SELECT c.store, k.state, k.deep, k.checked_at, k.checked_by, CASE WHEN EXISTS "
    "(SELECT 1 FROM copy_check w WHERE w.copy_id = c.id AND w.id > d.id AND w.state IN "
    "('missing', 'changed')) THEN NULL ELSE d.checked_at END, s.shared, k.sample, c.files, "
    "CASE WHEN s.marker IS NULL THEN NULL ELSE s.url END "
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
    found: str | None = reports.read(session, lambda kept: kept.execute(_HELD, values).scalar())
    return found


def copies(session: Session, version_id: int, now: str) -> tuple[HeldCopy, ...]:
    """The copies of a version with what the newest check of each found, by the store's name.

    The deep look that counts is the newest one that found every byte right, unless a later look
    found something wrong. Where one host alone uses the registry, a store that is a folder of it,
    known by its marker, and is gone now holds nothing: that costs no more than to ask.
    """
    here = not is_shared(session)
    rows = session.connection().execute(_COPIES, {"version": version_id})
    found = []
    for store, state, deep, at, by, deep_at, shared, sample, files, url in rows:
        held = HeldCopy(
            store,
            state,
            bool(deep),
            at,
            by,
            deep_at,
            bool(shared),
            Sample(sample, files) if sample is not None else None,
        )
        if here and held.intact and not held.shared and _is_gone(url):
            held = replace(held, state="missing", deep=False, at=now, deep_at=None, sample=None)
        found.append(held)
    return tuple(found)


def _is_gone(url: str | None) -> bool:
    """Whether a folder of this host is no longer there."""
    parts = urlsplit(url or "")
    return parts.scheme == "file" and not Path(unquote(parts.path)).is_dir()
