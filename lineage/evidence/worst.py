"""The worst slices by several columns together, as SliceLine finds them (Sagadeeva, Boehm, 2021).

It goes through the combinations of values that have enough rows and a great error in the mean, and
passes over those that cannot be among the worst.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.evidence.slices import Rows

DEEPEST: Final = 3
"""Columns of one slice."""

_WEIGHT: Final = 0.95
"""What the error of a slice weighs against its size, as its authors have it."""


def worst(
    rows: Rows, by: Mapping[str, Sequence[str]], *, most: int, minimum: int
) -> list[dict[str, str]]:
    """The slices of two columns or more whose errors are greatest for their size, the worst first.

    The error of a row is the square of what a probability is off, or, of other scores, whether it
    is selected wrongly.

    Args:
        rows: scores and outcomes.
        by: for each column its values, as text, row by row.
        most: slices.
        minimum: rows of a slice.

    Returns:
        For each slice, its value of some of the columns; none where nothing is worse than the rest.

    Raises:
        UsageError: sliceline is not installed.
    """
    try:
        import numpy as np
        from sliceline.slicefinder import Slicefinder
    except ImportError:
        raise UsageError(
            "Finding the worst slices needs sliceline, which is not installed.",
            remedy="Install it: pip install 'lineage-guard[slices]'",
        ) from None
    pairs = list(zip(rows.scores, rows.outcomes, strict=True))
    if all(0 <= score <= 1 for score, _ in pairs):
        errors = [(score - happened) ** 2 for score, happened in pairs]
    else:
        errors = [float((score >= rows.threshold) != happened) for score, happened in pairs]
    values = np.array(list(by.values()), dtype=object).T
    alone = sum(len(set(column)) for column in by.values())
    finder = Slicefinder(
        alpha=_WEIGHT, k=most + alone, max_l=DEEPEST, min_sup=minimum, verbose=False
    )
    finder.fit(values, np.array(errors))
    found = (
        {name: value for name, value in zip(by, one, strict=True) if value is not None}
        for one in finder.top_slices_
    )
    return [one for one in found if len(one) > 1][:most]
