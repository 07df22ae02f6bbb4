"""Reading requirements and searches by recursive descent; mistakes are pointed at.

::

    expression = both {"or" both}
    both       = negated {"and" negated}
    negated    = ["not"] comparison
    comparison = sum [(">=" | "<=" | ">" | "<" | "==" | "!=") sum]
    sum        = product {("+" | "-") product}
    product    = factor {("*" | "/") factor}
    factor     = number | metric | "-" factor | "(" expression ")"
    metric     = segment {"." segment}        segment = name | "*" | '"any text"'

The first segment is a name that begins with a letter, or text in quotes: ``"0".precision``.

A search is written in the same language. Its metrics are fields of what is searched; one with a
``*`` stands on one side of a comparison by itself. ``=`` is ``==``, a factor may be a text in
single quotes (``''`` stands for one in it), ``true`` or ``false``, and a field that is true or
false is a comparison by itself::

    auc > 0.8 and tag.team = 'risk' and not dirty
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from typing_extensions import override

from lineage.errors import UsageError
from lineage.guard.expressions import (
    COMPARISONS,
    STAR,
    Arithmetic,
    Comparison,
    Expression,
    Logic,
    Metric,
    Number,
    Text,
    Truth,
    metrics_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lineage.guard.expressions import Path

LONGEST: Final = 500
DEEPEST: Final = 30

_NAME: Final = r"""(?:[A-Za-z_][\w-]*|"[^"]*")(?:\.(?:[\w-]+|\*|"[^"]*"))*"""
_NUMBER: Final = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])"
_OPERATOR: Final = r">=|<=|==|!=|[<>()+*/-]"
_TOKEN: Final = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER})|(?P<metric>{_NAME})|(?P<operator>{_OPERATOR}))", re.ASCII
)
_SEARCH_TOKEN: Final = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER})|(?P<metric>{_NAME})|(?P<text>'(?:[^']|'')*')"
    rf"|(?P<operator>{_OPERATOR}|=))",
    re.ASCII,
)
_FIELD: Final = re.compile(_NAME, re.ASCII)
_FIELDS: Final = re.compile(r"""(?:[^,"]|"[^"]*"|")*""")
_SEGMENT: Final = re.compile(r'"([^"]*)"|([^."]+)')
_TRUTHS: Final = {"true": True, "false": False}


def parse(text: str) -> Expression:
    """Read a requirement: an expression that is true or false of metrics.

    Raises:
        UsageError: it cannot be read; the message points at the place.
    """
    return _whole(_Parser, text)


def parse_search(text: str) -> Expression:
    """Read a search: an expression that is true or false of the fields of what is searched.

    Raises:
        UsageError: it cannot be read; the message points at the place.
    """
    return _whole(_SearchParser, text)


def parse_field(text: str) -> Path:
    """Read the name of one field of what is searched: ``auc``, ``slices."new customers".auc``.

    Raises:
        UsageError: it is none.
    """
    name = text.strip()
    if len(name) > LONGEST or _FIELD.fullmatch(name) is None or STAR in (path := _path(name)):
        raise UsageError(
            f"{name[:80]!r} is not the name of a field.",
            remedy="Write one such as number, registered_by, auc or tag.team; in quotes what is no "
            'plain word: slices."new customers".auc',
        )
    return path


def split_fields(text: str) -> tuple[str, ...]:
    """The names of fields that stand in a text, with commas between them.

    >>> split_fields('auc, "a,b".c')
    ('auc', '"a,b".c')
    """
    return tuple(name.strip() for name in _FIELDS.findall(text) if name.strip())


def _whole(parser: type[_Parser], text: str) -> Expression:
    if len(text) > LONGEST:
        raise UsageError(
            f"A {parser.what} of {len(text):,} characters cannot be read.",
            remedy=f"Write at most {LONGEST} characters{parser.instead}.",
        )
    return parser(text).whole()


def _path(name: str) -> Path:
    return tuple(quoted or plain for quoted, plain in _SEGMENT.findall(name))


@dataclass(frozen=True)
class _Word:
    kind: str
    text: str
    column: int


class _Parser:
    """Reads one requirement by recursive descent, its depth bounded."""

    what: ClassVar[str] = "requirement"
    instead: ClassVar[str] = ", or several requirements"
    tokens: ClassVar[re.Pattern[str]] = _TOKEN
    remedy: ClassVar[str] = (
        "Write metrics, numbers, >= <= > < == !=, + - * / and and, or, not: "
        "auc >= 0.80 and slices.*.auc >= 0.75"
    )
    operand: ClassVar[str] = "a number or a metric"

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = list(self._split())
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        """The expression, which must be all of the text and true or false."""
        expression = self._either()
        if self._word.kind != "end":
            raise self._error("expected the end")
        self._truth(expression, 1)
        return expression

    def _split(self) -> Iterator[_Word]:
        at = 0
        end = len(self._text.rstrip())
        while at < end:
            match = self.tokens.match(self._text, at)
            if match is None or match.lastgroup is None:
                spaces = len(self._text[at:]) - len(self._text[at:].lstrip())
                raise self._error("this character means nothing here", at + spaces + 1)
            word = match[match.lastgroup]
            kind = "operator" if word in ("and", "or", "not") else match.lastgroup
            yield _Word(kind, word, match.start(match.lastgroup) + 1)
            at = match.end()
        yield _Word("end", "", end + 1)

    @property
    def _word(self) -> _Word:
        return self._words[self._at]

    def _take(self, *operators: str) -> _Word | None:
        """The next word, if it is one of these operators."""
        word = self._word
        if word.kind == "operator" and word.text in operators:
            self._at += 1
            return word
        return None

    def _either(self) -> Expression:
        return self._joined("or", self._both)

    def _both(self) -> Expression:
        return self._joined("and", self._negated)

    def _joined(self, word: str, part: Callable[[], Expression]) -> Expression:
        start = self._word.column
        parts = [part()]
        while self._take(word):
            here = self._word.column
            parts.append(self._truth(part(), here))
        if len(parts) == 1:
            return parts[0]
        self._truth(parts[0], start)
        return Logic(word, tuple(parts))

    def _negated(self) -> Expression:
        if self._take("not"):
            here = self._word.column
            return Logic("not", (self._truth(self._deeper(self._negated), here),))
        return self._comparison()

    def _comparison(self) -> Expression:
        start = self._word.column
        left = self._sum()
        word = self._take(*COMPARISONS, "=")
        if word is None:
            return left
        here = self._word.column
        right = self._quantity(self._sum(), here)
        return self._compared(word.text, self._quantity(left, start), right, start)

    def _compared(self, sign: str, left: Expression, right: Expression, column: int) -> Expression:
        comparison = Comparison(sign, left, right, column)
        counts = {metric.path.count(STAR) for metric in metrics_of(comparison)} - {0}
        if len(counts) > 1:
            raise self._error("the metrics of one comparison have different numbers of '*'", column)
        return comparison

    def _sum(self) -> Expression:
        return self._calculated(("+", "-"), self._product)

    def _product(self) -> Expression:
        return self._calculated(("*", "/"), self._factor)

    def _calculated(self, operators: tuple[str, ...], part: Callable[[], Expression]) -> Expression:
        start = self._word.column
        left = part()
        while (word := self._take(*operators)) is not None:
            here = self._word.column
            right = self._number(part(), here)
            left = Arithmetic(word.text, self._number(left, start), right)
        return left

    def _factor(self) -> Expression:
        word = self._word
        if self._take("("):
            inner = self._deeper(self._either)
            if not self._take(")"):
                raise self._error("expected ')'")
            return inner
        if self._take("-"):
            here = self._word.column
            return Arithmetic("-", Number(0.0), self._number(self._deeper(self._factor), here))
        if word.kind == "number":
            self._at += 1
            value = float(word.text)
            if not math.isfinite(value):
                raise self._error("this number is too large", word.column)
            return Number(value)
        if word.kind == "metric":
            self._at += 1
            return self._named(word)
        raise self._error(f"expected {self.operand}")

    def _named(self, word: _Word) -> Expression:
        return Metric(_path(word.text), word.column)

    def _deeper(self, read: Callable[[], Expression]) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(f"it is nested deeper than {DEEPEST} levels")
        expression = read()
        self._depth -= 1
        return expression

    def _truth(self, expression: Expression, column: int) -> Expression:
        if not isinstance(expression, (Comparison, Logic)):
            raise self._error("expected a comparison, not a number alone", column)
        return expression

    def _quantity(self, expression: Expression, column: int) -> Expression:
        if isinstance(expression, (Comparison, Logic)):
            raise self._error("expected a number, not a comparison", column)
        return expression

    def _number(self, expression: Expression, column: int) -> Expression:
        """What is calculated with."""
        return self._quantity(expression, column)

    def _error(self, what: str, column: int | None = None) -> UsageError:
        place = self._word.column if column is None else column
        text = self._text if len(self._text) <= 80 else self._text[:79] + "…"
        return UsageError(
            f"The {self.what} {text!r} cannot be read at column {place}: {what}.",
            remedy=self.remedy,
        )


class _SearchParser(_Parser):
    """Reads one search in the same language."""

    what = "search"
    instead = ""
    tokens = _SEARCH_TOKEN
    remedy = (
        "Write fields, numbers, 'texts', = != >= <= > <, + - * / and and, or, not: "
        "auc > 0.8 and kind = 'production'"
    )
    operand = "a field, a number or a text in single quotes"

    @override
    def _compared(self, sign: str, left: Expression, right: Expression, column: int) -> Expression:
        return Comparison("==" if sign == "=" else sign, left, right, column)

    @override
    def _factor(self) -> Expression:
        word = self._word
        if word.kind != "text":
            return super()._factor()
        self._at += 1
        return Text(word.text[1:-1].replace("''", "'"), word.column)

    @override
    def _named(self, word: _Word) -> Expression:
        if word.text in _TRUTHS:
            return Truth(_TRUTHS[word.text], word.column)
        return super()._named(word)

    @override
    def _truth(self, expression: Expression, column: int) -> Expression:
        return expression if isinstance(expression, Metric) else super()._truth(expression, column)

    @override
    def _number(self, expression: Expression, column: int) -> Expression:
        if isinstance(expression, (Text, Truth)):
            raise self._error("expected a number", column)
        return super()._number(expression, column)
