"""What was seen of a column's values, made its counts: the rules, whoever saw them. Pure."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.evidence.columns import (
    HOURS,
    LENGTH_BINS,
    BinaryTarget,
    CategoryColumn,
    Column,
    NumberColumn,
    Score,
    TextColumn,
    TimeColumn,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.evidence.counts import Counts


FIRST_DAY: Final = "1970-01-02"
"""The first day of which rows can be: on the day before it clocks begin that know no time."""

YEARS: Final = ("0001-01-01", "9998-12-31")
"""Days between which a time is one."""

Parts = tuple["Counts", dict[str, "Counts"], dict[str, "Counts"]]
"""The whole, by group (``column=label``), and by window (its start)."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of the values of one column in some rows."""

    rows: int
    present: int
    """Rows that have a value."""
    valid: int
    """Those whose value is of the column's type."""
    counts: Sequence[int]
    """How many are up to each of :func:`bounds_of` and beyond the last, are of each category, or
    are positive."""
    nan: int = 0
    infinite: int = 0
    low: float | None = None
    high: float | None = None
    """The least and the greatest finite number."""
    characters: Sequence[int] = ()
    """Of all texts: letters, digits, spaces, punctuation, and all together."""
    positives: Sequence[int] | None = None
    """The positives among ``counts`` of a score."""


def bounds_of(scale: Column) -> list[Any]:
    """The bounds up to which values are counted: of numbers, lengths of texts, hours of the week.

    The first one of a number is the last below its range, and its last one ends that range.
    """
    if isinstance(scale, TextColumn):
        return [2**i - 1 for i in range(LENGTH_BINS - 1)]
    if isinstance(scale, TimeColumn):
        return list(range(HOURS))
    if isinstance(scale, NumberColumn) and scale.low is not None and scale.high is not None:
        return [math.nextafter(scale.low, -math.inf), *scale.edges, scale.high]
    return list(scale.edges) if isinstance(scale, NumberColumn | Score) else []


def column_of(scale: Column, seen: Seen, *, is_reference: bool) -> Column:
    """The counts of what was seen, on a scale.

    Args:
        scale: what the values were counted on.
        seen: what was seen of them.
        is_reference: whether they set the range of numbers, and say which categories are all.
    """
    common, counts = _common(seen), tuple(seen.counts)
    if isinstance(scale, NumberColumn):
        common |= {"nan": seen.nan, "infinite": seen.infinite}
        if scale.low is not None:
            return replace(scale, **common, bins=counts[1:-1], below=counts[0], above=counts[-1])
        low, high = (seen.low, seen.high) if is_reference else (None, None)
        return replace(scale, **common, bins=counts, low=_plain(low), high=_plain(high))
    if isinstance(scale, CategoryColumn):
        left = seen.valid - sum(counts)
        other, new = (0, left) if scale.complete else (left, 0)
        complete = scale.complete or (is_reference and not left)
        return replace(scale, **common, complete=complete, counts=counts, other=other, new=new)
    if isinstance(scale, TextColumn):
        *known, together = seen.characters
        characters = (*known, together - sum(known))
        return replace(scale, **common, lengths=counts, characters=characters)
    if isinstance(scale, TimeColumn):
        return replace(scale, **common, hours=counts[:HOURS])
    if isinstance(scale, BinaryTarget):
        return replace(scale, **common, positive=counts[0], negative=seen.valid - counts[0])
    raise AssertionError(scale)


def score_of(scale: Score, seen: Seen) -> Score:
    """The counts of a score. Without an outcome, where there are outcomes, a score is no value."""
    positives = None if seen.positives is None else tuple(seen.positives)
    return replace(scale, **_common(seen), bins=tuple(seen.counts), positives=positives)


def _common(seen: Seen) -> dict[str, Any]:
    return {
        "rows": seen.rows,
        "null": seen.rows - seen.present,
        "wrong_type": seen.present - seen.valid,
    }


def on_scale_of(whole: Counts, part: Counts) -> Counts:
    """A part on the scale that the whole turned out to have."""
    return replace(
        part,
        columns={
            name: replace(column, **whole.columns[name].get_scale())
            for name, column in part.columns.items()
        },
        target=whole.target and part.target and replace(part.target, **whole.target.get_scale()),
    )


def days_that_were() -> tuple[str, str]:
    """The days between which rows can be, wherever they are: the first, and the end of tomorrow."""
    return FIRST_DAY, str((dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).date())


def moment(seconds: int) -> str:
    """A window's start, of seconds since 1970; that of the first one begins with the year 1."""
    first = dt.datetime.min.replace(tzinfo=dt.UTC)
    begins = first + dt.timedelta(seconds=max(0, seconds - int(first.timestamp())))
    return f"{timestamps.written(begins)[:19]}Z"  # strftime writes the year 1 as 1


def _plain(number: float | None) -> float | None:
    return None if number is None else number + 0.0  # -0.0 is 0
