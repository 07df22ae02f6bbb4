"""Which verdicts count in an environment: bases, validators, runs; on both databases."""

from __future__ import annotations

import pytest

from lineage.contract.requests import DeclaredEnvironment
from lineage.guard.decision import GuardRefused, Status
from lineage.guard.evidence import Basis, Evidence
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.watched import WatchedRun
from lineage.registry.access import Principal, Scope
from tests.conftest import BOTH, EVERYWHERE, add_version, captured, captured_pipeline

RUN = {"command": ["python", "evaluate.py"], "exit_status": 0, "seconds": 1.0}
WATCHED = (WatchedRun({"command": ["python", "evaluate.py"]}),)


def _apply(registry, **evidence):
    policy = EnvironmentPolicy(evidence=Evidence(**evidence))
    return registry.apply_environments([DeclaredEnvironment("production", policy)], actor="admin")


def _speaking(registry, name, *scopes: Scope, person=None):
    return registry.speaking_for(Principal(name, frozenset(scopes), person=person))


def _deployed(registry, text="old"):
    registry.release("production", captured_pipeline(text), actor="t")


def _validated(registry):
    return registry.guard("churn@1", "production").check("validated")


@EVERYWHERE
def test_the_evidence_of_a_policy_is_kept_and_shown(registry):
    plan = _apply(registry, accept=(Basis.RUN, Basis.CARRIED), validators=("ci", "ann"))
    assert plan[0].lines == (
        'evidence.accept: ["run","carried","stated"] → ["run","carried"]',
        'evidence.validators: none → ["ci","ann"]',
    )
    assert "counts persons" in plan[0].notes[0]
    shown = registry.environment("production")["policy"]
    assert shown["evidence"] == {
        "accept": ["run", "carried"], "validators": ["ci", "ann"], "not_registrant": False,
        "signed_by": [], "signed": ["weights"],
    }  # fmt: skip
    assert shown["accept_carried"] is True
    again = _apply(registry, accept=(Basis.RUN, Basis.CARRIED), validators=("ci", "ann"))
    assert again[0].action == "keep"
    (change,) = _apply(registry, accept=(Basis.RUN, Basis.STATED))
    assert registry.environment("production")["policy"]["accept_carried"] is False
    assert change.notes == ()


@EVERYWHERE
def test_a_word_does_not_let_in_where_a_run_is_asked_for(registry):
    _apply(registry, accept=(Basis.RUN, Basis.CARRIED))
    _deployed(registry)
    ref = add_version(registry)
    registry.validate(ref, captured_pipeline(), passed=True, actor="ann")
    with pytest.raises(GuardRefused, match="was only stated"):
        registry.promote(ref, "production", actor="boss")
    registry.validate(ref, captured_pipeline(), passed=True, run=RUN, actor="ann")
    registry.promote(ref, "production", actor="boss")
    assert _validated(registry).summary.endswith("(ann), by a run")
    registry.validate(ref, captured_pipeline(), passed=True, actor="ann")
    assert _validated(registry).status is Status.FAIL, "the newest counts"


@EVERYWHERE
def test_what_a_carried_verdict_rests_on_must_be_taken_too(registry):
    _deployed(registry, "new")
    ref = add_version(registry)
    root = registry.validate(ref, captured_pipeline(), passed=True, actor="eve")["id"]
    registry.carry_over(
        ref, captured_pipeline("new"), rests_on=root, difference="a comment", actor="ci"
    )
    assert _validated(registry).summary.endswith(f"(ci), carried over from {root} (as stated)")
    _apply(registry, validators=("ci",))
    assert f"rests on validation {root} of eve" in _validated(registry).summary
    _apply(registry, accept=(Basis.RUN, Basis.CARRIED))
    assert "which was only stated" in _validated(registry).summary
    _apply(registry, validators=("EVE", "ci"))
    assert _validated(registry).status is Status.PASS


@BOTH
def test_validators_are_persons(registry):
    _apply(registry, validators=("ann",), not_registrant=True)
    _deployed(registry)
    ref = _speaking(registry, "job", person="ann").register("churn", captured(), actor="job").ref
    for name, person, says in (
        ("ann", "eve", "is eve's, whose verdicts do not count"),
        ("laptop", "Ann", "is Ann's, who registered it"),
    ):
        speaking = _speaking(registry, name, Scope.VALIDATE, person=person)
        done = speaking.validate(ref, captured_pipeline(), passed=True, actor=name)
        assert (done["validated_by"], done["person"]) == (name, person)
        assert says in _validated(registry).summary
    _apply(registry, validators=("ann",))
    assert _validated(registry).status is Status.PASS


# who says that it was run


@BOTH
def test_what_was_run_is_only_said_by_who_may_not_say_it(registry):
    _deployed(registry)
    ref = add_version(registry)
    said = _speaking(registry, "job", Scope.VALIDATE).validate(
        ref, captured_pipeline(), passed=True, run=RUN, watched=WATCHED, actor="job"
    )
    assert (said["basis"], said["run"], said["on_word"]) == ("stated", RUN, True)
    assert said["notes"] == [
        "the verdict counts as stated, and what was run is kept for information only: a token with "
        "the scope validate:run makes it a run"
    ]
    assert said["environment"] is None, "it is no verdict that was reached anywhere"
    assert len(said["watched"]) == 1
    ran = _speaking(registry, "ci", Scope.VALIDATE, Scope.VALIDATE_RUN).validate(
        ref, captured_pipeline(), passed=True, run=RUN, watched=WATCHED, actor="ci"
    )
    assert (ran["basis"], ran["on_word"], "notes" in ran) == ("run", False, False)
    told = [event["payload"].get("on_word") for event in registry.history(ref) if event["kind"] == "validated"]  # fmt: skip
    assert told == [None, True]
    assert [row["on_word"] for row in registry.validations(ref)] == [False, True]
    assert registry.audit().problems == ()


@BOTH
def test_what_claims_no_run_is_no_word_of_one(registry):
    """But a watched run that comes along is: what it ran with must not count by a word."""
    _deployed(registry)
    ref = add_version(registry)
    job = _speaking(registry, "job", Scope.VALIDATE)
    plain = job.validate(ref, captured_pipeline(), passed=True, actor="job")
    assert (plain["basis"], plain["on_word"], "notes" in plain) == ("stated", False, False)
    assert "on_word" not in registry.history(ref)[0]["payload"]
    seen = job.validate(ref, captured_pipeline(), passed=True, watched=WATCHED, actor="job")
    assert (seen["basis"], seen["on_word"], "notes" in seen) == ("stated", True, False)


@BOTH
def test_a_run_cannot_be_carried_anywhere_by_a_word(registry):
    _deployed(registry, "new")
    _apply(registry, accept=(Basis.RUN, Basis.CARRIED))
    ref = add_version(registry)
    root = registry.validate(ref, captured_pipeline(), passed=True, run=RUN, actor="ci")["id"]
    for scopes, status in (
        ((Scope.VALIDATE,), Status.FAIL),
        ((Scope.VALIDATE, Scope.VALIDATE_RUN), Status.PASS),
        ((Scope.ADMIN,), Status.PASS),
    ):
        speaking = _speaking(registry, "job", *scopes)
        speaking.carry_over(
            ref, captured_pipeline("new"), rests_on=root, difference="d", actor="job"
        )
        check = _validated(registry)
        assert check.status is status
        if status is Status.FAIL:
            assert "on the word of job, whose token lacks the scope validate:run" in check.summary


# a word on a pipeline that nobody ran it with


@EVERYWHERE
def test_a_word_on_what_nobody_ran_is_a_warning_until_somebody_does(registry):
    _deployed(registry, "new")
    ref = add_version(registry)
    registry.validate(ref, captured_pipeline("new"), passed=True, actor="ann")
    decision = registry.guard(ref, "production")
    check = decision.check("validated")
    assert (check.status, decision.allowed) == (Status.WARN, True)
    assert "and nobody ran it with that pipeline" in check.summary
    assert registry.promote(ref, "production", actor="boss").changed
    registry.validate(ref, captured_pipeline("new"), passed=False, run=RUN, actor="ann")
    registry.validate(ref, captured_pipeline("new"), passed=True, actor="ann")
    assert _validated(registry).status is Status.PASS, "an older one was run"


@EVERYWHERE
def test_a_word_on_the_pipeline_that_it_was_trained_with_is_no_warning(registry):
    _deployed(registry)
    ref = add_version(registry)
    registry.validate(ref, captured_pipeline(), passed=True, actor="ann")
    assert _validated(registry).status is Status.PASS


@BOTH
@pytest.mark.parametrize(
    ("scopes", "elsewhere", "status"),
    [
        ((Scope.VALIDATE,), False, Status.WARN),
        ((Scope.VALIDATE, Scope.VALIDATE_RUN), False, Status.PASS),
        ((Scope.VALIDATE, Scope.VALIDATE_RUN), True, Status.WARN),
    ],
)
def test_runs_that_were_watched_count_where_they_were_watched(registry, scopes, elsewhere, status):
    _deployed(registry, "new")
    ref = add_version(registry)
    _speaking(registry, "ci", *scopes).validate(
        ref,
        captured_pipeline("new"),
        passed=True,
        watched=WATCHED,
        elsewhere=elsewhere,
        actor="ci",
    )
    assert _validated(registry).status is status
