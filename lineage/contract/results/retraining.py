"""The answer on when to retrain: what was measured at which age, and which schedule pays. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage import timestamps
from lineage.acts import act
from lineage.contract.fields import from_fields
from lineage.display import Shown
from lineage.evidence.ageing import Change, Observation, levelled
from lineage.evidence.performance import CANNOT_SEE
from lineage.evidence.retrain import Advice, Costs, Schedule, Watched
from lineage.evidence.weeks import block_of, week_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

MONTH: Final = 30
"""Days by which a change is told to people."""


@dataclass(frozen=True)
class MetricAtAge:
    """A metric of a version with a pipeline version, measured on some data.

    ``source`` is what measured it: ``verdict``, whose number is ``validation`` and which ``passed``
    or did not; ``outcomes``, a week of what came true in an ``environment``, or what was folded
    into a longer window; or ``estimate``, such a week by its scores alone, which is no measurement.

    ``at`` is when the data is of: the middle of its time windows, where ``dated_by`` is
    ``windows``, else (``recorded``) the first verdict that named it. ``age`` is that in days since
    the version was new. ``rows`` and ``data`` (a digest of the profile or of the data; of what was
    seen in an environment, of the profile on whose scale it was counted) are None where that is not
    known.
    """

    ref: str
    pipeline: str
    source: str
    validation: int | None
    at: dt.datetime
    dated_by: str
    age: float
    value: float
    passed: bool | None
    rows: int | None
    data: str | None
    environment: str | None = None

    @property
    def observation(self) -> Observation:
        """It as the statistics take it; data that is not known is its own.

        What was seen in an environment has a level of its own: other rows than a validation's, and
        counted in bins.
        """
        line = f"{self.ref} {self.pipeline}"
        if self.environment is None:
            data = self.data or f"{self.source} {self.validation} {timestamps.written(self.at)}"
            return Observation(line, self.age, self.value, self.rows, data)
        return Observation(
            f"{line} {self.environment} {self.data}",
            self.age,
            self.value,
            self.rows,
            f"{self.environment} {week_of(self.at.timestamp())}",
            self.block,
        )

    @property
    def block(self) -> str | None:
        """The four weeks that its data is of; None where no windows tell that."""
        return block_of(self.at.timestamp()) if self.dated_by == "windows" else None

    def to_json(self) -> dict[str, Any]:
        """JSON of the measurement; its age in days."""
        return asdict(self) | {"at": timestamps.written(self.at)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> MetricAtAge:
        """Read back what :meth:`to_json` wrote."""
        at, environment = timestamps.moment(body["at"]), body.get("environment")
        return from_fields(cls, body, at=at, environment=environment)


@dataclass(frozen=True, repr=False)
class Retraining(Shown):
    """When to retrain: it advises, and triggers nothing.

    ``change`` is that of the metric with age, None where ``missing`` says what there is too little
    of; ``same_data`` is the same between versions on the same data. ``estimates`` are what the
    scores alone say, week by week, and ``estimated`` their change: they are in none of the others.
    ``basis`` is what is drawn and priced, ``measured`` or ``estimated``; None where there is no
    line. Estimates are that where there is no line of measurements, and no outcome is known.

    ``advice`` is there where ``costs`` were said, and ``watched`` tells of alarms then.
    ``left_out`` counts the verdicts that do not count, by why.
    """

    model: str
    metric: str
    observations: tuple[MetricAtAge, ...]
    change: Change | None
    same_data: Change | None
    missing: str | None
    costs: Costs | None
    advice: Advice | None
    left_out: Mapping[str, int] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()
    estimates: tuple[MetricAtAge, ...] = ()
    estimated: Change | None = None
    watched: Watched | None = None

    @property
    def basis(self) -> str | None:
        """``measured``, ``estimated`` or None."""
        if self.change is not None:
            return "measured"
        known = any(one.source == "outcomes" for one in self.observations)
        return None if known or self.estimated is None else "estimated"

    @property
    def line(self) -> Change | None:
        """The change that is drawn and priced, by ``basis``."""
        return {"measured": self.change, "estimated": self.estimated, None: None}[self.basis]

    @property
    def points(self) -> list[Observation]:
        """What is drawn: as if all versions had begun at one level; nothing without a line."""
        line = self.line
        if line is None:
            return []
        drawn = self.observations if self.basis == "measured" else self.estimates
        return levelled([one.observation for one in drawn], line)

    @property
    def sentence(self) -> str:
        """How the metric changes with age, or that this is not known."""
        if self.change is not None:
            return f"{self.metric} of {self.model} {_changes(self.change, self.observations)}"
        said = f"Not enough history of {self.metric}: {self.missing}."
        if self.basis == "estimated":
            said += f" {self.estimate}"
        return said

    @property
    def estimate(self) -> str | None:
        """How the metric changes by its estimates, and what these cannot see; None without."""
        if self.estimated is None:
            return None
        changes = _changes(self.estimated, self.estimates)
        return f"By estimate, {self.metric} of {self.model} {changes} {CANNOT_SEE}"

    @property
    def remedy(self) -> str | None:
        """What to do where there is not enough history; None where there is."""
        if self.change is not None:
            return None
        return (
            f"Validate versions of {self.model} again on later data: "
            f"{act('validate', f'{self.model}@1', profile='DATA')}"
        )

    @property
    def advised(self) -> str | None:
        """Which schedule pays best, in a sentence; None without costs or history."""
        if self.advice is None:
            return None
        best = self.advice.best
        if best.days is None:
            said = "No retraining within a year pays"
        else:
            said = f"To retrain every {best.days:.0f} days pays best"
        if self.basis == "estimated":
            said = f"By estimate alone: {said[0].lower()}{said[1:]}"
        ends = self.advice.shortest, self.advice.longest
        if ends[0] == ends[1]:
            return f"{said}."
        shortest, longest = ("never" if one is None else f"{one:.0f} days" for one in ends)
        return f"{said}; by the interval, from {shortest} to {longest}."

    @override
    def _line(self) -> str:
        return " ".join(filter(None, (self.sentence, self.advised)))

    @override
    def _facts(self) -> dict[str, object]:
        schedules = self.advice.schedules if self.advice is not None else ()
        return {
            "metric": self.metric,
            "change": self.sentence,
            "advice": self.advised,
            **{one.name: f"{one.cost:,.0f} a year" for one in schedules},
        }

    def to_json(self) -> dict[str, Any]:
        """JSON of `retrain`."""
        return {
            "model": self.model,
            "metric": self.metric,
            "observations": [one.to_json() for one in self.observations],
            "change": asdict(self.change) if self.change is not None else None,
            "same_data": asdict(self.same_data) if self.same_data is not None else None,
            "missing": self.missing,
            "costs": asdict(self.costs) if self.costs is not None else None,
            "advice": asdict(self.advice) if self.advice is not None else None,
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
            "estimates": [one.to_json() for one in self.estimates],
            "estimated": asdict(self.estimated) if self.estimated is not None else None,
            "basis": self.basis,
            "watched": asdict(self.watched) if self.watched is not None else None,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Retraining:
        """Read back what :meth:`to_json` wrote."""
        change, same, costs = (body[key] for key in ("change", "same_data", "costs"))
        advice, estimated, watched = (body.get(key) for key in ("advice", "estimated", "watched"))
        return from_fields(
            cls,
            body,
            observations=tuple(map(MetricAtAge.from_json, body["observations"])),
            change=from_fields(Change, change) if change is not None else None,
            same_data=from_fields(Change, same) if same is not None else None,
            costs=from_fields(Costs, costs) if costs is not None else None,
            advice=_advice(advice) if advice is not None else None,
            notes=tuple(body["notes"]),
            estimates=tuple(map(MetricAtAge.from_json, body.get("estimates", ()))),
            estimated=from_fields(Change, estimated) if estimated is not None else None,
            watched=from_fields(Watched, watched) if watched is not None else None,
        )


def _changes(change: Change, of: Sequence[MetricAtAge]) -> str:
    """What a change comes to, from what."""
    low, slope, high = (MONTH * one for one in (change.low, change.per_day, change.high))
    shown = f"{'falls' if slope < 0 else 'rises'} by {abs(slope):.3g}"
    points = levelled([one.observation for one in of], change)
    versions = len({one.line.partition(" ")[0] for one in points})
    what = "estimates" if all(one.source == "estimate" for one in of) else "measurements"
    return (
        f"{shown} in {MONTH} days of age (95 %: {low:+.3g} to {high:+.3g}), from "
        f"{change.observations} {what} of {versions} {'version' if versions == 1 else 'versions'} "
        f"on {change.data_sets} data sets, at ages of {change.youngest:.0f} to "
        f"{change.oldest:.0f} days."
    )


def _advice(body: Mapping[str, Any]) -> Advice:
    schedules = tuple(from_fields(Schedule, one) for one in body["schedules"])
    return from_fields(Advice, body, schedules=schedules)
