"""What is asked of the columns of rows, in one SELECT, and how its answer is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from lineage.evidence.columns import (
    HOURS,
    LENGTH_BINS,
    BinaryTarget,
    CategoryColumn,
    Column,
    NumberColumn,
    Score,
    TextColumn,
    TimeColumn,
)
from lineage.evidence.reading import expressions
from lineage.evidence.reading.source import Form, quoted

if TYPE_CHECKING:
    from lineage.evidence.profile import Roles
    from lineage.evidence.reading.source import Source

_LENGTHS: Final = [2**i - 1 for i in range(LENGTH_BINS - 1)]
_HOURS: Final = list(range(HOURS))
_CLASSES: Final = (r"\pL", r"\p{Nd}", r"\pZ\t\n\v\f\r", r"\pP")
"""Letters, digits, spaces and punctuation, as a class of a regular expression has them."""

Answer = Sequence[Any]
Common = dict[str, Any]
Read = Callable[[Answer, Common, int], Any]
"""Reads a column of an answer: the counts that all have, and how many values are valid."""


@dataclass
class Query:
    """One SELECT over prepared rows: what is prepared of each, and what is aggregated."""

    is_reference: bool
    """Whether what is counted sets the range of numbers, and says whether categories are all."""
    prepared: list[str] = field(default_factory=list)
    aggregates: list[str] = field(default_factory=list)
    prepared_values: list[Any] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def prepare(self, expression: str, *values: Any) -> str:  # noqa: ANN401 - what SQL takes
        """Name what is worked out once a row."""
        name = f"x{len(self.prepared)}"
        self.prepared.append(f"{expression} AS {name}")
        self.prepared_values += values
        return name

    def ask(self, aggregate: str, *values: Any) -> int:  # noqa: ANN401 - what SQL takes
        """Ask for an aggregate; the place of its answer."""
        self.aggregates.append(aggregate)
        self.values += values
        return len(self.aggregates) - 1

    def histogram(self, value: str, bounds: Sequence[Any], where: str = "TRUE") -> Read:
        """Ask how many values are up to each bound, and beyond the last."""
        if not bounds:
            return lambda _answer, _common, valid: (valid,)
        place = self.ask(f"histogram({value}, ?) FILTER ({where})", list(bounds))

        def read(answer: Answer, _common: Common, valid: int) -> tuple[int, ...]:
            found = answer[place] or {}
            counts = tuple(found.get(one, 0) for one in bounds)
            return (*counts, valid - sum(counts))

        return read


def form_of(source: Source, name: str | None) -> Form:
    """A column's form; of one that is not there, one in which no value is valid."""
    return source.columns.get(name or "", Form.OTHER)


def _present(source: Source, name: str) -> str:
    return quoted(name) if name in source.columns else "NULL"


def ask(query: Query, source: Source, name: str, scale: Column) -> Callable[[Answer, int], Column]:
    """Ask for a column's counts; what reads them of an answer."""
    form = form_of(source, name)
    present = query.ask(f"count({query.prepare(_present(source, name))})")
    value = query.prepare(_value(name, form, scale))
    valid = query.ask(f"count({value})")
    inner = _ASK[type(scale)](query, value, scale)

    def read(answer: Answer, rows: int) -> Column:
        common = {
            "rows": rows,
            "null": rows - answer[present],
            "wrong_type": answer[present] - answer[valid],
        }
        column: Column = inner(answer, common, answer[valid])
        return column

    return read


def _value(name: str, form: Form, scale: Column) -> str:
    if isinstance(scale, NumberColumn):
        return expressions.number(name, form)
    if isinstance(scale, TimeColumn):
        return expressions.time(name, form)
    if isinstance(scale, BinaryTarget):
        return expressions.outcome(name, form)
    return expressions.text(name, form)


def _ask_number(query: Query, value: str, scale: NumberColumn) -> Read:
    finite = f"isfinite({value})"
    nan = query.ask(f"count(*) FILTER (isnan({value}))")
    infinite = query.ask(f"count(*) FILTER (isinf({value}))")
    ends = [query.ask(f"{one}({value}) FILTER ({finite})") for one in ("min", "max")]
    if scale.low is None or scale.high is None:
        bounds = list(scale.edges)
    else:
        bounds = [math.nextafter(scale.low, -math.inf), *scale.edges, scale.high]
    histogram = query.histogram(value, bounds, finite)

    def read(answer: Answer, common: Common, valid: int) -> NumberColumn:
        counts = histogram(answer, common, valid - answer[nan] - answer[infinite])
        of: dict[str, Any] = {"nan": answer[nan], "infinite": answer[infinite]}
        if scale.low is not None:
            of |= {"bins": counts[1:-1], "below": counts[0], "above": counts[-1]}
            return replace(scale, **common, **of)
        low, high = (answer[place] if query.is_reference else None for place in ends)
        return replace(scale, **common, **of, bins=counts, low=_plain(low), high=_plain(high))

    return read


def _ask_category(query: Query, value: str, scale: CategoryColumn) -> Read:
    # with a beginning of our own: '' stands for all others in DuckDB's answer
    names = [f"={one}" for one in scale.values]
    place = query.ask(f"histogram_exact('=' || {value}, ?)", names) if names else None

    def read(answer: Answer, common: Common, valid: int) -> CategoryColumn:
        found = {} if place is None else answer[place] or {}
        counts = tuple(found.get(one, 0) for one in names)
        left = valid - sum(counts)
        other, new = (0, left) if scale.complete else (left, 0)
        complete = scale.complete or (query.is_reference and not left)
        return replace(scale, **common, complete=complete, counts=counts, other=other, new=new)

    return read


def _ask_text(query: Query, value: str, scale: TextColumn) -> Read:
    lengths = query.histogram(f"length({value})", _LENGTHS, f"{value} IS NOT NULL")
    total = query.ask(f"sum(length({value}))")
    classes = [
        query.ask(f"sum(length({value}) - length(regexp_replace({value}, '[{one}]+', '', 'g')))")
        for one in _CLASSES
    ]

    def read(answer: Answer, common: Common, valid: int) -> TextColumn:
        known = [int(answer[place] or 0) for place in classes]
        characters = (*known, int(answer[total] or 0) - sum(known))
        return replace(
            scale, **common, lengths=lengths(answer, common, valid), characters=characters
        )

    return read


def _ask_time(query: Query, value: str, scale: TimeColumn) -> Read:
    hour = f"(isodow({value}) - 1) * 24 + hour({value})"
    hours = query.histogram(hour, _HOURS, f"{value} IS NOT NULL")

    def read(answer: Answer, common: Common, valid: int) -> TimeColumn:
        return replace(scale, **common, hours=hours(answer, common, valid)[:HOURS])

    return read


def _ask_outcome(query: Query, value: str, scale: BinaryTarget) -> Read:
    positive = query.ask(f"count(*) FILTER ({value} = 1)")

    def read(answer: Answer, common: Common, valid: int) -> BinaryTarget:
        return replace(
            scale, **common, positive=answer[positive], negative=valid - answer[positive]
        )

    return read


_ASK: Final[dict[type[Column], Callable[..., Read]]] = {
    NumberColumn: _ask_number,
    CategoryColumn: _ask_category,
    TextColumn: _ask_text,
    TimeColumn: _ask_time,
    BinaryTarget: _ask_outcome,
}


def ask_score(
    query: Query, source: Source, roles: Roles, own: Score, target: Column | None
) -> Callable[[Answer, int], Score]:
    """Ask for the score's bins, and the positives in each where the target has two outcomes."""
    name = roles.score or ""
    has_outcome = isinstance(target, BinaryTarget) and roles.target in source.columns
    outcome = query.prepare(
        expressions.outcome(roles.target or "", form_of(source, roles.target))
        if has_outcome
        else "0"
    )
    value = query.prepare(expressions.number(name, form_of(source, name)))
    raw = query.prepare(_present(source, name))
    present = query.ask(f"count(*) FILTER ({raw} IS NOT NULL AND {outcome} IS NOT NULL)")
    is_valid = f"isfinite({value}) AND {outcome} IS NOT NULL"
    valid = query.ask(f"count(*) FILTER ({is_valid})")
    positive = query.ask(f"count(*) FILTER ({is_valid} AND {outcome} = 1)")
    bins = query.histogram(value, own.edges, is_valid)
    positives = query.histogram(value, own.edges, f"{is_valid} AND {outcome} = 1")

    def read(answer: Answer, rows: int) -> Score:
        common = {
            "rows": rows,
            "null": rows - answer[present],
            "wrong_type": answer[present] - answer[valid],
        }
        return replace(
            own, **common, bins=bins(answer, common, answer[valid]),
            positives=positives(answer, common, answer[positive]) if has_outcome else None,
        )  # fmt: skip

    return read


def _plain(number: float | None) -> float | None:
    return None if number is None else number + 0.0  # -0.0 is 0
