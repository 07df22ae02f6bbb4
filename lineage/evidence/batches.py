"""Rows in batches of the kind that they are: a list, an array, a frame of any library. Pure.

>>> taken([1, 2, 3], 1, 3)
[2, 3]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def count(rows: Any) -> int:  # noqa: ANN401 - any frame, array or sequence
    """How many rows there are.

    Raises:
        UsageError: there are none, or nobody can tell (an iterator).
    """
    try:
        many = len(rows)
    except TypeError:
        raise UsageError(
            f"A {type(rows).__name__} does not say how many rows it has.",
            remedy="Give a list, an array or a frame.",
        ) from None
    if isinstance(rows, dict):
        raise UsageError(
            "A dict is no sequence of rows.", remedy="Give a list, an array or a frame."
        )
    if many == 0:
        raise UsageError("There are no rows.", remedy="Give some of those that it is to predict.")
    return int(many)


def taken(rows: Any, start: int, end: int) -> Any:  # noqa: ANN401 - as above
    """Some rows, those from ``start`` up to ``end`` without it, of the kind that all are."""
    by_place = getattr(rows, "iloc", None)
    if by_place is not None:  # pandas
        return by_place[start:end]
    part = getattr(rows, "slice", None)
    if callable(part):  # Arrow, polars: by start and length
        return part(start, end - start)
    return rows[start:end]


def features(rows: Any) -> list[Any]:  # noqa: ANN401 - as above
    """What the columns are called; of an array their numbers.

    Raises:
        UsageError: it has no columns.
    """
    if isinstance(rows, dict):
        return list(rows)
    names = getattr(rows, "column_names", None)  # Arrow: its `columns` are the data
    if names is None:
        names = getattr(rows, "columns", None)
    if names is not None:
        return list(names)
    shape: tuple[int, ...] = getattr(rows, "shape", ())
    if len(shape) != 2:
        raise UsageError(
            f"A {type(rows).__name__} has no columns.",
            remedy="Give a frame of pandas, polars or Arrow, an array of two dimensions, or a dict "
            "of lists.",
        )
    return list(range(shape[1]))


def permuted(rows: Any, name: Any, order: Sequence[int]) -> Any:  # noqa: ANN401 - as above
    """The same rows, in which one column has its values in another order."""
    if isinstance(rows, dict):
        return {**rows, name: [rows[name][place] for place in order]}
    if hasattr(rows, "iloc"):  # pandas
        other = rows.copy(deep=False)
        other[name] = rows[name].iloc[order].array
        return other
    if hasattr(rows, "with_columns"):  # polars
        return rows.with_columns(rows[name].gather(order))
    if hasattr(rows, "set_column"):  # Arrow
        at = rows.column_names.index(name)
        return rows.set_column(at, name, rows.column(name).take(list(order)))
    other = rows.copy()
    other[:, name] = rows[order, name]
    return other
