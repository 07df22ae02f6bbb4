"""What a value of a column is, as Ibis says it; `lineage.evidence.reading.expressions` is its twin.

All is said by what engines read alike: comparisons, lengths, regular expressions of plain classes,
seconds since 1970. Where a column cannot have such a value there is None.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import ibis

from lineage.errors import UsageError
from lineage.evidence.reading import rules
from lineage.evidence.reading.source import Form
from lineage.timestamps import MONDAY

if TYPE_CHECKING:
    from ibis.expr.datatypes import DataType

Expression = Any
"""A column, or a scalar, of Ibis: its types are made when it runs."""

_GREATEST: Final = sys.float_info.max
_EARLIEST: Final = 62_135_596_800
"""The seconds from the year 1 to 1970."""
_WRITTEN_TIME: Final = (
    r"^[ \t\n\r\f\v]*(-?[0-9]+([-/ \\])[0-9]{1,2}[-/ \\][0-9]{1,2}([^0-9]|$)|[Ee][Pp])"
)
"""What begins as a text that DuckDB may read as a time does."""
_BEYOND: Final = 0x40000
"""The first code point of those planes of which Unicode has given none to letters."""


def form_of(kind: DataType) -> Form | None:
    """The form of a column of a type; None for one that cannot be told."""
    if kind.is_boolean():
        return Form.BOOLEAN
    if kind.is_numeric():
        return Form.NUMBER
    if kind.is_string() or kind.is_uuid():
        return Form.TEXT
    if kind.is_timestamp():
        return Form.TIME if kind.timezone is None else Form.ZONED
    if kind.is_date():
        return Form.TIME
    is_other = kind.is_nested() or kind.is_binary() or kind.is_time() or kind.is_interval()
    return Form.OTHER if is_other or kind.is_null() else None


def number(column: Expression, form: Form) -> Expression | None:
    """The value as a number of 64 bits."""
    return column.cast("float64") if form is Form.NUMBER else None


def is_finite(value: Expression) -> Expression:
    """Whether a number is one: engines know infinities, and NaN beside null, each in its way."""
    return value.between(-_GREATEST, _GREATEST)


def text(column: Expression, form: Form) -> Expression | None:
    """The value as text."""
    if form is Form.TEXT:
        return column if column.type().is_string() else column.cast("string")
    if form is Form.BOOLEAN:
        return ibis.cases((column, "true"), (~column, "false"))
    return None


def time(
    column: Expression, form: Form, between: tuple[str, str] = rules.YEARS
) -> Expression | None:
    """The value as a moment between two days."""
    if form not in (Form.TIME, Form.ZONED):
        return None
    zone = "UTC" if form is Form.ZONED else None
    first, last = (ibis.timestamp(day, timezone=zone) for day in between)
    value = column.cast("timestamp") if column.type().is_date() else column
    return value.between(first, last).ifelse(value, ibis.null(value.type()))


def since(moment: Expression, unit: int) -> Expression:
    """Seconds to a moment, from a Monday before the year 1 that begins a unit of so many."""
    return moment.truncate("s").epoch_seconds() + before(unit)


def before(unit: int) -> int:
    """The seconds from that Monday to 1970."""
    return -(-(_EARLIEST + MONDAY) // unit) * unit - MONDAY


def may_be_time(column: Expression) -> Expression:
    """Whether a text is one that DuckDB may read as a time."""
    return column.re_search(_WRITTEN_TIME)


def written_time(name: str) -> UsageError:
    """The error for times that are written as text."""
    return UsageError(
        f"Column {name!r} holds times that are written as text; engines read those each in its "
        "way.",
        remedy="Make them times in the expression: "
        f"table.mutate(**{{{name!r}: table[{name!r}].cast('timestamp')}}).",
    )


def outcome(column: Expression, form: Form) -> Expression | None:
    """1 where the value is 1 or true, 0 where it is 0 or false, else null."""
    if form is Form.BOOLEAN:
        return ibis.cases((column, 1), (~column, 0))
    if form is Form.NUMBER:
        return ibis.cases((column == 1, 1), (column == 0, 0))
    if form is Form.TEXT:
        word = (column if column.type().is_string() else column.cast("string")).lower()
        return ibis.cases((word == "true", 1), (word == "false", 0))
    return None


def label(column: Expression, form: Form) -> Expression | None:
    """The value as a group is named by it; None where engines write it each in its way."""
    return column.cast("string") if column.type().is_integer() else text(column, form)


def of_class(value: Expression, number: int) -> Expression:
    """How many characters of a text are of a class, of :func:`classes`."""
    return value.length() - value.re_replace(f"[{classes()[number]}]+", "").length()


@cache
def classes() -> tuple[str, ...]:
    """Letters, digits, spaces and punctuation: each the ranges of a class, the same to any engine.

    Some engines have no names for them, others have those of another Unicode.
    """
    found: dict[str, str] = dict.fromkeys(("L", "Nd", "Z", "P"), "")
    for kind, points in groupby(range(1, _BEYOND), _class):
        if kind in found:
            inside = list(points)
            found[kind] += _escaped(inside[0], inside[-1])
    return tuple(found.values())


def _class(point: int) -> str:
    category = "Z" if chr(point) in "\t\n\v\f\r" else unicodedata.category(chr(point))
    return category if category == "Nd" else category[0]


def _escaped(first: int, last: int) -> str:
    """A range of code points in a class of a regular expression."""
    ends = [("\\" if chr(point) in r"\]^-[&~" else "") + chr(point) for point in (first, last)]
    return ends[0] if first == last else f"{ends[0]}-{ends[1]}"
