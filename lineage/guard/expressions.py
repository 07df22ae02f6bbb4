"""Expressions over metrics and what they come to. Pure, and safe by construction: no `eval`.

:mod:`lineage.guard.expression_parser` reads them.

``*`` stands for every key at its place: ``slices.*.auc >= 0.75`` must hold for each slice, and
there must be one. What needs a metric that is missing, no number or not finite is unknown, and so
is every expression around it, ``not`` and ``or`` included: unknown is never a pass. A metric that
begins with ``serving.`` is one of what serves now.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

STAR: Final = "*"
_BARE: Final = re.compile(r"[\w-]+|\*", re.ASCII)
_FIRST: Final = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_WORDS: Final = frozenset({"and", "or", "not"})
MOST_STEPS: Final = 500_000
"""Steps that all requirements of one verdict, or of one decision, may take: some 0.2 s."""

SERVING: Final = "serving"
"""The first segment of a metric of what serves now."""

Path = tuple[str, ...]

COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
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


class TooMuchWork(Unknown):
    """The metrics that an expression stands for are more than it is evaluated on."""


@dataclass
class Budget:
    """The steps that are left for evaluating: a key that is looked at, a segment of a path.

    A star stands for every key at its place, and metrics and requirements come from clients, so
    what one verdict makes others wait for is bounded.
    """

    left: int = MOST_STEPS

    @property
    def is_spent(self) -> bool:
        """Whether something was not evaluated for want of steps."""
        return self.left < 0

    def spend(self, steps: int = 1) -> None:
        """Take steps.

        Raises:
            TooMuchWork: there are not so many.
        """
        self.left -= steps
        if self.left < 0:
            raise TooMuchWork(f"it stands for more metrics than {MOST_STEPS:,} steps look at")


@dataclass(frozen=True)
class Number:
    """A number as written."""

    value: float


@dataclass(frozen=True)
class Text:
    """A text as written, which only a search compares with."""

    value: str
    column: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Truth:
    """``true`` or ``false`` as written, which only a search compares with."""

    value: bool
    column: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Metric:
    """A metric by its path; ``*`` stands for every key at its place.

    A search names its fields in the same form.
    """

    path: Path
    column: int = field(default=0, compare=False)

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
    """Two numbers compared; in a search also two texts, times or truths."""

    operator: str
    left: Expression
    right: Expression
    column: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Logic:
    """Truths joined by ``and`` or ``or``, or one denied by ``not``."""

    operator: str
    parts: tuple[Expression, ...]


Expression = Number | Text | Truth | Metric | Arithmetic | Comparison | Logic


@dataclass
class Looked:
    """The metrics that an evaluation looked at, and those of comparisons that failed."""

    budget: Budget = field(default_factory=Budget)
    all: dict[str, float] = field(default_factory=dict)
    failed: dict[str, float] = field(default_factory=dict)


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
    assert isinstance(expression, Comparison)  # nosec B101 # noqa: S101 - the parser checks it
    outcomes = [
        _compare(expression, metrics, stars, looked)
        for stars in _stars(expression, metrics, looked.budget)
    ]
    return all(outcomes)


def _compare(
    comparison: Comparison, metrics: Mapping[str, Any], stars: Path, looked: Looked
) -> bool:
    seen: dict[str, float] = {}
    left = _value(comparison.left, metrics, stars, seen, looked.budget)
    right = _value(comparison.right, metrics, stars, seen, looked.budget)
    held = COMPARISONS[comparison.operator](left, right)
    looked.all.update(seen)
    if not held:
        looked.failed.update(seen)
    return held


def shown(path: Path) -> str:
    """A path as a person writes it."""
    first, *others = (p if _BARE.fullmatch(p) else f'"{p}"' for p in path)
    bare = _FIRST.fullmatch(first) is not None and first not in _WORDS
    return ".".join([first if bare or first.startswith('"') else f'"{first}"', *others])


def _value(
    expression: Expression,
    metrics: Mapping[str, Any],
    stars: Path,
    seen: dict[str, float],
    budget: Budget,
) -> float:
    budget.spend()
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Metric):
        path = _bound(expression.path, stars)
        value = _number(value_at(metrics, path, budget), shown(path))
        seen[shown(path)] = value
        return value
    assert isinstance(expression, Arithmetic)  # nosec B101 # noqa: S101 - the parser checks it
    left = _value(expression.left, metrics, stars, seen, budget)
    right = _value(expression.right, metrics, stars, seen, budget)
    try:
        result = _ARITHMETIC[expression.operator](left, right)
    except ZeroDivisionError:
        result = math.nan
    if not math.isfinite(result):
        raise Unknown(f"{left:.6g} {expression.operator} {right:.6g} is no finite number")
    return result


def _number(value: Any, name: str) -> float:  # noqa: ANN401 - any JSON value
    if value is MISSING:
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


def _stars(comparison: Comparison, metrics: Mapping[str, Any], budget: Budget) -> list[Path]:
    """What the stars of a comparison stand for, one entry for each time it is to hold."""
    patterns = [metric.path for metric in metrics_of(comparison) if STAR in metric.path]
    if not patterns:
        return [()]
    found = list(_matches(metrics, patterns[0], budget))
    if not found:
        raise Unknown(f"the metrics have nothing at {shown(patterns[0])}")
    return found


def _matches(
    value: Any,  # noqa: ANN401 - any JSON value
    pattern: Path,
    budget: Budget,
) -> Iterator[Path]:
    """The keys that stand for the stars of a pattern, up to its last star."""
    if STAR not in pattern:
        yield ()
        return
    if not isinstance(value, Mapping):
        return
    head, *rest = pattern
    if head == STAR:
        budget.spend(len(value) * len(pattern))
        for key in sorted(value):
            for more in _matches(value[key], tuple(rest), budget):
                yield (key, *more)
    elif head in value:
        budget.spend(len(pattern))
        yield from _matches(value[head], tuple(rest), budget)


def _bound(path: Path, stars: Path) -> Path:
    """A path with its stars replaced."""
    left = iter(stars)
    return tuple(next(left) if segment == STAR else segment for segment in path)


def without_serving(expression: Expression, *, held: bool = False) -> Expression | None:
    """An expression without its comparisons with what serves.

    Args:
        expression: which.
        held: whether they count as held; by default they are left out, so that of alternatives
            another must hold.

    Returns:
        None where nothing is left to hold.
    """
    return _without(expression, held=held, asserted=True)


def _without(expression: Expression, *, held: bool, asserted: bool) -> Expression | None:
    """The same below a number of negations; ``asserted`` tells that it is even."""
    if not isinstance(expression, Logic):
        return None if compares_with_serving(expression) else expression
    inner = asserted != (expression.operator == "not")
    parts = [_without(part, held=held, asserted=inner) for part in expression.parts]
    left = tuple(part for part in parts if part is not None)
    alternatives = expression.operator == ("or" if asserted else "and")
    if not left or (held and alternatives and len(left) < len(parts)):
        return None
    return Logic(expression.operator, left)


def compares_with_serving(expression: Expression) -> bool:
    """Whether an expression names a metric of what serves."""
    return any(metric.path[0] == SERVING for metric in metrics_of(expression))


def metrics_of(expression: Expression) -> Iterator[Metric]:
    """The metrics that an expression names."""
    if isinstance(expression, Metric):
        yield expression
    elif isinstance(expression, Logic):
        for part in expression.parts:
            yield from metrics_of(part)
    elif isinstance(expression, (Arithmetic, Comparison)):
        yield from metrics_of(expression.left)
        yield from metrics_of(expression.right)


MISSING: Final = object()
"""What stands at a path where nothing does."""


def value_at(metrics: Mapping[str, Any], path: Path, budget: Budget) -> Any:  # noqa: ANN401 - any JSON value
    """The value at a path, or :data:`MISSING`; a key that itself has dots is found too."""
    for end in range(len(path), 0, -1):
        budget.spend(end)
        key = ".".join(path[:end])
        if key not in metrics:
            continue
        if end == len(path):
            return metrics[key]
        inner = metrics[key]
        found = value_at(inner, path[end:], budget) if isinstance(inner, Mapping) else MISSING
        if found is not MISSING:
            return found
    return MISSING
