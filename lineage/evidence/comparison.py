"""How far two profiles are apart, column by column, also where their scales differ. Pure.

A distance is the part of the rows that would have to change for the one to look like the other, as
far as counts can tell: the total variation of what is counted by name, and for numbers the largest
difference between the cumulative distributions (Kolmogorov and Smirnov), each between its edges
taken as even. It describes; it is no test.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage.evidence import summary
from lineage.evidence.columns import (
    BinaryTarget,
    CategoryColumn,
    Column,
    NumberColumn,
    Score,
    TextColumn,
    TimeColumn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lineage.evidence.counts import Counts

_OTHERS: Final = ("", "others")
"""The key of what is counted under no name of its own."""


@dataclass(frozen=True)
class Moved:
    """A column, and how far it is apart in two profiles: 0 for alike, 1 for nothing in common."""

    column: str
    distance: float
    first: str
    """What its values are in the first, in words; empty where it is not there."""
    second: str

    def to_json(self) -> dict[str, Any]:
        """The column as `diff` prints it."""
        return {
            "column": self.column,
            "distance": round(self.distance, 6),
            "first": self.first,
            "second": self.second,
        }


def compare(first: Counts, second: Counts) -> list[Moved]:
    """The columns that differ, the score and the target among them; what differs most is first."""
    ours, theirs = dict(_named(first)), dict(_named(second))
    moved = [
        Moved(name, distance(ours.get(name), theirs.get(name)), *_words(name, ours, theirs))
        for name in {**ours, **theirs}
    ]
    return sorted(
        (one for one in moved if one.distance > 0), key=lambda one: (-one.distance, one.column)
    )


def distance(first: Column | None, second: Column | None) -> float:
    """How far a column is apart in two profiles; 1 where one lacks it or has another kind."""
    if first is None or second is None or first.kind != second.kind:
        return 1.0
    if not first.rows or not second.rows:
        return 0.0 if first.rows == second.rows else 1.0
    gone = variation(missing(first), missing(second), first.rows, second.rows)
    return min(1.0, max(gone, _apart(first, second)))


def _apart(first: Column, second: Column) -> float:
    """The distance of the values alone."""
    if isinstance(first, NumberColumn | Score) and isinstance(second, NumberColumn | Score):
        return _cumulative_apart(first, second)
    ours, theirs = _counted(first), _counted(second)
    if isinstance(first, CategoryColumn) and isinstance(second, CategoryColumn):
        ours, theirs = _grouped(first, second), _grouped(second, first)
    return variation(ours, theirs, sum(ours.values()), sum(theirs.values()))


def _named(counts: Counts) -> Iterator[tuple[str, Column]]:
    yield from counts.columns.items()
    for name, column in (("(score)", counts.score), ("(target)", counts.target)):
        if column is not None:
            yield name, column


def _words(name: str, *sides: Mapping[str, Column]) -> Iterator[str]:
    for side in sides:
        yield summary.values(side[name]) if name in side else ""


def missing(column: Column) -> dict[Any, int]:
    """The rows of a column that have no value, by why, and those that have one."""
    nan, infinite = (getattr(column, key, 0) for key in ("nan", "infinite"))
    return {
        "null": column.null,
        "wrong": column.wrong_type,
        "nan": nan,
        "infinite": infinite,
        "value": column.counted() - nan - infinite,
    }


def _counted(column: Column) -> dict[Any, int]:
    if isinstance(column, TextColumn):
        return dict(enumerate(column.lengths))
    if isinstance(column, TimeColumn):
        return dict(enumerate(column.hours))
    if isinstance(column, BinaryTarget):
        return {"positive": column.positive, "negative": column.negative}
    return {}


def _grouped(column: CategoryColumn, other: CategoryColumn) -> dict[Any, int]:
    """Counts by name, but for what another may have among its others: that is among them here."""
    named = dict(zip(column.values, column.counts, strict=True))
    kept = {key: n for key, n in named.items() if other.complete or key in other.values}
    return kept | {_OTHERS: column.rows - column.null - column.wrong_type - sum(kept.values())}


def variation(
    first: Mapping[Any, int], second: Mapping[Any, int], of_first: int, of_second: int
) -> float:
    """The part of the rows that are counted under other keys, of so many rows each."""
    if not of_first or not of_second:
        return 0.0 if of_first == of_second else 1.0
    keys = {*first, *second}
    return sum(abs(first.get(k, 0) / of_first - second.get(k, 0) / of_second) for k in keys) / 2


def _cumulative_apart(first: NumberColumn | Score, second: NumberColumn | Score) -> float:
    ours, theirs = _cumulative(first), _cumulative(second)
    if not ours or not theirs:
        return 0.0 if bool(ours) == bool(theirs) else 1.0
    points = [point for point, _ in (*ours, *theirs)]
    return max(abs(_at(ours, point) - _at(theirs, point)) for point in points)


def _cumulative(column: NumberColumn | Score) -> list[tuple[float, float]]:
    """Points of the cumulative distribution: up to a value, the part of the rows up to it."""
    total = sum(column.bins)
    below = above = 0
    ends: tuple[float | None, float | None] = (None, None)
    if isinstance(column, NumberColumn):
        below, above, ends = column.below, column.above, (column.low, column.high)
        total += below + above
    if not total:
        return []
    edges = list(column.edges)
    if ends[1] is not None:
        edges.append(ends[1])
    points, since = [], below
    if ends[0] is not None and ends[0] not in edges:
        points.append((ends[0], below / total))
    for edge, number in zip(edges, column.bins, strict=False):
        since += number
        points.append((edge, since / total))
    return points


def _at(points: list[tuple[float, float]], value: float) -> float:
    """The part of the rows up to a value, even between two points."""
    place = bisect_left(points, (value,))
    if place == len(points):
        return 1.0 if value > points[-1][0] else points[-1][1]
    x, part = points[place]
    if x == value:
        return part
    if place == 0:
        return 0.0
    before, least = points[place - 1]
    return least + (part - least) * (value - before) / (x - before)
