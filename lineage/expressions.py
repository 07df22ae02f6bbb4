"""Expressions over metrics, read and evaluated. Pure, and safe by construction: no `eval`.

::

    expression = both {"or" both}
    both       = negated {"and" negated}
    negated    = ["not"] comparison
    comparison = sum [(">=" | "<=" | ">" | "<" | "==" | "!=") sum]
    sum        = product {("+" | "-") product}
    product    = factor {("*" | "/") factor}
    factor     = number | metric | "-" factor | "(" expression ")"
    metric     = segment {"." segment}        segment = name | "*" | '"any text"'

``*`` stands for every key at its place: ``slices.*.auc >= 0.75`` must hold for each slice, and
there must be one. What needs a metric that is missing, no number or not finite is unknown, and so
is every expression around it, ``not`` and ``or`` included: unknown is never a pass.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lineage.errors import UsageError

LONGEST: Final = 500
DEEPEST: Final = 30
STAR: Final = "*"

Path = tuple[str, ...]

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<metric>[A-Za-z_][\w-]*(?:\.(?:[\w-]+|\*|"[^"]*"))*)
    | (?P<operator>>=|<=|==|!=|[<>()+*/-])
    )""",
    re.VERBOSE | re.ASCII,
)
_SEGMENT: Final = re.compile(r'"([^"]*)"|([^."]+)')
_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class Unknown(Exception):
    """A metric that an expression needs is missing, no number, or not finite."""


@dataclass(frozen=True)
class Number:
    """A number as written."""

    value: float


@dataclass(frozen=True)
class Metric:
    """A metric by its path; ``*`` stands for every key at its place."""

    path: Path

    def __str__(self) -> str:
        return shown(self.path)


@dataclass(frozen=True)
class Arithmetic:
    """Two numbers added, subtracted, multiplied or divided."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Comparison:
    """Two numbers compared."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Logic:
    """Truths joined by ``and`` or ``or``, or one denied by ``not``."""

    operator: str
    parts: tuple[Expression, ...]


Expression = Number | Metric | Arithmetic | Comparison | Logic


@dataclass
class Looked:
    """The metrics that an evaluation looked at, and those of comparisons that failed."""

    all: dict[str, float] = field(default_factory=dict)
    failed: dict[str, float] = field(default_factory=dict)


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


def holds(expression: Expression, metrics: Mapping[str, Any], looked: Looked) -> bool:
    """Whether an expression holds of ``metrics``.

    Args:
        expression: what :func:`parse` gave.
        metrics: a JSON object of numbers, nested.
        looked: takes every metric that was looked at.

    Raises:
        Unknown: a metric that it needs is missing, no number, or not finite.
    """
    if isinstance(expression, Logic):
        truths = [holds(part, metrics, looked) for part in expression.parts]
        if expression.operator == "not":
            return not truths[0]
        return all(truths) if expression.operator == "and" else any(truths)
    assert isinstance(expression, Comparison)  # noqa: S101 - the parser checks it
    outcomes = [
        _compare(expression, metrics, stars, looked) for stars in _stars(expression, metrics)
    ]
    return all(outcomes)


def _compare(
    comparison: Comparison, metrics: Mapping[str, Any], stars: Path, looked: Looked
) -> bool:
    seen: dict[str, float] = {}
    left = _value(comparison.left, metrics, stars, seen)
    right = _value(comparison.right, metrics, stars, seen)
    held = _COMPARISONS[comparison.operator](left, right)
    looked.all.update(seen)
    if not held:
        looked.failed.update(seen)
    return held


def shown(path: Path) -> str:
    """A path as a person writes it."""
    return ".".join(p if re.fullmatch(r"[\w-]+|\*", p, re.ASCII) else f'"{p}"' for p in path)


def _value(
    expression: Expression, metrics: Mapping[str, Any], stars: Path, seen: dict[str, float]
) -> float:
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Metric):
        path = _bound(expression.path, stars)
        value = _number(_look_up(metrics, path), shown(path))
        seen[shown(path)] = value
        return value
    assert isinstance(expression, Arithmetic)  # noqa: S101 - the parser checks it
    left = _value(expression.left, metrics, stars, seen)
    right = _value(expression.right, metrics, stars, seen)
    try:
        result = _ARITHMETIC[expression.operator](left, right)
    except ZeroDivisionError:
        result = math.nan
    if not math.isfinite(result):
        raise Unknown(f"{left:.6g} {expression.operator} {right:.6g} is no finite number")
    return result


def _number(value: Any, name: str) -> float:  # noqa: ANN401 - any JSON value
    if value is _MISSING:
        raise Unknown(f"the metrics have no {name}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unknown(f"{name} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Unknown(f"{name} is not finite")
    return number


def _stars(comparison: Comparison, metrics: Mapping[str, Any]) -> list[Path]:
    """What the stars of a comparison stand for, one entry for each time it is to hold."""
    patterns = [metric.path for metric in _metrics(comparison) if STAR in metric.path]
    if not patterns:
        return [()]
    found = list(_matches(metrics, patterns[0]))
    if not found:
        raise Unknown(f"the metrics have nothing at {shown(patterns[0])}")
    return found


def _matches(value: Any, pattern: Path) -> Iterator[Path]:  # noqa: ANN401 - any JSON value
    """The keys that stand for the stars of a pattern, up to its last star."""
    if STAR not in pattern:
        yield ()
        return
    if not isinstance(value, Mapping):
        return
    head, *rest = pattern
    if head == STAR:
        for key in sorted(value):
            for more in _matches(value[key], tuple(rest)):
                yield (key, *more)
    elif head in value:
        yield from _matches(value[head], tuple(rest))


def _bound(path: Path, stars: Path) -> Path:
    """A path with its stars replaced."""
    left = iter(stars)
    return tuple(next(left) if segment == STAR else segment for segment in path)


def _metrics(expression: Expression) -> Iterator[Metric]:
    if isinstance(expression, Metric):
        yield expression
    elif isinstance(expression, (Arithmetic, Comparison)):
        yield from _metrics(expression.left)
        yield from _metrics(expression.right)


_MISSING: Final = object()


def _look_up(metrics: Mapping[str, Any], path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """The value at a path; a key that itself has dots is found too."""
    for end in range(len(path), 0, -1):
        key = ".".join(path[:end])
        if key not in metrics:
            continue
        if end == len(path):
            return metrics[key]
        inner = metrics[key]
        found = _look_up(inner, path[end:]) if isinstance(inner, Mapping) else _MISSING
        if found is not _MISSING:
            return found
    return _MISSING


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
        word = self._take(*_COMPARISONS)
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
        counts = {metric.path.count(STAR) for metric in _metrics(comparison)} - {0}
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
