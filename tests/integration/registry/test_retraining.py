"""When to retrain, by what is recorded: which verdicts count, at which age, on both databases."""

from __future__ import annotations

import pytest

from lineage.errors import NotFound, UsageError
from lineage.identity.components import DataItem, DataVersion, Known
from lineage.identity.digest import Digest
from lineage.registry import retraining
from tests.conftest import BOTH, add_version, captured_pipeline
from tests.integration.registry.test_drift import FIRST, REFERENCE, sent, serve
from tests.support.fading import fading, measured, of_month
from tests.unit.evidence.test_drift import profile
from tests.unit.evidence.worlds import days


@BOTH
def test_verdicts_on_later_data_tell_the_change_and_what_pays(registry):
    fading(registry)
    told = registry.retrain("churn", per_point=10, retrain_cost=500)
    assert told.metric == "auc"
    assert told.missing is None
    assert (told.change.lines, told.change.data_sets, told.change.observations) == (3, 10, 12)
    assert told.change.low < -0.02 / 30.4 < told.change.high < 0
    first = told.observations[0]
    assert (first.ref, first.dated_by, first.age, first.rows) == ("churn@1", "windows", 0, 2)
    assert first.at.isoformat() == "2020-01-01T12:00:00+00:00"
    assert [one.age for one in told.observations if one.ref == "churn@2"] == [0, 30, 61, 91]
    assert told.left_out == {}
    names = {one.name: one for one in told.advice.schedules}
    assert names["at alarms"].days == 91
    assert told.advice.best.cost < names["never"].cost
    assert "falls by 0.0" in told.sentence
    assert told.advised.startswith("To retrain every ")
    assert any("goes on by the same line" in note for note in told.notes)
    assert any("2 of 3 versions did not fail on later data" in note for note in told.notes)
    without = registry.retrain("churn")
    assert (without.change, without.advice) == (told.change, None)


@BOTH
def test_a_verdict_counts_once_for_its_data_and_not_before_the_version_was_new(registry):
    fading(registry)
    before = registry.retrain("churn")
    measured(registry, "churn@3", 1, 0.5)  # from before
    measured(registry, "churn@1", 2, 0.7)  # the same data again
    registry.validate("churn@1", captured_pipeline(), passed=True, metrics={"f1": 1}, actor="t")
    registry.validate("churn@1", captured_pipeline(), passed=True, actor="t")
    after = registry.retrain("churn", metric="auc")
    assert after.left_out == {
        "without the metric": 1,
        "on data from before the version was new": 1,
        "replaced by a newer verdict on the same data": 1,
    }
    assert len(after.observations) == len(before.observations)
    assert 0.7 in {one.value for one in after.observations}
    carried = registry.carry_over(
        "churn@2", captured_pipeline("new"), rests_on=8, difference="comments", actor="t"
    )
    assert carried.id not in {
        one.validation for one in registry.retrain("churn", metric="auc").observations
    }


def test_data_that_tells_no_time_is_dated_by_when_it_was_first_recorded(registry):
    for seed in "12":
        add_version(registry, seed)
    measured(registry, "churn@1", None, 0.9)
    measured(registry, "churn@1", None, 0.9)  # the same numbers to the last: the same evaluation
    measured(registry, "churn@1", None, 0.8)
    told = registry.retrain("churn")
    assert [one.dated_by for one in told.observations] == ["recorded"] * 2
    assert told.left_out == {"replaced by a newer verdict on the same data": 1}
    assert told.change is None
    assert told.missing == (
        "0 of 2 measurements are of a version on data a day or more later than its first; "
        "at least 3 are needed"
    )
    assert told.sentence.startswith("Not enough history of auc: 0 of 2")
    assert "2 of 2 measurements are dated by when" in told.notes[0]


def test_what_cannot_be_answered_says_why(registry):
    add_version(registry, "1")
    with pytest.raises(UsageError, match="No verdict on churn has a metric") as none:
        registry.retrain("churn")
    assert "validate churn@latest" in none.value.remedy
    measured(registry, "churn@1", None, 0.9)
    registry.validate(
        "churn@1", captured_pipeline(), passed=True, metrics={"auc": 1, "f1": 1}, actor="t"
    )
    with pytest.raises(UsageError, match="several metrics: auc, f1"):
        registry.retrain("churn")
    told = registry.retrain("churn", metric="acu")
    assert told.missing == "no verdict says it; they say auc, f1"
    with pytest.raises(NotFound):
        registry.retrain("nothing")
    with pytest.raises(UsageError, match="go together"):
        registry.retrain("churn", metric="auc", per_point=3)


def test_what_is_read_is_bounded_and_that_is_said(registry, monkeypatch):
    fading(registry)
    whole = registry.retrain("churn")
    monkeypatch.setattr(retraining, "MOST_VERDICTS", 5)
    told = registry.retrain("churn")
    assert "Only the newest 5 verdicts count." in told.notes
    assert {one.validation for one in told.observations} == {8, 9, 10, 11, 12}
    monkeypatch.setattr(retraining, "MOST_BYTES", 2_000)
    told = registry.retrain("churn")
    assert told.left_out == {
        "with a profile beyond what is read at once": 5 - len(told.observations)
    }
    assert {one.dated_by for one in told.observations} == {"windows"}
    assert 0 < len(told.observations) < 5 < len(whole.observations)


@BOTH
def test_data_is_dated_by_the_profile_that_any_verdict_on_it_has(registry):
    ref = add_version(registry)
    data = DataVersion((DataItem("test.csv", Digest("md5:" + "b" * 32), Known.VERIFIED, 8),))
    for month in (None, 4):
        registry.validate(
            ref,
            captured_pipeline(),
            passed=True,
            metrics={"auc": 0.9},
            data=data,
            profile=None if month is None else of_month(month),
            actor="t",
        )
    (once,) = registry.retrain("churn").observations
    assert (once.dated_by, once.age, f"{once.at:%Y-%m}") == ("windows", 0, "2020-04")


@BOTH
def test_months_of_outcomes_are_measurements_where_no_verdict_tells_of_them(registry):
    pipeline = serve(registry)
    served = profile(days(2, 100, FIRST, rows=40))
    sent(registry, pipeline, served)
    sent(registry, pipeline, served, stream="b", outcomes=True)
    told = {"metrics": {"auc": 0.7, "f1": 0.5}, "passed": True, "actor": "t"}
    registry.validate("churn@1", captured_pipeline(), profile=REFERENCE, **told)
    found = registry.retrain("churn", metric="auc")
    first, *later = found.observations
    assert (first.source, first.age, first.value) == ("verdict", 0, 0.7)
    assert [(one.source, f"{one.at:%Y-%m}", one.rows) for one in later] == [
        ("outcomes", "2025-03", 8 * 40),
        ("outcomes", "2025-04", 30 * 40),
        ("outcomes", "2025-05", 31 * 40),
        ("outcomes", "2025-06", 30 * 40),
        ("outcomes", "2025-07", 40),
    ]
    assert (later[1].validation, later[1].passed, later[1].dated_by) == (None, None, "windows")
    assert found.change.observations == 6
    april = profile(days(3, 28, FIRST + 9))
    registry.validate("churn@1", captured_pipeline(), profile=april, **told)
    after = registry.retrain("churn", metric="auc").observations
    assert [one.source for one in after if f"{one.at:%Y-%m}" == "2025-04"] == ["verdict"]
    assert {one.source for one in registry.retrain("churn", metric="f1").observations} == {
        "verdict"
    }
