"""Searches as SQL: an expression over typed fields becomes the condition of a statement.

What is searched says which fields it has (:class:`Fields`); :mod:`lineage.guard.expression_parser`
reads the expression. Whatever a person writes is a value of the statement, never a part of its
text. What a row lacks is NULL: a comparison with it is neither true nor false, nor is its `not`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Float, and_, case, cast, collate, func, literal, not_, or_

from lineage.errors import UsageError
from lineage.guard.expression_parser import parse_field, parse_search
from lineage.guard.expressions import (
    COMPARISONS,
    STAR,
    Arithmetic,
    Comparison,
    Logic,
    Metric,
    Number,
    Text,
    Truth,
)
from lineage.identity.digest import check_long_enough
from lineage.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import ColumnElement
    from sqlmodel import Session

    from lineage.guard.expressions import Expression, Path

    Compare = Callable[[Any, Any], ColumnElement[bool]]

LARGEST: Final = 1e30
"""Numbers that are calculated with lie below it, and above its inverse; others count as missing."""

MOST_COMPARISONS: Final = 20
"""Comparisons of one search: each may be made of every version."""

MOST_PRODUCTS: Final = 4
"""Multiplications and divisions in one comparison: so no result leaves the range of numbers."""


class FieldType(StrEnum):
    """What the values of a field are, in a person's words."""

    NUMBER = "a number"
    TEXT = "a text"
    TIME = "a time"
    TRUTH = "true or false"
    DIGEST = "a digest"


@dataclass(frozen=True)
class Field:
    """A field of what is searched.

    Attributes:
        name: as a person writes it.
        type: what its values are.
        value: the SQL of its value, NULL where a row has none.
        also: further digests that it is found by.
        greatest: the greatest of its values, where a row may have several; ``value`` is the least.
        metric: the metric that it is, if it is one.
        tag: the tag that it is, if it is one.
    """

    name: str
    type: FieldType
    value: ColumnElement[Any]
    also: tuple[ColumnElement[Any], ...] = ()
    greatest: ColumnElement[Any] | None = None
    metric: str | None = None
    tag: str | None = None


class Fields(ABC):
    """The fields of what is searched."""

    what: str
    """What has them, in a person's words: ``version``."""

    @abstractmethod
    def find(self, path: Path) -> Field | None:
        """The field of a name; None where there is none."""

    @abstractmethod
    def names(self) -> Iterable[str]:
        """Names of fields, for one who wrote another."""

    def named(self, name: str) -> Field:
        """The field that a person names by itself.

        Raises:
            UsageError: there is none.
        """
        path = parse_field(name)
        found = self.find(path)
        if found is None:
            raise _unknown(self, name.strip())
        return found


def condition(text: str, fields: Fields) -> ColumnElement[bool]:
    """The condition that a search puts on the rows of a statement.

    Raises:
        UsageError: it cannot be read, names no field, or compares what does not compare.
    """
    return _Compiler(text, fields).truth(parse_search(text))


class _Compiler:
    """Turns one search into SQL."""

    def __init__(self, text: str, fields: Fields) -> None:
        self._text = text
        self._fields = fields
        self._products = 0
        self._compared = 0

    def truth(self, expression: Expression) -> ColumnElement[bool]:
        """What is true or false."""
        self._compared += not isinstance(expression, Logic)
        if self._compared > MOST_COMPARISONS:
            raise self._refused(f"it compares more than {MOST_COMPARISONS} times")
        if isinstance(expression, Logic):
            parts = [self.truth(part) for part in expression.parts]
            if expression.operator == "not":
                return not_(parts[0])
            return and_(*parts) if expression.operator == "and" else or_(*parts)
        if isinstance(expression, Metric):
            field = self._field(expression)
            if field.type is not FieldType.TRUTH:
                raise self._refused(f"{field.name} is {field.type}: compare it", expression.column)
            return field.value == literal(True)
        assert isinstance(expression, Comparison)  # nosec B101 # noqa: S101 - the parser checks it
        return self._comparison(expression)

    def _comparison(self, comparison: Comparison) -> ColumnElement[bool]:
        self._products = 0
        sign, left, right = comparison.operator, comparison.left, comparison.right
        if isinstance(right, Metric) and (not isinstance(left, Metric) or STAR in right.path):
            sign, left, right = _TURNED.get(sign, sign), right, left
        field = self._field(left) if isinstance(left, Metric) else None
        if field is not None and field.greatest is not None:
            return self._all_compared(field, field.greatest, sign, comparison, right)
        if field is None or field.type is FieldType.NUMBER:
            return COMPARE[sign](self._number(left), self._number(right))
        of_text = _OF_TEXT.get(field.type)
        if isinstance(right, Text) and of_text is not None:
            return of_text(self, field, sign, right)
        if isinstance(right, Truth) and field.type is FieldType.TRUTH:
            self._only_equality(field, sign, comparison.column)
            return field.value == literal(right.value == (sign == "=="))
        if isinstance(right, Metric):
            other = self._field(right)
            if other.type is field.type:
                return COMPARE[sign](field.value, other.value)
            raise self._refused(
                f"{field.name} is {field.type} and {other.name} is {other.type}", right.column
            )
        raise self._refused(_SAID[field.type].format(name=field.name), comparison.column)

    def _all_compared(
        self,
        field: Field,
        greatest: ColumnElement[Any],
        sign: str,
        comparison: Comparison,
        right: Expression,
    ) -> ColumnElement[bool]:
        """Whether each of several values compares: the least, or the greatest, tells of all."""
        if sign == "!=":
            raise self._refused(
                f"{field.name} is several numbers: compare them by >= <= > < or =",
                comparison.column,
            )
        number = self._number(right)
        tell = {">": (field.value,), ">=": (field.value,), "<": (greatest,), "<=": (greatest,)}
        return and_(*(COMPARE[sign](v, number) for v in tell.get(sign, (field.value, greatest))))

    def _number(self, expression: Expression) -> ColumnElement[Any]:
        """What is compared as a number: a field, a number, or what is calculated of them."""
        if isinstance(expression, Number):
            return literal(expression.value, Float())
        if isinstance(expression, Metric):
            field = self._field(expression)
            if field.type is not FieldType.NUMBER:
                raise self._refused(
                    f"{field.name} is {field.type}, not a number", expression.column
                )
            if field.greatest is not None:
                raise self._refused(
                    f"{field.name} is several numbers: it stands on one side by itself",
                    expression.column,
                )
            return field.value
        if isinstance(expression, Arithmetic):
            return self._calculated(expression)
        column = expression.column if isinstance(expression, (Text, Truth)) else 1
        raise self._refused("expected a number", column)

    def _calculated(self, expression: Arithmetic) -> ColumnElement[Any]:
        if expression.left == Number(0.0) and isinstance(expression.right, Number):
            return literal(-expression.right.value, Float())  # a number below zero
        left, right = (self._part(part) for part in (expression.left, expression.right))
        if expression.operator in "*/":
            self._products += 1
            if self._products > MOST_PRODUCTS:
                raise self._refused(
                    f"one comparison multiplies and divides {MOST_PRODUCTS} times at most"
                )
        if expression.operator == "/":
            return left / func.nullif(right, literal(0.0, Float()))
        return {"+": left + right, "-": left - right, "*": left * right}[expression.operator]

    def _part(self, expression: Expression) -> ColumnElement[Any]:
        """What is calculated with: within bounds, so that no database fails on the result."""
        value = self._number(expression)
        if isinstance(expression, Arithmetic):
            return value
        if isinstance(expression, Number):
            if expression.value and not 1 / LARGEST <= expression.value <= LARGEST:
                raise self._refused(
                    f"{expression.value:g} is too large or too small to calculate with"
                )
            return value
        value = cast(value, Float(53))
        size = func.abs(value)
        return case(
            (size.between(literal(1 / LARGEST, Float()), literal(LARGEST, Float())), value),
            (size == literal(0.0, Float()), literal(0.0, Float())),
        )

    def _text_compared(self, field: Field, sign: str, right: Text) -> ColumnElement[bool]:
        return COMPARE[sign](field.value, right.value)

    def _time_compared(self, field: Field, sign: str, right: Text) -> ColumnElement[bool]:
        try:
            moment = parse_time(right.value)
        except UsageError as error:
            raise self._refused(str(error).rstrip("."), right.column) from None
        return COMPARE[sign](field.value, moment)

    def _digest_compared(self, field: Field, sign: str, right: Text) -> ColumnElement[bool]:
        """A digest is equal to one that is written whole, or its beginning."""
        self._only_equality(field, sign, right.column)
        try:
            check_long_enough(right.value)
        except UsageError as error:
            raise self._refused(
                f"{str(error).rstrip('.')} ({error.remedy.rstrip('.')})", right.column
            ) from None
        begins = (
            value.startswith(right.value, autoescape=True) for value in (field.value, *field.also)
        )
        same = or_(*begins)
        return same if sign == "==" else not_(same)

    def _only_equality(self, field: Field, sign: str, column: int) -> None:
        if sign not in ("==", "!="):
            raise self._refused(f"{field.name} is {field.type}: compare it by = or !=", column)

    def _field(self, metric: Metric) -> Field:
        found = self._fields.find(metric.path)
        if found is None:
            place = f" (column {metric.column} of {_cut(self._text)!r})"
            raise _unknown(self._fields, str(metric), place)
        return found

    def _refused(self, what: str, column: int = 1) -> UsageError:
        return UsageError(
            f"The search {_cut(self._text)!r} means nothing at column {column}: {what}.",
            remedy="Compare numbers with numbers, and texts, times and digests with texts in "
            "single quotes: auc > 0.8 and registered_at >= '2026-11-20' and kind = 'production'",
        )


_OF_TEXT: Final[dict[FieldType, Callable[[_Compiler, Field, str, Text], ColumnElement[bool]]]] = {
    FieldType.TEXT: _Compiler._text_compared,
    FieldType.TIME: _Compiler._time_compared,
    FieldType.DIGEST: _Compiler._digest_compared,
}
_SAID: Final = {
    FieldType.TEXT: "{name} is a text: compare it with a text in single quotes",
    FieldType.TIME: "{name} is a time: compare it with one in single quotes",
    FieldType.DIGEST: "{name} is a digest: compare it with one in single quotes",
    FieldType.TRUTH: "{name} is true or false: write it alone, or compare it with true or false",
}
_TURNED: Final = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
COMPARE: Final[dict[str, Compare]] = COMPARISONS  # type: ignore[assignment]


def text_value(session: Session, column: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a column
    """A text that is compared and sorted by its code points, on every database.

    PostgreSQL's own order is that of a language, and another in each database.
    """
    return collate(column, _BY_CODE_POINT[session.connection().dialect.name])


def _unknown(fields: Fields, name: str, place: str = "") -> UsageError:
    known = list(fields.names())
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    shown = near or known[:_SHOWN]
    return UsageError(
        f"No {fields.what} has {name[:80]!r}{place}.",
        remedy=f"Did you mean {' or '.join(shown)}?" if near else f"There are {', '.join(shown)}.",
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


_BY_CODE_POINT: Final = {"postgresql": "C", "sqlite": "BINARY"}
_SHOWN: Final = 30
_LONGEST: Final = 80
