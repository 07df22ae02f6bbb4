"""What to bear in mind of when to retrain, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract.results.retraining import MONTH
from lineage.evidence.ageing import missing
from lineage.evidence.retrain import YEAR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.contract.results.retraining import Retraining
    from lineage.evidence.ageing import Change
    from lineage.evidence.retrain import Watched
    from lineage.registry.retraining.windows import Seen


def of(told: Retraining) -> Iterator[str]:
    """What to bear in mind of what was measured, estimated and priced."""
    measured, line = told.observations, told.line
    recorded = sum(one.dated_by == "recorded" for one in measured)
    if recorded:
        yield (
            f"{recorded} of {len(measured)} measurements are dated by when their data was first "
            "recorded: a profile by windows of time tells when it is of."
        )
    if told.estimates:
        yield from _of_estimates(told)
    if line is None:
        return
    yield from _of_line(told, line)
    if told.watched is not None:
        yield from _of_alarms(told.watched)
    if told.advice is not None and any(
        (one.days or YEAR) > line.oldest for one in told.advice.schedules
    ):
        yield (
            f"No version was measured older than {line.oldest:.0f} days: what longer periods "
            "cost goes on by the same line."
        )


def _of_line(told: Retraining, line: Change) -> Iterator[str]:
    metric, same = told.metric, told.same_data
    if line.low <= 0 <= line.high:
        yield f"That {metric} changes with age at all is not shown: the interval holds 0."
    if line.steeper is not None:
        yield (
            f"That is no line: {metric} changes faster {line.steeper}, so what short periods "
            f"cost is {'more' if line.steeper == 'at first' else 'less'} than the line says."
        )
    if told.basis != "measured" or same is None:
        return
    if same.low > line.high or line.low > same.high:
        yield (
            f"Between versions on the same data, {metric} changes by "
            f"{same.per_day * MONTH:+.3g} in {MONTH} days of age (95 %: {same.low * MONTH:+.3g} to "
            f"{same.high * MONTH:+.3g}): the data itself changed for all, which no retraining "
            "brings back, or newer versions differ by more than their age."
        )


def _of_estimates(told: Retraining) -> Iterator[str]:
    if told.estimate is None:
        why = missing([one.observation for one in told.estimates]) or ""
        yield (
            f"What the scores alone say of {told.metric} is too little for a line: "
            f"{why.replace('measurements', 'estimates')}."
        )
    elif told.basis != "estimated":
        yield f"Beside what was measured: {told.estimate}"


def _of_alarms(watched: Watched) -> Iterator[str]:
    if not watched.versions:
        yield "No version was watched on later data: what retraining at alarms costs is not known."
        return
    versions = f"{watched.versions} {'version' if watched.versions == 1 else 'versions'}"
    days = f"{watched.days:.0f} days of age of {versions} together"
    if watched.alarms:
        alarms = f"{watched.alarms} {'alarm' if watched.alarms == 1 else 'alarms'}"
        yield f"At alarms is by {alarms} in {days}."
    else:
        yield (
            f"There was no alarm in {days}: alarms come more rarely than one in "
            f"{watched.at_least:.0f} days (95 %), so what retraining at them costs is not known."
        )


def of_windows(seen: Seen, what: str) -> Iterator[str]:
    """Which windows do not count, and why."""
    if seen.dropped:
        yield (
            f"{seen.dropped:,} of {seen.windows:,} windows of {what} do not count: their weeks "
            "lack days that others have."
        )
    if seen.too_early:
        yield f"Weeks of {what} from before the version was new do not count: {seen.too_early:,}."
    if seen.one_outcome:
        yield f"Weeks of {what} with one outcome alone have no AUC: {seen.one_outcome:,}."
    if seen.more:
        yield f"Only the newest {seen.windows:,} windows of {what} count."
