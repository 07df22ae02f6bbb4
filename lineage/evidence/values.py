"""Counting the values of one column on its scale, in Python, or in NumPy where they are its arrays.

Each kind of column has a counter. What it counts is a :class:`collections.Counter`: of bins by
their numbers, and of ``null``, ``wrong`` and the like. Pure.
"""

from __future__ import annotations

import datetime as dt
import math
import sys
import unicodedata
from bisect import bisect_left
from collections import Counter
from functools import lru_cache
from itertools import repeat
from operator import ne
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from lineage.evidence.columns import (
    CHARACTERS,
    HOURS,
    LENGTH_BINS,
    CategoryColumn,
    Column,
    NumberColumn,
    Score,
    TextColumn,
    TimeColumn,
)
from lineage.evidence.given import array_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

C = TypeVar("C", bound=Column)

Counted = Counter[Any]

_NONE: Final = frozenset({"NoneType", "NaTType", "NAType"})
"""The types of values that are none: Python's, and pandas'."""
_PLAIN: Final = frozenset({float, int})
_UNIX: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LONGEST_YEAR: Final = 9998
_INFINITE: Final = (math.inf, -math.inf)


class ValueCounter(Generic[C]):
    """Counts the values of one column."""

    knows_nan = False
    """Whether NaN is a value of its own; else it is of another type."""

    def __init__(self, scale: C) -> None:
        self.scale = scale

    def count(self, values: Any, nan_is_none: bool = False) -> Counted:  # noqa: ANN401
        """How many of some values are in which bin.

        Args:
            values: a list, or an array of NumPy.
            nan_is_none: whether NaN stands for no value.
        """
        kind = array_kind(values)
        counted = self._of_array(kind, values) if kind else None
        if counted is None:
            counted = self._of_list(values.tolist() if kind else values)
        if counted["nan"] and (nan_is_none or not self.knows_nan):
            counted["null" if nan_is_none else "wrong"] += counted.pop("nan")
        return counted

    def _of_list(self, values: Sequence[Any]) -> Counted:
        kinds = Counter(map(type, values))
        none = {one for one in kinds if one.__name__ in _NONE}
        there = [one for one in values if type(one) not in none] if none else values
        counted = self._of_values(there, kinds.keys() - none)
        counted["null"] += sum(kinds[one] for one in none)
        return counted

    def _of_array(self, kind: str, values: Any) -> Counted | None:  # noqa: ANN401
        """What is counted of an array; None where its values are counted one by one."""
        return None

    def _of_values(self, values: Sequence[Any], kinds: set[type]) -> Counted:
        """What is counted of values of these types, of which none is no value at all."""
        raise NotImplementedError

    def column(self, rows: int, counted: Counted) -> C:
        """The column of so many rows, of which that was counted."""
        raise NotImplementedError

    def _common(self, rows: int, counted: Counted) -> dict[str, Any]:
        return {"rows": rows, "null": counted["null"], "wrong_type": counted["wrong"]}


class _Numbers(ValueCounter[C]):
    """Counts numbers between bounds: in place i are those up to bound i, and beyond the last."""

    knows_nan = True
    bounds: Sequence[float]
    _array: Any = None

    def _of_array(self, kind: str, values: Any) -> Counted | None:  # noqa: ANN401
        if kind not in "fiu":
            return Counter(wrong=len(values)) if kind in "bM" else None
        numpy = sys.modules["numpy"]
        if self._array is None:
            self._array = numpy.array(self.bounds, dtype="float64")
        numbers = values.astype("float64", copy=False)
        counted: Counted = Counter()
        if kind == "f":
            finite = numpy.isfinite(numbers)
            if not finite.all():
                counted["nan"] = int(numpy.isnan(numbers).sum())
                numbers = numbers[finite]
                counted["infinite"] = len(values) - len(numbers) - counted["nan"]
        places = numpy.bincount(numpy.searchsorted(self._array, numbers, side="left"))
        counted.update({place: count for place, count in enumerate(places.tolist()) if count})
        return counted

    def _of_values(self, values: Sequence[Any], kinds: set[type]) -> Counted:
        if kinds <= _PLAIN:
            try:
                return self._of_floats(list(map(float, values)) if int in kinds else values)
            except OverflowError:
                pass
        numbers = [number for one in values if (number := _number(one)) is not None]
        counted = self._of_floats(numbers)
        counted["wrong"] += len(values) - len(numbers)
        return counted

    def _of_floats(self, values: Sequence[float]) -> Counted:
        counted: Counted = Counter()
        if any(map(ne, values, values)):
            numbers = [one for one in values if one == one]
            counted["nan"] = len(values) - len(numbers)
            values = numbers
        counted.update(map(bisect_left, repeat(self.bounds), values))
        for infinity, place in zip(_INFINITE, (len(self.bounds), 0), strict=True):
            if counted[place] and (many := values.count(infinity)):
                counted[place] -= many
                counted["infinite"] += many
        return counted


class _NumberCounter(_Numbers[NumberColumn]):
    def __init__(self, scale: NumberColumn) -> None:
        super().__init__(scale)
        self.bounds = list(scale.edges)
        if scale.low is not None and scale.high is not None:
            self.bounds = [math.nextafter(scale.low, -math.inf), *scale.edges, scale.high]

    def column(self, rows: int, counted: Counted) -> NumberColumn:
        scale = self.scale
        places = tuple(counted[place] for place in range(len(self.bounds) + 1))
        below, bins, above = 0, places, 0
        if scale.low is not None:
            below, bins, above = places[0], places[1:-1], places[-1]
        return NumberColumn(
            **self._common(rows, counted), **scale.get_scale(),
            nan=counted["nan"], infinite=counted["infinite"],
            bins=bins, below=below, above=above,
        )  # fmt: skip


class _ScoreCounter(_Numbers[Score]):
    """Of scores, what is not finite is of another type."""

    def __init__(self, scale: Score) -> None:
        super().__init__(scale)
        self.bounds = list(scale.edges)

    def column(self, rows: int, counted: Counted) -> Score:
        common = self._common(rows, counted)
        common["wrong_type"] += counted["nan"] + counted["infinite"]
        bins = tuple(counted[place] for place in range(len(self.bounds) + 1))
        return Score(**common, **self.scale.get_scale(), bins=bins, positives=None)


class _Texts(ValueCounter[C]):
    """Counts what is text; true and false are written so."""

    def _of_array(self, kind: str, values: Any) -> Counted | None:  # noqa: ANN401
        if kind == "f":
            nan = int((values != values).sum())
            return Counter(wrong=len(values) - nan, nan=nan)
        return Counter(wrong=len(values)) if kind in "iuM" else None

    def _of_values(self, values: Sequence[Any], kinds: set[type]) -> Counted:
        if kinds <= {str}:
            return self._of_texts(values)
        texts = [text for one in values if (text := _text(one)) is not None]
        counted = self._of_texts(texts)
        counted["nan"] += sum(map(_is_nan, values))
        counted["wrong"] += len(values) - len(texts) - counted["nan"]
        return counted

    def _of_texts(self, texts: Sequence[str]) -> Counted:
        raise NotImplementedError


class _CategoryCounter(_Texts[CategoryColumn]):
    def __init__(self, scale: CategoryColumn) -> None:
        super().__init__(scale)
        self._places = {value: place for place, value in enumerate(scale.values)}

    def _of_texts(self, texts: Sequence[str]) -> Counted:
        counted: Counted = Counter()
        for text, many in Counter(texts).items():
            counted[self._places.get(text, "left")] += many
        return counted

    def column(self, rows: int, counted: Counted) -> CategoryColumn:
        left = counted["left"]
        other, new = (0, left) if self.scale.complete else (left, 0)
        counts = tuple(counted[place] for place in range(len(self.scale.values)))
        return CategoryColumn(
            **self._common(rows, counted), **self.scale.get_scale(),
            counts=counts, other=other, new=new,
        )  # fmt: skip


class _TextCounter(_Texts[TextColumn]):
    def _of_texts(self, texts: Sequence[str]) -> Counted:
        counted: Counted = Counter()
        for length, many in Counter(map(len, texts)).items():
            counted[min(length.bit_length(), LENGTH_BINS - 1)] += many
        for character, many in Counter("".join(texts)).items():
            counted[_class_of(character)] += many
        return counted

    def column(self, rows: int, counted: Counted) -> TextColumn:
        return TextColumn(
            **self._common(rows, counted),
            lengths=tuple(counted[place] for place in range(LENGTH_BINS)),
            characters=tuple(counted[name] for name in CHARACTERS),
        )


class _TimeCounter(ValueCounter[TimeColumn]):
    def _of_array(self, kind: str, values: Any) -> Counted | None:  # noqa: ANN401
        if kind == "f":
            nan = int((values != values).sum())
            return Counter(wrong=len(values) - nan, nan=nan)
        if kind != "M":
            return Counter(wrong=len(values)) if kind in "iub" else None
        numpy = sys.modules["numpy"]
        there = values[~numpy.isnat(values)]
        seconds = there.astype("datetime64[s]").astype("int64")
        known = seconds[(seconds >= _seconds_of(1)) & (seconds < _seconds_of(_LONGEST_YEAR + 1))]
        hours = numpy.bincount((known // 3600 + 72) % HOURS)
        counted: Counted = Counter(null=len(values) - len(there), wrong=len(there) - len(known))
        counted.update({hour: count for hour, count in enumerate(hours.tolist()) if count})
        return counted

    def _of_values(self, values: Sequence[Any], kinds: set[type]) -> Counted:
        counted: Counted = Counter()
        for one in values:
            moment = _moment(one)
            if moment is not None:
                counted[moment.weekday() * 24 + moment.hour] += 1
            else:
                counted["nan" if _is_nan(one) else "wrong"] += 1
        return counted

    def column(self, rows: int, counted: Counted) -> TimeColumn:
        return TimeColumn(
            **self._common(rows, counted), hours=tuple(counted[hour] for hour in range(HOURS))
        )


_COUNTERS: Final[dict[type[Column], type[ValueCounter[Any]]]] = {
    NumberColumn: _NumberCounter,
    CategoryColumn: _CategoryCounter,
    TextColumn: _TextCounter,
    TimeColumn: _TimeCounter,
    Score: _ScoreCounter,
}


def counter_of(scale: Column) -> ValueCounter[Any]:
    """What counts values on the scale of a column."""
    return _COUNTERS[type(scale)](scale)


def _number(value: Any) -> float | None:  # noqa: ANN401 - any value
    """A value as a number; None for what is none, as texts, and true and false, are not."""
    if isinstance(value, bool | str | bytes) or type(value).__name__ in ("bool_", "bool"):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return None


def _is_nan(value: Any) -> bool:  # noqa: ANN401 - any value
    return isinstance(value, float) and math.isnan(value)


def _text(value: Any) -> str | None:  # noqa: ANN401 - any value
    """A value as text; None for what is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "true" if value else "false"
    return None


def _moment(value: Any) -> dt.datetime | None:  # noqa: ANN401 - any value
    """A value as a moment in UTC; None for what is none of the years 1 to 9998."""
    try:
        if isinstance(value, str):
            value = dt.datetime.fromisoformat(value.strip())
        if not isinstance(value, dt.date):
            return None
        if not isinstance(value, dt.datetime):
            value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
        moment = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year <= _LONGEST_YEAR else None


def _seconds_of(year: int) -> int:
    return int((dt.datetime(year, 1, 1, tzinfo=dt.UTC) - _UNIX).total_seconds())


@lru_cache(maxsize=65_536)
def _class_of(character: str) -> str:
    kind = unicodedata.category(character)
    if kind[0] == "L":
        return "letter"
    if kind == "Nd":
        return "digit"
    if kind[0] == "Z" or character in "\t\n\v\f\r":
        return "space"
    return "punctuation" if kind[0] == "P" else "other"
