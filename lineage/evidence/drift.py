"""Drift between two profiles: what production saw, held against what was validated. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lineage import timestamps
from lineage.acts import act
from lineage.errors import UsageError

from .columns import CategoryColumn, NumberColumn, Score, TextColumn, TimeColumn
from .performance import Calibration, Estimate, estimated_loss
from .profile import Profile
from .reference import Reference
from .timeline import SCORE, timeline
from .windows import Cells, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .columns import Column
    from .counts import Counts
    from .kinds import Event
    from .timeline import Change, Timeline


Hosts = Mapping[str, Profile]
"""What each host counted, by its name."""


@dataclass(frozen=True)
class Drift:
    """A time line, and what is estimated of the area under the ROC curve.

    ``losses`` has the loss of each window by its start, and ``costs`` that of each change, of its
    windows together; None where the reference has no scores with a target, or a window none.
    """

    timeline: Timeline
    losses: Mapping[float, Estimate | None]
    costs: tuple[Estimate | None, ...]


def drift_between(
    reference: Profile,
    served: Profile,
    events: Sequence[Event] = (),
    *,
    hosts: Hosts | Callable[[Sequence[Change]], Hosts] | None = None,
    alarms_per_year: float = 1.0,
    learned: Reference | None = None,
) -> Drift:
    """Hold what was served against the reference, window by window.

    A change that is estimated to cost pages, whatever it is.

    Args:
        reference: of the data of the validation, by windows.
        served: counted against ``reference``, in windows of the same length.
        events: what the registry knows of.
        hosts: the same host by host; or what gives it, which is asked where something changed.
        alarms_per_year: the false alarms that are granted to the model in a year.
        learned: what was learned of ``reference`` before, by :func:`learn`.

    Raises:
        UsageError: one of them has no windows, or they cannot be compared; why.
    """
    seconds = _refuse_unlike(reference, served)
    windows = windows_of(served)
    ordinary = learned or learn(reference)

    def told() -> Timeline:
        return timeline(
            ordinary, windows, events, alarms_per_year=alarms_per_year, seconds=float(seconds)
        )

    said = None
    if callable(hosts):
        said = told()
        hosts = hosts(said.changes) if said.changes else None
    for host, profile in (hosts or {}).items():
        _refuse_unlike(reference, profile)
        counted = {window.start: window.columns for window in windows_of(profile)}
        windows = [
            replace(window, hosts=dict(window.hosts) | {host: counted[window.start]})
            if window.start in counted
            else window
            for window in windows
        ]
    if said is None or hosts:
        said = told()
    calibration = calibration_of(reference)
    losses = {window.start: _loss(calibration, [window]) for window in windows}
    costs = tuple(_loss(calibration, _during(one, windows)) for one in said.changes)
    changes = tuple(
        replace(change, tier="page") if cost is not None and cost.low > 0 else change
        for change, cost in zip(said.changes, costs, strict=True)
    )
    return Drift(replace(said, changes=changes), losses, costs)


def learn(reference: Profile) -> Reference:
    """What is ordinary for data, learned between the windows of its profile."""
    return Reference(windows_of(reference))


def _during(change: Change, windows: Sequence[Window]) -> list[Window]:
    return [
        window
        for window in windows
        if change.begins <= window.start and (change.ended is None or window.start < change.ended)
    ]


def _loss(calibration: Calibration | None, windows: Sequence[Window]) -> Estimate | None:
    scores = [window.columns[SCORE] for window in windows if SCORE in window.columns]
    if calibration is None or not scores:
        return None
    together = [sum(bins) for bins in zip(*(one.values for one in scores), strict=True)]
    return estimated_loss(calibration, together)


def _refuse_unlike(reference: Profile, served: Profile) -> int:
    """The length of the windows of both, in seconds."""
    for name, profile in (("reference", reference), ("served data", served)):
        if profile.window_seconds is None:
            raise UsageError(
                f"The profile of the {name} has no windows.",
                remedy="Name the column that tells when each row was: "
                + act("profile", "DATA", time="COLUMN"),
            )
    if reference.window_seconds != served.window_seconds:
        raise UsageError(
            f"The windows of the reference are {reference.window_seconds} seconds long, "
            f"and those of the served data {served.window_seconds}.",
            remedy="Count the served data against the reference: "
            + act("profile", "DATA", reference="PROFILE"),
        )
    pairs: list[tuple[str, Column, Column | None]] = [
        (f"column {name!r}", column, served.columns.get(name))
        for name, column in reference.columns.items()
    ]
    if reference.score is not None:
        pairs.append(("the score", reference.score, served.score))
    for name, column, other in pairs:
        if other is not None and (why := column.why_not(other)) is not None:
            raise UsageError(
                f"The profiles cannot be compared: {name} {why}.",
                remedy="Count the served data against the reference: "
                + act("profile", "DATA", reference="PROFILE"),
            )
    return reference.window_seconds or 0


def windows_of(profile: Profile) -> list[Window]:
    """A profile's windows in the order of their starts; none where it was not counted by time."""
    return sorted(
        (
            Window(timestamps.moment(start).timestamp(), cells_of(counts))
            for start, counts in profile.windows.items()
        ),
        key=lambda window: window.start,
    )


def cells_of(counts: Counts) -> dict[str, Cells]:
    """The cells of every column, and of the score under its name."""
    cells = {name: _cells(column) for name, column in counts.columns.items()}
    if counts.score is not None:
        cells[SCORE] = _cells(counts.score)
    return cells


def calibration_of(counts: Counts) -> Calibration | None:
    """How often the rows of each score bin were positive; None where no target is known."""
    score = counts.score
    if score is None or score.positives is None:
        return None
    return Calibration(score.bins, score.positives)


def _cells(column: Column) -> Cells:
    broken = {"null": column.null, "wrong_type": column.wrong_type}
    if isinstance(column, NumberColumn):
        broken |= {
            "nan": column.nan,
            "infinite": column.infinite,
            "below": column.below,
            "above": column.above,
        }
        return Cells(column.bins, broken)
    if isinstance(column, CategoryColumn):
        if not column.complete:  # what is new cannot be told from what is rare
            return Cells((*column.counts, column.other), broken, ordered=False)
        return Cells(column.counts, broken | {"new": column.new}, ordered=False)
    if isinstance(column, TextColumn):
        return Cells(column.lengths, broken)
    if isinstance(column, TimeColumn):  # the window's own hours say nothing of its rows
        return Cells((sum(column.hours),), broken)
    if isinstance(column, Score):
        return Cells(column.bins, broken)
    raise TypeError(f"no cells of {type(column).__name__}")
