"""When to retrain a model: what was measured and estimated of its metric by age, and what pays.

:func:`advised` takes measurements, whatever they are of.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lineage.acts import act
from lineage.contract.results.retraining import Retraining
from lineage.database import profiles, tables
from lineage.database.sql import col, select
from lineage.errors import NotFound, UsageError
from lineage.evidence.ageing import age_on_same_data, change_with_age, missing
from lineage.evidence.retrain import advise
from lineage.guard.flat_metrics import tells_no_worth
from lineage.registry.drift import drift
from lineage.registry.retraining import alarms, notes, verdicts, windows

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from lineage.contract.results.drift import Drift
    from lineage.contract.results.retraining import MetricAtAge
    from lineage.evidence.ageing import Observation
    from lineage.evidence.retrain import Costs, Watched
    from lineage.registry.retraining.verdicts import Verdict
    from lineage.registry.sight import Sight

    Reading = Callable[[], AbstractContextManager[Sight]]

_NAMED: Final = 10
"""Metrics that a message names."""


def retraining(reading: Reading, model: str, metric: str | None, costs: Costs | None) -> Retraining:
    """How a metric of a model changes with age, and what pays.

    Args:
        reading: gives a transaction that reads, and who asks: drift is worked out in none.
        model: the model's name.
        metric: the metric; None where there is but one.
        costs: what it is worth, and what a retraining costs; None for no advice.

    Raises:
        NotPermitted: the model is not open.
        NotFound: there is none.
        UsageError: several metrics are there, and none is named.
    """
    born: dict[str, dt.datetime] = {}
    left_out: Counter[str] = Counter()
    with reading() as sight:
        name = sight.model(model)
        read, more = verdicts.read(sight.session, name)
        known = windows.has_outcomes(sight, name)
        named = metric or _only_metric(name, read, known=known)
        measured = verdicts.measured(sight.session, read, named, born, left_out)
        came_true = windows.read(sight, name, named, "outcomes")
        scored = windows.read(sight, name, named, "estimate")
        serves = _serves(sight, name) if costs is not None else []
    outcomes, estimates = windows.seen(came_true, born), windows.seen(scored, born)
    together = sorted([*measured, *outcomes.measured], key=lambda one: one.age)
    watched = None
    if costs is not None:
        drifts = list(_drifts(reading, name, serves, born))
        watched = alarms.watched(together, drifts, born)
    told = advised(name, named, together, costs, estimates.measured, watched)
    if not together and read:
        told = replace(told, missing=f"no verdict says it; they say {_some(_metrics(read))}")
    said = [
        *told.notes,
        *notes.of_windows(outcomes, "outcomes"),
        *notes.of_windows(estimates, "scores"),
    ]
    if known and not windows.told_by_scores(named):
        said.append(
            f"Outcomes are recorded, and tell nothing of {named}: the rows and positives of score "
            f"bins tell the AUC alone ({', '.join(windows.AUC)}, slices.NAME=VALUE.auc)."
        )
    if more:
        said.append(f"Only the newest {len(read):,} verdicts count.")
    return replace(told, left_out=dict(left_out), notes=tuple(said))


def advised(
    model: str,
    metric: str,
    measured: Sequence[MetricAtAge],
    costs: Costs | None,
    estimates: Sequence[MetricAtAge] = (),
    watched: Watched | None = None,
) -> Retraining:
    """What measurements say, whatever they are of, and estimates beside; the youngest first."""
    observations = _observations(measured)
    told = Retraining(
        model,
        metric,
        tuple(measured),
        change_with_age(observations),
        age_on_same_data(observations),
        missing(observations),
        costs,
        None,
        estimates=tuple(estimates),
        estimated=change_with_age([one.observation for one in estimates]),
        watched=watched,
    )
    if costs is not None and told.line is not None:
        told = replace(told, advice=advise(told.line, costs, watched))
    return replace(told, notes=tuple(notes.of(told)))


def _observations(measured: Sequence[MetricAtAge]) -> list[Observation]:
    """Verdicts on data of four weeks of which outcomes are known may be on the same rows."""
    blocks = {one.block for one in measured if one.source == "outcomes"}
    return [
        replace(one.observation, block=one.block) if one.block in blocks else one.observation
        for one in measured
    ]


def _serves(sight: Sight, model: str) -> list[str]:
    """The open environments in which a version of the model serves."""
    slot = tables.Slot
    query = select(slot.environment).where(slot.model == model)
    found = sight.session.exec(query.where(col(slot.serving_version_id).is_not(None))).all()
    return [name for name in windows.environments(sight) if name in found]


def _drifts(
    reading: Reading, model: str, environments: Sequence[str], born: dict[str, dt.datetime]
) -> Iterator[Drift]:
    """What drift says of what serves, where it can tell; when that was new is kept in ``born``."""
    for environment in environments:
        with suppress(NotFound):  # gone since
            told = drift(reading, model, environment, None)
            if told.missing is None and told.ref is not None and told.profile is not None:
                _keep_new(reading, told.ref, told.profile, born)
                yield told


def _keep_new(reading: Reading, ref: str, profile: str, born: dict[str, dt.datetime]) -> None:
    """Keep when a version was new, where no verdict tells."""
    if ref in born:
        return
    with reading() as sight:
        version = sight.version(ref)
        found = profiles.of_version(sight.session, version.id or 0, profile)
        if found is not None:
            born[ref] = verdicts.new_since(found[1], version.registered_at)


def _only_metric(model: str, read: Sequence[Verdict], *, known: bool) -> str:
    """The metric where none is named; ``known`` where outcomes are."""
    metrics = _metrics(read)
    if len(metrics) == 1:
        return metrics[0]
    if not metrics and known:
        return windows.AUC[0]
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


def _metrics(read: Sequence[Verdict]) -> list[str]:
    """The metrics of the newest verdict that has any, those that are nested least first."""
    for one in reversed(read):
        names = [name for name in one.numbers if not tells_no_worth(name)]
        if names:
            return sorted(names, key=lambda name: (name.count("."), name))
    return []


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "") or "none"
