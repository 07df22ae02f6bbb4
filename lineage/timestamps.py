"""Moments as the registry writes them: ISO 8601, UTC, microseconds. Pure but for the clock."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Final

from lineage.errors import UsageError

FIRST_YEAR: Final = 1970
"""Times are compared as they are written: a year has four digits, and none is before this one."""

HOUR: Final = 3600
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
MONDAY: Final = 4 * DAY
"""In seconds, as the others; the first Monday after 1970: windows of weeks begin with one."""

_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([smhdw])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": HOUR, "d": DAY, "w": WEEK}


def written(moment: dt.datetime) -> str:
    """A moment as the registry writes it."""
    text = moment.astimezone(dt.UTC).isoformat(timespec="microseconds")
    return text.removesuffix("+00:00") + "Z"  # half the time of strftime


def is_span(text: str) -> bool:
    """Whether a text is a span of time: ``90d``, ``12h``."""
    return _SPAN.fullmatch(text) is not None


@lru_cache  # policies name few of them, and each slot is held against them
def span(text: str) -> dt.timedelta:
    """A span of time: ``30m``, ``12h``, ``90d``, ``2w``.

    Raises:
        UsageError: the text is none.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{text[:40]!r} is not a span of time.", remedy="Write it as 30m, 12h, 90d or 2w."
        )
    return dt.timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def now() -> str:
    """The present moment as the registry writes it: ISO 8601, UTC, microseconds."""
    return written(dt.datetime.now(dt.UTC))


def parse_time(text: str) -> str:
    """An ISO 8601 time as the registry writes its own.

    Raises:
        UsageError: the text is no such time.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        moment = moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.year < FIRST_YEAR:
        raise UsageError(
            f"{text[:60]!r} is not a time.", remedy="Write it as 2026-11-21T08:00:00Z."
        )
    return written(moment)


def moment(text: str) -> dt.datetime:
    """A moment that :func:`now` wrote."""
    return dt.datetime.fromisoformat(text)
