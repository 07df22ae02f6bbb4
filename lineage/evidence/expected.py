"""What is ordinary for one share (k of n rows): its level by season, and how much it varies. Pure.

Rows of one window resemble each other, so windows differ by more than chance: the count of a
window is beta-binomial (Skellam 1948), with the season's level as its mean. Levels, the season that
counts and the concentration are learned between the windows of the reference, each held against
the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

from .windows import hour_of_week

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_Key = TypeVar("_Key")

Point = tuple[float, int, int]
"""The start of a window, k and n."""

TOLERANCE: Final = 0.005
"""A share of rows that breaks a contract by less is no matter."""
_EDGE: Final = 0.01
"""Levels nearer to 0 or 1 than this are taken for this: a handful of rows says little."""
_CONCENTRATIONS: Final = tuple(2.0 * 2.0**step for step in range(11))
_LEARNED_FROM: Final = 120
"""So many windows of the reference, evenly spread, say how much windows vary."""
_USUAL_ROWS: Final = 50
"""A window of many more rows says hardly more about its season than one of so many."""
_ENOUGH_BLOCKS: Final = 6
_SHRINKS: Final = (1.0, 4.0)
"""A season's level is drawn towards the whole's as if by so many windows; what foretells best."""
_SHIFTS: Final = (1.0, 2.0, 4.0)
"""Changes that are looked for, in standard deviations of windows about their level."""
_LEAST: Final = 0.15
"""The least of these, in log odds: less is no matter, however many rows there are."""
_LEAST_WEIGHT: Final = 0.05

_SEASONS: Final[Mapping[str, Callable[[float], int]]] = {
    "none": lambda _: 0,
    "day of week": lambda start: hour_of_week(start) // 24,
    "hour of day": lambda start: hour_of_week(start) % 24,
    "hour of week": hour_of_week,
}


@dataclass(frozen=True)
class Expected:
    """What a share is when nothing has changed."""

    level: float
    season: str = "none"
    levels: Mapping[int, float] = field(default_factory=dict)
    """The level of each season that the reference has."""
    concentration: float = 100.0
    """Of the beta distribution of a window's own share: its variance is level·(1-level)/(it+1)."""
    weight: float = 1.0
    """The power to which e-values are taken: less than 1 where neighbours resemble each other."""
    contract: bool = False
    """Whether its rows break a contract: then it is looked for more of them only."""
    behind: float = 1.0
    """How many weeks (or days, or windows, of few weeks) stand behind the level."""

    @property
    def alternatives(self) -> int:
        """How many changed levels are looked for."""
        return len(_SHIFTS) * (1 if self.contract else 2)

    def at(self, start: float) -> float:
        """The level that is expected of a window."""
        return self.levels.get(_SEASONS[self.season](start), self.level)


def learn(points: Sequence[Point], *, contract: bool = False) -> Expected:
    """Learn a share's ordinary from the windows of the reference, in the order of their starts.

    Every window is held against what the others say that are not of its week (of its day, where
    there are few weeks), for neighbours resemble each other.

    Args:
        points: at least one window; those without rows say nothing.
        contract: whether its rows break a contract: such shares are expected to stay near 0, and
            few windows are enough to rely on it.

    Raises:
        ValueError: no window has a row.
    """
    points = [point for point in points if point[2] > 0]
    if not points:
        raise ValueError("the reference has no row for this")
    blocks = _blocks(points)
    season, shrink, others = _season(points, blocks)
    slots = _sums(points, [_SEASONS[season](start) for start, _, _ in points])
    level = _mean(list(slots.values()))
    levels = {
        slot: (sum_x + shrink * level) / (sum_w + shrink) for slot, (sum_x, sum_w) in slots.items()
    }
    low, high = (TOLERANCE, 1 - _EDGE) if contract else (_EDGE, 1 - _EDGE)

    def inside(share: float) -> float:
        return min(high, max(low, share))

    expected = Expected(
        inside(level),
        season,
        {slot: inside(one) for slot, one in levels.items()},
        _concentration(points, others, contract=contract),
        contract=contract,
        behind=float(len(set(blocks))),
    )
    held = [(inside(one), k, n) for one, (_, k, n) in zip(others, points, strict=True)]
    return replace(expected, weight=_weight(expected, held, blocks))


def log_e_values(k: int, n: int, level: float, expected: Expected) -> list[float]:
    """The logarithms of a window's e-values, one for each changed level that is looked for.

    The mean of each e-value is at most 1 where k is beta-binomial about the level; and where the
    question is of a contract, also for any lower level. A power below 1 of an e-value is one too.

    Args:
        k: rows of ``n`` for which the answer is yes.
        n: rows; of none, nothing follows.
        level: the share that is expected of the window.
        expected: what is ordinary.
    """
    if n <= 0:
        return [0.0] * expected.alternatives
    lgamma = math.lgamma
    (a, b, both), *changed = _levels_looked_for(
        level, expected.concentration, expected.behind, expected.contract
    )
    before = lgamma(k + a) + lgamma(n - k + b) - both
    return [
        expected.weight * (lgamma(k + a) + lgamma(n - k + b) - both - before)
        for a, b, both in changed
    ]


@lru_cache(maxsize=4096)
def _levels_looked_for(
    level: float,
    concentration: float,
    behind: float,
    contract: bool,
) -> list[tuple[float, float, float]]:
    """The beta distributions (a, b, and the logarithm of both their gamma functions' product).

    The first is that of the level itself, the others those of the changed levels.
    """
    odds = math.log(level / (1 - level))
    unit = max(_LEAST, 1 / math.sqrt((concentration + 1) * level * (1 - level)))
    unit *= max(1.0, 4 / math.sqrt(behind))  # few windows say little of the level
    signs = (1,) if contract else (1, -1)
    levels = [level]
    for shift in _SHIFTS:
        for sign in signs:
            changed = 1 / (1 + math.exp(-odds - sign * shift * unit))
            levels.append(min(1 - 1e-4, max(1e-4, changed)))
    pairs = [(concentration * one, concentration * (1 - one)) for one in levels]
    return [(a, b, math.lgamma(a) + math.lgamma(b)) for a, b in pairs]


def _blocks(points: Sequence[Point]) -> list[int]:
    """The number of each window's week; of its day, or its own, where these are too few."""
    for seconds in (7 * 86400, 86400):
        blocks = [int((start + 3 * 86400) // seconds) for start, _, _ in points]
        if len(set(blocks)) >= _ENOUGH_BLOCKS:
            return blocks
    return list(range(len(points)))


def _worth(rows: int) -> float:
    return rows / (rows + _USUAL_ROWS)


Sums = dict[_Key, tuple[float, float]]


def _sums(points: Sequence[Point], keys: Sequence[_Key]) -> Sums[_Key]:
    """By key, the sum of the windows' shares, each by its worth, and of the worths."""
    sums: Sums[_Key] = {}
    for (_, k, n), key in zip(points, keys, strict=True):
        worth = _worth(n)
        sum_x, sum_w = sums.get(key, (0.0, 0.0))
        sums[key] = sum_x + worth * k / n, sum_w + worth
    return sums


def _mean(sums: Sequence[tuple[float, float]]) -> float:
    return sum(pair[0] for pair in sums) / sum(pair[1] for pair in sums)


def _levels_by_the_others(
    points: Sequence[Point], blocks: Sequence[int], season: str, shrinks: Sequence[float]
) -> list[list[float]]:
    """For each of ``shrinks``, each window's level by all windows of other blocks."""
    keys = [_SEASONS[season](start) for start, _, _ in points]
    slots, of_block = _sums(points, keys), _sums(points, blocks)
    both = _sums(points, list(zip(keys, blocks, strict=True)))
    all_x = sum(pair[0] for pair in slots.values())
    all_w = sum(pair[1] for pair in slots.values())
    known: dict[tuple[int, int], list[float]] = {}
    for (key, block), (minus_x, minus_w) in both.items():
        block_x, block_w = of_block[block]
        rest = all_w - block_w
        mean = (all_x - block_x) / rest if rest > 1e-9 else all_x / all_w
        sum_x, sum_w = slots[key][0] - minus_x, slots[key][1] - minus_w
        known[key, block] = [
            min(1.0, max(0.0, (sum_x + shrink * mean) / (sum_w + shrink))) for shrink in shrinks
        ]
    pairs = list(zip(keys, blocks, strict=True))
    return [[known[pair][at] for pair in pairs] for at in range(len(shrinks))]


def _season(points: Sequence[Point], blocks: Sequence[int]) -> tuple[str, float, list[float]]:
    """The season that foretells windows best; how far slots are shrunk; the levels by others."""
    best, least = ("none", 1.0, [0.5]), math.inf
    shares = [(_worth(n), k / n) for _, k, n in points]
    for season in _SEASONS:
        found = _levels_by_the_others(points, blocks, season, _SHRINKS)
        for shrink, others in zip(_SHRINKS, found, strict=True):
            missed = sum(
                worth * (share - level) ** 2
                for (worth, share), level in zip(shares, others, strict=True)
            )
            if missed < 0.98 * least:  # a season must earn its keep
                best, least = (season, shrink, others), missed
    return best


def _concentration(points: Sequence[Point], others: Sequence[float], *, contract: bool) -> float:
    """A cautious concentration: of ten that agree with the reference, nine are larger.

    Before any window is seen it is about 300 for what breaks a contract, and 50 for values.
    """
    step = max(1, -(-len(points) // _LEARNED_FROM))
    middle, wide = (math.log(300), 0.8) if contract else (math.log(50), 1.5)
    logs = []
    for concentration in _CONCENTRATIONS:
        log = -(((math.log(concentration) - middle) / wide) ** 2) / 2
        for (_, k, n), level in zip(points[::step], others[::step], strict=True):
            inside = min(1 - 1e-6, max(1e-6, level))
            log += log_beta_binomial(k, n, concentration * inside, concentration * (1 - inside))
        logs.append(log)
    top = max(logs)
    weights = [math.exp(log - top) for log in logs]
    below, tenth = 0.0, 0.1 * sum(weights)
    for concentration, weight in zip(_CONCENTRATIONS, weights, strict=True):
        below += weight
        if below >= tenth:
            return concentration
    return _CONCENTRATIONS[-1]  # pragma: no cover - the weights add up


def _weight(
    expected: Expected, held: Sequence[tuple[float, int, int]], blocks: Sequence[int]
) -> float:
    """The power to which e-values are taken, so that they are some on the reference itself.

    The product of a block's e-values has a mean of at most 1 if its windows are independent. Where
    the reference's blocks, the most surprising of them counted twice, say more, the windows
    resemble each other or have tails that are not foreseen; then all count less.
    """
    sums: dict[int, list[float]] = {}
    for (level, k, n), block in zip(held, blocks, strict=True):
        logs = log_e_values(k, n, level, expected)
        so_far = sums.get(block)
        sums[block] = logs if so_far is None else [a + b for a, b in zip(so_far, logs, strict=True)]
    weight = 1.0
    for of_one in zip(*sums.values(), strict=True):
        tried = [*of_one, max(of_one)]
        while weight > _LEAST_WEIGHT and (
            sum(math.exp(min(600.0, weight * log)) for log in tried) > len(tried)
        ):
            weight *= 0.9
    return max(_LEAST_WEIGHT, weight)


def log_beta_binomial(k: int, n: int, a: float, b: float) -> float:
    """The logarithm of the beta-binomial probability of k of n, less the binomial coefficient's."""
    lg = math.lgamma
    return lg(k + a) + lg(n - k + b) - lg(n + a + b) + lg(a + b) - lg(a) - lg(b)
