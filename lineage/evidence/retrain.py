"""When retraining pays: how a metric falls with age, and which schedule costs least. Pure.

What was measured are :class:`Observation`s: of verdicts on later data, or of realised outcomes. The
change with age is a line of one slope (:func:`change_with_age`) over versions that each begin at a
level of their own. Of what a point of the metric is worth and what a retraining costs follows the
schedule of a year that costs least, and what others cost more (:func:`advise`), after CARA
(Mahadevan and Mathioudakis 2023, arXiv:2310.04216): staleness has a price as retraining has one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Final, Self

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

POINT: Final = 0.01
"""A point of a metric: a hundredth."""
YEAR: Final = 365.0
"""Days for which a schedule is made."""
MOST_RETRAININGS: Final = 364
"""In a year: a schedule retrains daily at the most."""
LATER: Final = 1.0
"""Days between measurements of a version that say something of age."""
ENOUGH_LATER: Final = 3
"""Measurements on later data than the first of their version: fewer give no interval."""
ENOUGH_DATA_SETS: Final = 4
"""Of different data: what is odd about one of them must not be taken for age."""
LARGEST: Final = 1e100
"""Of a metric's value: sums of squares of greater ones are no numbers."""
MOST_MONEY: Final = 1e12

_CONFIDENCE: Final = 0.95
_MANY: Final = 400
"""So many degrees of freedom are as good as any number."""
_USUAL: Final = (("weekly", 51), ("monthly", 11), ("quarterly", 3), ("never", 0))
"""Schedules that people have, with their retrainings in a year that begins with a new model."""


@dataclass(frozen=True)
class Observation:
    """What a version was measured to be worth on some data.

    ``line`` names what has one level (a version with a pipeline version), ``data`` the data.
    """

    line: str
    age: float
    """Days from when the version was new to the data."""
    value: float
    rows: int | None
    """Of the data; None where that is not known."""
    data: str


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
    data_sets: int
    youngest: float
    oldest: float
    """Days: the ages between which it was measured."""

    def at(self, age: float) -> float:
        """What the line says of an age, in days."""
        return self.fresh + self.per_day * age


def change_with_age(observations: Iterable[Observation]) -> Change | None:
    """The change of a metric with age, each version beginning at a level of its own.

    Years in which the data itself grew harder are taken for age: see :func:`age_on_same_data`.

    Returns:
        None where :func:`missing` says what there is too little of.
    """
    return _slope(list(observations), lambda one: one.line, lambda one: one.data)


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
    data_sets = len({one.data for one in useful})
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
    """One slope within groups, by least squares; what goes across groups may move together."""
    rows = _useful(observations, by)
    groups, clusters = len({by(one) for one in rows}), len({across(one) for one in rows})
    if len(rows) - groups < ENOUGH_LATER or clusters < ENOUGH_DATA_SETS:
        return None
    freedom = min(len(rows) - groups - 1, clusters - 2)
    weights = _weights(rows)
    ages = _centred(rows, weights, [one.age for one in rows], by)
    values = _centred(rows, weights, [one.value for one in rows], by)
    spread = math.fsum(w * a * a for w, a in zip(weights, ages, strict=True))
    slope = math.fsum(w * a * v for w, a, v in zip(weights, ages, values, strict=True)) / spread
    left = [v - slope * a for a, v in zip(ages, values, strict=True)]
    variance = math.fsum(w * r * r for w, r in zip(weights, left, strict=True)) / (
        (len(rows) - groups - 1) * spread
    )
    if clusters < len(rows):  # else that says nothing more
        pull: dict[str, float] = defaultdict(float)
        for one, w, a, r in zip(rows, weights, ages, left, strict=True):
            pull[across(one)] += w * a * r
        together = math.fsum(one * one for one in pull.values()) / spread**2
        variance = max(variance, together * clusters / (clusters - 1))
    wide = student(freedom) * math.sqrt(variance)
    whole = math.fsum(weights)
    mean_age = math.fsum(w * one.age for w, one in zip(weights, rows, strict=True)) / whole
    mean_value = math.fsum(w * one.value for w, one in zip(weights, rows, strict=True)) / whole
    return Change(
        slope,
        slope - wide,
        slope + wide,
        mean_value - slope * mean_age,
        len(rows),
        len({one.line for one in rows}),
        len({one.data for one in rows}),
        min(one.age for one in rows),
        max(one.age for one in rows),
    )


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


def _centred(
    rows: Sequence[Observation],
    weights: Sequence[float],
    values: Sequence[float],
    by: Callable[[Observation], str],
) -> list[float]:
    """Values without the mean of their group."""
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one, weight, value in zip(rows, weights, values, strict=True):
        groups[by(one)].append((weight, value))
    means = {
        name: math.fsum(w * v for w, v in pairs) / math.fsum(w for w, _ in pairs)
        for name, pairs in groups.items()
    }
    return [value - means[by(one)] for one, value in zip(rows, values, strict=True)]


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


@dataclass(frozen=True)
class Costs:
    """What a point of the metric is worth a day, and what a retraining costs, in one currency.

    ``per_point`` is negative where less of the metric is better.
    """

    per_point: float
    retrain_cost: float

    @classmethod
    def checked(cls, per_point: float | None, retrain_cost: float | None) -> Self | None:
        """Both of them; None where neither is said.

        Raises:
            UsageError: one of them alone is, or one is no such amount.
        """
        if per_point is None and retrain_cost is None:
            return None
        if per_point is None or retrain_cost is None:
            raise UsageError(
                "What a point of the metric is worth and what a retraining costs go together.",
                remedy="Say both, per_point and retrain_cost, or neither.",
            )
        if not (abs(per_point) <= MOST_MONEY and per_point != 0):
            raise UsageError(
                "What a point of the metric is worth (per_point) is no amount of money.",
                remedy="Say what 0.01 of the metric is worth a day; less than 0 where less of it "
                "is better.",
            )
        if not 0 <= retrain_cost <= MOST_MONEY:
            raise UsageError(
                "What a retraining costs (retrain_cost) is no amount of money.",
                remedy="Say 0 or more.",
            )
        return cls(per_point, retrain_cost)


@dataclass(frozen=True)
class Schedule:
    """A schedule of a year that begins with a new model, and what it costs, in money a year."""

    name: str
    """``best``, ``weekly``, ``monthly``, ``quarterly``, ``never`` or ``at alarms``."""
    days: float | None
    """From one retraining to the next; None where there is none within the year."""
    retrainings: int
    retraining: float
    staleness: float
    cost: float
    regret: float
    """What it costs more than the best."""


@dataclass(frozen=True)
class Advice:
    """What pays: the schedules, the cheapest first.

    ``shortest`` and ``longest`` are the best periods at the ends of the interval of the change, in
    days; None where no retraining pays within a year.
    """

    schedules: tuple[Schedule, ...]
    shortest: float | None
    longest: float | None

    @property
    def best(self) -> Schedule:
        """The schedule that costs least."""
        return next(one for one in self.schedules if one.name == "best")


def advise(change: Change, costs: Costs, alarms: Sequence[float] = ()) -> Advice:
    """The schedule that pays best in a year, and what others cost more.

    A new model begins where its predecessors began, and falls as they fell: by a line, so a model
    of ``T`` days has cost ``T²/2`` times what a day of age costs a day. A metric that does not fall
    with age costs nothing.

    Args:
        change: of the metric with age.
        costs: of staleness and of a retraining.
        alarms: the ages, in days, at which versions gave an alarm.
    """
    per_point, retrain_cost = costs.per_point, costs.retrain_cost
    ends = sorted(_price(per_point, slope) for slope in (change.low, change.high))
    price = _price(per_point, change.per_day)
    best = _best(price, retrain_cost)
    named = [("best", YEAR / (best + 1)), *((name, YEAR / (many + 1)) for name, many in _USUAL)]
    if alarms:
        named.append(("at alarms", max(1.0, math.fsum(alarms) / len(alarms))))
    least = _cost(YEAR / (best + 1), price, retrain_cost)[-1]
    schedules = []
    for name, days in named:
        many, retraining, staleness, cost = _cost(days, price, retrain_cost)
        period = days if many else None
        schedules.append(
            Schedule(name, period, many, retraining, staleness, cost, max(0.0, cost - least))
        )
    order = sorted(schedules, key=lambda one: (one.regret, one.name != "best"))
    return Advice(
        tuple(order),
        _period(_best(ends[1], retrain_cost)),
        _period(_best(ends[0], retrain_cost)),
    )


def _price(per_point: float, per_day: float) -> float:
    """What a day of age costs a day, in money; nothing where the metric does not get worse."""
    return max(0.0, -per_point / POINT * per_day)


def _best(price: float, retrain_cost: float) -> int:
    """How many retrainings, evenly over the year, cost least."""
    if price <= 0:
        return 0
    if retrain_cost <= 0:
        return MOST_RETRAININGS
    near = min(float(MOST_RETRAININGS), YEAR * math.sqrt(price / 2 / retrain_cost) - 1)
    around = {max(0, math.floor(near)), max(0, math.ceil(near))}
    return min(sorted(around), key=lambda many: _cost(YEAR / (many + 1), price, retrain_cost)[-1])


def _period(retrainings: int) -> float | None:
    return YEAR / (retrainings + 1) if retrainings else None


def _cost(days: float, price: float, retrain_cost: float) -> tuple[int, float, float, float]:
    """The retrainings of a period within a year, their cost, that of staleness, and both."""
    many = max(0, math.ceil(YEAR / days - 1e-9) - 1)
    rest = YEAR - many * days
    staleness = price * (many * days**2 + rest**2) / 2
    return many, many * retrain_cost, staleness, many * retrain_cost + staleness
