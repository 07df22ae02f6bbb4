"""What a person reads of a rule: its whole sentence, what to type, and the details behind it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from lineage.acts import typed
from lineage.guard.evidence import Basis, Evidence
from lineage.guard.facts import Approval, RolledBack, Root, Transition, Verdict
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import Kind
from lineage.identity.digest import Digest
from lineage.identity.origin import OriginState, WeightsOrigin
from lineage.identity.pipeline import PipelineVersion
from tests.conftest import pipeline
from tests.unit.guard.test_evaluate import (
    DECLARED,
    NOW,
    _check,
    _verdict,
)

if TYPE_CHECKING:
    from lineage.guard.decision import Check

OLD, NEW = pipeline("old").xxh3, pipeline("new").xxh3
OUTSIDE = PipelineVersion(None, Digest("sha256:abc"))


def _told(check: Check) -> tuple[str, str, str | None]:
    """The status, the sentence and the remedy as the command line prints it."""
    return check.status, check.summary, typed(check.remedy) if check.remedy is not None else None


# code-clean: what made the weights

MADE = WeightsOrigin(OriginState.MADE, "train", "c" * 40)
EXTERNAL = WeightsOrigin(OriginState.EXTERNAL, source="hf://org/name@v1")
STALE = WeightsOrigin(
    OriginState.STALE, "train", "c" * 40, ("src/train.py",), "a comment was added"
)


@pytest.mark.parametrize(
    ("origin", "status", "ending", "remedy"),
    [
        (MADE, "pass", "; the weights are what stage train made", None),
        (
            WeightsOrigin(OriginState.RUN),
            "pass",
            "; the weights were made by the run that registered them",
            None,
        ),
        (
            EXTERNAL,
            "pass",
            "; the weights come from elsewhere: hf://org/name@v1",
            None,
        ),
        (
            WeightsOrigin(OriginState.UNMADE),
            "pass",
            "; the weights are unmade: no stage is recorded to make them",
            None,
        ),
        (
            STALE,
            "warn",
            ", but the weights are stale: src/train.py changed since the stages up to train ran; "
            "taken on: a comment was added",
            "Train again on the code as it is and register: lineage register churn -- dvc repro "
            "--force",
        ),
    ],
)
def test_clean_code_says_what_made_the_weights(origin, status, ending, remedy):
    check = _check("code-clean", origin=origin)
    assert _told(check) == (status, f"the code is a commit, unchanged{ending}", remedy)
    assert WeightsOrigin.from_json(check.details["made"]) == origin


def test_what_a_model_from_elsewhere_lacks_is_said_in_a_registration_from_there():
    how = (
        "Register it for production, and say what is not known of it: lineage register churn "
        "--external hf://org/name@v1"
    )
    check = _check("kind", origin=EXTERNAL, kind=Kind.EXPERIMENT)
    assert _told(check)[2] == f"{how} --kind production"
    check = _check("tuple-complete", origin=EXTERNAL, missing=("code", "data", "pipeline"))
    said = "--code URL@COMMIT --data NAME=URI@VERSION --pipeline NAME@DIGEST"
    assert _told(check)[2] == f"{how} {said} --kind production"


def test_a_model_from_elsewhere_has_no_stages_to_watch():
    check = _check("pipeline-complete", origin=EXTERNAL, watched=())
    assert check.status == "warn"
    assert typed(check.remedy).startswith("Validate it by a run (lineage validate churn@7 --in")


@pytest.mark.parametrize("origin", [MADE, STALE])
def test_where_the_code_is_not_clean_nothing_is_made_of_the_weights(origin):
    for changes, status in (({"dirty": True}, "fail"), ({"missing": ("code",)}, "skipped")):
        check = _check("code-clean", origin=origin, **changes)
        assert (check.status, check.details) == (status, {})


# pipeline-clean

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CAPTURED = (
    f"pipeline churn@{OLD.short} was captured with uncommitted changes, and no commit is known to "
    "hold it"
)
COMMIT_IT = (
    "Commit it, and deploy it from that commit: lineage pipeline deploy churn --env production"
)
NEEDS_A_VERDICT = "needs a clean version that was validated with the deployed pipeline"


@pytest.mark.parametrize(
    ("changes", "status", "summary", "remedy"),
    [
        ({}, "pass", f"pipeline churn@{OLD.short} is what commit 0123456789ab holds", None),
        (
            {"deployed_is_commit": None},
            "skipped",
            f"nobody said which commit holds pipeline churn@{OLD.short}",
            None,
        ),
        ({"deployed_is_commit": False}, "fail", CAPTURED, COMMIT_IT),
        (
            {"deployed_is_commit": False, "transition": Transition.STAY},
            "warn",
            CAPTURED,
            COMMIT_IT,
        ),
        (
            {
                "deployed_is_commit": False,
                "transition": Transition.RETURN,
                "pipeline_moves": True,
            },
            "warn",
            CAPTURED,
            COMMIT_IT,
        ),
        (
            {
                "deployed_is_commit": False,
                "transition": Transition.STAND_BY,
                "pipeline_moves": True,
            },
            "fail",
            CAPTURED,
            COMMIT_IT,
        ),
    ],
)
def test_a_pipeline_is_held_by_a_commit_or_is_to_be_committed(changes, status, summary, remedy):
    check = _check("pipeline-clean", **{"deployed_commit": COMMIT} | changes)
    assert _told(check) == (status, summary, remedy)
    assert check.details == {"digest": OLD, "commit": COMMIT}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"deployed": None}, "needs a deployed pipeline"),
        ({"deployed": OUTSIDE}, "pipeline churn is named by a digest from outside"),
        ({"verdicts": ()}, NEEDS_A_VERDICT),
        ({"dirty": True}, NEEDS_A_VERDICT),
    ],
)
def test_whether_a_pipeline_is_clean_is_not_asked_where_that_decides_nothing(changes, why):
    assert _told(_check("pipeline-clean", **changes)) == ("skipped", why, None)


# pipeline-match


def test_a_match_says_where_only_what_is_declared_was_compared():
    verdicts = (dataclasses.replace(_verdict(), pipeline=DECLARED),)
    check = _check("pipeline-match", deployed=DECLARED, verdicts=verdicts)
    assert _told(check) == (
        "pass",
        "the deployed pipeline is the one churn@7 was validated with (captured with imports = "
        "false: declared dependencies alone are compared)",
        None,
    )


@pytest.mark.parametrize(
    ("changes", "alone"),
    [
        (
            {"pipeline_moves": True},
            "validate it where the deployed pipeline is checked out: "
            f"lineage validate churn@7 --pipeline churn@{NEW.short} -- COMMAND",
        ),
        (
            {"transition": Transition.STAY},
            "let it be run with the deployed pipeline: lineage validate churn@7 --in production",
        ),
    ],
)
def test_only_a_pipeline_that_moves_under_what_serves_asks_for_another_version(changes, alone):
    check = _check("pipeline-match", deployed=pipeline("new"), **changes)
    assert typed(check.remedy) == (
        f"Move both together (lineage release --env production --pipeline churn@{OLD.short} "
        f"--model churn@7), or {alone}"
    )


# validated

WITH_OLD = f"churn@7's verdict with the deployed pipeline {OLD.short}"
ACCEPTS_NONE = "and production accepts none of that basis"


def _carried(root: Root, **changes) -> Verdict:
    return dataclasses.replace(
        _verdict(id=5), basis=Basis.CARRIED, rests_on=2, root=root, **changes
    )


@pytest.mark.parametrize(
    ("verdict", "evidence", "summary"),
    [
        (
            _verdict(),
            Evidence((Basis.RUN,)),
            f"{WITH_OLD} was only stated, {ACCEPTS_NONE}",
        ),
        (
            _carried(Root("blake3:other", Basis.STATED, "ci")),
            Evidence((Basis.RUN, Basis.CARRIED)),
            f"{WITH_OLD} is carried over from validation 2, which was only stated, {ACCEPTS_NONE}",
        ),
        (
            _verdict(),
            Evidence(validators=("ci",)),
            f"{WITH_OLD} is ann's, whose verdicts do not count in production",
        ),
        (
            _carried(Root("blake3:other", Basis.RUN, "ci")),
            Evidence(validators=("ann",)),
            f"{WITH_OLD} rests on validation 2 of ci, whose verdicts do not count in production",
        ),
        (
            _verdict(),
            Evidence(not_registrant=True),
            f"{WITH_OLD} is ann's, who registered it and may not be its validator",
        ),
    ],
)
def test_a_verdict_that_is_not_taken_is_named_with_its_pipeline_and_why(verdict, evidence, summary):
    policy = EnvironmentPolicy(evidence=evidence)
    check = _check("validated", verdicts=(verdict,), policy=policy)
    assert (check.status, check.summary) == ("fail", summary)


def test_a_word_on_what_nobody_ran_is_told_with_the_verdict_that_it_is():
    verdict = _verdict(id=9)
    check = _check("validated", verdicts=(verdict,), ran_with=frozenset())
    assert _told(check) == (
        "warn",
        f"churn@7 passed with {OLD.short} on 2026-11-21 (ann), as stated, and nobody ran it with "
        "that pipeline",
        "Validate it by a run (lineage validate churn@7 --in production); where a server keeps the "
        "registry, with a token that has the scope validate:run",
    )
    assert check.details == _check("validated", verdicts=(verdict,)).details
    assert check.details["validation"] == 9


@pytest.mark.parametrize(
    ("reason", "why"), [("night shift", " (night shift)"), (None, ""), ("", "")]
)
def test_a_rollback_is_told_with_its_reason_where_one_was_given(reason, why):
    check = _check("validated", rolled_back=RolledBack(1, reason, NOW, "bob"))
    assert check.summary == (
        f"churn@7 was rolled back from production on 2026-11-21 by bob{why}, and has not been "
        "validated since"
    )


# requirements and approvals


def test_a_requirement_that_does_not_hold_is_met_or_changed_where_it_stands():
    measured = dataclasses.replace(_verdict(), metrics={"auc": 0.9})
    policy = EnvironmentPolicy(require=("auc >= 0.95",))
    assert _told(_check("requirements", verdicts=(measured,), policy=policy)) == (
        "fail",
        "auc >= 0.95 does not hold: auc is 0.9",
        "Improve the model and validate again (lineage validate churn@7), or change the "
        "requirement where it is wrong: in lineage.toml, or by lineage env apply FILE",
    )


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "fail"),
        ({"transition": Transition.STAY}, "fail"),
        ({"transition": Transition.RETURN}, "pass"),
        ({"transition": Transition.STAND_BY, "served_here": True}, "pass"),
        ({"transition": Transition.STAND_BY}, "fail"),
    ],
)
def test_what_served_before_is_not_compared_with_what_serves(changes, status):
    measured = dataclasses.replace(_verdict(), metrics={"auc": 0.8})
    policy = EnvironmentPolicy(require=("auc >= serving.auc",))
    given = {"verdicts": (measured,), "serving_metrics": {"auc": 0.9}}
    assert _check("requirements", policy=policy, **given | changes).status == status


@pytest.mark.parametrize(
    ("auc", "status", "sentence"),
    [
        (0.8, "pass", "all 2 requirements hold"),
        (0.4, "fail", "auc >= serving.auc and auc >= 0.5 does not hold: auc is 0.4"),
    ],
)
def test_what_returns_still_meets_what_is_absolute(auc, status, sentence):
    check = _check(
        "requirements",
        verdicts=(dataclasses.replace(_verdict(), metrics={"auc": auc}),),
        serving_metrics={"auc": 0.9},
        policy=EnvironmentPolicy(require=("auc >= serving.auc and auc >= 0.5",)),
        transition=Transition.RETURN,
    )
    assert (check.status, check.summary) == (status, sentence)


@pytest.mark.parametrize(
    ("needed", "claimed", "proven", "summary"),
    [
        (0, (), (), "no approval is demanded"),
        (2, (), ("bob", "cy"), "approved by bob, cy"),
        (2, ("bob", "cy"), (), "approved by bob, cy (claimed)"),
        (2, ("bob", "cy"), ("dan",), "approved by bob, cy, dan (claimed: bob, cy)"),
    ],
)
def test_approvals_name_who_gave_them_and_whose_names_no_token_proves(
    needed, claimed, proven, summary
):
    given = tuple(
        Approval(name, NOW, True, claimed=name in claimed) for name in (*claimed, *proven)
    )
    check = _check("approvals", policy=EnvironmentPolicy(approvals=needed), approvals=given)
    assert _told(check) == ("pass", summary, None)
