"""When retraining pays: which schedule of a year costs least, and what others cost more. Pure.

After CARA (Mahadevan and Mathioudakis 2023, arXiv:2310.04216): staleness has a price as retraining
has one. How fast a model gets stale is :mod:`.ageing`'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from lineage.errors import UsageError

if TYPE_CHECKING:
    from lineage.evidence.ageing import Change

POINT: Final = 0.01
"""A point of a metric: a hundredth."""
YEAR: Final = 365.0
"""Days for which a schedule is made."""
MOST_RETRAININGS: Final = 364
"""In a year: a schedule retrains daily at the most."""
MOST_MONEY: Final = 1e12

_SURE: Final = 0.95

_USUAL: Final = (("weekly", 51), ("monthly", 11), ("quarterly", 3), ("never", 0))
"""Schedules that people have, with their retrainings in a year that begins with a new model."""


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
class Watched:
    """For how long versions were watched, and how many of them gave an alarm.

    ``days`` of age of all together: of each up to its first alarm, or to when it was looked at
    last. Those that gave none count with all their days, as in any estimate of a mean life from
    lives that are not over (time on test by failures; it is the exponential's).
    """

    days: float
    versions: int
    alarms: int

    @property
    def mean(self) -> float | None:
        """The days of age for one alarm; None where there was none."""
        return self.days / self.alarms if self.alarms else None

    @property
    def at_least(self) -> float:
        """Days of age for one alarm, at the least, by 95 %, where there was none."""
        return -self.days / math.log(1 - _SURE)


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


def advise(change: Change, costs: Costs, watched: Watched | None = None) -> Advice:
    """The schedule that pays best in a year, and what others cost more.

    A new model begins where its predecessors began, and falls as they fell: by a line, so a model
    of ``T`` days has cost ``T²/2`` times what a day of age costs a day. A metric that does not fall
    with age costs nothing.

    Args:
        change: of the metric with age.
        costs: of staleness and of a retraining.
        watched: how often versions gave an alarm; None where nobody knows.
    """
    per_point, retrain_cost = costs.per_point, costs.retrain_cost
    ends = sorted(_price(per_point, slope) for slope in (change.low, change.high))
    price = _price(per_point, change.per_day)
    best = _best(price, retrain_cost)
    named = [("best", YEAR / (best + 1)), *((name, YEAR / (many + 1)) for name, many in _USUAL)]
    mean = watched.mean if watched is not None else None
    if mean is not None:
        named.append(("at alarms", max(1.0, mean)))
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
