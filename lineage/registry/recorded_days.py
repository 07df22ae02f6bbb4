"""What was recorded of what serves, added up to windows of a day or longer, as room is."""

from __future__ import annotations

import datetime as dt
import json
import zlib
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.database import windows
from lineage.evidence.parts import Part, added
from lineage.evidence.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MOST_BYTES: Final = 64 << 20
"""Bytes of JSON of counts that are read at once: seconds of work. Packed, it may be a fiftieth."""


def days_of(
    rows: Iterable[tuple[str, bytes]], seconds: int, most: int, like: Profile | None = None
) -> dict[str, Any]:
    """Windows, the newest first, added up to longer ones; so many of them at the most.

    Of ``like`` they have the columns alone. One that is not read whole is left out, but for a
    single one.
    """
    days: dict[str, Any] = {}
    for start, counts in as_room_is(rows):
        day = begin(start, seconds)
        if day not in days and len(days) == most:
            break
        if counts is None:
            if len(days) > 1:
                days.pop(day, None)
            break
        if like is not None:
            counts["columns"] = {name: counts["columns"][name] for name in like.columns}
        days[day] = added(days[day], counts) if day in days else counts
    return days


def as_room_is(rows: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, Any]]:
    """The JSON of windows' counts, as far as there is room; None of the first that has none."""
    room = MOST_BYTES
    for start, packed in rows:
        written = zlib.decompress(packed)
        room -= len(written)
        if room < 0:
            yield start, None
            return
        yield start, json.loads(written)


def profile_of(days: Mapping[str, Any], reference: Profile, seconds: int) -> Profile:
    """Days as a profile on the scale of the reference."""
    parts = {day: Part.parse(counts, reference) for day, counts in sorted(days.items())}
    first = next(iter(parts.values()))
    score = next((part.score for part in parts.values() if part.score is not None), None)
    return Profile(
        rows=sum(part.rows for part in parts.values()),
        columns=first.columns,
        score=score,
        windows=parts,
        window_seconds=seconds,
    )


def begin(start: str, seconds: int) -> str:
    """The start of the longer window that one lies in."""
    at = int(timestamps.moment(start).timestamp()) - timestamps.MONDAY
    begins = max(0, at // seconds * seconds + timestamps.MONDAY)
    return windows.start_of(dt.datetime.fromtimestamp(begins, dt.UTC))
