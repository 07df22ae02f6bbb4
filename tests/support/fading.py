"""A model whose metric falls with age: verdicts on the data of one month after the other."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from lineage.evidence.counts import Counts
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
