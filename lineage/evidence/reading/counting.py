"""Counting rows on a scale: one query, one pass, for the whole, its groups and its windows."""

from __future__ import annotations

import datetime as dt
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
from lineage.evidence.counts import Counts
from lineage.evidence.reading import expressions
from lineage.evidence.reading.source import Form, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lineage.evidence.profile import Roles
    from lineage.evidence.reading.source import Source

_LENGTHS: Final = [2**i - 1 for i in range(LENGTH_BINS - 1)]
_HOURS: Final = list(range(HOURS))
_CLASSES: Final = (r"\pL", r"\p{Nd}", r"\pZ\t\n\v\f\r", r"\pP")
"""Letters, digits, spaces and punctuation, as a class of a regular expression has them."""
_MONDAY: Final = 345_600
"""The first Monday after 1970, in seconds: windows of weeks begin with one."""

Answer = Sequence[Any]
Common = dict[str, Any]
Read = Callable[[Answer, Common, int], Any]
"""Reads a column of an answer: the counts that all have, and how many values are valid."""


@dataclass
class _Query:
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


def count(
    source: Source,
    scale: Counts,
    roles: Roles,
    labels: Mapping[str, Sequence[str]],
    window_seconds: int | None,
    *,
    is_reference: bool,
) -> tuple[Counts, dict[str, Counts], dict[str, Counts]]:
    """Count a source's rows: the whole, by group (``column=label``) and by window (its start).

    Args:
        source: the rows; a column that they do not have has no value in any.
        scale: what they are counted on.
        roles: which of the columns are what.
        labels: for each column of groups, its labels.
        window_seconds: how long a window is; None for no windows.
        is_reference: whether these rows set the range of numbers, and say which categories are all.
    """
    query = _Query(is_reference)
    rows = query.ask("count(*)")
    columns = {name: _ask(query, source, name, one) for name, one in scale.columns.items()}
    target = scale.target and _ask(query, source, roles.target or "", scale.target)
    score = scale.score and _ask_score(query, source, roles, scale.score, scale.target)
    keys = [
        query.prepare(
            f"CASE WHEN list_contains(?, {(one := expressions.label(name, _form(source, name)))}) "
            f"THEN {one} END",
            list(kept),
        )
        for name, kept in labels.items()
    ]
    if window_seconds is not None and roles.time in source.columns:
        moment = expressions.time(roles.time, source.columns[roles.time])
        keys.append(query.prepare(_window(moment, window_seconds)))

    def read(answer: Answer) -> Counts:
        total = answer[rows]
        return Counts(
            rows=total,
            columns={name: one(answer, total) for name, one in columns.items()},
            score=score and score(answer, total),
            target=target and target(answer, total),
        )

    whole = scale
    names = list(labels)
    groups: dict[str, Counts] = {}
    windows: dict[str, Counts] = {}
    for which, key, answer in _answers(source, query, keys):
        if which is None:
            whole = read(answer)
        elif key is not None and which < len(names):
            groups[f"{names[which]}={key}"] = read(answer)
        elif key is not None:
            windows[_moment(key)] = read(answer)
    for parts in (groups, windows):
        for name, part in parts.items():
            parts[name] = _on(whole, part)
    return whole, groups, windows


def _on(whole: Counts, part: Counts) -> Counts:
    """A part on the scale that the whole turned out to have."""
    return replace(
        part,
        columns={
            name: replace(column, **whole.columns[name].get_scale())
            for name, column in part.columns.items()
        },
        target=whole.target and part.target and replace(part.target, **whole.target.get_scale()),
    )


def _answers(
    source: Source, query: _Query, keys: Sequence[str]
) -> Iterator[tuple[int | None, Any, Answer]]:
    """Each answer, with the key that it is of, by number, and that key's value."""
    sets = ", ".join(["()", *(f"({key})" for key in keys)])
    which = "".join(f", GROUPING({key}), {key}" for key in keys)
    found = source.connection.execute(
        f"SELECT {', '.join(query.aggregates)}{which} "  # nosec B608  # noqa: S608 - names are quoted
        f"FROM (SELECT {', '.join([*query.prepared, '1'])} FROM source)"
        + (f" GROUP BY GROUPING SETS ({sets})" if keys else ""),
        [*query.values, *query.prepared_values],
    )
    length = len(query.aggregates)
    while batch := found.fetchmany(64):
        for answer in batch:
            grouped = answer[length::2]
            if 0 in grouped:
                yield (place := grouped.index(0)), answer[length + 2 * place + 1], answer
            else:
                yield None, None, answer


def _form(source: Source, name: str | None) -> Form:
    """A column's form; of one that is not there, one in which no value is valid."""
    return source.columns.get(name or "", Form.OTHER)


def _present(source: Source, name: str) -> str:
    return quoted(name) if name in source.columns else "NULL"


def _ask(
    query: _Query, source: Source, name: str, scale: Column
) -> Callable[[Answer, int], Column]:
    """Ask for a column's counts; what reads them of an answer."""
    form = _form(source, name)
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


def _ask_number(query: _Query, value: str, scale: NumberColumn) -> Read:
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


def _ask_category(query: _Query, value: str, scale: CategoryColumn) -> Read:
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


def _ask_text(query: _Query, value: str, scale: TextColumn) -> Read:
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


def _ask_time(query: _Query, value: str, scale: TimeColumn) -> Read:
    hour = f"(isodow({value}) - 1) * 24 + hour({value})"
    hours = query.histogram(hour, _HOURS, f"{value} IS NOT NULL")

    def read(answer: Answer, common: Common, valid: int) -> TimeColumn:
        return replace(scale, **common, hours=hours(answer, common, valid)[:HOURS])

    return read


def _ask_outcome(query: _Query, value: str, scale: BinaryTarget) -> Read:
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


def _ask_score(
    query: _Query, source: Source, roles: Roles, own: Score, target: Column | None
) -> Callable[[Answer, int], Score]:
    """Ask for the score's bins, and the positives in each where the target has two outcomes."""
    name = roles.score or ""
    has_outcome = isinstance(target, BinaryTarget) and roles.target in source.columns
    outcome = query.prepare(
        expressions.outcome(roles.target or "", _form(source, roles.target)) if has_outcome else "0"
    )
    value = query.prepare(expressions.number(name, _form(source, name)))
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


def _window(moment: str, seconds: int) -> str:
    since = f"(floor(epoch({moment}))::BIGINT - {_MONDAY})"
    return f"floor({since} / {seconds})::BIGINT * {seconds} + {_MONDAY}"


def _moment(seconds: int) -> str:
    return (
        f"{dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
    )
