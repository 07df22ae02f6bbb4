"""The time line of a model's inputs and scores: quiet, or what changed, since when. Pure.

A change is told where there is both evidence and effect: e-detectors of the column's questions pass
what one number allows (``alarms_per_year``), and the distance of the rows since the change began is
beyond a floor, which is how far windows of the reference are from each other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from .detector import Question, changed_columns, mean_evidence
from .distances import without_scatter
from .kinds import AT_ONCE, Course, course, events_near, hosts_that_show, kind_of
from .windows import Window, pooled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .kinds import Event, Kind
    from .reference import Reference

YEAR: Final = 365.25 * 86400
AIMED_AT: Final = 0.9
"""Of the false alarms that are granted: what is ordinary is learned of a reference that ends."""
SCORE: Final = "score"
"""The name of the column that has the model's own answers."""
_POOLED: Final = 28
"""The distance of a change is that of so many of its newest windows at most."""
_CALM: Final = 3
"""So many windows in a row without effect end a change: each looked at together with those before
it, as many as it took to tell the change, so that what days together told no single day ends."""
_LATER: Final = 14
"""So many windows after an alarm are still looked at, to tell a step from a ramp."""

Tier = Literal["page", "ticket", "explain"]


@dataclass(frozen=True)
class Change:
    """What changed: an alarm.

    ``begins`` and ``told`` are starts of windows; ``ended`` is one too, or None while it goes on.
    """

    kind: Kind
    begins: float
    told: float
    ended: float | None
    columns: tuple[str, ...]
    distances: tuple[float, ...]
    """How far each column is from what was expected, Jensen-Shannon, since it began."""
    question: str
    """The question that shows it most: see :attr:`.windows.Cells.questions`."""
    expected: float
    seen: float
    """That question's share, as expected and as seen since it began."""
    breaks_contract: bool
    hosts: tuple[str, ...]
    events: tuple[Event, ...]
    tier: Tier
    """How urgent: a broken contract pages, and moved scores open a ticket; inputs alone explain."""


@dataclass(frozen=True)
class Timeline:
    """Every window's state, and the changes that were told."""

    windows: tuple[tuple[float, Kind], ...]
    changes: tuple[Change, ...]
    alarms_per_year: float
    windows_per_year: float


def timeline(
    reference: Reference,
    windows: Sequence[Window],
    events: Sequence[Event] = (),
    *,
    alarms_per_year: float = 1.0,
    seconds: float = 86400.0,
) -> Timeline:
    """What each window says, beside the reference and what the registry did.

    Args:
        reference: what is ordinary.
        windows: what production saw, in order of their starts; a window may lack columns.
        events: what the registry knows of: moves, deployments, hosts' versions.
        alarms_per_year: the false alarms that are granted to the model in a year.
        seconds: the length of a window.

    Raises:
        ValueError: ``alarms_per_year`` or ``seconds`` is not positive, or the windows are not in
            order, or one was counted in other cells than the reference.
    """
    if not (alarms_per_year > 0 and seconds > 0):
        raise ValueError("alarms_per_year and the length of a window are more than 0")
    if any(a.start >= b.start for a, b in pairwise(windows)):
        raise ValueError("the windows are not in order")
    granted = YEAR / seconds / (AIMED_AT * alarms_per_year)
    watch = _Watch(reference, granted, windows, events, seconds)
    for place in range(len(windows)):
        watch.see(place)
    return Timeline(
        tuple(watch.states()),
        tuple(alarm.change(len(windows)) for alarm in watch.alarms),
        alarms_per_year,
        YEAR / seconds,
    )


class _Watch:
    """Goes through the windows once, and opens and closes changes."""

    def __init__(
        self,
        reference: Reference,
        granted: float,
        windows: Sequence[Window],
        events: Sequence[Event],
        seconds: float,
    ) -> None:
        self.reference, self.granted, self.windows = reference, granted, windows
        self.events, self.seconds = events, seconds
        self.questions = {
            name: {asked: Question(expected) for asked, expected in column.expected.items()}
            for name, column in reference.columns.items()
        }
        self.alarms: list[_Alarm] = []
        self.open: dict[str, _Alarm] = {}
        self.calm: dict[str, int] = {}

    def see(self, place: int) -> None:
        window = self.windows[place]
        evidence = {}
        for name, questions in self.questions.items():
            if name in self.open:
                evidence[name] = 0.0
                self._look_whether_calm(name, place)
                continue
            if (cells := window.columns.get(name)) is not None:
                asked = cells.questions
                if len(cells.all) != self.reference.columns[name].width:
                    raise ValueError(f"column {name!r} was counted in other cells")
                for key, question in questions.items():
                    question.see(place, window.start, *asked[key])
            evidence[name] = mean_evidence(list(questions.values()))
        changed = changed_columns(evidence, self.granted)
        if changed:
            self._tell(place, changed)

    def _tell(self, place: int, changed: list[str]) -> None:
        begins = {name: min(place, self._leading(name)[1].since) for name in changed}
        apart = {name: self.distance(name, begins[name], place) for name in changed}
        shown = [
            name
            for name in changed
            if apart[name] > self.reference.columns[name].floor_of(place - begins[name] + 1)
        ]
        if not shown:
            return
        leading, question = self._leading(shown[0])
        alarm = _Alarm(
            self, place, tuple(shown), leading, begins[shown[0]], question.expected.contract
        )
        self.alarms.append(alarm)
        for name in shown:
            self.open[name] = alarm
            self.calm[name] = 0

    def _leading(self, name: str) -> tuple[str, Question]:
        """The question of a column that has most evidence; one of its contract where it does."""
        questions = self.questions[name]
        enough = len(self.questions) * len(questions) * self.granted
        return max(
            questions.items(),
            key=lambda item: (
                item[1].expected.contract and item[1].evidence >= enough,
                item[1].evidence,
                item[0],
            ),
        )

    def _look_whether_calm(self, name: str, place: int) -> None:
        column = self.reference.columns[name]
        cells = self.windows[place].columns.get(name)
        if cells is None or not cells.rows:
            return
        many = min(_POOLED, self.open[name].took)
        apart = self.distance(name, max(0, place + 1 - many), place)
        self.calm[name] = self.calm[name] + 1 if apart <= column.floor_of(many) else 0
        if self.calm[name] < _CALM:
            return
        alarm = self.open.pop(name)
        for question in self.questions[name].values():
            question.forget()
        if alarm not in self.open.values():
            alarm.ended = place - _CALM + 1

    def distance(self, name: str, begins: int, place: int) -> float:
        """The distance of a column's rows in some windows from what was expected of them."""
        seen = [
            (window.start, window.columns[name])
            for window in self.windows[max(begins, place + 1 - _POOLED) : place + 1]
            if name in window.columns and window.columns[name].rows
        ]
        if not seen:
            return 0.0
        column = self.reference.columns[name]
        rows = pooled([cells for _, cells in seen])
        return without_scatter(rows, column.foretold(seen), ordered=False)[0]

    def states(self) -> list[tuple[float, Kind]]:
        """Each window's start and its kind: that of the change that goes on in it."""
        kinds: list[Kind] = ["quiet"] * len(self.windows)
        for alarm in self.alarms:
            kind = alarm.change(len(self.windows)).kind
            until = len(kinds) if alarm.ended is None else alarm.ended
            for place in range(alarm.told, until):
                kinds[place] = kind
        return [(window.start, kind) for window, kind in zip(self.windows, kinds, strict=True)]


class _Alarm:
    """A change that was told, and what later windows say of it."""

    def __init__(
        self,
        watch: _Watch,
        told: int,
        columns: tuple[str, ...],
        question: str,
        begins: int,
        is_contract: bool,
    ) -> None:
        self.watch, self.told, self.columns = watch, told, columns
        self.question, self.begins, self.is_contract = question, begins, is_contract
        self.took = told - begins + 1
        """So many windows showed it before it was told."""
        self.ended: int | None = None

    def change(self, number: int) -> Change:
        """The change as the windows so far tell it."""
        windows = self.watch.windows
        until = min(number, self.told + _LATER, number if self.ended is None else self.ended)
        until = max(until, self.told + 1)
        name = self.columns[0]
        expected = self.watch.reference.columns[name].expected[self.question]
        way = self._course(until)
        begins = way.begins
        k, n, foretold = self._counts(begins, until)
        seen, level = (k / n, foretold / n) if n else (0.0, expected.level)
        per_host: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for window in windows[begins:until]:
            for host, columns in window.hosts.items():
                if name in columns:
                    yes, rows = columns[name].questions[self.question]
                    before = per_host[host]
                    per_host[host] = before[0] + yes, before[1] + rows
        hosts = hosts_that_show(per_host, level, seen)
        near = events_near(
            self.watch.events,
            windows[begins].start - self.watch.seconds,
            windows[begins].start + self.watch.seconds,
        )
        tier: Tier = "explain"
        if self.is_contract and way.is_step:
            tier = "page"
        elif SCORE in self.columns:
            tier = "ticket"
        return Change(
            kind_of(
                is_step=way.is_step,
                at_once=self.is_contract or self.took <= AT_ONCE,
                hosts=hosts,
                events=near,
            ),
            windows[begins].start,
            windows[self.told].start,
            None if self.ended is None else windows[self.ended].start,
            self.columns,
            tuple(self.watch.distance(one, begins, until - 1) for one in self.columns),
            self.question,
            level,
            seen,
            self.is_contract,
            tuple(hosts),
            tuple(near),
            tier,
        )

    def _course(self, until: int) -> Course:
        name = self.columns[0]
        expected = self.watch.reference.columns[name].expected[self.question]
        first = max(0, self.begins - 28)
        excess, weights = [], []
        for window in self.watch.windows[first:until]:
            k, n = (0, 0)
            if name in window.columns:
                k, n = window.columns[name].questions[self.question]
            excess.append(k / n - expected.at(window.start) if n else 0.0)
            weights.append(n / (n + expected.concentration))
        way = course(excess, weights, self.begins - first)
        return Course(min(first + way.begins, self.told), way.is_step)

    def _counts(self, begins: int, until: int) -> tuple[int, int, float]:
        """k, n, and the k that was expected, of some windows."""
        name = self.columns[0]
        expected = self.watch.reference.columns[name].expected[self.question]
        k, n, foretold = 0, 0, 0.0
        for window in self.watch.windows[begins:until]:
            if name in window.columns:
                yes, rows = window.columns[name].questions[self.question]
                k, n = k + yes, n + rows
                foretold += rows * expected.at(window.start)
        return k, n, foretold
