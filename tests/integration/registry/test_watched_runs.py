"""What was observed of runs: kept once, with what it is of, in the history's words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineage.identity.components import Kind
from lineage.identity.watched import (
    Distribution,
    Interpreter,
    Module,
    Role,
    Undeclared,
    WatchedRun,
)
from tests.conftest import EVERYWHERE, captured, captured_pipeline

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
    assert event["payload"] == {
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
