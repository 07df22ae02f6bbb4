"""What is asked of the columns of rows, in one SELECT, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lineage.evidence.columns import (
    BinaryTarget,
    CategoryColumn,
    Column,
    NumberColumn,
    Score,
    TextColumn,
    TimeColumn,
)
from lineage.evidence.reading import expressions
from lineage.evidence.reading.rules import Seen, bounds_of, column_of, score_of
from lineage.evidence.reading.source import Form, quoted

if TYPE_CHECKING:
    from lineage.evidence.profile import Roles
    from lineage.evidence.reading.source import Source

_CLASSES: Final = (r"\pL", r"\p{Nd}", r"\pZ\t\n\v\f\r", r"\pP")
"""Letters, digits, spaces and punctuation, as a class of a regular expression has them."""

Answer = Sequence[Any]
Histogram = Callable[[Answer, int], tuple[int, ...]]
Read = Callable[[Answer, int], dict[str, Any]]
"""Reads of an answer what was seen of the values of a column, of which so many are valid."""


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

    def histogram(self, value: str, bounds: Sequence[Any], where: str = "TRUE") -> Histogram:
        """Ask how many values are up to each bound, and beyond the last."""
        if not bounds:
            return lambda _answer, valid: (valid,)
        place = self.ask(f"histogram({value}, ?) FILTER ({where})", list(bounds))

        def read(answer: Answer, valid: int) -> tuple[int, ...]:
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
        number = answer[valid]
        seen = Seen(rows=rows, present=answer[present], valid=number, **inner(answer, number))
        return column_of(scale, seen, is_reference=query.is_reference)

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
    low, high = (query.ask(f"{one}({value}) FILTER ({finite})") for one in ("min", "max"))
    histogram = query.histogram(value, bounds_of(scale), finite)

    def read(answer: Answer, valid: int) -> dict[str, Any]:
        counts = histogram(answer, valid - answer[nan] - answer[infinite])
        named = {"nan": nan, "infinite": infinite, "low": low, "high": high}
        return {"counts": counts} | {name: answer[place] for name, place in named.items()}

    return read


def _ask_category(query: Query, value: str, scale: CategoryColumn) -> Read:
    # with a beginning of our own: '' stands for all others in DuckDB's answer
    names = [f"={one}" for one in scale.values]
    place = query.ask(f"histogram_exact('=' || {value}, ?)", names) if names else None

    def read(answer: Answer, _valid: int) -> dict[str, Any]:
        found = {} if place is None else answer[place] or {}
        return {"counts": [found.get(one, 0) for one in names]}

    return read


def _ask_text(query: Query, value: str, scale: TextColumn) -> Read:
    lengths = query.histogram(f"length({value})", bounds_of(scale), f"{value} IS NOT NULL")
    sums = [
        query.ask(f"sum(length({value}) - length(regexp_replace({value}, '[{one}]+', '', 'g')))")
        for one in _CLASSES
    ]
    sums.append(query.ask(f"sum(length({value}))"))

    def read(answer: Answer, valid: int) -> dict[str, Any]:
        characters = [int(answer[place] or 0) for place in sums]
        return {"counts": lengths(answer, valid), "characters": characters}

    return read


def _ask_time(query: Query, value: str, scale: TimeColumn) -> Read:
    hour = f"(isodow({value}) - 1) * 24 + hour({value})"
    hours = query.histogram(hour, bounds_of(scale), f"{value} IS NOT NULL")
    return lambda answer, valid: {"counts": hours(answer, valid)}


def _ask_outcome(query: Query, value: str, _scale: BinaryTarget) -> Read:
    positive = query.ask(f"count(*) FILTER ({value} = 1)")
    return lambda answer, _valid: {"counts": (answer[positive],)}


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
        seen = Seen(
            rows=rows, present=answer[present], valid=answer[valid],
            counts=bins(answer, answer[valid]),
            positives=positives(answer, answer[positive]) if has_outcome else None,
        )  # fmt: skip
        return score_of(own, seen)

    return read
