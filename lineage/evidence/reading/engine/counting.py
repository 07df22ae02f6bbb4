"""Counting rows on a scale, in an engine: each value falls into a cell, and cells are counted.

A cell is a bin, a category, an hour, or one of the kinds of values that are in none. So an engine
answers some dozens of rows for each column and part, by ``GROUP BY``, which all engines have.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import ibis

from lineage.errors import UsageError
from lineage.evidence.columns import (
    CHARACTERS,
    BinaryTarget,
    CategoryColumn,
    Column,
    NumberColumn,
    TextColumn,
    TimeColumn,
)
from lineage.evidence.counts import Counts
from lineage.evidence.reading.engine import values
from lineage.evidence.reading.rules import (
    Seen,
    bounds_of,
    column_of,
    moment,
    on_scale_of,
    score_of,
)
from lineage.evidence.reading.source import Form
from lineage.timestamps import HOUR, WEEK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.evidence.profile import Roles
    from lineage.evidence.reading.engine.table import EngineTable
    from lineage.evidence.reading.rules import Parts

_NULL: Final = -1
_WRONG: Final = -2
_NAN: Final = -3
_INFINITE: Final = -4
_WRITTEN: Final = -5
"""A text that may be a time, where times are counted."""

_SUMS: Final = tuple(f"sum{place}" for place in range(len(CHARACTERS)))
_TOGETHER: Final = 60
"""Columns and parts that one statement counts."""

Name = tuple[str, str]
"""What is counted, one of those that follow, and the column in which it is."""
_ROWS: Final = "rows"
_COLUMN: Final = "column"
_SCORE: Final = "score"
_TARGET: Final = "target"


@dataclass(frozen=True)
class _Question:
    """What is asked of each row for one column."""

    cell: Any
    number: Any = None
    """What the least and the greatest is told of."""
    sums: Sequence[Any] = ()
    """What is added up in each cell."""


@dataclass
class _Tally:
    """What was found of one column, in one part of the rows."""

    cells: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    sums: dict[int, list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0] * len(_SUMS))
    )
    """By cell."""
    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)

    def add(self, found: Mapping[str, Any]) -> None:
        """Add what an engine found of a cell."""
        cell = int(found["cell"])
        self.cells[cell] += int(found["number"])
        for place, name in enumerate(_SUMS):
            self.sums[cell][place] += int(found[name] or 0)
        if found["low"] is not None:
            self.lows.append(found["low"])
            self.highs.append(found["high"])

    @property
    def rows(self) -> int:
        return sum(self.cells.values())


_Part = dict[Name, _Tally]


def count(
    rows: EngineTable,
    scale: Counts,
    roles: Roles,
    labels: Mapping[str, Sequence[str]],
    window_seconds: int | None,
    *,
    is_reference: bool,
) -> Parts:
    """Count the rows of a table: the whole, by group and by window, as DuckDB does inside.

    Raises:
        UsageError: rows came or went meanwhile, or an engine cannot tell what is counted.
    """
    keys = [_group(rows, name, kept) for name, kept in labels.items()]
    time = None if roles.time is None or window_seconds is None else rows.time(roles.time)
    if time is not None:
        keys.append(_window(time, window_seconds or 1))
    found = _answers(rows, _questions(rows, scale, roles), keys)

    def read(part: _Part) -> Counts:
        _check(rows, part)
        return _counts(part, scale, roles, rows, is_reference=is_reference)

    whole = read(found.pop((None, None), {}))
    parts = {which: on_scale_of(whole, read(part)) for which, part in found.items()}
    names = list(labels)
    groups: dict[str, Counts] = {}
    windows: dict[str, Counts] = {}
    for (place, key), part in parts.items():
        if place < len(names):
            groups[f"{names[place]}={labels[names[place]][key]}"] = part
        else:
            windows[moment(key - values.before(window_seconds or 1))] = part
    return whole, groups, windows


def _answers(
    rows: EngineTable, questions: Mapping[Name, _Question], keys: Sequence[Any]
) -> dict[tuple[Any, Any], _Part]:
    """What was found, by the place of a key and its value; of the whole by no key."""
    names = list(questions)
    asked = list(product(range(max(1, len(keys))), range(len(names))))
    found: dict[tuple[Any, Any], _Part] = defaultdict(lambda: defaultdict(_Tally))
    for start in range(0, len(asked), _TOGETHER):
        branches = [
            _branch(rows.table, place, which, questions[names[which]], keys)
            for place, which in asked[start : start + _TOGETHER]
        ]
        for one in rows.run(ibis.union(*branches) if len(branches) > 1 else branches[0]):
            name, key = names[int(one["question"])], one["key"]
            if not one["place"]:  # the parts by one key are the whole
                found[None, None][name].add(one)
            if key is not None:
                found[int(one["place"]), int(key)][name].add(one)
    return found


def _branch(
    table: Any,  # noqa: ANN401 - Ibis's own
    place: int,
    which: int,
    question: _Question,
    keys: Sequence[Any],
) -> Any:  # noqa: ANN401 - Ibis's own
    """One column's cells in each part by one key."""
    names = _SUMS[: len(question.sums)]
    asked = dict(zip(names, question.sums, strict=True))
    if question.number is not None:
        asked["x"] = question.number
    key = keys[place] if keys else ibis.null("int64")
    prepared = table.select(key=key, cell=question.cell, **asked)
    totals = {name: prepared[name].sum() for name in names}
    if question.number is not None:
        totals |= {"low": prepared.x.min(), "high": prepared.x.max()}
    cells = prepared.group_by("key", "cell").aggregate(number=prepared.count(), **totals)
    return cells.select(
        place=ibis.literal(place, "int64"),
        question=ibis.literal(which, "int64"),
        key=cells.key.cast("int64"),
        cell=cells.cell.cast("int64"),
        number=cells.number.cast("int64"),
        **{
            name: cells[name] if name in totals else ibis.null("float64")
            for name in ("low", "high")
        },
        **{name: cells[name] if name in totals else ibis.null("int64") for name in _SUMS},
    )


def _group(rows: EngineTable, name: str, kept: Sequence[str]) -> Any:  # noqa: ANN401 - Ibis's own
    """The place of a row's label among those that are kept."""
    value = rows.named(name)
    if not kept:
        return ibis.null("int64")
    return ibis.cases(*((value == one, place) for place, one in enumerate(kept)))


def _window(time: Any, seconds: int) -> Any:  # noqa: ANN401 - Ibis's own
    since = values.since(time, seconds)
    return since - since % seconds


def _questions(rows: EngineTable, scale: Counts, roles: Roles) -> dict[Name, _Question]:
    """What is asked, of all columns that the table has."""
    asked = {(_ROWS, ""): _Question(ibis.literal(0))}
    for name, one in scale.columns.items():
        if name in rows.columns:
            asked[_COLUMN, name] = _question(rows, name, one)
    if scale.target is not None and roles.target is not None:
        asked[_TARGET, roles.target] = _question(rows, roles.target, scale.target)
    if scale.score is not None and roles.score is not None:
        asked[_SCORE, roles.score] = _score(rows, roles, scale)
    return asked


def _question(rows: EngineTable, name: str, scale: Column) -> _Question:
    column, form = rows.table[name], rows.columns[name]
    read, ask = _ASK[type(scale)]
    is_null = (column.isnull(), _NULL)
    if (value := read(column, form)) is not None:
        return ask(is_null, value, scale)
    is_written = isinstance(scale, TimeColumn) and form is Form.TEXT
    written = [(values.may_be_time(values.text(column, form)), _WRITTEN)] if is_written else []
    return _Question(ibis.cases(is_null, *written, else_=_WRONG))


def _number(is_null: Any, value: Any, scale: Column) -> _Question:  # noqa: ANN401 - Ibis's own
    bins, beyond = _up_to(value, bounds_of(scale))
    finite = values.is_finite(value)
    # NaN first: Spark's is null too
    cell = ibis.cases((value.isnan(), _NAN), is_null, (~finite, _INFINITE), *bins, else_=beyond)
    return _Question(cell, number=finite.ifelse(value, ibis.null("float64")))


def _category(is_null: Any, value: Any, scale: Column) -> _Question:  # noqa: ANN401 - Ibis's own
    categories = scale.values if isinstance(scale, CategoryColumn) else ()
    named = [(value == one, place) for place, one in enumerate(categories)]
    return _Question(ibis.cases(is_null, *named, else_=len(named)))


def _text(is_null: Any, value: Any, scale: Column) -> _Question:  # noqa: ANN401 - Ibis's own
    lengths, beyond = _up_to(value.length(), bounds_of(scale))
    classes = [values.of_class(value, number) for number in range(len(CHARACTERS) - 1)]
    return _Question(ibis.cases(is_null, *lengths, else_=beyond), sums=[*classes, value.length()])


def _time(is_null: Any, value: Any, _scale: Column) -> _Question:  # noqa: ANN401 - Ibis's own
    since = values.since(value, WEEK)
    hour = since % WEEK - since % HOUR
    return _Question(ibis.cases(is_null, (value.isnull(), _WRONG), else_=hour))


def _outcome(is_null: Any, value: Any, _scale: Column) -> _Question:  # noqa: ANN401 - Ibis's own
    return _Question(ibis.cases(is_null, (value.isnull(), _WRONG), else_=value))


_ASK: Final = {
    NumberColumn: (values.number, _number),
    CategoryColumn: (values.text, _category),
    TextColumn: (values.text, _text),
    TimeColumn: (values.time, _time),
    BinaryTarget: (values.outcome, _outcome),
}


def _score(rows: EngineTable, roles: Roles, scale: Counts) -> _Question:
    name = roles.score or ""
    column, value = rows.table[name], values.number(rows.table[name], rows.columns[name])
    without: list[Any] = []
    sums: list[Any] = []
    if _has_outcome(roles, scale, rows):
        target = roles.target or ""
        outcome = values.outcome(rows.table[target], rows.columns[target])
        if outcome is None:
            return _Question(ibis.literal(_NULL))
        without, sums = [(outcome.isnull(), _NULL)], [outcome]
    is_null = (column.isnull(), _NULL)
    if value is None:
        return _Question(ibis.cases(*without, is_null, else_=_WRONG))
    bins, beyond = _up_to(value, scale.score.edges if scale.score else ())
    nan, infinite = (value.isnan(), _WRONG), (~values.is_finite(value), _WRONG)
    cell = ibis.cases(*without, nan, is_null, infinite, *bins, else_=beyond)  # NaN first: as above
    return _Question(cell, sums=sums)


def _has_outcome(roles: Roles, scale: Counts, rows: EngineTable) -> bool:
    return isinstance(scale.target, BinaryTarget) and roles.target in rows.columns


def _up_to(value: Any, bounds: Sequence[float]) -> tuple[list[Any], int]:  # noqa: ANN401 - Ibis's
    """The cells up to each bound, and that beyond the last."""
    return [(value <= bound, place) for place, bound in enumerate(bounds)], len(bounds)


def _check(rows: EngineTable, part: _Part) -> None:
    for (_, name), tally in part.items():
        if tally.rows != part[_ROWS, ""].rows:
            raise UsageError(
                f"Rows of {rows.label} came or went while they were counted.",
                remedy="Count a snapshot of the table, or again when nothing writes to it.",
            )
        if tally.cells.get(_WRITTEN):
            raise values.written_time(name)


def _counts(
    part: _Part, scale: Counts, roles: Roles, rows: EngineTable, *, is_reference: bool
) -> Counts:
    number = part[_ROWS, ""].rows if part else 0
    none = _Tally({_NULL: number})

    def seen(what: str, name: str | None, on: Column) -> Seen:
        return _seen(part.get((what, name or ""), none), number, on)

    score, target = scale.score, scale.target
    if score is not None:
        found = seen(_SCORE, roles.score, score)
        if not _has_outcome(roles, scale, rows):
            found = replace(found, positives=None)
        score = score_of(score, found)
    if target is not None:
        target = column_of(target, seen(_TARGET, roles.target, target), is_reference=is_reference)
    columns = {
        name: column_of(one, seen(_COLUMN, name, one), is_reference=is_reference)
        for name, one in scale.columns.items()
    }
    return Counts(rows=number, columns=columns, score=score, target=target)


def _seen(tally: _Tally, rows: int, scale: Column) -> Seen:
    """What was found of a column, as the rules take it."""
    present = rows - tally.cells.get(_NULL, 0)
    cells = list(_cells(scale))
    return Seen(
        rows=rows, present=present, valid=present - tally.cells.get(_WRONG, 0),
        counts=[tally.cells.get(cell, 0) for cell in cells],
        nan=tally.cells.get(_NAN, 0), infinite=tally.cells.get(_INFINITE, 0),
        low=min(tally.lows, default=None), high=max(tally.highs, default=None),
        characters=[sum(one[place] for one in tally.sums.values()) for place in range(len(_SUMS))],
        positives=[tally.sums[cell][0] if cell in tally.sums else 0 for cell in cells],
    )  # fmt: skip


def _cells(scale: Column) -> range:
    """The cells of a scale, in the order of its counts."""
    if isinstance(scale, TimeColumn):
        return range(0, WEEK, HOUR)
    if isinstance(scale, CategoryColumn):
        return range(len(scale.values))
    if isinstance(scale, BinaryTarget):
        return range(1, 2)
    return range(len(bounds_of(scale)) + 1)
