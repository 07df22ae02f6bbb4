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
from lineage.registry.retraining.verdicts import DAY, new_since, public

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.evidence.counts import Counts
    from lineage.evidence.performance import Calibration
    from lineage.evidence.profile import Profile
    from lineage.evidence.weeks import Stretch
    from lineage.registry.sight import Sight

    Source = Literal["outcomes", "estimate"]

MOST_WINDOWS: Final = 5_000
"""Windows that are read of either kind, the newest."""
MOST_BYTES: Final = 16 << 20
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


def seen(
    sight: Sight, model: str, metric: str, source: Source, born: dict[str, dt.datetime]
) -> Seen:
    """A metric that score bins tell, by whole weeks of what production saw, the youngest first.

    Args:
        sight: of who asks; other environments than those that are open are passed over.
        model: the model's present name.
        metric: one that :func:`told_by_scores`.
        source: outcomes, or estimates from the scores.
        born: when versions were new, by their references, as verdicts tell; where they do not,
            the profile tells, and that is kept.
    """
    told = Seen()
    rows = _read(sight, model, source, told)
    group = _group(metric)
    lines: dict[_Line, list[Scored]] = defaultdict(list)
    places: dict[str, list[Scored]] = defaultdict(list)
    scales: dict[tuple[int, str], tuple[Profile, Calibration] | None] = {}
    for row in rows:
        version, profile = row["version_id"], row["profile_digest"]
        if (version, profile) not in scales:
            scales[version, profile] = _scale(sight, version, profile, group)
        if scales[version, profile] is None:
            continue
        scored = _scored(row, group, came_true=source == "outcomes")
        if scored is not None:
            lines[_Line(*(row[name] for name in _Line._fields))].append(scored)
            places[row["environment"]].append(scored)
    named = public(
        sight.session,
        profiles=(one.profile_digest for one in lines),
        pipelines=(one.pipeline_digest for one in lines),
    )
    usual = {environment: usual_days(those) for environment, those in places.items()}
    for line, counted in lines.items():
        scale = scales[line.version_id, line.profile_digest]
        if scale is None:
            continue
        parts, dropped = stretches(counted, usual[line.environment])
        told.dropped += dropped
        ref = f"{model}@{line.number}"
        new = born.setdefault(ref, new_since(scale[0], line.registered_at))
        for part in parts:
            at = dt.datetime.fromtimestamp(part.middle, dt.UTC)
            age = (at - new).total_seconds() / DAY
            value = _auc(part, scale[1])
            if age < 0:
                told.too_early += 1
            elif value is None:
                told.one_outcome += 1
            else:
                told.measured.append(
                    MetricAtAge(
                        ref,
                        named.get(line.pipeline_digest, line.pipeline_digest),
                        source,
                        None,
                        at,
                        "windows",
                        round(age, 6),
                        round(value, 6),
                        None,
                        sum(part.bins),
                        named[line.profile_digest],
                        line.environment,
                    )
                )
    told.measured.sort(key=lambda one: (one.age, one.ref, one.environment, one.at))
    return told


def _read(sight: Sight, model: str, source: Source, told: Seen) -> Sequence[Mapping[str, Any]]:
    """The newest windows, as far as there is room."""
    found: list[Mapping[str, Any]] = []
    room = MOST_BYTES
    connection, open_ = sight.session.connection(), environments(sight)
    for row in windows.of_model(connection, model, _KINDS[source], open_, MOST_WINDOWS + 1):
        room -= len(row["counts"])
        if room < 0 or len(found) == MOST_WINDOWS:
            told.more = True
            break
        found.append(row)
    told.windows = len(found)
    return found


def _group(metric: str) -> str | None:
    """The group of rows whose AUC a metric is: ``plan=pro`` of ``slices.plan=pro.auc``."""
    inner = metric.removeprefix(_SLICES).removesuffix(".auc")
    return inner if "=" in inner and metric == f"{_SLICES}{inner}.auc" else None


def _scale(
    sight: Sight, version: int, profile: str, group: str | None
) -> tuple[Profile, Calibration] | None:
    """The profile that windows were counted on, and the calibration of its rows or of a group."""
    found = profiles.of_version(sight.session, version, profile)
    if found is None:
        return None
    rows: Counts | None = found[1] if group is None else found[1].groups.get(group)
    calibration = calibration_of(rows) if rows is not None else None
    return None if calibration is None else (found[1], calibration)


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
