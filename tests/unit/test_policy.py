"""Metric requirements."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.policy import Outcome, Requirement, evaluate_all, verdict

METRICS = {
    "auc": 0.8, "slices": {"new": {"auc": 0.7}, "a.b": {"auc": 0.9}}, "dotted.name": 3, "text": "x",
    "flag": True, "inf": math.inf, "nan": math.nan, "null": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("auc >= 0.80", True), ("auc > 0.80", False), ("auc <= .8", True), ("auc < 8e-1", False),
        ("auc == 0.8", True), ("auc != 0.8", False), ("auc>=-1", True), ("  auc  >=  +0.1 ", True),
        ("slices.new.auc >= 0.75", False), ("slices.new.auc >= 0.7", True),
        ("slices.a.b.auc > 0.8", True), ("dotted.name == 3", True),
    ],
)  # fmt: skip
def test_a_requirement_compares_a_metric_with_a_number(text, holds):
    outcome = Requirement.parse(text).evaluate(METRICS)
    assert outcome.holds is holds
    assert outcome.actual is not None
    assert ("does not hold" in outcome.sentence) is not holds


@pytest.mark.parametrize(
    "metric",
    ["missing", "slices", "slices.old.auc", "auc.deeper", "text", "flag", "inf", "nan", "null"],
)
@pytest.mark.parametrize("comparison", [">= -1e300", "!= 0", "<= 1e300"])
def test_what_is_no_finite_number_never_holds(metric, comparison):
    outcome = Requirement.parse(f"{metric} {comparison}").evaluate(METRICS)
    assert not outcome.holds
    assert metric in outcome.sentence
    assert outcome.actual is None


@pytest.mark.parametrize(
    "text",
    ["", "auc", "auc >=", ">= 1", "auc => 1", "auc >= 1 or 1 == 1", "auc >= x", "auc >= 1e999",
     "auc >= nan", "__import__('os') >= 1", "a..b >= 1", "auc >= 1\n; x", "x" * 501 + " >= 1"],
)  # fmt: skip
def test_what_is_no_requirement_is_refused(text):
    with pytest.raises(UsageError, match="cannot be read"):
        Requirement.parse(text)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e9, 1e9))
def test_comparisons_are_those_of_numbers(value, bound):
    outcome = Requirement.parse(f"m >= {bound!r}").evaluate({"m": value})
    assert outcome.holds is (value >= bound)


@given(st.booleans(), st.sampled_from([None, True, False]))
def test_a_person_may_fail_what_holds_but_never_pass_what_does_not(holds, stated):
    outcomes = (Outcome("r", True, 1.0, ""), Outcome("r", holds, 1.0, ""))
    assert verdict(outcomes, stated) is (holds and stated is not False)


def test_with_no_requirement_somebody_must_say():
    assert verdict((), True) is True
    assert verdict((), False) is False
    with pytest.raises(UsageError):
        verdict((), None)


def test_outcomes_read_back_what_they_write():
    outcomes = evaluate_all([Requirement.parse("auc >= 1"), Requirement.parse("no >= 1")], METRICS)
    assert tuple(Outcome.from_json(outcome.to_json()) for outcome in outcomes) == outcomes
