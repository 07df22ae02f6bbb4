"""Metrics by slice: held against published numbers, plain counting, scikit-learn and fairlearn."""

from __future__ import annotations

import math
import statistics
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lineage
from lineage.errors import UsageError
from lineage.evidence.slices import Rows, auc, calibration, metrics, sliced, wilson

_SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
_PAIRS = st.lists(st.tuples(_SCORES, st.booleans()), min_size=2, max_size=40)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)  # fmt: skip
def test_wilsons_interval_is_that_of_newcombes_table(successes, n, low, high) -> None:
    """Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3."""
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilsons_interval_holds_the_rate_and_turns_with_it(successes, n) -> None:
    assume(successes <= n)
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low))


@given(_PAIRS)
def test_the_auc_is_scikit_learns_and_its_error_delongs_by_pairs(pairs) -> None:
    from sklearn.metrics import roc_auc_score

    scores, outcomes = map(list, zip(*pairs, strict=True))
    assume(len(set(outcomes)) == 2)
    area, error = auc(Rows(scores, outcomes, 0.5))
    assert area == pytest.approx(roc_auc_score(outcomes, scores))
    yes = [score for score, happened in pairs if happened]
    no = [score for score, happened in pairs if not happened]
    wins = [[(a > b) + (a == b) / 2 for b in no] for a in yes]
    parts = [
        [statistics.fmean(row) for row in wins],
        [statistics.fmean(c) for c in zip(*wins, strict=True)],
    ]
    variance = sum(statistics.variance(p) / len(p) for p in parts if len(p) > 1)
    assert error == pytest.approx(math.sqrt(variance), abs=1e-9)


def test_the_interval_of_an_auc_is_the_published_one() -> None:
    """The example of github.com/srijitseal/pauc: AUC 0.708, 95 % from 0.378 to 1.000."""
    outcomes = [0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1]
    scores = [0.1, 0.35, 0.24, 0.8, 0.2, 0.85, 0.13, 0.85, 0.74, 0.58, 0.71, 0.25]
    found = metrics(Rows(scores, [bool(one) for one in outcomes], 0.5))
    assert found["auc"] == pytest.approx(0.708, abs=5e-4)
    assert (found["auc_low"], found["auc_high"]) == pytest.approx((0.378, 1.0), abs=5e-4)


def test_calibration_by_hand() -> None:
    rows = Rows([0.05, 0.15, 0.15, 0.95], [False, False, True, True], 0.5)
    gap, error = calibration(rows)  # bins: 0.05 of 0, 0.30 of 1, 0.95 of 1
    assert gap == pytest.approx((1.30 - 2) / 4)
    assert error == pytest.approx((0.05 + 0.70 + 0.05) / 4)
    assert calibration(Rows([1.5, 0.5], [True, False], 0.5)) is None
    assert "calibration_gap" not in metrics(Rows([1.5, 0.5], [True, False], 0.5))


@pytest.fixture
def frame():
    chance = np.random.default_rng(5)
    sex = chance.choice(["female", "male", "other"], 3000, p=[0.5, 0.49, 0.01])
    late = chance.integers(0, 2, 3000)
    score = np.clip(0.35 * late + 0.1 * (sex == "male") + chance.uniform(0, 0.6, 3000), 0, 1)
    return pd.DataFrame(
        {"sex": sex, "year": chance.choice([2012.0, np.nan], 3000), "late": late, "score": score}
    )


def test_differences_between_groups_are_fairlearns(frame) -> None:
    from fairlearn import metrics as fairness

    found = lineage.slices(frame, score="score", target="late", by=["sex", "year"], minimum=500)
    assert set(found.slices) == {"sex=female", "sex=male", "year=2012", "year=(none)"}
    assert found.small == {"sex=other": int((frame.sex == "other").sum())}
    both = frame[frame.sex != "other"]
    told = (both.late, both.score >= 0.5)
    groups = found.groups["sex"]
    for name, function in (
        ("selection_rate_difference", fairness.demographic_parity_difference),
        ("selection_rate_ratio", fairness.demographic_parity_ratio),
        ("equalized_odds_difference", fairness.equalized_odds_difference),
        ("true_positive_rate_difference", fairness.equal_opportunity_difference),
    ):
        assert groups[name] == pytest.approx(function(*told, sensitive_features=both.sex)), name
    by_group = fairness.MetricFrame(
        metrics={"selection_rate": fairness.selection_rate, "true_positive_rate": fairness.true_positive_rate,
                 "false_positive_rate": fairness.false_positive_rate, "n": fairness.count},
        y_true=both.late, y_pred=both.score >= 0.5, sensitive_features=both.sex,
    ).by_group  # fmt: skip
    for sex, row in by_group.iterrows():
        one = found.slices[f"sex={sex}"]
        assert {name: one[name] for name in row.index} == pytest.approx(dict(row))
        assert one["auc_low"] < one["auc"] < one["auc_high"]
    false_positives = by_group.false_positive_rate
    apart = false_positives.max() - false_positives.min()
    assert groups["false_positive_rate_difference"] == pytest.approx(apart)
    assert found.overall["n"] == 3000


def test_the_worst_slices_of_columns_together_are_those_of_the_definition(frame) -> None:
    chance = np.random.default_rng(6)
    frame["port"] = chance.choice(["S", "C", "Q & R"], 3000)
    bad = (frame.sex == "male") & (frame.port == "Q & R")
    frame.loc[bad, "score"] = 1 - frame.score[bad]
    named = {"score": "score", "target": "late", "by": ["sex", "year", "port"]}
    found = lineage.slices(frame, **named, worst=2)
    errors = (frame.score - frame.late) ** 2

    def score(part: pd.Series) -> float:
        """Equation 5 of the paper, with its weight of 0.95."""
        size = len(part)
        return 0.95 * (part.mean() / errors.mean() - 1) - 0.05 * (3000 / size - 1)

    by = frame.assign(year=frame.year.map({2012.0: "2012"}).fillna("(none)"))
    scores = {}
    for names in (["sex", "port"], ["sex", "year"], ["year", "port"], named["by"]):
        for values, part in errors.groupby([by[name] for name in names]):
            if len(part) >= 100:
                label = " & ".join(map("=".join, zip(names, values, strict=True)))
                scores[label] = score(part)
    worst = sorted(scores, key=lambda label: -scores[label])[:2]
    assert worst[0] == "sex=male & port=Q & R"
    assert [name for name in found.slices if " & port" in name or " & year" in name] == worst
    assert found.slices[worst[0]]["n"] == bad.sum()
    alone = lineage.slices(frame, **named)
    assert alone.groups == found.groups
    assert {*found.slices} - {*alone.slices} == {*worst}
    odds = frame.assign(score=frame.score * 9)
    assert worst[0] in lineage.slices(odds, **named, worst=1, threshold=4.5).slices


def test_the_worst_slices_need_sliceline_and_something_that_is_worse(frame, monkeypatch) -> None:
    named = {"score": "score", "target": "late", "by": ["sex", "year"]}
    even = frame.assign(score=0.5)
    assert set(lineage.slices(even, **named, worst=3).slices) == {
        "sex=female", "sex=male", "year=2012", "year=(none)",
    }  # fmt: skip
    monkeypatch.setitem(sys.modules, "sliceline.slicefinder", None)
    with pytest.raises(UsageError, match="needs sliceline") as told:
        lineage.slices(frame, **named, worst=1)
    assert "lineage-guard[slices]" in told.value.remedy


def test_requirements_and_other_frames_read_it(frame) -> None:
    from lineage.guard.requirements import Requirement

    named = {"score": "score", "target": "late", "by": "sex"}
    found = lineage.slices(frame, **named).to_dict()
    assert Requirement.parse("slices.*.auc_low >= 0.6").evaluate(found).holds
    assert (
        Requirement.parse("groups.sex.selection_rate_difference <= 0.02").evaluate(found).holds
        is False
    )
    assert Requirement.parse("small_slices.count == 1").evaluate(found).holds
    columns = {name: frame[name].tolist() for name in frame}
    for other in (columns, pa.table(columns), pl.DataFrame(columns)):
        assert lineage.slices(other, **named).to_dict() == found
        with pytest.raises(UsageError, match="no column 'none'") as raised:
            lineage.slices(other, **named | {"by": "none"})
        assert "sex, year, late, score" in raised.value.remedy
    assert "the worst sex=" in repr(lineage.slices(frame, **named))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"score": "none"}, "no column 'none'"),
        ({"by": "none"}, "no column 'none'"),
        ({"by": "score"}, "'score' has [0-9,]+ values"),
        ({"target": "score"}, "neither 0 nor 1"),
        ({"score": "sex"}, "Row 0 of 'sex' has no finite number"),
        ({"score": "year"}, "of 'year' has no finite number"),
        ({"minimum": 0}, "minimum is 0"),
        ({"worst": 101}, "worst is 101"),
    ],
)
def test_what_cannot_be_measured_is_told(frame, change, says) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        lineage.slices(frame, **{"score": "score", "target": "late", "by": "sex"} | change)
    assert raised.value.remedy


def test_what_is_no_frame_or_has_one_outcome_is_told(frame) -> None:
    for rows, says in (
        (5, "int has no columns"),
        (frame.assign(late=1), "one outcome alone"),
        (frame[:0], "no rows"),
        ({"score": [0.5, 1], "late": [0, 1], "sex": ["f"]}, "'sex' has 1 rows"),
    ):
        with pytest.raises(UsageError, match=says):
            lineage.slices(rows, score="score", target="late", by="sex")


@settings(max_examples=30)
@given(_PAIRS)
def test_the_order_of_rows_and_the_name_of_groups_change_nothing(pairs) -> None:
    scores, outcomes = map(list, zip(*pairs, strict=True))
    assume(len(set(outcomes)) == 2)
    one = metrics(Rows(scores, outcomes, 0.5))
    assert one == pytest.approx(metrics(Rows(scores[::-1], outcomes[::-1], 0.5)))
    assert all(
        one[f"{name}_low"] <= one[name] <= one[f"{name}_high"] for name in ("auc", "positive_rate")
    )


def test_two_slices_of_one_name_are_refused() -> None:
    rows = Rows([0.1, 0.9] * 4, [False, True] * 4, 0.5)
    by = {"a": ["x & b=p", "x"] * 4, "b": ["p"] * 8}
    with pytest.raises(UsageError, match="called 'a=x & b=p'"):
        sliced(rows, by, minimum=1, fewest=1, together=[{"a": "x", "b": "p"}])
