"""For how long the versions of a model were watched, and at which age they gave an alarm.

An alarm is a verdict that failed on later data, or a gradual drift of what serves that pages or
opens a ticket. A broken contract, and what came with an event, are repaired and not retrained away;
a drift of inputs alone explains.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lineage.evidence.retrain import Watched
from lineage.timestamps import DAY

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from lineage.contract.results.drift import Drift
    from lineage.contract.results.retraining import MetricAtAge

Pair = tuple[str, str]
"""A version and a pipeline version."""


def watched(
    measured: Iterable[MetricAtAge], drifts: Iterable[Drift], born: Mapping[str, dt.datetime]
) -> Watched:
    """Add up the days of age until each version's first alarm, or until it was looked at last.

    Args:
        measured: what measured the metric; verdicts alone give alarms.
        drifts: what changed in what production sees, where that is known.
        born: when versions were new, by their references.
    """
    looked: dict[Pair, float] = defaultdict(float)
    alarms: dict[Pair, list[float]] = defaultdict(list)
    for one in measured:
        pair = one.ref, one.pipeline
        if one.source != "verdict" or one.age <= 0:
            continue
        looked[pair] = max(looked[pair], one.age)
        if one.passed is False:
            alarms[pair].append(one.age)
    for drift in drifts:
        if drift.ref is None or drift.ref not in born or not drift.windows:
            continue
        pair, new = (drift.ref, drift.pipeline or ""), born[drift.ref]
        last = max(_age(window.start, new) for window in drift.windows)
        looked[pair] = max(looked[pair], last)
        alarms[pair] += [
            _age(change.told, new)
            for change in drift.changes
            if change.kind == "drift" and change.tier != "explain"
        ]
    days = [min((age for age in alarms[pair] if age > 0), default=looked[pair]) for pair in looked]
    over = [day for day in days if day > 0]
    failed = sum(any(age > 0 for age in alarms[pair]) for pair in looked)
    return Watched(round(sum(over), 6), len(over), failed)


def _age(start: dt.datetime, new: dt.datetime) -> float:
    return (start - new).total_seconds() / DAY
