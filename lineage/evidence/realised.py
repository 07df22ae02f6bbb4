"""What came true: the metrics of a model from its scores and the outcomes that arrived later. Pure.

They are worked out from score bins and the positives in each, as windows hold them: scores of one
bin count as equal. An AUC's interval is DeLong's (1988), a rate's Wilson's, both of 95 %.

>>> calibration = Calibration((2, 2), (0, 2))
>>> found = realised(calibration, (10, 10), (2, 9))
>>> found["auc"], found["rate"], found["expected_rate"]
(0.853535, 0.55, 0.5)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from .slices import Z, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .performance import Calibration

TENTHS: Final = 10
"""Groups of neighbouring bins over which the calibration error is a mean."""


def realised(
    calibration: Calibration, bins: Sequence[int], positives: Sequence[int]
) -> dict[str, Any]:
    """The metrics of rows with these scores, of which so many were positive.

    Args:
        calibration: the validation's, in the same bins.
        bins: rows in each score bin.
        positives: the positive ones of them.

    Returns:
        ``rows`` and ``positives``; ``rate`` (the share of positives) with ``rate_low`` and
        ``rate_high``, and ``expected_rate``, as these scores had it at validation;
        ``calibration_error``, the mean distance between both over tenths of the validation's
        scores; ``auc`` with ``auc_low`` and ``auc_high``, None where there is one outcome alone.

    Raises:
        ValueError: they were counted in other bins than the validation's.
    """
    if not len(calibration.bins) == len(bins) == len(positives):
        raise ValueError("these scores were counted in other bins")
    rows, happened = sum(bins), sum(positives)
    low, high = wilson(happened, rows)
    value, auc_low, auc_high = auc_of(bins, positives)
    foreseen = [n * rate for n, rate in zip(bins, _rates(calibration), strict=True)]
    found: dict[str, Any] = {
        "rate": happened / rows if rows else None,
        "rate_low": low,
        "rate_high": high,
        "expected_rate": sum(foreseen) / rows if rows else None,
        "calibration_error": _calibration_error(bins, positives, foreseen) if rows else None,
        "auc": value,
        "auc_low": auc_low,
        "auc_high": auc_high,
    }
    rounded = {name: one if one is None else round(one, 6) for name, one in found.items()}
    return {"rows": rows, "positives": happened, **rounded}


def _rates(calibration: Calibration) -> list[float]:
    """The share of positives in each bin; of an empty one, that of all rows."""
    rows = sum(calibration.bins)
    whole = sum(calibration.positives) / rows if rows else 0.0
    pairs = zip(calibration.positives, calibration.bins, strict=True)
    return [p / n if n else whole for p, n in pairs]


def _calibration_error(
    bins: Sequence[int], positives: Sequence[int], foreseen: Sequence[float]
) -> float:
    parts = min(TENTHS, len(bins))
    apart = 0.0
    for part in range(parts):
        here = slice(len(bins) * part // parts, len(bins) * (part + 1) // parts)
        apart += abs(sum(positives[here]) - sum(foreseen[here]))
    return apart / sum(bins)


def auc_of(
    bins: Sequence[int], positives: Sequence[int]
) -> tuple[float | None, float | None, float | None]:
    """The area under the ROC curve, and its interval; None where there is one outcome alone."""
    negatives = [n - p for n, p in zip(bins, positives, strict=True)]
    many, few = sum(positives), sum(negatives)
    if not many or not few:
        return None, None, None
    below, above = 0, many
    won, lost = [], []
    for p, n in zip(positives, negatives, strict=True):
        above -= p
        won.append((below + n / 2) / few)  # of the negatives, by a positive of this bin
        lost.append((above + p / 2) / many)
        below += n
    value = sum(p * one for p, one in zip(positives, won, strict=True)) / many
    variance = _spread(positives, won, value) / many + _spread(negatives, lost, value) / few
    wide = Z * math.sqrt(variance)
    return value, max(0.0, value - wide), min(1.0, value + wide)


def _spread(counts: Sequence[int], values: Sequence[float], mean: float) -> float:
    """The variance of values that stand for so many rows each; that of a single row is unknown."""
    rows = sum(counts)
    if rows < 2:
        return 0.25
    return sum(n * (one - mean) ** 2 for n, one in zip(counts, values, strict=True)) / (rows - 1)
