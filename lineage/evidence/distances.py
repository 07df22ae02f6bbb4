"""Distances between two lists of counts over the same cells. Pure: counts in, a number out.

What a few rows scatter by chance is taken off, so that a distance says how far the rows' source is
from the reference and not how few rows were looked at.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCATTER: Final = 0.35
"""Root of the mean square of the binned Wasserstein distance of n rows to their source, by √n."""


def jensen_shannon(counts: Sequence[float], expected: Sequence[float]) -> float:
    """The Jensen-Shannon distance, the square root of the divergence in bits (Lin 1991).

    Args:
        counts: rows in each cell, of any sum.
        expected: shares or counts of the reference in the same cells.

    Returns:
        0 (alike, or one of them is empty) to 1 (no cell in common).
    """
    return math.sqrt(_divergence(*_shares(counts, expected)))


def wasserstein(counts: Sequence[float], expected: Sequence[float]) -> float:
    """The Wasserstein-1 distance over cells in order, each as wide as its share of the reference.

    It is the mean distance by which rows moved, counted in ranks of the reference: 0.1 says that
    the typical row moved by a tenth of the reference's rows.

    Returns:
        0 (alike, or one of them is empty) to 1.
    """
    p, q = _shares(counts, expected)
    gaps = [abs(a - b) for a, b in zip(accumulate(p), accumulate(q), strict=True)]
    widths = [(a + b) / 2 for a, b in zip(q, [*q[1:], q[-1]], strict=True)] if q else []
    return min(1.0, sum(gap * width for gap, width in zip(gaps, widths, strict=True)))


def without_scatter(
    counts: Sequence[float], expected: Sequence[float], *, ordered: bool
) -> tuple[float, float | None]:
    """Both distances without what so few rows scatter by chance.

    From the divergence goes its mean under sampling, (cells - 1) / (8 n ln 2) (the first term of
    its expansion, as in Miller 1955); from the squared Wasserstein distance 0.35² / n.

    Args:
        counts: whole rows in each cell.
        expected: shares or counts of the reference.
        ordered: whether the cells have an order; without one there is no Wasserstein distance.
    """
    rows = sum(counts)
    if rows <= 0:
        return 0.0, None
    p, q = _shares(counts, expected)
    cells = sum(share > 0 for share in q)
    scatter = max(0, cells - 1) / (8 * rows * math.log(2))
    distance = math.sqrt(max(0.0, _divergence(p, q) - scatter))
    if not ordered:
        return distance, None
    moved = wasserstein(counts, expected)
    return distance, math.sqrt(max(0.0, moved**2 - _SCATTER**2 / rows))


def _shares(counts: Sequence[float], expected: Sequence[float]) -> tuple[list[float], list[float]]:
    if len(counts) != len(expected):
        raise ValueError(f"{len(counts)} cells beside {len(expected)}")
    rows, known = sum(counts), sum(expected)
    if rows <= 0 or known <= 0:
        return [], []
    return [count / rows for count in counts], [count / known for count in expected]


def _divergence(p: Sequence[float], q: Sequence[float]) -> float:
    bits = 0.0
    for a, b in zip(p, q, strict=True):
        middle = (a + b) / 2
        if a > 0:
            bits += a * math.log2(a / middle)
        if b > 0:
            bits += b * math.log2(b / middle)
    return min(1.0, max(0.0, bits / 2))
