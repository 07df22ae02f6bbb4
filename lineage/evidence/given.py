"""Rows as a service has them, as columns: of a frame, of dicts, of arrays. Pure; imports none."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBERS: Final = frozenset(
    {"double", "float", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64))}
)
"""Types of Arrow that are numbers."""


class Given(NamedTuple):
    """The values of a column: a list, or an array of NumPy."""

    values: Any
    nan_is_none: bool = False
    """Whether NaN stands for no value, as it does in pandas."""


def columns_of(rows: Any, wanted: Iterable[str]) -> tuple[int, dict[str, Given]]:  # noqa: ANN401
    """How many rows there are, and those of the wanted columns that they have.

    Args:
        rows: a frame of pandas, polars or Arrow, a dict of columns, a list of dicts, or one dict.
        wanted: the columns' names.

    Raises:
        UsageError: they are of no such form, or their columns are not equally long.
    """
    if isinstance(rows, Mapping):
        if not any(map(_is_several, rows.values())):
            rows = {name: [value] for name, value in rows.items()}
        found = {name: values_of(rows[name], name) for name in wanted if name in rows}
        return _length(rows), found
    if isinstance(rows, list | tuple):
        if not all(isinstance(row, Mapping) for row in rows):
            raise _unusable("a list of other things than dicts")
        known = [name for name in wanted if any(name in row for row in rows)]
        return len(rows), {name: Given([row.get(name) for row in rows]) for name in known}
    names = getattr(rows, "column_names", None)  # Arrow: its `columns` are the data
    if names is None:
        names = getattr(rows, "columns", None)
    if names is None:
        raise _unusable(f"a {type(rows).__name__}")
    there = {str(name): name for name in names}
    return len(rows), {name: values_of(rows[there[name]], name) for name in wanted if name in there}


def values_of(values: Any, name: str) -> Given:  # noqa: ANN401 - a sequence, an array, a series
    """A column's values.

    Raises:
        UsageError: they are no sequence.
    """
    if type(values) in (list, tuple):
        return Given(values)
    if (dimensions := getattr(values, "ndim", 1)) != 1:  # a frame's column that is there twice: 2
        raise UsageError(
            f"{name[:80]!r} is an array of {dimensions} dimensions.",
            remedy="Give each column as a sequence of its own.",
        )
    if array_kind(values):
        return Given(values)
    if hasattr(values, "iloc"):  # pandas
        of_numpy = type(values.dtype).__module__.partition(".")[0] == "numpy"
        return Given(values.to_numpy() if of_numpy else values.tolist(), nan_is_none=True)
    if _has_plain_numbers(values):
        return Given(values.to_numpy())
    for plain in ("to_pylist", "to_list", "tolist"):  # Arrow, polars, arrays of Python
        give = getattr(values, plain, None)
        if callable(give):
            return Given(give())
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        return Given(list(values))
    raise UsageError(
        f"{name[:80]!r} is no sequence of values.", remedy="Give a list, an array or a series."
    )


def array_kind(values: Any) -> str:  # noqa: ANN401 - any values
    """The kind of an array of NumPy: ``f``, ``i``, ``M`` and so on; nothing for what is none."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(values, numpy.ndarray):
        return ""
    kind: str = values.dtype.kind
    return kind


def _has_plain_numbers(values: Any) -> bool:  # noqa: ANN401 - a column of polars or Arrow
    """Whether it gives an array of NumPy, and NumPy is there anyway, and no value is missing."""
    if "numpy" not in sys.modules:
        return False
    kind = getattr(values, "dtype", None)
    if kind is not None and hasattr(kind, "is_numeric"):  # polars
        return bool(kind.is_numeric() and not kind.is_decimal() and not values.null_count())
    kind = getattr(values, "type", None)
    return kind is not None and str(kind) in _NUMBERS and not values.null_count  # Arrow


def _is_several(value: Any) -> bool:  # noqa: ANN401 - a value, or a column of values
    if isinstance(value, str | bytes | Mapping) or getattr(value, "ndim", 1) == 0:
        return False
    return hasattr(value, "__len__")


def _length(columns: Mapping[str, Any]) -> int:
    lengths = {len(one) if _is_several(one) else -1 for one in columns.values()}
    if len(lengths) > 1 or -1 in lengths:
        raise UsageError(
            "The columns of the rows are not equally long.", remedy="Give a value for each row."
        )
    return lengths.pop() if lengths else 0


def _unusable(what: str) -> UsageError:
    return UsageError(
        f"Rows cannot be counted of {what}: their columns have no names.",
        remedy="Give a frame of pandas, polars or Arrow, a dict of columns, or a list of dicts.",
    )
