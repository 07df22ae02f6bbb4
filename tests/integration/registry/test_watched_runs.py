"""What was observed of runs: kept once, with what it is of, in the history's words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineage.contract.requests import DeclaredEnvironment
from lineage.guard.decision import GuardRefused
from lineage.guard.policy import Demand, EnvironmentPolicy
from lineage.identity.components import Kind
from lineage.identity.watched import (
    Distribution,
    Interpreter,
    Module,
    Role,
    Undeclared,
    WatchedRun,
)
from tests.conftest import EVERYWHERE, captured, captured_pipeline, pipeline

RUN = WatchedRun(
    {"command": ["dvc", "repro"], "started_at": "2026-11-21T08:00:00Z", "seconds": 1.5},
    (Undeclared("src/scaling.py", Role.CODE, True, ("src/featurize.py",)),),
    ("src/featurize.py",),
    (Module("scaling", "src/scaling.py"),),
    (Distribution("numpy", "2.4.6", ("src/featurize.py",)),),
    (Interpreter("cpython", "3.11.7", "linux-x86_64", 3),),
    ("Rscript was not observed",),
)
OTHER = replace(RUN, undeclared=(), gaps=())


def _kept(shown: list[dict]) -> list[WatchedRun]:
    return [WatchedRun.from_json(run) for run in shown]


def _events(registry) -> list[dict]:
    return [event for event in registry.history(limit=100) if event["kind"] == "run-watched"]


@EVERYWHERE
def test_a_run_is_kept_once_with_a_version_and_named_by_the_history(registry):
    first = registry.register("churn", captured(), watched=[RUN, OTHER], actor="ann")
    again = registry.register("churn", captured(), watched=[RUN], actor="bob")
    assert (first.created, again.created) == (True, False)
    shown = registry.show("churn@1")["watched"]
    assert _kept(shown) == [OTHER, RUN], "the newest first"
    assert [run["complete"] for run in shown] == [True, False]
    assert {run["recorded_by"] for run in shown} == {"ann"}
    (event,) = _events(registry)
    assert event["subject"] == "churn@1"
    payload = event["payload"]
    assert payload.pop("rows").startswith("blake3:")
    assert payload == {
        "validation": None,
        "runs": [run["digest"] for run in reversed(shown)],
    }
    assert registry.audit().problems == ()


@EVERYWHERE
def test_a_version_that_is_there_takes_in_what_was_observed_since(registry):
    registry.register("churn", captured(), actor="ann")
    later = registry.register("churn", captured(), watched=[RUN], actor="ann")
    assert later.created is False
    assert _kept(registry.show("churn@1")["watched"]) == [RUN]


@EVERYWHERE
def test_a_validation_keeps_its_own_runs(registry):
    registry.register("churn", captured(), watched=[OTHER], actor="ann")
    done = registry.validate("churn@1", captured_pipeline(), passed=True, watched=[RUN], actor="b")
    assert _kept(done["watched"]) == [RUN]
    registry.validate("churn@1", captured_pipeline("new"), passed=True, watched=[RUN], actor="b")
    registry.validate("churn@1", captured_pipeline(), passed=True, actor="b")
    shown = registry.show("churn@1")
    assert _kept(shown["watched"]) == [OTHER]
    assert [_kept(one["watched"]) for one in shown["validations"]] == [[], [RUN], [RUN]]
    assert [one["watched"] for one in registry.validations("churn@1")] == [
        one["watched"] for one in shown["validations"]
    ]


@EVERYWHERE
@pytest.mark.parametrize("kind", Kind)
def test_a_version_without_a_pipeline_keeps_runs_too(registry, kind):
    parts = captured()
    if kind is Kind.EXPERIMENT:
        parts = replace(parts, components=replace(parts.components, pipeline=None))
    registry.register("churn", parts, kind=kind, watched=[RUN], actor="ann")
    assert _kept(registry.show("churn@1")["watched"]) == [RUN]


UNSEEN = {"stage": "featurize", "where": "plugins.py:3", "what": "computed import", "text": "x"}
READ = replace(OTHER, code=("featurize.py", "plugins.py"))


def _complete(registry, ref: str = "churn@1"):
    return registry.guard(ref, "production").check("pipeline-complete")


def _failed(refused: GuardRefused) -> list[str]:
    return [check.code for decision in refused.decisions for check in decision.failures]


@EVERYWHERE
def test_production_refuses_a_pipeline_that_lacks_what_a_run_read(registry):
    registry.register("churn", captured(), actor="ann")
    registry.validate("churn@1", captured_pipeline(), passed=True, actor="ann")
    registry.release("production", captured_pipeline(), ["churn@1"], actor="ann")
    assert _complete(registry).status == "warn", "nobody watched it"
    assert registry.serving("churn", "production").serving.ref == "churn@1"
    registry.register("churn", captured("2"), watched=[RUN], actor="ann")
    registry.validate("churn@2", captured_pipeline(), passed=True, actor="ann")
    with pytest.raises(GuardRefused) as refused:
        registry.promote("churn@2", "production", actor="ann")
    assert _failed(refused.value) == ["pipeline-complete"]
    details = refused.value.decisions[0].check("pipeline-complete").details
    assert [file["path"] for file in details["undeclared"]] == ["src/scaling.py"]
    registry.promote("churn@2", "staging", actor="ann")
    policy = EnvironmentPolicy(pipeline_complete=Demand.WARN)
    registry.apply_environments([DeclaredEnvironment("production", policy)], actor="ann")
    assert registry.environment("production")["policy"]["pipeline_complete"] == "warn"
    registry.promote("churn@2", "production", actor="ann")
    assert _complete(registry, "churn@2").status == "warn"


@EVERYWHERE
def test_what_could_not_be_followed_must_be_watched(registry):
    registry.register("churn", replace(captured(), unseen=(UNSEEN,)), actor="ann")
    registry.validate("churn@1", captured_pipeline(), passed=True, actor="ann")
    with pytest.raises(GuardRefused) as refused:
        registry.release("production", captured_pipeline(), ["churn@1"], actor="ann")
    assert _failed(refused.value) == ["pipeline-complete"]
    registry.register("churn", captured(), watched=[READ], actor="ann")
    registry.release("production", captured_pipeline(), ["churn@1"], actor="ann")
    assert _complete(registry).status == "pass"


@EVERYWHERE
def test_what_a_validation_could_not_follow_is_kept_too(registry):
    registry.register("churn", captured(), actor="ann")
    named = replace(captured_pipeline("new"), unseen=(UNSEEN,))
    registry.validate("churn@1", named, passed=True, actor="ann")
    with pytest.raises(GuardRefused) as refused:
        registry.release("production", captured_pipeline("new"), ["churn@1"], actor="ann")
    assert _failed(refused.value) == ["pipeline-complete"]
    registry.validate("churn@1", captured_pipeline("new"), passed=True, watched=[READ], actor="b")
    registry.release("production", captured_pipeline("new"), ["churn@1"], actor="ann")


@EVERYWHERE
def test_a_backup_comes_back_whatever_was_observed_since(registry):
    for seed in ("1", "2"):
        registry.register("churn", captured(seed), actor="ann")
        registry.validate(f"churn@{seed}", captured_pipeline(), passed=True, actor="ann")
        registry.release("production", captured_pipeline(), [f"churn@{seed}"], actor="ann")
    registry.validate("churn@1", captured_pipeline(), passed=True, watched=[RUN], actor="ann")
    assert _complete(registry).status == "warn", "it served here with this pipeline"
    assert registry.serving("churn", "production").readiness.ready
    registry.rollback("churn", "production", actor="ann")
    assert registry.serving("churn", "production").serving.ref == "churn@1"


@EVERYWHERE
def test_what_a_release_moves_is_judged_anew(registry):
    """A version that would read what the new pipeline version lacks stands by with the old one."""
    for seed in ("1", "2"):
        registry.register("churn", captured(seed), actor="ann")
        registry.validate(f"churn@{seed}", captured_pipeline(), passed=True, actor="ann")
    registry.release("production", captured_pipeline(), ["churn@1"], actor="ann")
    for ref, run in (("churn@1", RUN), ("churn@2", READ)):
        registry.validate(ref, captured_pipeline("new"), passed=True, watched=[run], actor="ann")
    registry.release("production", captured_pipeline("new"), ["churn@2"], actor="ann")
    slot = registry.serving("churn", "production")
    assert (slot.backup.ref, slot.backup.pipeline) == ("churn@1", pipeline("old").xxh3)
    registry.validate("churn@1", captured_pipeline("old"), passed=False, actor="ann")
    registry.release("production", captured_pipeline("new"), ["churn@2"], actor="ann")
    registry.register("churn", captured("3"), actor="ann")
    registry.validate("churn@3", captured_pipeline("new"), passed=True, actor="ann")
    registry.promote("churn@3", "production", actor="ann")
    assert registry.serving("churn", "production").backup.ref == "churn@2", (
        "not churn@1 with the new"
    )


# the environment that a verdict was reached in

NEWER = replace(OTHER, distributions=(Distribution("Numpy", "2.5.0"),))


@EVERYWHERE
def test_the_environment_of_a_verdict_stands_in_the_validation(registry):
    registry.register("churn", captured(), watched=[OTHER], actor="ann")
    stated = registry.validate("churn@1", captured_pipeline(), passed=True, actor="b")
    assert stated["environment"] is None, "the training's environment is not the verdict's"
    for run in (OTHER, NEWER):
        registry.validate(
            "churn@1", captured_pipeline(), passed=True, run=run.run, watched=[run], actor="b"
        )
    registry.validate("churn@1", captured_pipeline("new"), passed=True, watched=[RUN], actor="b")
    stated, *run = registry.validations("churn@1")
    assert stated["environment"] is None, "what runs of `lineage run` saw is not the verdict's"
    newest, older, oldest = (one["environment"] for one in run)
    assert older == {
        "interpreters": ["cpython 3.11.7"],
        "platforms": ["linux-x86_64"],
        "packages": {"numpy": ["2.4.6"]},
        "gaps": [],
        "since": None,
    }
    assert newest["since"]["explanation"] == ["numpy 2.4.6 → 2.5.0"]
    assert newest["since"]["validation"] == 2
    assert oldest is None


@EVERYWHERE
def test_the_guard_tells_what_differs_from_where_the_serving_version_was_validated(registry):
    for seed, run in (("1", OTHER), ("2", NEWER)):
        registry.register("churn", captured(seed), watched=[READ], actor="ann")
        registry.validate(
            f"churn@{seed}",
            captured_pipeline(),
            passed=True,
            run=run.run,
            watched=[run],
            actor="ann",
        )
    registry.release("production", captured_pipeline(), ["churn@1"], actor="ann")
    check = registry.guard("churn@2", "production").check("validated")
    assert check.status == "pass"
    assert check.details["environment"]["explanation"] == ["numpy 2.4.6 → 2.5.0"]
    same = registry.guard("churn@1", "production").check("validated").details["environment"]
    assert same["changes"] == []
    registry.validate("churn@2", captured_pipeline(), passed=True, actor="ann")
    unknown = registry.guard("churn@2", "production").check("validated")
    assert unknown.details["environment"] is None, "the newest verdict was only stated"
