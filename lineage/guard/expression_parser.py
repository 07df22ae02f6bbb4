"""Reading expressions over metrics by recursive descent; mistakes are pointed at.

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
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
    metrics_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST: Final = 500
DEEPEST: Final = 30

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<metric>(?:[A-Za-z_][\w-]*|"[^"]*")(?:\.(?:[\w-]+|\*|"[^"]*"))*)
    | (?P<operator>>=|<=|==|!=|[<>()+*/-])
    )""",
    re.VERBOSE | re.ASCII,
)
_SEGMENT: Final = re.compile(r'"([^"]*)"|([^."]+)')


def parse(text: str) -> Expression:
    """Read an expression that is true or false.

    Raises:
        UsageError: it cannot be read; the message points at the place.
    """
    if len(text) > LONGEST:
        raise UsageError(
            f"A requirement of {len(text):,} characters cannot be read.",
            remedy=f"Write at most {LONGEST} characters, or several requirements.",
        )
    return _Parser(text).whole()


@dataclass(frozen=True)
class _Word:
    kind: str
    text: str
    column: int


class _Parser:
    """Reads one expression by recursive descent, its depth bounded."""

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
            match = _TOKEN.match(self._text, at)
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
        word = self._take(*COMPARISONS)
        if word is None:
            return left
        here = self._word.column
        right = self._quantity(self._sum(), here)
        comparison = Comparison(word.text, self._quantity(left, start), right)
        self._check_stars(comparison, start)
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
            right = self._quantity(part(), here)
            left = Arithmetic(word.text, self._quantity(left, start), right)
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
            return Arithmetic("-", Number(0.0), self._quantity(self._deeper(self._factor), here))
        if word.kind == "number":
            self._at += 1
            value = float(word.text)
            if not math.isfinite(value):
                raise self._error("this number is too large", word.column)
            return Number(value)
        if word.kind == "metric":
            self._at += 1
            segments = _SEGMENT.findall(word.text)
            return Metric(tuple(quoted or plain for quoted, plain in segments))
        raise self._error("expected a number or a metric")

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

    def _check_stars(self, comparison: Comparison, column: int) -> None:
        counts = {metric.path.count(STAR) for metric in metrics_of(comparison)} - {0}
        if len(counts) > 1:
            raise self._error("the metrics of one comparison have different numbers of '*'", column)

    def _error(self, what: str, column: int | None = None) -> UsageError:
        place = self._word.column if column is None else column
        text = self._text if len(self._text) <= 80 else self._text[:79] + "…"
        return UsageError(
            f"The requirement {text!r} cannot be read at column {place}: {what}.",
            remedy="Write metrics, numbers, >= <= > < == !=, + - * / and and, or, not: "
            "auc >= 0.80 and slices.*.auc >= 0.75",
        )
