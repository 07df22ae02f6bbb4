"""When to retrain a model: what verdicts and realised outcomes say of its metric at which age.

A verdict counts where it is on data that its version, with this pipeline, was not measured on
before; outcomes are :mod:`.realised_ages`'. :func:`advised` takes measurements, whatever they are
of.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage import timestamps
from lineage.acts import act
from lineage.contract.results.retraining import MONTH, MetricAtAge, Retraining
from lineage.database import tables
from lineage.database.sql import col, select
from lineage.errors import UsageError
from lineage.evidence.ageing import LARGEST, age_on_same_data, change_with_age, missing
from lineage.evidence.retrain import advise
from lineage.guard.flat_metrics import flattened, is_of_command
from lineage.registry.realised_ages import METRIC, outcomes_at_age

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlmodel import Session

    from lineage.evidence.ageing import Change
    from lineage.evidence.retrain import Advice, Costs
    from lineage.registry.sight import Sight

MOST_VERDICTS: Final = 1_000
"""Verdicts that are read, the newest."""
MOST_BYTES: Final = 32 << 20
"""Characters of metrics that are read, and of profiles, those of the newest verdicts first."""
_NAMED: Final = 10
"""Metrics that a message names."""
_DAY: Final = 86_400.0
_AT_ONCE: Final = 50
_VERDICTS: Final = text(
    "SELECT w.id, v.number, w.version_id, w.pipeline_digest, v.registered_at, w.validated_at, "
    "w.passed, w.metrics, p.profile_digest, w.data_digest FROM validation w "
    "JOIN model_version v ON v.id = w.version_id "
    "LEFT JOIN validation_profile p ON p.validation_id = w.id "
    "WHERE v.model = :model AND w.basis <> 'carried' AND w.metrics IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM version_note n WHERE n.version_id = v.id AND n.deleted_at IS NOT NULL) "
    "ORDER BY w.id DESC LIMIT :most"
)


@dataclass(frozen=True)
class _Data:
    """When data is of, where its profile tells, and its rows."""

    rows: int
    middle: dt.datetime | None


@dataclass(frozen=True)
class _Verdict:
    """A verdict that measured something; digests are those of rows (BLAKE3)."""

    id: int
    ref: str
    version: int
    pipeline: str
    registered_at: dt.datetime
    validated_at: dt.datetime
    passed: bool
    numbers: Mapping[str, float]
    profile: str | None
    data: str | None

    @property
    def evaluation(self) -> str:
        """What it is called where its data is not known: by all numbers, but what its run took."""
        told = sorted((name, n) for name, n in self.numbers.items() if not is_of_command(name))
        return json.dumps(told)


def retraining(sight: Sight, model: str, metric: str | None, costs: Costs | None) -> Retraining:
    """How a metric of a model changes with age, and what pays.

    Raises:
        NotPermitted: the model is not open.
        NotFound: there is none.
        UsageError: several metrics are there, and none is named.
    """
    name = sight.model(model)
    verdicts, more = _verdicts(sight.session, name)
    named = metric or _only_metric(name, verdicts)
    left_out: Counter[str] = Counter()
    born: dict[int, dt.datetime] = {}
    measured = _measured(sight.session, verdicts, named, left_out, born)
    if named == METRIC:
        measured += outcomes_at_age(sight, name, born, measured)
        measured.sort(key=lambda one: (one.age, one.validation or 0))
    told = advised(name, named, measured, costs)
    if not measured and verdicts:
        told = replace(told, missing=f"no verdict says it; they say {_some(_metrics(verdicts))}")
    newest = (f"Only the newest {len(verdicts):,} verdicts count.",) if more else ()
    return replace(told, left_out=dict(left_out), notes=told.notes + newest)


def advised(
    model: str, metric: str, measured: Sequence[MetricAtAge], costs: Costs | None
) -> Retraining:
    """What measurements say, whatever they are of; the youngest first."""
    observations = [one.observation for one in measured]
    change, same_data = change_with_age(observations), age_on_same_data(observations)
    alarms = _alarms(measured)
    advice = advise(change, costs, alarms) if costs is not None and change is not None else None
    return Retraining(
        model,
        metric,
        tuple(measured),
        change,
        same_data,
        missing(observations),
        costs,
        advice,
        notes=tuple(_notes(metric, measured, change, same_data, advice)),
    )


def _verdicts(session: Session, model: str) -> tuple[list[_Verdict], bool]:
    """The newest verdicts that measured something, the oldest first; whether there are more."""
    found: list[_Verdict] = []
    room = MOST_BYTES
    asked = {"model": model, "most": MOST_VERDICTS + 1}
    options = {"yield_per": _AT_ONCE}
    with closing(session.connection().execute(_VERDICTS, asked, execution_options=options)) as rows:
        for row in rows:
            room -= len(row.metrics)
            if room < 0 or len(found) == MOST_VERDICTS:
                return found[::-1], True
            read = json.loads(row.metrics)
            found.append(
                _Verdict(
                    row.id,
                    f"{model}@{row.number}",
                    row.version_id,
                    row.pipeline_digest,
                    timestamps.moment(row.registered_at),
                    timestamps.moment(row.validated_at),
                    bool(row.passed),
                    flattened(read) if isinstance(read, dict) else {},
                    row.profile_digest,
                    row.data_digest,
                )
            )
    return found[::-1], False


def _only_metric(model: str, verdicts: Sequence[_Verdict]) -> str:
    metrics = _metrics(verdicts)
    if len(metrics) == 1:
        return metrics[0]
    if not metrics:
        raise UsageError(
            f"No verdict on {model} has a metric.",
            remedy=f"Validate a version with metrics: {act('validate', f'{model}@latest')}",
        )
    raise UsageError(
        f"Verdicts on {model} have several metrics: {_some(metrics)}.",
        remedy="Name the one that matters, here or as metric in [models.NAME.value] of "
        f"lineage.toml: {act('retrain', model, metric=metrics[0])}",
    )


def _metrics(verdicts: Sequence[_Verdict]) -> list[str]:
    """The metrics of the newest verdict that has any, those that are nested least first."""
    for one in reversed(verdicts):
        names = [name for name in one.numbers if not is_of_command(name)]
        if names:
            return sorted(names, key=lambda name: (name.count("."), name))
    return []


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "") or "none"


def _measured(
    session: Session,
    verdicts: Sequence[_Verdict],
    metric: str,
    left_out: Counter[str],
    born: dict[int, dt.datetime],
) -> list[MetricAtAge]:
    """The verdicts that count, as measurements; why the others do not is counted.

    When versions were new is put into ``born``.
    """
    telling = [one for one in verdicts if abs(one.numbers.get(metric, math.inf)) <= LARGEST]
    if len(telling) < len(verdicts):
        left_out["without the metric"] = len(verdicts) - len(telling)
    looks = _looks(session, telling)
    named = _public(session, telling)
    described = _described(telling, looks)
    first_named: dict[str, dt.datetime] = {}
    for one in verdicts:
        for digest in (one.profile, one.data):
            if digest is not None:
                first_named.setdefault(digest, one.validated_at)
    counted: dict[tuple[int, str, str], MetricAtAge] = {}
    for one in telling:
        if one.profile is not None and one.profile not in looks:
            left_out["with a profile beyond what is read at once"] += 1
            continue
        profile = one.profile or described.get(one.data or "")
        look = looks.get(profile or "")
        windows = look.middle if look is not None else None
        key = profile or one.data
        at = windows or (first_named[key] if key is not None else one.validated_at)
        new = born.setdefault(
            one.version, min(one.registered_at, windows) if windows else one.registered_at
        )
        age = (at - new).total_seconds() / _DAY
        if age < 0:
            left_out["on data from before the version was new"] += 1
            continue
        line = one.version, one.pipeline, key or one.evaluation
        before = counted.get(line)
        if before is not None:
            left_out["replaced by a newer verdict on the same data"] += 1
            at, age = before.at, before.age
        counted[line] = MetricAtAge(
            one.ref,
            named[one.pipeline],
            "verdict",
            one.id,
            at,
            "recorded" if windows is None else "windows",
            round(age, 6),
            one.numbers[metric],
            one.passed,
            look.rows if look is not None else None,
            named[key] if key is not None else None,
        )
    return sorted(counted.values(), key=lambda one: (one.age, one.validation or 0))


def _described(verdicts: Iterable[_Verdict], looks: Mapping[str, _Data]) -> dict[str, str]:
    """By data, the profile that another verdict on it has; none where profiles differ."""
    profiles: dict[str, set[str]] = {}
    for one in verdicts:
        if one.data is not None and one.profile in looks:
            profiles.setdefault(one.data, set()).add(one.profile or "")
    return {data: next(iter(of)) for data, of in profiles.items() if len(of) == 1}


def _looks(session: Session, verdicts: Sequence[_Verdict]) -> dict[str, _Data]:
    """What profiles say of when data is of, by their digests: of the newest, as far as room is."""
    table, room = tables.Profile, MOST_BYTES
    found: dict[str, _Data] = {}
    for digest in dict.fromkeys(one.profile for one in reversed(verdicts) if one.profile):
        document = session.exec(select(table.document).where(table.blake3 == digest)).one()
        room -= len(document)
        if room < 0:
            break
        found[digest] = _look(json.loads(document))
    return found


def _look(profile: Mapping[str, Any]) -> _Data:
    """The rows of a profile, and the mean moment of those whose time is known."""
    windows, half = profile["windows"], (profile["window_seconds"] or 0) / 2
    rows = sum(window["rows"] for window in windows.values())
    if not rows:
        return _Data(profile["rows"], None)
    middle = math.fsum(
        window["rows"] * (timestamps.moment(start).timestamp() + half)
        for start, window in windows.items()
    )
    return _Data(profile["rows"], dt.datetime.fromtimestamp(middle / rows, dt.UTC))


def _public(session: Session, verdicts: Sequence[_Verdict]) -> dict[str, str]:
    """The digests (XXH3) by which profiles, data and pipelines are known, by those of rows."""
    profile, data, pipeline = tables.Profile, tables.DataVersion, tables.PipelineVersion
    found: dict[str, str] = {}
    for blake3, xxh3, of in (
        (profile.blake3, profile.xxh3, {one.profile for one in verdicts}),
        (data.blake3, data.xxh3, {one.data for one in verdicts}),
        (pipeline.blake3, pipeline.xxh3, {one.pipeline for one in verdicts}),
    ):
        wanted = sorted(digest for digest in of if digest is not None)
        found |= session.exec(select(blake3, xxh3).where(col(blake3).in_(wanted))).all()
    return found


def _notes(
    metric: str,
    measured: Sequence[MetricAtAge],
    change: Change | None,
    same: Change | None,
    advice: Advice | None,
) -> Iterator[str]:
    """What to bear in mind, in sentences."""
    recorded = sum(one.dated_by == "recorded" for one in measured)
    if recorded:
        yield (
            f"{recorded} of {len(measured)} measurements are dated by when their data was first "
            "recorded: a profile by windows of time tells when it is of."
        )
    if change is None:
        return
    if change.low <= 0 <= change.high:
        yield f"That {metric} changes with age at all is not shown: the interval holds 0."
    if change.steeper is not None:
        yield (
            f"That is no line: {metric} changes faster {change.steeper}, so what short periods "
            f"cost is {'more' if change.steeper == 'at first' else 'less'} than the line says."
        )
    if same is not None and (same.low > change.high or change.low > same.high):
        yield (
            f"Between versions on the same data, {metric} changes by "
            f"{same.per_day * MONTH:+.3g} in {MONTH} days of age (95 %: {same.low * MONTH:+.3g} to "
            f"{same.high * MONTH:+.3g}): the data itself changed for all, which no retraining "
            "brings back, or newer versions differ by more than their age."
        )
    if advice is not None:
        failed = len(_alarms(measured))
        later = len({one.observation.line for one in measured if one.age > 0})
        if not failed:
            yield "No verdict failed on later data: what retraining at alarms costs is not known."
        elif failed < later:
            yield (
                f"{later - failed} of {later} versions did not fail on later data: at alarms is "
                "when the others failed, so alarms come more rarely than that."
            )
        if any((one.days or math.inf) > change.oldest for one in advice.schedules):
            yield (
                f"No version was measured older than {change.oldest:.0f} days: what longer periods "
                "cost goes on by the same line."
            )


def _alarms(measured: Iterable[MetricAtAge]) -> list[float]:
    """The ages at which versions first failed, of those that were not new."""
    first: dict[str, float] = {}
    for one in measured:  # the youngest first
        if one.passed is False and one.age > 0:
            first.setdefault(one.observation.line, one.age)
    return list(first.values())
