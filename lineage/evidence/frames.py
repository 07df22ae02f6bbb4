"""Columns of a frame as plain values: of pandas, polars, Arrow, or a mapping of lists. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError
from lineage.evidence import batches

if TYPE_CHECKING:
    from collections.abc import Sequence


_NOTHING: Final = ("nan", "NaT", "<NA>")
"""What has no value, as pandas writes it."""


def column(frame: Any, name: str) -> list[Any]:  # noqa: ANN401 - any frame
    """The values of a column.

    Raises:
        UsageError: there is no such column, or it is no frame.
    """
    try:
        values = frame[name]
    except Exception:  # each library has its own
        known = [str(one) for one in batches.features(frame)]
        raise UsageError(
            f"The frame has no column {name[:80]!r}.",
            remedy=f"Name one of its own: {', '.join(known[:10]) or 'it has none'}.",
        ) from None
    for plain in ("to_pylist", "to_list", "tolist"):  # Arrow, polars and pandas, NumPy
        give = getattr(values, plain, None)
        if callable(give):
            return list(give())
    return list(values)


def numbers(values: Sequence[Any], name: str) -> list[float]:
    """A column's values as finite numbers.

    Raises:
        UsageError: some are none; the first is named by its row.
    """
    found = []
    for row, value in enumerate(values):
        try:
            number = math.nan if isinstance(value, str) or value is None else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise UsageError(
                f"Row {row} of {name[:80]!r} has no finite number.",
                remedy="Leave such rows out, or mend what predicts them.",
            )
        found.append(number)
    return found


def outcomes(values: Sequence[Any], name: str) -> list[bool]:
    """A column's values as what happened: 1 or true, 0 or false.

    Raises:
        UsageError: some are neither, or there is but one of both.
    """
    found = []
    for row, number in enumerate(numbers(values, name)):
        if number not in (0.0, 1.0):
            raise UsageError(
                f"Row {row} of {name[:80]!r} is {number:g}, neither 0 nor 1.",
                remedy="Give 1 (or true) for what happened, and 0 for what did not.",
            )
        found.append(number == 1.0)
    if len(set(found)) < 2:
        raise UsageError(
            f"{name[:80]!r} has {'one outcome alone' if found else 'no rows'}.",
            remedy="Give rows of both outcomes.",
        )
    return found


def labels(values: Sequence[Any]) -> list[str]:
    """A column's values as a slice is named by them; what has none is ``(none)``."""
    return [_label(value) for value in values]


def _label(value: Any) -> str:  # noqa: ANN401 - any value
    if value is None or str(value) in _NOTHING:
        return "(none)"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
