"""Windows of what production saw as a profile, held against that of the validation. Pure."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from lineage import timestamps
from lineage.acts import act
from lineage.errors import UsageError
from lineage.evidence.parts import Part, added
from lineage.evidence.profile import Profile, Roles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def profile_of_windows(
    reference: Profile, windows: Iterable[Mapping[str, Any]], host: str | None = None
) -> Profile:
    """What windows saw as one profile, in windows as long as the reference's.

    Args:
        reference: the profile on whose scale they were counted; windows on another are passed over,
            and so are outcomes, and windows that are longer than the reference's.
        windows: as the registry gives them.
        host: the instance whose counts are meant; None for those of all.

    Raises:
        UsageError: the reference has no windows, or nothing is left.
    """
    seconds = reference.window_seconds
    if seconds is None:
        raise UsageError(
            "The profile of the reference has no windows.",
            remedy="Name the column that tells when each row was: "
            + act("profile", "DATA", time="COLUMN"),
        )
    sums: dict[str, Any] = {}
    for window in windows:
        counts = window["counts"] if host is None else (window["hosts"] or {}).get(host)
        of_reference = window["profile"] == str(reference.digest) and window["kind"] == "inputs"
        if not of_reference or window["seconds"] > seconds or counts is None:
            continue
        start = _start(window["start"], seconds)
        sums[start] = added(sums[start], counts) if start in sums else counts
    if not sums:
        raise UsageError(
            "No window was counted on the profile of the reference.",
            remedy=f"Count what production sees: {act('observe', 'MODEL', env='ENV', data='DATA')}",
        )
    parts = {start: Part.parse(counts, reference) for start, counts in sorted(sums.items())}
    first, *rest = parts.values()
    whole = first
    for part in rest:
        whole = whole.merge(part)
    return Profile(
        rows=whole.rows,
        columns=whole.columns,
        score=whole.score,
        windows=parts,
        window_seconds=seconds,
        roles=Roles(score=reference.roles.score, time=reference.roles.time),
    )


def _start(text: str, seconds: int) -> str:
    """The start of the reference's window in which a moment lies."""
    at = int(timestamps.moment(text).timestamp())
    begins = (at - timestamps.MONDAY) // seconds * seconds + timestamps.MONDAY
    return f"{dt.datetime.fromtimestamp(begins, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
