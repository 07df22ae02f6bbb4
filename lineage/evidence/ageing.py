"""How a metric changes with a model's age: one slope, and a level for each version. Pure.

What was measured are :class:`Observation`s: of verdicts on later data, or of realised outcomes.
Versions differ by more than their age, so the slope is that within versions, by least squares.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LATER: Final = 1.0
"""Days between measurements of a version that say something of age."""
ENOUGH_LATER: Final = 3
"""Measurements on later data than the first of their version: fewer give no interval."""
ENOUGH_DATA_SETS: Final = 4
"""Of different data: what is odd about one of them must not be taken for age."""
LARGEST: Final = 1e100
"""Of a metric's value: sums of squares of greater ones are no numbers."""

_CONFIDENCE: Final = 0.95
_MANY: Final = 400
"""So many degrees of freedom are as good as any number."""
_ROUNDING: Final = 1e-9
_BENT: Final = 2.0
"""How many half widths of its interval a bend is beyond 0 at the least, to be told."""


@dataclass(frozen=True)
class Observation:
    """What a version was measured to be worth on some data.

    ``line`` names what has one level (a version with a pipeline version), ``data`` the data;
    ``block`` a stretch of time whose data are alike, None for data that stands for itself.
    """

    line: str
    age: float
    """Days from when the version was new to the data."""
    value: float
    rows: int | None
    """Of the data; None where that is not known."""
    data: str
    block: str | None = None

    @property
    def cluster(self) -> str:
        """What may move together: all of a block, or all of some data."""
        return self.block or self.data


@dataclass(frozen=True)
class Change:
    """How a metric changes with age: ``per_day`` in its own units, with its 95 % interval."""

    per_day: float
    low: float
    high: float
    fresh: float
    """What the line says of a new model."""
    observations: int
    """Those that count: of lines that were measured at more than one age."""
    lines: int
    """Levels: of versions with a pipeline version, and of what was seen of them anywhere."""
    data_sets: int
    """Those that tell by themselves: a block counts as one."""
    youngest: float
    oldest: float
    """Days: the ages between which it was measured."""
    steeper: Literal["at first", "later"] | None = None
    """Where the change is no line: when it is faster."""

    def at(self, age: float) -> float:
        """What the line says of an age, in days."""
        return self.fresh + self.per_day * age


def change_with_age(observations: Iterable[Observation]) -> Change | None:
    """The change of a metric with age, each version beginning at a level of its own.

    Years in which the data itself grew harder are taken for age: see :func:`age_on_same_data`.

    Returns:
        None where :func:`missing` says what there is too little of.
    """
    return _slope(list(observations), lambda one: one.line, lambda one: one.cluster)


def age_on_same_data(observations: Iterable[Observation]) -> Change | None:
    """The change of a metric with age between versions that were measured on the same data.

    What all versions find harder about some data does not count; that newer versions are better
    for another reason than their age is taken for age.

    Returns:
        None where there is too little that compares.
    """
    return _slope(list(observations), lambda one: one.data, lambda one: one.line)


def missing(observations: Sequence[Observation]) -> str | None:
    """What there is too little of, in a sentence; None where there is enough."""
    useful = _useful(observations, lambda one: one.line)
    later = len(useful) - len({one.line for one in useful})
    data_sets = len({one.cluster for one in useful})
    if later < ENOUGH_LATER:
        return (
            f"{later} of {len(observations)} measurements "
            f"{'is' if later == 1 else 'are'} of a version on data a day or more later than its "
            f"first; at least {ENOUGH_LATER} are needed"
        )
    if data_sets < ENOUGH_DATA_SETS:
        return (
            f"versions were measured at several ages on {data_sets} data sets alone; "
            f"at least {ENOUGH_DATA_SETS} are needed"
        )
    return None


def _useful(
    observations: Iterable[Observation], by: Callable[[Observation], str]
) -> list[Observation]:
    """The observations of groups whose ages are apart."""
    rows = sorted(observations, key=lambda one: (by(one), one.age, one.value))
    groups = [list(group) for _, group in groupby(rows, by)]
    return [one for group in groups if group[-1].age - group[0].age >= LATER for one in group]


def _slope(
    observations: Sequence[Observation],
    by: Callable[[Observation], str],
    across: Callable[[Observation], str],
) -> Change | None:
    """One slope within groups; what goes across groups may move together."""
    rows = _useful(observations, by)
    fitting = _Fitting(_weights(rows), [by(one) for one in rows], [across(one) for one in rows])
    if fitting.freedom < ENOUGH_LATER - 1 or fitting.clusters < ENOUGH_DATA_SETS:
        return None
    ages = fitting.centred([one.age for one in rows])
    slope, wide, left = fitting.slope(ages, fitting.centred([one.value for one in rows]))
    mean_age = fitting.mean([one.age for one in rows])
    oldest = max(one.age for one in rows)
    squares = fitting.centred([(one.age / oldest) ** 2 for one in rows])
    curve = fitting.slope(ages, squares)[2]
    bend, bend_wide, _ = fitting.slope(curve, left, besides=1)
    steeper: Literal["at first", "later"] | None = None
    if abs(bend) > _BENT * bend_wide and max(map(abs, curve)) > _ROUNDING:
        steeper = "later" if bend * slope > 0 else "at first"
    return Change(
        slope,
        slope - wide,
        slope + wide,
        fitting.mean([one.value for one in rows]) - slope * mean_age,
        len(rows),
        len({one.line for one in rows}),
        len({one.cluster for one in rows}),
        min(one.age for one in rows),
        oldest,
        steeper,
    )


class _Fitting:
    """Least squares of rows within groups; each row has its weight, its group and its cluster."""

    def __init__(
        self, weights: Sequence[float], groups: Sequence[str], clusters: Sequence[str]
    ) -> None:
        self._weights, self._groups, self._clusters = weights, groups, clusters
        self.clusters = len(set(clusters))
        self.freedom = len(weights) - len(set(groups)) - 1

    def mean(self, values: Sequence[float]) -> float:
        """The mean of all rows."""
        return self._sum(values) / math.fsum(self._weights)

    def centred(self, values: Sequence[float]) -> list[float]:
        """Values without the mean of their group."""
        groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for group, weight, value in zip(self._groups, self._weights, values, strict=True):
            groups[group].append((weight, value))
        means = {
            group: math.fsum(w * v for w, v in pairs) / math.fsum(w for w, _ in pairs)
            for group, pairs in groups.items()
        }
        return [value - means[group] for group, value in zip(self._groups, values, strict=True)]

    def slope(
        self, xs: Sequence[float], ys: Sequence[float], besides: int = 0
    ) -> tuple[float, float, list[float]]:
        """The slope of centred values, the half width of its interval, and what is left of ``ys``.

        The wider interval counts: of independent rows, or of clusters that move together.
        ``besides`` are slopes that were taken out before. Where nothing is left to tell of, the
        half width is infinite.
        """
        spread = self._sum([x * x for x in xs])
        if not spread:
            return 0.0, math.inf, list(ys)
        slope = self._sum([x * y for x, y in zip(xs, ys, strict=True)]) / spread
        left = [y - slope * x for x, y in zip(xs, ys, strict=True)]
        freedom = min(self.freedom - besides, self.clusters - 2 - besides)
        if freedom < 1:
            return slope, math.inf, left
        variance = self._sum([r * r for r in left]) / ((self.freedom - besides) * spread)
        if self.clusters < len(xs):  # else that says nothing more
            pull: dict[str, float] = defaultdict(float)
            for cluster, w, x, r in zip(self._clusters, self._weights, xs, left, strict=True):
                pull[cluster] += w * x * r
            together = math.fsum(one * one for one in pull.values()) / spread**2
            variance = max(variance, together * self.clusters / (self.clusters - 1))
        return slope, student(freedom) * math.sqrt(variance), left

    def _sum(self, values: Sequence[float]) -> float:
        return math.fsum(w * v for w, v in zip(self._weights, values, strict=True))


def levelled(observations: Iterable[Observation], change: Change) -> list[Observation]:
    """What counts, as if all versions had begun at one level: it is drawn beside the line."""
    rows = _useful(observations, lambda one: one.line)
    levels: dict[str, list[float]] = defaultdict(list)
    for one in rows:
        levels[one.line].append(one.value - change.per_day * one.age)
    means = {line: math.fsum(values) / len(values) for line, values in levels.items()}
    return [replace(one, value=one.value - means[one.line] + change.fresh) for one in rows]


def _weights(rows: Sequence[Observation]) -> list[float]:
    """Little data counts less; much counts hardly more than usual, for no two days are alike."""
    known = [one.rows for one in rows if one.rows]
    usual = median(known) if known else 1.0
    return [(one.rows or usual) / ((one.rows or usual) + usual) for one in rows]


def student(freedom: int) -> float:
    """Between this, negative and positive, lie 95 % of Student's t of so many degrees of freedom.

    >>> [round(student(n), 3) for n in (1, 2, 10, 100)]
    [12.706, 4.303, 2.228, 1.984]
    """
    freedom = min(freedom, _MANY)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if _within(middle, freedom) < _CONFIDENCE:
            low = middle
        else:
            high = middle
    return math.tan(low) * math.sqrt(freedom)


def _within(angle: float, freedom: int) -> float:
    """How much of Student's t lies within tan(angle)·√freedom (Abramowitz and Stegun 26.7.3-4)."""
    cosine = math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for step in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (step - 1) / step
        total += term
    inside = math.sin(angle) * total
    return (angle + inside) * 2 / math.pi if odd else inside
