"""Moments as the registry writes them: ISO 8601, UTC, microseconds. Pure but for the clock."""

from __future__ import annotations

import datetime as dt

from lineage.errors import UsageError


def now() -> str:
    """The present moment as the registry writes it: ISO 8601, UTC, microseconds."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> str:
    """An ISO 8601 time as the registry writes its own.

    Raises:
        UsageError: the text is no such time.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text[:60]!r} is not a time.", remedy="Write it as 2026-11-21T08:00:00Z."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
