"""Counting rows on a scale: one query, one pass, for the whole, its groups and its windows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.evidence.counts import Counts
from lineage.evidence.parts import Part
from lineage.evidence.reading import expressions
from lineage.evidence.reading.asking import Query, ask, ask_score, form_of
from lineage.evidence.reading.rules import YEARS, days_that_were, moment, on_scale_of
from lineage.timestamps import MONDAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lineage.evidence.profile import Roles
    from lineage.evidence.reading.asking import Answer
    from lineage.evidence.reading.source import Source


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
        window_seconds: how long a window is; None for no windows. A time that cannot be true
            (:func:`days_that_were`) is in none.
        is_reference: whether these rows set the range of numbers, and say which categories are all.
    """
    days = days_that_were()
    asked = _Asked(source, scale, roles, labels, window_seconds, days, is_reference=is_reference)
    whole = scale
    groups: dict[str, Counts] = {}
    windows: dict[str, Counts] = {}
    for group, start, counts in asked.answers([[], *([place] for place in range(len(asked.keys)))]):
        if group is not None:
            groups[group] = counts
        elif start is not None:
            windows[start] = counts
        else:
            whole = counts
    for parts in (groups, windows):
        for name, part in parts.items():
            parts[name] = on_scale_of(whole, part)
    return whole, groups, windows


def count_windows(
    source: Source,
    scale: Counts,
    roles: Roles,
    labels: Mapping[str, Sequence[str]],
    window_seconds: int | None,
) -> tuple[Part, dict[str, Part]]:
    """Count a source's rows on a scale: all of them, and by window; each with its groups.

    Args:
        source: the rows; a column that they do not have has no value in any.
        scale: what they are counted on.
        roles: which of the columns are what.
        labels: for each column of groups, its labels.
        window_seconds: how long a window is; None for no windows.
    """
    asked = _Asked(source, scale, roles, labels, window_seconds, YEARS, is_reference=False)
    names = [[place] for place in range(len(labels))]
    time = [] if asked.windowed is None else [asked.windowed]
    sets = [[], *names] + ([time, *([*one, *time] for one in names)] if time else [])
    parts: dict[str | None, Part] = {}
    groups: dict[str | None, dict[str, Counts]] = {}
    for group, start, counts in asked.answers(sets):
        if group is None:
            parts[start] = Part(
                rows=counts.rows, columns=counts.columns, score=counts.score, target=counts.target
            )
        else:
            groups.setdefault(start, {})[group] = counts
    for start, part in parts.items():
        parts[start] = replace(part, groups=groups.get(start, {}))
    whole = parts.pop(None)
    return whole, {start: part for start, part in parts.items() if start is not None}


class _Asked:
    """A query for the counts of a source's rows, and its keys: one for each column of groups, and
    one for windows (at the place ``windowed``), which are of times between two days.
    """  # noqa: D205

    def __init__(
        self,
        source: Source,
        scale: Counts,
        roles: Roles,
        labels: Mapping[str, Sequence[str]],
        window_seconds: int | None,
        days: tuple[str, str],
        *,
        is_reference: bool,
    ) -> None:
        self._source, self._names = source, list(labels)
        self._query = query = Query(is_reference)
        self._rows = query.ask("count(*)")
        self._columns = {name: ask(query, source, name, one) for name, one in scale.columns.items()}
        self._target = scale.target and ask(query, source, roles.target or "", scale.target)
        self._score = scale.score and ask_score(query, source, roles, scale.score, scale.target)
        self.keys = [
            query.prepare(
                f"CASE WHEN list_contains(?, {(one := _label(source, name))}) THEN {one} END",
                list(kept),
            )
            for name, kept in labels.items()
        ]
        self.windowed: int | None = None
        if window_seconds is not None and roles.time in source.columns:
            time = expressions.time(roles.time, source.columns[roles.time], days)
            self.windowed = len(self.keys)
            self.keys.append(query.prepare(_window(time, window_seconds)))

    def answers(
        self, sets: Sequence[Sequence[int]]
    ) -> Iterator[tuple[str | None, str | None, Counts]]:
        """The counts by each set of keys, by their places: the group, the window's start, counts.

        What is in no group, or at no known time, is in no part.
        """
        query = self._query
        grouping = ", ".join(f"({', '.join(self.keys[place] for place in one)})" for one in sets)
        which = "".join(f", GROUPING({key}), {key}" for key in self.keys)
        found = self._source.connection.execute(
            f"SELECT {', '.join(query.aggregates)}{which} "  # nosec B608  # noqa: S608 - names are quoted
            f"FROM (SELECT {', '.join([*query.prepared, '1'])} FROM source)"
            + (f" GROUP BY GROUPING SETS ({grouping})" if self.keys else ""),
            [*query.values, *query.prepared_values],
        )
        length = len(query.aggregates)
        while batch := found.fetchmany(64):
            for answer in batch:
                pairs = zip(answer[length::2], answer[length + 1 :: 2], strict=True)
                keyed = {place: key for place, (free, key) in enumerate(pairs) if not free}
                if None not in keyed.values():
                    start = None if self.windowed is None else keyed.pop(self.windowed, None)
                    group = next((f"{self._names[at]}={key}" for at, key in keyed.items()), None)
                    yield group, None if start is None else moment(start), self._read(answer)

    def _read(self, answer: Answer) -> Counts:
        total = answer[self._rows]
        return Counts(
            rows=total,
            columns={name: one(answer, total) for name, one in self._columns.items()},
            score=self._score and self._score(answer, total),
            target=self._target and self._target(answer, total),
        )


def _window(time: str, seconds: int) -> str:
    since = f"(floor(epoch({time}))::BIGINT - {MONDAY})"
    return f"floor({since} / {seconds})::BIGINT * {seconds} + {MONDAY}"


def _label(source: Source, name: str) -> str:
    return expressions.label(name, form_of(source, name))
