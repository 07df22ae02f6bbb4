"""When to retrain, by what is recorded: which verdicts count, at which age, on both databases."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from lineage.contract.results.drift import Drift
from lineage.contract.results.retraining import MetricAtAge, Retraining
from lineage.errors import NotFound, UsageError
from lineage.evidence.retrain import Watched
from lineage.registry.access import Principal, Scope
from lineage.registry.retraining import alarms, notes, verdicts
from lineage.registry.retraining.advice import advised
from tests.conftest import BOTH, add_version, captured, captured_pipeline
from tests.support.fading import (
    MONDAY,
    ROWS,
    fading,
    flatter,
    measured,
    of_month,
    of_weeks,
    saw,
    scored,
    serving,
)


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
    assert (told.watched.days, told.watched.versions, told.watched.alarms) == (274, 3, 1)
    assert names["at alarms"].days == 91 + 91 + 92
    assert told.advice.best.cost < names["never"].cost
    assert "falls by 0.0" in told.sentence
    assert told.advised.startswith("To retrain every ")
    assert any("goes on by the same line" in note for note in told.notes)
    years = replace(told, change=replace(told.change, oldest=366.0))
    assert not any("goes on by the same line" in note for note in notes.of(years)), "a year is all"
    assert "At alarms is by 1 alarm in 274 days of age of 3 versions together." in told.notes
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


def test_windows_of_no_true_time_date_no_data(registry):
    """The first year is what many write where they know no time; windows may be of any length."""
    whole = of_month(3)
    (one,) = whole.windows.values()
    stray = replace(
        whole, rows=2 * one.rows, windows=whole.windows | {"0001-01-01T00:00:00Z": one},
        columns={name: column.merge(column) for name, column in whole.columns.items()},
    )  # fmt: skip
    for number, profile in enumerate((whole, stray, replace(whole, window_seconds=2**53 - 1))):
        ref = add_version(registry, str(number))
        registry.validate(
            ref, captured_pipeline(), passed=True, metrics={"auc": 0.9}, profile=profile, actor="t"
        )
    told = registry.retrain("churn")
    dated = {one.ref: (one.dated_by, one.at.isoformat()[:10]) for one in told.observations}
    assert dated["churn@1"] == dated["churn@2"] == ("windows", "2020-03-01")
    assert dated["churn@3"][0] == "recorded"


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
    monkeypatch.setattr(verdicts, "MOST_VERDICTS", 5)
    told = registry.retrain("churn")
    assert "Only the newest 5 verdicts count." in told.notes
    assert {one.validation for one in told.observations} == {8, 9, 10, 11, 12}
    monkeypatch.setattr(verdicts, "MOST_BYTES", 2_000)
    told = registry.retrain("churn")
    assert told.left_out == {
        "with a profile beyond what is read at once": 5 - len(told.observations)
    }
    assert {one.dated_by for one in told.observations} == {"windows"}
    assert 0 < len(told.observations) < 5 < len(whole.observations)


@BOTH
def test_outcomes_are_measurements_by_whole_weeks_and_estimates_stand_beside(registry):
    profile = of_weeks(4)
    pipeline = serving(registry, profile)
    days = {day: scored(day, fallen=day // 2) for day in range(28, 28 + 7 * 16 + 3)}
    saw(registry, pipeline, profile, days | {day: scored(day) for day in range(7)})
    told = registry.retrain("churn")
    weeks = [one for one in told.observations if one.source == "outcomes"]
    assert len(weeks) == 16
    assert {(one.ref, one.environment, one.passed, one.validation) for one in weeks} == {
        ("churn@1", "production", None, None)
    }
    assert weeks[0].rows == 7 * 4 * ROWS
    assert weeks[0].at == MONDAY + dt.timedelta(31.5)
    assert weeks[0].age == 31.5 - 14
    assert weeks[0].data == profile.digest
    assert (told.basis, told.missing) == ("measured", None)
    assert (told.change.observations, told.change.data_sets, told.change.lines) == (16, 5, 1)
    assert told.change.high < 0
    assert "3 of 122 windows of outcomes do not count" in " ".join(told.notes)
    assert "Weeks of outcomes from before the version was new do not count: 1." in told.notes
    assert (told.estimates, told.estimated) == ((), None)
    assert registry.retrain("churn", metric="slices.plan=pro.auc").change == told.change
    saw(registry, pipeline, profile, {day: flatter(day, day) for day in days}, "inputs")
    beside = registry.retrain("churn")
    assert (beside.change, beside.basis) == (told.change, "measured")
    assert len(beside.estimates) == 16
    assert {one.source for one in beside.estimates} == {"estimate"}
    assert beside.estimated.high < 0
    assert any(note.startswith("Beside what was measured: By estimate") for note in beside.notes)
    assert any("cannot see concept drift" in note for note in beside.notes)
    other = registry.retrain("churn", metric="f1")
    assert (other.observations, other.estimates) == ((), ())
    assert any("tell nothing of f1" in note for note in other.notes)
    assert Retraining.from_json(beside.to_json()).to_json() == beside.to_json()


def test_estimates_are_priced_where_no_outcome_is_known_and_say_what_they_are(registry):
    profile = of_weeks(8)
    pipeline = serving(registry, profile, metrics=None)
    days = {day: flatter(day, max(0, day - 84)) for day in range(56, 56 + 7 * 20)}
    saw(registry, pipeline, profile, days, "inputs")
    told = registry.retrain("churn", metric="auc", per_point=10, retrain_cost=50)
    assert (told.change, told.basis, told.line) == (None, "estimated", told.estimated)
    assert told.estimated.high < 0
    assert "Not enough history of auc" in told.sentence
    assert "By estimate, auc of churn falls by" in told.sentence
    assert "cannot see concept drift" in told.sentence
    assert told.advised.startswith("By estimate alone: to retrain every ")
    (alarm,) = (
        change for change in registry.drift("churn", "production").changes if change.kind == "drift"
    )
    new = MONDAY + dt.timedelta(28)
    assert (told.watched.versions, told.watched.alarms) == (1, 1)
    assert told.watched.days == (alarm.told - new).days
    saw(registry, pipeline, profile, {56: scored(56)})
    told = registry.retrain("churn", per_point=10, retrain_cost=50)
    assert (told.metric, told.basis, told.advice) == ("auc", None, None)
    assert told.estimated is not None


def test_a_data_version_is_of_one_time_with_and_without_a_profile(registry):
    add_version(registry, "1")
    data = captured("d").components.data
    for profile in (None, of_month(3), of_month(3), None):
        metrics = {"auc": 0.9}
        registry.validate(
            "churn@1", captured_pipeline(), passed=True, metrics=metrics, data=data,
            profile=profile, actor="t",
        )  # fmt: skip
    (one,) = registry.retrain("churn").observations
    assert (one.dated_by, one.age, one.data) == ("windows", 0, of_month(3).digest)
    registry.validate(
        "churn@1", captured_pipeline(), passed=True, metrics=metrics, data=data,
        profile=of_month(4), actor="t",
    )  # fmt: skip
    told = registry.retrain("churn")  # beside profiles of two times, a digest of data tells none
    assert [one.dated_by for one in told.observations] == ["recorded"]
    assert told.left_out == {
        "replaced by a newer verdict on the same data": 1,
        "on data from before the version was new": 3,
    }


def test_without_an_alarm_it_says_how_rarely_they_come(registry):
    for number in range(2):
        ref = add_version(registry, str(number))
        for age in range(3):
            measured(registry, ref, 1 + 3 * number + age, 0.9 - 0.01 * age)
    told = registry.retrain("churn", per_point=10, retrain_cost=500)
    assert "at alarms" not in {one.name for one in told.advice.schedules}
    assert (told.watched.alarms, told.watched.days) == (0, 60 + 61)
    assert any(
        "no alarm in 121 days of age of 2 versions together" in note and "one in 40 days" in note
        for note in told.notes
    )


def test_only_a_gradual_drift_that_costs_something_is_an_alarm():
    new = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def watched(kind, tier):
        drift = Drift(
            {
                "ref": "churn@1",
                "pipeline": "p",
                "windows": [{"start": "2026-01-31T00:00:00Z"}],
                "changes": [{"kind": kind, "tier": tier, "told": "2026-01-21T00:00:00Z"}],
            }
        )
        return alarms.watched([], [drift], {"churn@1": new})

    assert watched("drift", "ticket") == Watched(20, 1, 1)
    for other in (("drift", "explain"), ("hard", "page"), ("soft", "ticket")):
        assert watched(*other) == Watched(30, 1, 0)
    week = at_age("outcomes", MONDAY, 50)
    assert alarms.watched([week], [], {}) == Watched(0, 0, 0), "it alone alarms nobody"


def at_age(source, start, age, number=None):
    """A metric of churn@1 that falls, by a verdict or by what was seen."""
    at, environment = start + dt.timedelta(age), None if number else "production"
    value = 0.9 - 0.001 * age + 0.002 * (age % 3)
    passed = None if number is None else True
    return MetricAtAge(
        "churn@1", "p", source, number, at, "windows", age, value, passed, 100, f"d{number}",
        environment,
    )  # fmt: skip


def test_a_verdict_on_the_weeks_of_outcomes_may_be_on_the_same_rows():
    outcomes = [at_age("outcomes", MONDAY, 7 * week) for week in range(24)]
    verdicts_too = [at_age("verdict", MONDAY, 28 * n + 2, n + 1) for n in range(6)]
    blocks = {one.block for one in outcomes}
    told = advised("churn", "auc", [*outcomes, *verdicts_too], None)
    assert told.change.data_sets == len(blocks)
    assert advised("churn", "auc", verdicts_too, None).change.data_sets == 6


def test_a_token_of_one_environment_sees_no_outcomes_of_another(registry):
    profile = of_weeks(1)
    pipeline = serving(registry, profile)
    saw(registry, pipeline, profile, {day: scored(day) for day in range(7, 14)})
    assert [one.source for one in registry.retrain("churn").observations] == ["verdict", "outcomes"]
    bound = Principal("ci", frozenset({Scope.READ}), environments=frozenset({"staging"}))
    mine = registry.speaking_for(bound).retrain("churn")
    assert [one.source for one in mine.observations] == ["verdict"]
