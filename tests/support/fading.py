"""A model whose metric falls with age: verdicts on the data of one month after the other."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import count

from lineage.contract.windows import NewWindow, NewWindows
from lineage.database.windows import start_of
from lineage.evidence.columns import Score
from lineage.evidence.counts import Counts
from lineage.evidence.profile import Profile
from tests.conftest import add_version, captured_pipeline
from tests.support.filled import PROFILE

_TAKEN = count(1)


def of_month(month, day=1):
    """The profile of the data of a day in 2020."""
    window = Counts(rows=PROFILE.rows, columns=PROFILE.columns)
    start = f"2020-{month:02}-{day:02}T00:00:00Z"
    return replace(PROFILE, window_seconds=86_400, windows={start: window})


def measured(registry, ref, month, auc, passed=True):
    metrics = {"auc": auc, "command": {"seconds": next(_TAKEN)}}
    return registry.validate(
        ref,
        captured_pipeline(name=ref.partition("@")[0]),
        passed=passed,
        metrics=metrics,
        profile=None if month is None else of_month(month),
        actor="t",
    )


def fading(registry, model="churn"):
    """Three versions, one a quarter, each measured for four months; the first failed in its fourth."""
    for number in range(3):
        ref = add_version(registry, str(number), model=model, name=model)
        for age in range(4):
            wobble = 0.001 * (-1) ** (number + age)
            auc = 0.9 - 0.01 * number - 0.02 * age + wobble
            measured(registry, ref, 1 + 3 * number + age, auc, passed=(number, age) != (0, 3))


MONDAY = dt.datetime(2020, 1, 6, tzinfo=dt.UTC)
ROWS = 400
"""In each of the four score bins, of a day."""


def scored(day, fallen=0, positives=True):
    """The counts of a day: weekends differ, and so do days; the AUC has fallen by so many rows."""
    wobble = 20 * (day % 7 > 4) + 7 * (day * 5 % 3)
    came_true = (40 + fallen + wobble, 120 + fallen, 280 - fallen, 360 - fallen - wobble)
    score = Score(
        rows=4 * ROWS,
        null=0,
        wrong_type=0,
        edges=(0.25, 0.5, 0.75),
        bins=(ROWS,) * 4,
        positives=came_true if positives else None,
    )
    return Counts(rows=4 * ROWS, columns={}, score=score)


def flatter(day, moved):
    """The counts of a day whose scores moved to the middle: the estimated AUC falls."""
    one = scored(day, positives=False)
    moved += 4 * (day % 7 > 4) + day * 5 % 3
    bins = (ROWS - moved, ROWS + moved, ROWS + moved, ROWS - moved)
    return replace(one, score=replace(one.score, bins=bins))


def of_weeks(weeks, first=0):
    """The profile of the data of some weeks, by days."""
    windows = {start_of(MONDAY + dt.timedelta(day)): scored(day) for day in _days(first, weeks)}
    counts = list(windows.values())
    whole = counts[0]
    for one in counts[1:]:
        whole = whole.merge(one)
    groups = {"plan=pro": scored(0)}
    return Profile(
        rows=whole.rows,
        columns={},
        score=whole.score,
        window_seconds=86_400,
        windows=windows,
        groups=groups,
    )


def _days(first, weeks):
    return range(7 * first, 7 * (first + weeks))


def serving(registry, profile, **validated):
    """A version that serves in production, validated on the data of a profile; its pipeline."""
    ref = add_version(registry, "s")
    given = {"passed": True, "metrics": {"auc": 0.9}, "actor": "t"} | validated
    done = registry.validate(ref, captured_pipeline(), profile=profile, **given)
    registry.release("production", captured_pipeline(), actor="t")
    registry.promote(ref, "production", actor="t")
    return done.pipeline


def saw(registry, pipeline, profile, counts, kind="outcomes", environment="production"):
    """Record what production saw on days after :data:`MONDAY`, by their numbers."""
    new = []
    for sequence, (day, one) in enumerate(sorted(counts.items()), start=1):
        body = {"columns": {}, "target": None, "groups": {}}
        if kind == "outcomes":
            body["groups"] = {"plan=pro": Counts.to_dict(one, with_scale=False)}
        new.append(
            NewWindow(
                version=1,
                pipeline=pipeline,
                profile=str(profile.digest),
                start=start_of(MONDAY + dt.timedelta(day)),
                seconds=86_400,
                kind=kind,
                counts=Counts.to_dict(one, with_scale=False) | body,
                sequence=sequence,
            )
        )
    whole = NewWindows(instance="batch", stream=kind, windows=tuple(new), batch=True)
    return registry.record_windows("churn", environment, whole, actor="t")


def served(registry, weeks=16):
    """A version that served for some weeks: its outcomes got worse, and its scores flatter."""
    profile = of_weeks(4)
    pipeline = serving(registry, profile)
    days = _days(4, weeks)
    saw(registry, pipeline, profile, {day: scored(day, fallen=day // 2) for day in days})
    saw(registry, pipeline, profile, {day: flatter(day, day) for day in days}, "inputs")
