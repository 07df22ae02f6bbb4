"""Metric requirements: expressions that are read, evaluated, or pointed at."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.guard.expression_parser import DEEPEST, LONGEST
from lineage.guard.requirements import Outcome, Requirement, evaluate_all, verdict

METRICS = {
    "auc": 0.8, "brier": 0.2, "slices": {"new": {"auc": 0.7, "n": 10}, "a.b": {"auc": 0.9, "n": 5}},
    "dotted.name": 3, "lat-ency": 2, "odd name": {"p 99": 4}, "deep": {"x": {"y": 1}, "z": {"y": 2}},
    "text": "x", "flag": True, "inf": math.inf, "nan": math.nan, "null": None, "huge": 10**400,
    "zero": 0, "empty": {},
}  # fmt: skip


def _evaluate(text: str) -> Outcome:
    return Requirement.parse(text).evaluate(METRICS)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("auc >= 0.80", True), ("auc > 0.80", False), ("auc <= .8", True), ("auc < 8e-1", False),
        ("auc == 0.8", True), ("auc != 0.8", False), ("auc>=-1", True), ("  auc  >=  0.1 ", True),
        ("slices.new.auc >= 0.75", False), ("slices.new.auc >= 0.7", True),
        ("slices.a.b.auc > 0.8", True), ('slices."a.b".auc > 0.8', True), ("dotted.name == 3", True),
        ("lat-ency == 2", True), ('"odd name"."p 99" == 4', True), ("odd name == 1", None), ('odd."p 99" == 1', False),
        ("0.5 <= auc", True), ("auc >= brier", True), ("auc + brier == 1", True),
        ("auc - brier > 0.5", True), ("auc * 2 - 0.6 == 1", True), ("auc / brier >= 3.9", True),
        ("-auc < 0", True), ("2 * (auc + brier) == 2", True), ("1 - -1 == 2", True),
        ("auc > 0 and brier > 0", True), ("auc > 1 and brier > 0", False),
        ("auc > 1 or brier > 0", True), ("auc > 1 or brier > 1", False), ("not auc > 1", True),
        ("not (auc > 0 or brier > 1)", False), ("auc > 1 and brier > 1 or auc > 0", True),
        ("auc > 1 and (brier > 1 or auc > 0)", False), ("not auc > 1 and brier > 0", True),
        ("slices.*.auc >= 0.7", True), ("slices.*.auc >= 0.75", False),
        ("slices.*.auc >= auc - 0.15", True), ("slices.*.auc * slices.*.n >= 4", True),
        ("not slices.*.auc >= 0.75", True), ("deep.*.y <= 2", True), ("deep.*.y <= 1", False),
    ],
)  # fmt: skip
def test_an_expression_holds_or_does_not(text, holds):
    if holds is None:
        with pytest.raises(UsageError):
            _evaluate(text)
        return
    outcome = _evaluate(text)
    assert outcome.holds is holds, outcome.sentence
    assert ("does not hold" in outcome.sentence) is not holds


def test_the_sentence_names_what_failed():
    assert _evaluate("slices.*.auc >= 0.75").sentence == (
        "slices.*.auc >= 0.75 does not hold: slices.new.auc is 0.7"
    )
    assert _evaluate("auc > 1 or brier > 1").sentence.endswith("auc is 0.8, brier is 0.2")
    assert _evaluate("auc > 0").metrics == {"auc": 0.8}
    many = {"s": {f"k{n:03}": n for n in range(100)}}
    sentence = Requirement.parse("s.* >= 50").evaluate(many).sentence
    assert sentence.endswith("s.k005 is 5 and 44 more")


MISSING = ["missing", "slices", "slices.old.auc", "auc.deeper", "text", "flag", "inf", "nan", "null",
           "huge", "slices.*.recall", "empty.*", "auc.*", "auc / zero", "slices.*"]  # fmt: skip


@pytest.mark.parametrize("metric", MISSING)
@pytest.mark.parametrize(
    "form",
    [
        "{} >= -1e300",
        "{} != 0",
        "not {} > 0",
        "{} > 0 or auc > 0",
        "auc > 0 or {} > 0",
        "1 - {} < 9",
    ],
)
def test_what_is_unknown_never_holds(metric, form):
    outcome = _evaluate(form.format(metric))
    assert not outcome.holds
    assert outcome.sentence.count(": ") == 1


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1), ("auc", 1), ("auc >=", 7), (">= 1", 1), ("auc => 1", 5), ("auc >= 1 or", 12),
        ("auc >= x y", 10), ("auc >= 1e999", 8), ("__import__('os') >= 1", 12), ("a..b >= 1", 2),
        ("auc >= 1; x", 9), ("(auc >= 1", 10), ("auc >= 1)", 9), ("(auc >= 1) + 1 > 0", 1),
        ("1 + (auc >= 1) > 0", 5), ("auc and brier", 9), ("auc > 0 and brier", 13), ("not auc", 5),
        ("1 < auc < 2", 9), ("a.*.b > c.*.*.d", 1), ("auc >= 'x'", 8), ("auc >= 0x10", 8),
        ("(" * 31 + "auc > 1" + ")" * 31, 32), ("-" * 40 + "1 > 0", 32), ("auc = 1", 5), ("é > 1", 1),
    ],
)  # fmt: skip
def test_what_is_no_requirement_is_pointed_at(text, column):
    with pytest.raises(UsageError) as error:
        Requirement.parse(text)
    assert f"cannot be read at column {column}: " in str(error.value)
    assert "\n" not in str(error.value)


def test_an_expression_is_bounded():
    with pytest.raises(UsageError, match="100,005 characters"):
        Requirement.parse("(" * 100_000 + "a > 1")
    assert LONGEST < 1000
    assert DEEPEST < 100


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        outcome = Requirement.parse(text).evaluate(METRICS)
    except UsageError:
        return
    assert isinstance(outcome.holds, bool)


words = st.lists(
    st.sampled_from(
        [
            "auc",
            "slices.*.auc",
            "missing",
            "1",
            "0.5",
            "(",
            ")",
            "and",
            "or",
            "not",
            ">=",
            "<",
            "+",
            "-",
            "*",
            "/",
        ]
    ),
    max_size=12,
).map(" ".join)


@given(words)
def test_any_row_of_words_is_read_or_refused(text):
    try:
        outcome = Requirement.parse(text).evaluate(METRICS)
    except UsageError:
        return
    assert json.loads(json.dumps(outcome.to_json()))["holds"] is outcome.holds


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1e9))
def test_comparisons_are_those_of_numbers(value, bound):
    outcome = Requirement.parse(f"m >= {bound!r}").evaluate({"m": value})
    assert outcome.holds is (value >= bound)


@given(
    st.dictionaries(st.text(min_size=1), st.floats(0, 1), min_size=1, max_size=8), st.floats(0, 1)
)
def test_a_star_holds_exactly_where_every_key_does(values, bound):
    outcome = Requirement.parse(f"s.* >= {bound:.17f}").evaluate({"s": values})
    assert outcome.holds is all(value >= float(f"{bound:.17f}") for value in values.values())


@given(st.booleans(), st.sampled_from([None, True, False]))
def test_a_person_may_fail_what_holds_but_never_pass_what_does_not(holds, stated):
    outcomes = (Outcome("r", True, ""), Outcome("r", holds, ""))
    assert verdict(outcomes, stated) is (holds and stated is not False)


def test_with_no_requirement_somebody_must_say():
    assert verdict((), True) is True
    assert verdict((), False) is False
    with pytest.raises(UsageError):
        verdict((), None)


def test_outcomes_read_back_what_they_write():
    outcomes = evaluate_all([Requirement.parse("auc >= 1"), Requirement.parse("no >= 1")], METRICS)
    assert tuple(Outcome.from_json(outcome.to_json()) for outcome in outcomes) == outcomes
