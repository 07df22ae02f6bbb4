"""Metrics by slice and by group of people, each with its interval and its n. Pure.

>>> low, high = wilson(81, 263)
>>> round(low, 4), round(high, 4)
(0.2553, 0.3662)

An interval has 95 %. Of a rate it is Wilson's score interval; of an AUC DeLong's (1988, worked out
by ranks as Sun and Xu did in 2014), cut to 0 and 1. Nothing is resampled, so the same rows give the
same numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.display import Shown
from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Z: Final = 1.959963984540054
"""The normal quantile of a two-sided interval of 95 %."""

BINS: Final = 10
"""Equal bins of the score that the calibration error is a mean over."""

MOST: Final = 100
"""Slices of one column."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Rows:
    """Scores with their outcomes, and the threshold from which on a score selects.

    ``outcomes`` are true where it happened.
    """

    scores: Sequence[float]
    outcomes: Sequence[bool]
    threshold: float

    def part(self, places: Sequence[int]) -> Rows:
        """Some of the rows."""
        scores, outcomes = self.scores, self.outcomes
        return Rows([scores[i] for i in places], [outcomes[i] for i in places], self.threshold)

    @property
    def positives(self) -> int:
        """Rows in which it happened."""
        return sum(self.outcomes)

    def selected(self, outcome: bool | None = None) -> tuple[int, int]:
        """Rows that are selected, and of how many: of all, or of those with an outcome."""
        chosen = [
            score >= self.threshold
            for score, happened in zip(self.scores, self.outcomes, strict=True)
            if outcome is None or happened is outcome
        ]
        return sum(chosen), len(chosen)


def wilson(successes: int, n: int) -> Interval:
    """The interval of a rate: Wilson's, of the score."""
    if n == 0:
        return 0.0, 1.0
    rate, square = successes / n, Z * Z
    middle = rate + square / (2 * n)
    spread = Z * math.sqrt((rate * (1 - rate) + square / (4 * n)) / n)
    low, high = ((middle + sign * spread) / (1 + square / n) for sign in (-1, 1))
    return (0.0 if successes == 0 else low), (1.0 if successes == n else high)


def auc(rows: Rows) -> tuple[float, float]:
    """The area under the ROC curve, ties counted half, and its standard error by DeLong.

    Both outcomes must be there.
    """
    pairs = list(zip(rows.scores, rows.outcomes, strict=True))
    yes = sorted(score for score, happened in pairs if happened)
    no = sorted(score for score, happened in pairs if not happened)
    above = [_part_below(no, score) for score in yes]
    below = [1 - _part_below(yes, score) for score in no]
    area = math.fsum(above) / len(yes)
    return area, math.sqrt(_variance(above) / len(yes) + _variance(below) / len(no))


def _part_below(ordered: Sequence[float], value: float) -> float:
    return (bisect_left(ordered, value) + bisect_right(ordered, value)) / (2 * len(ordered))


def _variance(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def calibration(rows: Rows) -> tuple[float, float] | None:
    """The mean score less the rate, and the expected calibration error; None of no probabilities.

    The error is the mean distance of score and rate in equal bins of the score, by their rows.
    """
    if not all(0 <= score <= 1 for score in rows.scores):
        return None
    sums = [[0.0, 0.0] for _ in range(BINS)]
    for score, happened in zip(rows.scores, rows.outcomes, strict=True):
        place = sums[min(int(score * BINS), BINS - 1)]
        place[0] += score
        place[1] += happened
    n = len(rows.scores)
    gap = (math.fsum(rows.scores) - rows.positives) / n
    return gap, math.fsum(abs(score - happened) for score, happened in sums) / n


def metrics(rows: Rows) -> dict[str, float]:
    """The metrics of a slice in which both outcomes are."""
    area, error = auc(rows)
    found: dict[str, float] = {"n": len(rows.scores), "positives": rows.positives, "auc": area}
    found["auc_low"] = max(0.0, area - Z * error)
    found["auc_high"] = min(1.0, area + Z * error)
    rates = {
        "selection_rate": rows.selected(),
        "true_positive_rate": rows.selected(outcome=True),
        "false_positive_rate": rows.selected(outcome=False),
        "positive_rate": (rows.positives, len(rows.scores)),
    }
    for name, (successes, n) in rates.items():
        found[name] = successes / n
        found[f"{name}_low"], found[f"{name}_high"] = wilson(successes, n)
    calibrated = calibration(rows)
    if calibrated is not None:
        found["calibration_gap"], found["calibration_error"] = calibrated
    return found


def differences(groups: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """How far the groups of one column are apart: the greatest less the least of each metric.

    ``selection_rate_ratio`` is the least by the greatest, ``equalized_odds_difference`` the greater
    of the differences of both rates.
    """
    apart = {}
    for name in (*_RATES, "auc", "calibration_gap"):
        values = [group[name] for group in groups if name in group]
        if values:
            apart[f"{name}_difference"] = max(values) - min(values)
    rates = [group["selection_rate"] for group in groups]
    apart["selection_rate_ratio"] = min(rates) / max(rates) if max(rates) else 1.0
    apart["equalized_odds_difference"] = max(apart[f"{name}_difference"] for name in _RATES[1:])
    return apart


_RATES: Final = ("selection_rate", "true_positive_rate", "false_positive_rate")


@dataclass(frozen=True, repr=False)
class Slices(Shown):
    """What was measured of all rows, of each slice, and between the groups of each column.

    Attributes:
        overall: the metrics of all rows.
        slices: by slice (``sex=female``), its metrics.
        groups: by column, how far its groups are apart; of columns with two slices or more.
        small: by slice, the rows of those that are too few to be measured.
    """

    overall: Mapping[str, float]
    slices: Mapping[str, Mapping[str, float]]
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    small: Mapping[str, int] = field(default_factory=dict)

    @override
    def to_json(self) -> dict[str, Any]:
        """The metrics: ``overall``, ``slices``, ``groups`` and ``small_slices``."""
        return {
            "overall": dict(self.overall),
            "slices": {name: dict(one) for name, one in self.slices.items()},
            "groups": {name: dict(one) for name, one in self.groups.items()},
            "small_slices": {"count": len(self.small), "rows": dict(self.small)},
        }

    @override
    def _line(self) -> str:
        worst = min(self.slices.items(), key=lambda pair: pair[1]["auc"], default=None)
        said = f", the worst {worst[0]} with AUC {worst[1]['auc']:.3f}" if worst else ""
        return f"{len(self.slices)} slices of {int(self.overall['n']):,} rows{said}"

    @override
    def _facts(self) -> dict[str, object]:
        return {name: f"AUC {one['auc']:.3f}, n {one['n']:,}" for name, one in self.slices.items()}


def sliced(
    rows: Rows,
    by: Mapping[str, Sequence[str]],
    *,
    minimum: int,
    fewest: int,
    together: Sequence[Mapping[str, str]] = (),
) -> Slices:
    """Measure all rows, and each slice.

    Args:
        rows: scores and outcomes; both outcomes are among them.
        by: for each column its values, as text, row by row.
        minimum: rows of a slice that is measured.
        fewest: rows of each outcome in it.
        together: further slices, each by its values of several of the columns.

    Raises:
        UsageError: two slices have one name: a value holds what stands between columns.
    """
    slices: dict[str, dict[str, float]] = {}
    groups, small = {}, {}

    def measure(name: str, places: Sequence[int]) -> Mapping[str, float] | None:
        if name in slices or name in small:
            raise UsageError(
                f"Two slices are called {name[:200]!r}.",
                remedy="Rename a column, or its values: none should hold '=' or ' & '.",
            )
        part = rows.part(places)
        n = len(part.scores)
        if n >= minimum and fewest <= part.positives <= n - fewest:
            slices[name] = metrics(part)
        else:
            small[name] = n
        return slices.get(name)

    for column, values in by.items():
        places: dict[str, list[int]] = {}
        for place, value in enumerate(values):
            places.setdefault(value, []).append(place)
        found = [measure(f"{column}={value}", places[value]) for value in sorted(places)]
        measured = [one for one in found if one is not None]
        if len(measured) > 1:
            groups[column] = differences(measured)
    for one in together:
        columns = zip(*(by[column] for column in one), strict=True)
        wanted = tuple(one.values())
        among = [place for place, values in enumerate(columns) if values == wanted]
        measure(" & ".join(f"{column}={value}" for column, value in one.items()), among)
    return Slices(metrics(rows), slices, groups, small)


def require_few(by: Mapping[str, Sequence[str]]) -> None:
    """Refuse columns of too many values.

    Raises:
        UsageError: a column has more of them than are slices.
    """
    for column, values in by.items():
        many = len(set(values))
        if many > MOST:
            raise UsageError(
                f"{column[:80]!r} has {many:,} values: a column has {MOST:,} slices at most.",
                remedy="Put its values into bins, or name another column.",
            )
