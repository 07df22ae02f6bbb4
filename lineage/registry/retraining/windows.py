"""What production saw of a model, as its metric at each age: of outcomes, and by estimate.

From the rows of each score bin, and the positive ones of them, follows the AUC: as it came true
where these are known, and as it is estimated to be where the scores are. No other metric does, as a
verdict measures it: the registry knows no threshold, and a bin no score.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from lineage import timestamps
from lineage.contract.results.retraining import MetricAtAge
from lineage.database import profiles, tables, windows
from lineage.database.sql import select
from lineage.evidence.drift import calibration_of
from lineage.evidence.performance import estimated_auc
from lineage.evidence.realised import auc_of
from lineage.evidence.weeks import Scored, stretches, usual_days
from lineage.registry.retraining.verdicts import new_since, public
from lineage.timestamps import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlmodel import Session

    from lineage.evidence.counts import Counts
    from lineage.evidence.performance import Calibration
    from lineage.evidence.profile import Profile
    from lineage.evidence.weeks import Stretch
    from lineage.registry.sight import Sight

    Source = Literal["outcomes", "estimate"]

MOST_WINDOWS: Final = 5_000
"""Windows that are read of either kind, the newest."""
MOST_BYTES: Final = 8 << 20
"""Of their counts as they are kept, those of the newest first: ten times as many of JSON."""

AUC: Final = ("auc", "roc_auc", "overall.auc")
"""What verdicts call the area under the ROC curve of all rows."""
_SLICES: Final = "slices."
_KINDS: Final[Mapping[Source, str]] = {"outcomes": "outcomes", "estimate": "inputs"}


class _Line(NamedTuple):
    """What has one level: as the columns of a window name it."""

    environment: str
    version_id: int
    pipeline_digest: str
    profile_digest: str
    number: int
    registered_at: str


class _Scale(NamedTuple):
    """A profile, and how often its rows, or those of its group, were right by their scores."""

    profile: Profile
    calibration: Calibration


@dataclass(frozen=True)
class Recorded:
    """The windows of a model as they are kept, the newest first, and what says what they mean.

    ``more`` tells that there are others, which were not read.
    """

    model: str
    source: Source
    group: str | None
    rows: Sequence[Mapping[str, Any]]
    scales: Mapping[tuple[int, str], _Scale]
    named: Mapping[str, str]
    more: bool


@dataclass
class Seen:
    """What production saw, by ages; ``dropped`` windows do not count, and ``more`` were not read.

    ``too_early`` stretches are from before their version was new, and ``one_outcome`` of them had
    one outcome alone.
    """

    measured: list[MetricAtAge] = field(default_factory=list)
    windows: int = 0
    dropped: int = 0
    too_early: int = 0
    one_outcome: int = 0
    more: bool = False


def told_by_scores(metric: str) -> bool:
    """Whether score bins tell a metric."""
    return metric in AUC or _group(metric) is not None


def environments(sight: Sight) -> list[str]:
    """The environments that are open."""
    names = sight.session.exec(select(tables.Environment.name)).all()
    return sorted(
        name for name in names if sight.environments is None or name in sight.environments
    )


def has_outcomes(sight: Sight, model: str) -> bool:
    """Whether an outcome of a model is recorded in what is open."""
    connection = sight.session.connection()
    found = windows.of_model(connection, model, "outcomes", environments(sight), 1)
    return any(True for _ in found)


def read(sight: Sight, model: str, metric: str, source: Source) -> Recorded:
    """Read the newest windows that tell a metric, as far as there is room; nothing is worked out.

    Args:
        sight: of who asks; other environments than those that are open are passed over.
        model: the model's present name.
        metric: the metric; of one that score bins do not tell there are none.
        source: outcomes, or estimates from the scores.
    """
    session, group = sight.session, _group(metric)
    if not told_by_scores(metric):
        return Recorded(model, source, group, (), {}, {}, more=False)
    found: list[dict[str, Any]] = []
    scales: dict[tuple[int, str], _Scale | None] = {}
    room, more = MOST_BYTES, False
    open_ = environments(sight)
    for row in windows.of_model(
        session.connection(), model, _KINDS[source], open_, MOST_WINDOWS + 1
    ):
        room -= len(row["counts"])
        if room < 0 or len(found) == MOST_WINDOWS:
            more = True
            break
        found.append(row)
    for row in found:
        scale = row["version_id"], row["profile_digest"]
        if scale not in scales:
            scales[scale] = _scale(session, *scale, group)
    named = public(
        session,
        profiles=(row["profile_digest"] for row in found),
        pipelines=(row["pipeline_digest"] for row in found),
    )
    known = {key: scale for key, scale in scales.items() if scale is not None}
    return Recorded(model, source, group, found, known, named, more=more)


def seen(recorded: Recorded, born: dict[str, dt.datetime]) -> Seen:
    """A metric by whole weeks of what production saw, the youngest first.

    Args:
        recorded: the windows.
        born: when versions were new, by their references, as verdicts tell; where they do not,
            the profile tells, and that is kept.
    """
    told = Seen(windows=len(recorded.rows), more=recorded.more)
    lines: dict[_Line, list[Scored]] = defaultdict(list)
    places: dict[str, list[Scored]] = defaultdict(list)
    for row in recorded.rows:
        if (row["version_id"], row["profile_digest"]) not in recorded.scales:
            continue
        scored = _scored(row, recorded.group, came_true=recorded.source == "outcomes")
        if scored is not None:
            lines[_Line(*(row[name] for name in _Line._fields))].append(scored)
            places[row["environment"]].append(scored)
    usual = {environment: usual_days(those) for environment, those in places.items()}
    for line, counted in lines.items():
        parts, dropped = stretches(counted, usual[line.environment])
        told.dropped += dropped
        _measure(told, recorded, line, parts, born)
    told.measured.sort(key=lambda one: (one.age, one.ref, one.environment, one.at))
    return told


def _measure(
    told: Seen,
    recorded: Recorded,
    line: _Line,
    parts: Iterable[Stretch],
    born: dict[str, dt.datetime],
) -> None:
    """Add what the weeks of a line say."""
    scale = recorded.scales[line.version_id, line.profile_digest]
    ref = f"{recorded.model}@{line.number}"
    new = born.setdefault(ref, new_since(scale.profile, line.registered_at))
    for part in parts:
        at = dt.datetime.fromtimestamp(part.middle, dt.UTC)
        age = (at - new).total_seconds() / DAY
        value = _auc(part, scale.calibration)
        if age < 0:
            told.too_early += 1
        elif value is None:
            told.one_outcome += 1
        else:
            told.measured.append(
                MetricAtAge(
                    ref,
                    recorded.named.get(line.pipeline_digest, line.pipeline_digest),
                    recorded.source,
                    None,
                    at,
                    "windows",
                    round(age, 6),
                    round(value, 6),
                    None,
                    sum(part.bins),
                    recorded.named[line.profile_digest],
                    line.environment,
                )
            )


def _group(metric: str) -> str | None:
    """The group of rows whose AUC a metric is: ``plan=pro`` of ``slices.plan=pro.auc``."""
    inner = metric.removeprefix(_SLICES).removesuffix(".auc")
    return inner if "=" in inner and metric == f"{_SLICES}{inner}.auc" else None


def _scale(session: Session, version: int, profile: str, group: str | None) -> _Scale | None:
    """The profile that windows were counted on, and the calibration of its rows or of a group."""
    found = profiles.of_version(session, version, profile)
    if found is None:
        return None
    rows: Counts | None = found[1] if group is None else found[1].groups.get(group)
    calibration = calibration_of(rows) if rows is not None else None
    return None if calibration is None else _Scale(found[1], calibration)


def _scored(row: Mapping[str, Any], group: str | None, *, came_true: bool) -> Scored | None:
    counts = windows.unpacked(row["counts"])
    part = counts if group is None else counts["groups"].get(group, {})
    score = part.get("score")
    if score is None or (came_true and score["positives"] is None):
        return None
    start = timestamps.moment(row["start"]).timestamp()
    positives = score["positives"] if came_true else None
    return Scored(start, row["seconds"], score["bins"], positives)


def _auc(part: Stretch, calibration: Calibration) -> float | None:
    """As it came true, where that is known; else as it is estimated."""
    if part.positives is not None:
        return auc_of(part.bins, part.positives)[0]
    estimate = estimated_auc(calibration, part.bins)
    return None if estimate is None else estimate.value
