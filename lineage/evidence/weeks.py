"""What windows counted, as measurements over time: whole weeks, four of which are a block. Pure.

Days of one week differ by the day of the week, and days that follow each other resemble each other.
So days are added up to weeks, a week that lacks days that others have does not count, and four
weeks count as one set of data: a thousand days are no thousand measurements.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lineage.timestamps import DAY, MONDAY, WEEK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BLOCK: Final = 4
"""Weeks that count as one set of data."""


@dataclass(frozen=True)
class Scored:
    """The rows of a window by bins of their scores, and how many of each came true, if known."""

    start: float
    """In seconds since 1970."""
    seconds: int
    bins: Sequence[int]
    positives: Sequence[int] | None = None

    @property
    def rows(self) -> int:
        """All that were scored."""
        return sum(self.bins)


@dataclass(frozen=True)
class Stretch:
    """A week, or a longer window; ``middle`` is the mean moment of its rows."""

    middle: float
    bins: tuple[int, ...]
    positives: tuple[int, ...] | None


def week_of(moment: float) -> int:
    """The week that a moment is of; weeks begin on Monday, UTC."""
    return int((moment - MONDAY) // WEEK)


def block_of(moment: float) -> str:
    """The four weeks that a moment is of."""
    return f"weeks {week_of(moment) // BLOCK}"


def usual_days(windows: Iterable[Scored]) -> frozenset[int]:
    """The days of the week (Monday is 0) on which at least half of the weeks have rows."""
    weeks: dict[int, set[int]] = defaultdict(set)
    for one in windows:
        if one.rows and one.seconds <= DAY:
            weeks[week_of(one.start)].add(_day(one))
    return frozenset(
        day for day in range(7) if 2 * sum(day in days for days in weeks.values()) >= len(weeks) > 0
    )


def stretches(windows: Iterable[Scored], usual: frozenset[int]) -> tuple[list[Stretch], int]:
    """Windows of one scale added up to whole weeks, by time, and how many windows do not count.

    A week counts where it has all the ``usual`` days; a window that is longer than a day stands for
    itself.
    """
    weeks: dict[tuple[int, float | None], list[Scored]] = defaultdict(list)
    for one in windows:
        if one.rows:
            alone = one.start if one.seconds > DAY else None
            weeks[week_of(one.start), alone].append(one)
    found, dropped = [], 0
    for (_, alone), parts in weeks.items():
        if alone is None and not usual <= {_day(one) for one in parts}:
            dropped += len(parts)
        else:
            found.append(_together(parts))
    return sorted(found, key=lambda one: one.middle), dropped


def _day(window: Scored) -> int:
    return int((window.start - MONDAY) % WEEK // DAY)


def _together(parts: Sequence[Scored]) -> Stretch:
    rows = sum(one.rows for one in parts)
    middle = sum(one.rows * (one.start + one.seconds / 2) for one in parts) / rows
    came_true = [one.positives for one in parts if one.positives is not None]
    return Stretch(
        middle,
        tuple(map(sum, zip(*(one.bins for one in parts), strict=True))),
        tuple(map(sum, zip(*came_true, strict=True))) if len(came_true) == len(parts) else None,
    )
