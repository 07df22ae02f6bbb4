"""A rate limit: bounds how many tokens that are not valid an address may try."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

WINDOW: Final = 60.0
"""Seconds over which failures are counted."""

MOST_ADDRESSES: Final = 10_000


class AttemptLimiter:
    """Limits failed attempts by address to ``limit`` a minute, counted in this process.

    A bucket that empties by the clock that never jumps (``time.monotonic``).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> int:
        """Seconds until an address may try again; 0 for now."""
        level = self._level(address)
        if level < self._limit:
            return 0
        return max(1, round((level - self._limit + 1) * WINDOW / self._limit))

    def note_failure(self, address: str) -> None:
        """Note a failure."""
        self._buckets[address] = (self._level(address) + 1, time.monotonic())
        self._buckets.move_to_end(address)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)

    def _level(self, address: str) -> float:
        level, at = self._buckets.get(address, (0.0, 0.0))
        return max(0.0, level - (time.monotonic() - at) * self._limit / WINDOW)
