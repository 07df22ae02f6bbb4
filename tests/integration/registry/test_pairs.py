"""A backup is a pair: rollbacks that take a pipeline back, and what rides on it."""

from __future__ import annotations

import threading

import pytest

from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, RetentionPolicy
from lineage.errors import Conflict, NotFound, OthersMove
from lineage.guard.decision import GuardRefused
from lineage.guard.policy import EnvironmentPolicy
from tests.conftest import BOTH, EVERYWHERE, add_validated, captured_pipeline, pipeline

OLD, NEW = pipeline("old").xxh3, pipeline("new").xxh3


def _apply(registry, **policy) -> None:
    declared = DeclaredEnvironment("production", EnvironmentPolicy(**policy))
    registry.apply_environments([declared], actor="admin")


def _release(registry, text, *refs, **more):
    name = more.pop("name", "churn")
    return registry.release("production", captured_pipeline(text, name), refs, actor="t", **more)


def _sides(registry, model="churn"):
    """What serves and what stands by, each with its pipeline version."""
    slot = registry.serving(model, "production")
    return tuple(side and (side.ref, side.pipeline) for side in (slot.serving, slot.backup))


def _runs(registry, name="churn"):
    return registry.deployed_pipeline("production", name).version.xxh3


def _said(registry, ref, text, *refs) -> str:
    """Why a release of the shared pipeline is refused for one version."""
    with pytest.raises(GuardRefused) as refused:
        _release(registry, text, *refs, name="shared")
    (made,) = [made for made in refused.value.decisions if made.ref == ref]
    return "; ".join(check.summary for check in made.failures)


@pytest.fixture
def feature(registry):
    """churn@1 served with the old pipeline; churn@2 was released with the new one."""
    add_validated(registry, "1", "old")
    add_validated(registry, "2", "new")
    _release(registry, "old", "churn@1")
    _release(registry, "new", "churn@2")
    return registry


@pytest.fixture
def shared(registry):
    """a, b and c ride on one pipeline; a and b were released anew with it, c only came then."""
    for model in ("a", "b"):
        add_validated(registry, f"{model}1", "old", model=model, name="shared")
        add_validated(registry, f"{model}2", "new", model=model, name="shared")
    add_validated(registry, "c1", "new", model="c", name="shared")
    _release(registry, "old", "a@1", "b@1", name="shared")
    _release(registry, "new", "a@2", "b@2", name="shared")
    return registry


@EVERYWHERE
def test_the_pair_before_a_release_stands_by_and_one_command_goes_back(feature):
    assert _sides(feature) == (("churn@2", NEW), ("churn@1", OLD))
    slot = feature.serving("churn", "production")
    assert (slot.moves_pipeline, slot.readiness.ready) == (True, True)
    moved = feature.rollback("churn", "production", reason="wrong scores", actor="ann")
    assert moved.pipeline == {"name": "churn", "digest": OLD}
    assert moved.rolled_back == ("churn@2",)
    assert (_sides(feature), _runs(feature)) == ((("churn@1", OLD), None), OLD)
    (event,) = [row for row in feature.history() if row["kind"] == "rolled-back"]
    assert event["payload"]["deployments"] == {"churn@production": pipeline("old").blake3}
    with pytest.raises(GuardRefused, match="churn@2 was rolled back from production"):
        _release(feature, "new", "churn@2")
    assert feature.audit().problems == ()


@EVERYWHERE
def test_a_release_back_by_hand_takes_back_too(feature):
    assert _release(feature, "old", "churn@1").rolled_back == ("churn@2",)
    with pytest.raises(GuardRefused, match="churn@2 was rolled back from production"):
        _release(feature, "new", "churn@2")
    feature.validate("churn@2", captured_pipeline("new"), passed=True, actor="t")
    _release(feature, "new", "churn@2")
    assert _sides(feature) == (("churn@2", NEW), ("churn@1", OLD))


@EVERYWHERE
def test_a_pair_that_served_comes_back_without_what_judges_an_entry(feature):
    metrics = {"auc": 0.9}
    feature.validate("churn@2", captured_pipeline("new"), passed=True, metrics=metrics, actor="t")
    feature.validate(
        "churn@1", captured_pipeline("old"), passed=True, metrics={"auc": 0.7}, actor="t"
    )
    _release(feature, "new", "churn@2")
    _apply(
        feature,
        approvals=2,
        promote_from="staging",
        require=("auc >= 0.6", "auc >= serving.auc - 0.005"),
    )
    add_validated(feature, "3", "new")
    with pytest.raises(GuardRefused):
        feature.promote("churn@3", "production", actor="t")
    assert feature.serving("churn", "production").readiness.ready
    feature.rollback("churn", "production", actor="t")
    assert _sides(feature)[0] == ("churn@1", OLD)


@EVERYWHERE
def test_what_is_absolute_holds_for_a_return_too(feature):
    feature.validate(
        "churn@1", captured_pipeline("old"), passed=True, metrics={"auc": 0.5}, actor="t"
    )
    _apply(feature, require=("auc >= 0.6 and auc >= serving.auc - 0.005",))
    with pytest.raises(GuardRefused, match=r"auc is 0\.5"):
        feature.rollback("churn", "production", actor="t")
    assert _runs(feature) == NEW


@EVERYWHERE
def test_the_other_models_of_the_pipeline_go_back_too_once_that_is_said(shared):
    with pytest.raises(OthersMove, match="on which b serves too") as refused:
        shared.rollback("a", "production", actor="t")
    assert refused.value.models == ("b",)
    assert "with-pipeline" in refused.value.remedy
    plan = shared.rollback("a", "production", with_pipeline=True, dry_run=True, actor="t")
    steps = [(step.model, step.serving_before, step.serving_after) for step in plan.steps]
    assert steps == [("a", "a@2", "a@1"), ("b", "b@2", "b@1")]
    assert _runs(shared, "shared") == NEW, "it was a plan"
    events = len(shared.history())
    moved = shared.rollback(
        "a", "production", with_pipeline=True, seen=plan.revisions, reason="bad", actor="t"
    )
    assert sorted(moved.rolled_back) == ["a@2", "b@2"]
    assert (_sides(shared, "a")[0], _sides(shared, "b")[0]) == (("a@1", OLD), ("b@1", OLD))
    assert (len(shared.history()), shared.audit().problems) == (events + 1, ())
    assert "b@2 was rolled back" in _said(shared, "b@2", "new", "a@2", "b@2")


@EVERYWHERE
def test_a_model_that_has_nothing_to_go_back_to_is_named_and_may_be_left(shared):
    shared.promote("c@1", "production", actor="t")
    for with_pipeline in (False, True):
        with pytest.raises(OthersMove, match="c would have nothing to go back to") as refused:
            shared.rollback("a", "production", with_pipeline=with_pipeline, actor="t")
        assert refused.value.models == ("c",)
    assert _runs(shared, "shared") == NEW
    with pytest.raises(Conflict, match="x does not move"):
        shared.rollback("a", "production", with_pipeline=True, leave=["x"], actor="t")
    shared.rollback("a", "production", with_pipeline=True, leave=["c"], actor="t")
    assert (_sides(shared, "b")[0], _sides(shared, "c")) == (("b@1", OLD), (None, None))
    assert "c@1 was rolled back" in _said(shared, "c@1", "new", "a@2", "b@2", "c@1")
    assert shared.audit().problems == ()


@EVERYWHERE
def test_where_one_may_not_go_back_none_does(shared):
    shared.validate("b@1", captured_pipeline("old", "shared"), passed=False, actor="t")
    with pytest.raises(GuardRefused, match="The rollback of a@production is refused") as refused:
        shared.rollback("a", "production", with_pipeline=True, actor="t")
    assert [made.ref for made in refused.value.decisions] == ["b@1"]
    assert (_sides(shared, "a")[0], _runs(shared, "shared")) == (("a@2", NEW), NEW)


@EVERYWHERE
def test_a_version_that_stays_goes_back_to_its_own_pair(registry):
    add_validated(registry, "1", "old")
    _release(registry, "old", "churn@1")
    registry.validate("churn@1", captured_pipeline("new"), passed=True, actor="t")
    _release(registry, "new")
    assert _sides(registry) == (("churn@1", NEW), ("churn@1", OLD))
    registry.rollback("churn", "production", actor="t")
    assert _sides(registry) == (("churn@1", OLD), None)
    with pytest.raises(GuardRefused, match="churn@1 was rolled back"):
        _release(registry, "new")
    assert registry.guard("churn@1", "production").allowed, "with the old pipeline it serves"


@EVERYWHERE
def test_a_rollback_leaves_what_served_before_to_stand_by(registry):
    for seed in "123":
        add_validated(registry, seed, "old")
        _release(registry, "old", f"churn@{seed}")
    registry.rollback("churn", "production", actor="t")
    assert _sides(registry) == (("churn@2", OLD), ("churn@1", OLD))
    registry.rollback("churn", "production", actor="t")
    assert _sides(registry) == (("churn@1", OLD), None)
    with pytest.raises(NotFound, match="has no backup"):
        registry.rollback("churn", "production", actor="t")


@BOTH
def test_of_two_rollbacks_at_once_one_moves(registry, url):
    for seed in "1234":
        add_validated(registry, seed, "old")
        _release(registry, "old", f"churn@{seed}")
    ready, outcomes = threading.Barrier(2), []

    def roll() -> None:
        with connect(url, lock_timeout=30) as mine:
            foreseen = mine.foresee_rollback("churn", "production")
            ready.wait()
            try:
                with mine.transaction(foreseen) as inside:
                    inside.rollback("churn", "production", actor="t")
                outcomes.append("moved")
            except Conflict:
                outcomes.append("conflict")

    threads = [threading.Thread(target=roll) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["conflict", "moved"]
    assert _sides(registry)[0] == ("churn@3", OLD)


@EVERYWHERE
def test_retention_keeps_the_pairs_that_served_last(registry):
    for seed, text in (("1", "p"), ("2", "q"), ("3", "r"), ("4", "s")):
        add_validated(registry, seed, text)
        _release(registry, text, f"churn@{seed}")

    def unneeded(served: int) -> list[str]:
        rows = registry.collectable(RetentionPolicy(last=1, days=0, served=served))
        return [row["ref"] for row in rows]

    assert unneeded(3) == ["churn@1"]
    assert unneeded(0) == ["churn@1", "churn@2"], "what stands by is kept whatever is asked"
    assert unneeded(4) == []


@EVERYWHERE
def test_candidates_are_pairs_and_one_on_another_pipeline_may_be_set(feature):
    add_validated(feature, "3", "new")
    rows = {
        (row.ref, row.pipeline): row for row in feature.backup_candidates("churn", "production")
    }
    assert set(rows) == {("churn@1", OLD), ("churn@2", NEW), ("churn@3", NEW)}
    old = rows["churn@1", OLD]
    assert (old.best, old.ready, old.stands, old.moves_pipeline) == (True, True, "backup", True)
    assert rows["churn@2", NEW].reasons == ("churn@2 serves",)
    feature.set_backup("churn@3", "production", actor="t")
    assert _sides(feature)[1] == ("churn@3", NEW)
    _apply(feature, approvals=2)
    with pytest.raises(GuardRefused, match="churn@3 was validated"):
        feature.set_backup("churn@3", "production", pipeline=OLD, actor="t")
    feature.set_backup("churn@1", "production", pipeline=OLD, actor="t")
    assert _sides(feature)[1] == ("churn@1", OLD), "it served: it needs no new approval"
    with pytest.raises(Conflict, match="serves in production itself"):
        feature.set_backup("churn@2", "production", actor="t")
    assert feature.audit().problems == ()
