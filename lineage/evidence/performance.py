"""What a model's metric is estimated to be where no target is known yet. Pure.

Confidence-based estimation: a row with a score of some bin is positive as often as the rows of that
bin were at validation. It is right where only the inputs moved, and cannot see that the relation
between inputs and target changed (Garg et al. 2022, arXiv:2201.04234, on what no estimate can see).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

CANNOT_SEE: Final = (
    "Estimated from the scores and the calibration at validation: "
    "it cannot see concept drift, a changed relation between inputs and target."
)
_NORMAL: Final = 1.96
"""95 % of a normal distribution lie within so many standard deviations."""


@dataclass(frozen=True)
class Estimate:
    """A metric with the interval that holds it 95 times of 100, if calibration still holds."""

    value: float
    low: float
    high: float
    says: str = CANNOT_SEE


@dataclass(frozen=True)
class Calibration:
    """How often rows of each score bin were positive at validation; bins in order of the score."""

    bins: tuple[int, ...]
    positives: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse counts that do not go together.

        Raises:
            ValueError: there are not as many positives as bins, or more of them than rows.
        """
        if len(self.bins) != len(self.positives) or any(
            not 0 <= p <= n for p, n in zip(self.positives, self.bins, strict=True)
        ):
            raise ValueError("each bin has its rows, and of these so many positives")

    def rates(self) -> list[float]:
        """The share of positives in each bin, with half a row added to each outcome."""
        return [(p + 0.5) / (n + 1) for p, n in zip(self.positives, self.bins, strict=True)]

    def _variances(self, counts: Sequence[int]) -> list[float]:
        """Of a bin's share of positives in a window: the calibration's and the window's chance."""
        if len(counts) != len(self.bins):
            raise ValueError("these scores were counted in other bins")
        return [
            rate * (1 - rate) * (1 / (n + 2) + (1 / count if count else 0.0))
            for rate, n, count in zip(self.rates(), self.bins, counts, strict=True)
        ]


def estimated_auc(calibration: Calibration, counts: Sequence[int]) -> Estimate | None:
    """The area under the ROC curve of rows with these scores; rows of one bin count as ties.

    Args:
        calibration: the validation's.
        counts: rows of the window in each score bin.

    Returns:
        None where the window has no rows, or all are sure to have one outcome.
    """
    value, slopes = _auc(calibration.rates(), counts)
    if value is None:
        return None
    return _interval(value, slopes, calibration._variances(counts))


def estimated_accuracy(
    calibration: Calibration, counts: Sequence[int], first_positive: int
) -> Estimate | None:
    """The accuracy where bins from ``first_positive`` on are answered with yes.

    Returns:
        None where the window has no rows.
    """
    rows = sum(counts)
    if not rows:
        return None
    rates = calibration.rates()
    signs = [1 if at >= first_positive else -1 for at in range(len(counts))]
    right = sum(
        count * (rate if sign > 0 else 1 - rate)
        for count, rate, sign in zip(counts, rates, signs, strict=True)
    )
    slopes = [sign * count / rows for count, sign in zip(counts, signs, strict=True)]
    return _interval(right / rows, slopes, calibration._variances(counts))


def estimated_loss(calibration: Calibration, counts: Sequence[int]) -> Estimate | None:
    """How much smaller the area under the curve is than at validation; negative where it grew.

    Both are worked out from the same bins, so what binning takes off either goes.
    """
    now = estimated_auc(calibration, counts)
    then = estimated_auc(calibration, calibration.bins)
    if now is None or then is None:
        return None
    return Estimate(then.value - now.value, then.value - now.high, then.value - now.low)


def _auc(rates: Sequence[float], counts: Sequence[int]) -> tuple[float | None, list[float]]:
    """The area, and its slope by each bin's share of positives."""
    positive = [count * rate for count, rate in zip(counts, rates, strict=True)]
    negative = [count - p for count, p in zip(counts, positive, strict=True)]
    positives, negatives = sum(positive), sum(negative)
    if positives <= 0 or negatives <= 0:
        return None, []
    pairs, below, above = 0.0, 0.0, positives
    slopes = []
    for count, p, n in zip(counts, positive, negative, strict=True):
        above -= p
        won_by_positive = below + n / 2  # pairs that a positive of this bin wins
        lost_by_negative = above + p / 2
        pairs += p * won_by_positive
        slopes.append((count, won_by_positive, lost_by_negative))
        below += n
    whole = positives * negatives
    value = pairs / whole
    return value, [
        count * ((won - lost) / whole - value * (negatives - positives) / whole)
        for count, won, lost in slopes
    ]


def _interval(value: float, slopes: Sequence[float], variances: Sequence[float]) -> Estimate:
    variance = sum(slope**2 * one for slope, one in zip(slopes, variances, strict=True))
    wide = _NORMAL * math.sqrt(variance)
    return Estimate(value, max(0.0, value - wide), min(1.0, value + wide))
