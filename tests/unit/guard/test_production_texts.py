"""What a person reads of `data-like-production`: what is other, what is missing, what to do."""

from __future__ import annotations

import dataclasses

import pytest

from lineage.acts import typed
from lineage.evidence.likeness import Apart, Likeness
from lineage.guard.evaluate import decide
from lineage.guard.evidence import Basis, Evidence
from lineage.guard.facts import Transition, Waiver
from lineage.guard.policy import EnvironmentPolicy, LikeProduction
from lineage.guard.seen_lately import SeenLately
from lineage.identity.components import EnvironmentKind
from tests.conftest import pipeline
from tests.unit.guard.test_evaluate import GOOD, THEN

CODE = "data-like-production"
OFF, WARN, REQUIRE = LikeProduction
NEAR = Apart("age", 0.05, 0.01)
FAR = Apart("fare", 0.45, 0.31)
DAYS = ("2026-10-25", "2026-11-21")


def likeness(*compared, chance=0.02, unlike=(), unseen=()):
    return Likeness(compared, unlike, unseen, chance)


def seen(*compared, days=DAYS, **more):
    return SeenLately(
        days, 70_000, ("churn@6",), "xxh3:s", "xxh3:p", 9_000, likeness(*compared, **more)
    )


def check(looked, demand=REQUIRE, **changes):
    serving = changes.pop("serving_metrics", {})
    facts = dataclasses.replace(
        GOOD,
        policy=EnvironmentPolicy(like_production=demand),
        seen=looked,
        serving_metrics=serving,
        **changes,
    )
    found = decide(facts).check(CODE)
    return found.status.value, found.summary, typed(found.remedy) if found.remedy else None


def test_data_that_is_like_production_passes():
    assert check(seen(NEAR)) == (
        "pass",
        "its one column is like what production saw from 2026-10-25 to 2026-11-21",
        None,
    )
    _, summary, _ = check(
        seen(NEAR, NEAR, days=("2026-11-21",) * 2, unseen=("a", "b"), unlike=("c",))
    )
    assert summary == (
        "its 2 columns are like what production saw on 2026-11-21; besides, 2 are not counted there and "
        "1 is of another kind"
    )


def test_other_data_is_refused_or_told():
    summary = (
        "churn@7 was validated on other data than production saw from 2026-10-25 to 2026-11-21: at "
        "least 31% of fare would have to change"
    )
    remedy = (
        "Validate it on newer data (lineage validate churn@7 --profile DATA), or train on newer "
        "data"
    )
    assert check(seen(FAR, NEAR)) == ("fail", summary, remedy)
    assert check(seen(FAR, NEAR), WARN) == ("warn", summary, remedy)
    experimental = check(seen(FAR), environment_kind=EnvironmentKind.EXPERIMENTAL)
    assert experimental[0] == "warn"
    waiver = Waiver(CODE, "the fares were raised", "boss", THEN)
    status, told, _ = check(seen(FAR), waivers=(waiver,))
    assert (status, told) == ("waived", f"{summary}; waived by boss: the fares were raised")


@pytest.mark.parametrize(
    ("number", "ending"),
    [(3, "of fare would have to change"), (4, "and one more column"), (6, "and 3 more columns")],
)
def test_of_many_columns_some_are_named(number, ending):
    _, summary, _ = check(seen(*[FAR] * number))
    assert ending in summary
    assert summary.count("at least") == min(3, number)


def test_the_remedy_names_the_pipeline_that_is_to_run():
    _, _, remedy = check(seen(FAR), own_pipeline="blake3:other")
    old = f"churn@{pipeline('old').xxh3.short}"
    assert f"--pipeline {old} --profile DATA, where {old} is checked out)" in remedy
    by_run = EnvironmentPolicy(like_production=REQUIRE, evidence=Evidence((Basis.RUN,)))
    facts = dataclasses.replace(GOOD, policy=by_run, seen=seen(FAR), serving_metrics={})
    remedy = typed(decide(facts).check(CODE).remedy)
    assert "(lineage validate churn@7 --profile DATA -- COMMAND)" in remedy


def test_few_rows_are_said_to_be_few_and_refuse_nothing():
    status, summary, remedy = check(seen(NEAR, chance=0.37))
    assert (status, remedy) == ("warn", None)
    assert summary.startswith("9,000 validated rows and 70,000 that production saw from")
    assert summary.endswith(
        "are too few to tell whether they are alike: by chance alone up to 37% of rows may be others"
    )
    assert check(seen(FAR, chance=0.37))[0] == "fail", "what is surely other is found in few"


@pytest.mark.parametrize(
    ("looked", "changes", "what", "remedy"),
    [
        (SeenLately(profile="xxh3:p"), {}, "nothing is recorded of what churn saw in production in the last 28 days that are over",
         "Record what production sees: lineage observe churn --env production --data BATCH, or let the service call observe "
         "(lineage.follow), and promote when a day of it is over"),
        (dataclasses.replace(seen(), profile=None, likeness=None), {}, "the validation of churn@7 that counts has no profile of its data",
         "Validate it with a profile: lineage validate churn@7 --profile DATA"),
        (seen(unseen=("x",)), {}, "no column of the data that churn@7 was validated on was counted in production",
         "Validate it on data as production has it: lineage validate churn@7 --profile DATA"),
        (seen(NEAR), {"verdicts": (), "waivers": (Waiver("validated", "r", "boss", THEN),)},
         "there is no validation of churn@7 with what runs, and a waiver of another rule says nothing of its data",
         "Validate it with a profile of its data: lineage validate churn@7 --profile DATA"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_and_refused_where_it_is_demanded(looked, changes, what, remedy):
    assert check(looked, **changes) == ("fail", what, remedy)
    assert check(looked, WARN, **changes) == ("warn", what, remedy)
    assert check(looked, OFF, **changes)[0] == "pass"


def test_the_first_that_serves_has_nothing_to_be_like():
    status, summary, _ = check(SeenLately(), serving_metrics=None)
    assert (status, summary) == (
        "pass",
        "nothing serves churn in production yet, so there is nothing to be like",
    )
    assert check(seen(FAR), serving_metrics=None)[0] == "fail", "what served was seen lately"


@pytest.mark.parametrize("move", [Transition.STAY, Transition.RETURN, Transition.STAND_BY])
def test_what_serves_returns_or_stands_by_is_not_asked(move):
    assert check(seen(FAR), transition=move)[0] == "pass"


def test_without_a_verdict_another_rule_says_so():
    assert check(seen(NEAR), verdicts=())[0] == "skipped"


def test_the_details_hold_what_was_looked_at():
    facts = dataclasses.replace(
        GOOD, policy=EnvironmentPolicy(like_production=REQUIRE), seen=seen(FAR, NEAR, unseen=("b",))
    )
    assert decide(facts).check(CODE).details == {
        "demanded": "require",
        "profile": "xxh3:p",
        "validated_rows": 9_000,
        "scale": "xxh3:s",
        "days": list(DAYS),
        "rows": 70_000,
        "versions": ["churn@6"],
        "compared": 2,
        "columns": [
            {"column": "fare", "distance": 0.45, "sure": 0.31, "floor": 0.1},
            {"column": "age", "distance": 0.05, "sure": 0.01, "floor": 0.1},
        ],
        "moved": ["fare"],
        "unlike": [],
        "unseen": ["b"],
        "chance": 0.02,
    }
