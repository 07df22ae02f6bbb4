"""What stores hold, as the guard sees it: a plain, quick query.

Making a table's class takes milliseconds, and this needs none.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from lineage.database import reports
from lineage.database.lists import ask
from lineage.guard.facts import HeldCopy, Sample
from lineage.timestamps import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlmodel import Session

_PROVEN: Final = (
    "expires_at FROM observation WHERE environment = :environment AND model IN :models "
    "AND proven AND expires_at > :now"
)
_HELD: Final = (
    "SELECT model, held, max(expires_at) FROM ("  # nosec B608 # noqa: S608 - our own words
    f"SELECT model, weights AS held, {_PROVEN} UNION ALL SELECT model, standby, {_PROVEN}"
    ") hosts WHERE held IS NOT NULL GROUP BY model, held"
)


def held(
    session: Session, environment: str, models: Collection[str], now: str
) -> dict[str, dict[str, str]]:
    """Until when a host's word counts that it holds weights, by each of some models and digest.

    Of those hosts that read every byte and may say what is intact.
    """
    asked = {"models": sorted(models)}
    values = {"environment": environment, "now": now}
    rows = reports.read(session, lambda kept: ask(kept, _HELD, asked, **values))
    found: dict[str, dict[str, str]] = {model: {} for model in models}
    for model, weights, until in rows or ():
        found[model][weights] = until
    return found


def held_copies(rows: Iterable[Any], now: str, *, here: bool) -> tuple[HeldCopy, ...]:
    """The copies of a version with what the newest check of each found, by the store's name.

    The deep look that counts is the newest one that found every byte right, unless a later look
    found something wrong. Where one host alone uses the registry (``here``), a store that is a
    folder of it, known by its marker, and is gone now holds nothing: that costs no more than to
    ask.
    """
    found = []
    for row in sorted(rows, key=lambda row: row.store):
        held = HeldCopy(
            row.store,
            row.state,
            bool(row.deep),
            moment(row.checked_at),
            row.checked_by,
            moment(row.deep_at) if row.deep_at is not None and not row.deep_wrong else None,
            bool(row.shared),
            Sample(row.sample, row.files) if row.sample is not None else None,
        )
        if here and held.intact and not held.shared and _is_gone(row.url):
            held = replace(
                held, state="missing", deep=False, at=moment(now), deep_at=None, sample=None
            )
        found.append(held)
    return tuple(found)


def _is_gone(url: str | None) -> bool:
    """Whether a folder of this host is no longer there."""
    parts = urlsplit(url or "")
    return parts.scheme == "file" and not Path(unquote(parts.path)).is_dir()
