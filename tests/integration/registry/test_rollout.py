"""A rollout without a gap: which pair goes with a host's pipeline, staged releases, who lags."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, NewToken, Observed, RetentionPolicy
from lineage.contract.results import Side
from lineage.errors import (
    Conflict,
    LineageError,
    NotFound,
    NotPermitted,
    PipelineMismatch,
    UsageError,
)
from lineage.guard.decision import GuardRefused
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import Proof
from lineage.workflows import promote
from tests.conftest import (
    BOTH,
    EVERYWHERE,
    add_validated,
    captured_pipeline,
    make_registry,
    pipeline,
)
from tests.support.servers import registry_server

OLD, NEW = pipeline("old").xxh3, pipeline("new").xxh3
PRODUCTION = "production"


def _apply(registry, **policy) -> None:
    declared = DeclaredEnvironment(PRODUCTION, EnvironmentPolicy(**policy))
    registry.apply_environments([declared], actor="admin")


def _release(registry, text, *refs, **more):
    name = more.pop("name", "churn")
    return registry.release(PRODUCTION, captured_pipeline(text, name), refs, actor="t", **more)


def _side(registry, pipeline_digest, model="churn"):
    """The side and the version that go with a pipeline."""
    slot = registry.serving(model, PRODUCTION, pipeline=pipeline_digest)
    return slot.side, slot.on_side.ref


def _stands(registry, model="churn"):
    slot = registry.serving(model, PRODUCTION)
    return tuple(side and side.ref for side in (slot.serving, slot.backup, slot.staged))


def _report(registry, instance, ref, text=None, **more):
    """What an instance that has loaded a version says, and what it is told that it is."""
    weights, own = registry.stored(ref).xxh3, pipeline(text).xxh3 if text else None
    observed = Observed(instance, weights, timestamps.now(), own, **more)
    return registry.report(ref.partition("@")[0], PRODUCTION, observed, actor="host")


@pytest.fixture
def feature(registry):
    """churn@1 serves with the old pipeline; churn@2 is validated with the new one."""
    add_validated(registry, "1", "old")
    add_validated(registry, "2", "new")
    _release(registry, "old", "churn@1")
    return registry


@pytest.fixture
def staged(feature):
    """Its release is staged."""
    _release(feature, "new", "churn@2", stage=True)
    return feature


@EVERYWHERE
def test_each_host_is_answered_with_the_pair_of_its_own_pipeline(feature):
    assert _side(feature, OLD) == (Side.SERVING, "churn@1")
    with pytest.raises(PipelineMismatch, match="No pair of churn in production is on pipeline"):
        feature.serving("churn", PRODUCTION, pipeline=NEW)
    _release(feature, "new", "churn@2")
    assert _side(feature, NEW) == (Side.SERVING, "churn@2")
    for named in (OLD, pipeline("old").blake3, OLD[:14]):
        assert _side(feature, named) == (Side.BACKUP, "churn@1")
    assert feature.serving("churn", PRODUCTION).side is None
    with pytest.raises(PipelineMismatch):
        feature.serving("churn", PRODUCTION, pipeline="xxh3:" + "0" * 32)
    for nonsense in ("nonsense", ""):
        with pytest.raises(UsageError):
            feature.serving("churn", PRODUCTION, pipeline=nonsense)
    with pytest.raises(UsageError, match="of the present"):
        feature.serving("churn", PRODUCTION, pipeline=OLD, at="2026-01-01")


@EVERYWHERE
def test_a_host_may_name_its_pipeline_as_people_write_it(feature):
    for written in (OLD[:14], f"churn@{OLD}", f"churn@{OLD[:14]}"):
        assert _side(feature, written) == (Side.SERVING, "churn@1")
    with pytest.raises(UsageError, match="churn rides on pipeline churn in production, not on oth"):
        feature.serving("churn", PRODUCTION, pipeline=f"other@{OLD}")
    with pytest.raises(PipelineMismatch):
        feature.serving("churn", PRODUCTION, pipeline=f"churn@xxh3:{'0' * 32}")


@EVERYWHERE
def test_what_serves_is_not_retired_where_a_backup_is_demanded(feature):
    _apply(feature, backup=True)
    with pytest.raises(GuardRefused) as refused:
        feature.retire("churn", PRODUCTION, reason="unused", actor="t")
    assert [check.code for check in refused.value.decisions[0].failures] == ["backup-ready"]
    _apply(feature)
    assert feature.retire("churn", PRODUCTION, actor="t").changed, (
        "over a server too, why is one's own"
    )


@EVERYWHERE
def test_a_slot_in_which_nothing_serves_has_no_pair(registry):
    add_validated(registry, "1", "old")
    with pytest.raises(PipelineMismatch):
        registry.serving("churn", PRODUCTION, pipeline=OLD)
    with pytest.raises(NotFound):
        registry.serving("nobody", PRODUCTION, pipeline=OLD)


@EVERYWHERE
def test_a_staged_release_may_be_loaded_and_nothing_serves_by_it(feature):
    before = feature.serving("churn", PRODUCTION)
    moved = _release(feature, "new", "churn@2", stage=True)
    assert moved.changed
    (step,) = moved.steps
    assert (step.serving_before, step.serving_after) == ("churn@1", "churn@1")
    assert (step.staged_before, step.staged_after) == (None, "churn@2")
    after = feature.serving("churn", PRODUCTION)
    assert after.serving == before.serving
    assert (after.staged.ref, after.staged.pipeline) == ("churn@2", NEW)
    assert after.revision == before.revision + 1
    assert feature.deployed_pipeline(PRODUCTION, "churn").version.xxh3 == OLD
    assert _side(feature, NEW) == (Side.STAGED, "churn@2")
    assert _side(feature, OLD) == (Side.SERVING, "churn@1")
    (event,) = feature.history(limit=1)
    assert (event["kind"], event["payload"]["versions"]) == ("staged", ["churn@2"])
    assert "deployments" not in event["payload"]
    assert feature.serving("churn", PRODUCTION, at=event["at"]).staged.ref == "churn@2"
    assert feature.audit().problems == ()


@EVERYWHERE
def test_finishing_makes_it_serve_and_the_old_pair_stands_by(staged):
    dry = staged.finish_release(PRODUCTION, "churn", dry_run=True, actor="t")
    assert _stands(staged) == ("churn@1", None, "churn@2")
    moved = staged.finish_release(
        PRODUCTION, "churn", seen=dry.revisions, reason="all hosts are there", actor="ann"
    )
    assert moved.pipeline == {"name": "churn", "digest": NEW}
    assert _stands(staged) == ("churn@2", "churn@1", None)
    (event,) = staged.history(limit=1)
    assert (event["kind"], event["actor"]) == ("released", "ann")
    assert staged.audit().problems == ()
    with pytest.raises(NotFound, match="No release of pipeline churn is staged in production"):
        staged.finish_release(PRODUCTION, "churn", actor="t")


@EVERYWHERE
def test_withdrawing_leaves_what_serves(staged):
    moved = staged.abort_release(PRODUCTION, "churn", reason="it is slow", actor="ann")
    assert moved.steps[0].staged_before == "churn@2"
    assert _stands(staged) == ("churn@1", None, None)
    (event,) = staged.history(limit=1)
    assert (event["kind"], event["payload"]["reason"]) == ("withdrawn", "it is slow")
    assert staged.audit().problems == ()
    for act in (staged.abort_release, staged.finish_release):
        with pytest.raises(NotFound):
            act(PRODUCTION, "churn", actor="t")


@EVERYWHERE
def test_a_planned_move_waits_for_the_end_of_the_staged_one(staged):
    add_validated(staged, "3", "old")
    add_validated(staged, "4", "third")
    moves = {
        "promote": lambda: staged.promote("churn@3", PRODUCTION, actor="t"),
        "deploy": lambda: _release(staged, "new"),
        "release": lambda: _release(staged, "new", "churn@2"),
        "another stage": lambda: _release(staged, "third", "churn@4", stage=True),
        "another version": lambda: _release(staged, "old", "churn@3", stage=True),
    }
    for name, move in moves.items():
        with pytest.raises(LineageError) as refused:
            move()
        assert isinstance(refused.value, Conflict), (name, refused.value)
        assert "A release of pipeline churn is staged in production since" in str(refused.value)
    assert _stands(staged) == ("churn@1", None, "churn@2")
    revision = staged.serving("churn", PRODUCTION).revision
    assert not _release(staged, "new", "churn@2", stage=True).changed
    assert staged.serving("churn", PRODUCTION).revision == revision


@EVERYWHERE
def test_what_is_done_in_a_failure_withdraws_it(feature):
    add_validated(feature, "3", "old")
    feature.promote("churn@3", PRODUCTION, actor="t")
    _release(feature, "new", "churn@2", stage=True)
    moved = feature.rollback("churn", PRODUCTION, reason="down", actor="t")
    assert (moved.steps[0].staged_before, moved.steps[0].staged_after) == ("churn@2", None)
    assert _stands(feature) == ("churn@1", None, None)
    _release(feature, "new", "churn@2", stage=True)
    feature.retire("churn", PRODUCTION, actor="t")
    assert _stands(feature) == (None, None, None)
    assert feature.audit().problems == ()


@EVERYWHERE
def test_the_guard_decides_at_the_stage_and_at_the_finish(feature):
    add_validated(feature, "3", "new", passed=False)
    with pytest.raises(GuardRefused):
        _release(feature, "new", "churn@3", stage=True)
    assert _stands(feature) == ("churn@1", None, None)
    _release(feature, "new", "churn@2", stage=True)
    feature.validate("churn@2", captured_pipeline("new"), passed=False, actor="t")
    with pytest.raises(GuardRefused, match="churn@2 failed its newest validation"):
        feature.finish_release(PRODUCTION, "churn", actor="t")
    assert _stands(feature) == ("churn@1", None, "churn@2")
    assert feature.deployed_pipeline(PRODUCTION, "churn").version.xxh3 == OLD
    feature.validate("churn@2", captured_pipeline("new"), passed=True, actor="t")
    feature.finish_release(PRODUCTION, "churn", actor="t")
    assert _stands(feature) == ("churn@2", "churn@1", None)


@EVERYWHERE
def test_what_rides_along_is_staged_with_its_own_validation(registry):
    for model in ("a", "b"):
        add_validated(registry, f"{model}1", "old", model=model, name="shared")
    add_validated(registry, "a2", "new", model="a", name="shared")
    _release(registry, "old", "a@1", "b@1", name="shared")
    with pytest.raises(GuardRefused, match="would leave behind b@1"):
        _release(registry, "new", "a@2", name="shared", stage=True)
    registry.validate("b@1", captured_pipeline("new", "shared"), passed=True, actor="t")
    _release(registry, "new", "a@2", name="shared", stage=True)
    assert _stands(registry, "a") == ("a@1", None, "a@2")
    assert _stands(registry, "b") == ("b@1", None, "b@1")
    assert _side(registry, NEW, "b") == (Side.STAGED, "b@1")
    registry.finish_release(PRODUCTION, "shared", actor="t")
    assert _stands(registry, "a") == ("a@2", "a@1", None)
    assert _stands(registry, "b") == ("b@1", "b@1", None)
    assert registry.audit().problems == ()


@EVERYWHERE
def test_a_first_release_may_be_staged_and_nothing_rides_on_nothing(registry):
    add_validated(registry, "1", "old")
    _release(registry, "old")
    _release(registry, "old", "churn@1", stage=True)
    assert _stands(registry) == (None, None, "churn@1")
    registry.finish_release(PRODUCTION, "churn", actor="t")
    assert _stands(registry) == ("churn@1", None, None)
    for refs in ((), ("churn@1",)):
        with pytest.raises(UsageError, match="there is nothing to stage"):
            _release(registry, "old", *refs, stage=True)


@EVERYWHERE
def test_an_experimental_environment_stages_nothing_that_is_unproven(registry):
    add_validated(registry, "1", "old", passed=False)
    with pytest.raises(Conflict, match="churn@1 has no passing validation with the pipeline"):
        registry.release("staging", captured_pipeline("old"), ["churn@1"], stage=True, actor="t")


@BOTH
def test_what_is_staged_keeps_its_weights(staged):
    add_validated(staged, "3", "old")
    add_validated(staged, "4", "old")
    nothing_else = RetentionPolicy(last=1, days=0, served=0)
    gone = [row["ref"] for row in staged.collectable(nothing_else)]
    assert "churn@2" not in gone


def test_a_plan_that_is_no_longer_what_would_happen_is_not_carried_out(staged):
    seen = {"churn": 1}
    with pytest.raises(Conflict, match="moved after the plan was made"):
        staged.finish_release(PRODUCTION, "churn", seen=seen, actor="t")


# who goes on with what


@EVERYWHERE
def test_hosts_are_counted_by_the_side_that_they_run(staged):
    assert _report(staged, "old", "churn@1", "old")["side"] == "serving"
    new = _report(staged, "new", "churn@2", "new")
    assert (new["state"], new["side"], new["in_step"]) == ("rolling", "staged", False)
    (found,) = staged.observed(PRODUCTION, "churn")
    assert found["sides"] == {"serving": 1, "backup": 0, "staged": 1}
    assert (found["state"], found["rolling"]) == ("rolling", 1)
    staged.finish_release(PRODUCTION, "churn", actor="t")
    (found,) = staged.observed(PRODUCTION, "churn")
    assert found["sides"] == {"serving": 1, "backup": 1, "staged": 0}
    assert (found["state"], found["lagging"]) == ("lagging", 1)


@EVERYWHERE
def test_the_former_pair_may_be_served_for_the_span_of_a_rollout(feature):
    _apply(feature, rollout="1h")
    _release(feature, "new", "churn@2")
    said = _report(feature, "old", "churn@1", "old")
    assert (said["state"], said["side"], said["lag_seconds"]) == ("rolling", "backup", None)
    assert _report(feature, "mixed", "churn@1", "new")["state"] == "lagging"
    assert feature.history("churn@production", limit=1)[0]["kind"] == "released"


@BOTH
def test_who_goes_on_for_longer_lags_and_the_history_says_so_once(feature, monkeypatch):
    _apply(feature, rollout="1h")
    _release(feature, "new", "churn@2")
    later = timestamps.written(timestamps.moment(timestamps.now()) + timestamps.span("2h"))
    monkeypatch.setattr(timestamps, "now", lambda: later)
    for _ in range(2):
        said = _report(feature, "old", "churn@1", "old")
        assert (said["state"], said["side"]) == ("lagging", "backup")
        assert said["lag_seconds"] > 7000
    kinds = [row["kind"] for row in feature.history("churn@production")]
    assert kinds.count("lagging") == 1
    (event,) = [row for row in feature.history() if row["kind"] == "lagging"]
    assert event["payload"]["instance"] == "old"
    assert feature.audit().problems == ()


@EVERYWHERE
def test_a_host_that_holds_the_backup_says_so_until_another_stands_by(feature):
    add_validated(feature, "3", "old")
    feature.promote("churn@3", PRODUCTION, actor="t")
    revision = feature.serving("churn", PRODUCTION).revision
    assert _report(feature, "a", "churn@3", "old")["standby"] is False
    held = _report(feature, "a", "churn@3", "old", standby=True, revision=revision)
    assert (held["standby"], held["revision"]) == (True, revision)
    stale = _report(feature, "b", "churn@3", "old", standby=True, revision=revision - 1)
    assert stale["standby"] is False
    assert _report(feature, "c", "churn@1", "old")["standby"] is True
    assert feature.observed(PRODUCTION, "churn")[0]["standby"] == 2
    _report(feature, "a", "churn@3", "old", standby=True, revision=revision)
    kinds = [row["kind"] for row in feature.history("churn@production")]
    assert kinds.count("backup-held") == 1
    add_validated(feature, "4", "old")
    feature.promote("churn@4", PRODUCTION, actor="t")
    rows = feature.observations("churn", PRODUCTION)
    assert {row["instance"]: row["standby"] for row in rows} == {"a": True, "b": True, "c": False}


@BOTH
def test_a_host_that_holds_the_backup_proves_it_for_as_long_as_it_reports(feature, monkeypatch):
    _apply(feature, look_within="1h", deep_within="1h")
    add_validated(feature, "3", "old")
    feature.promote("churn@3", PRODUCTION, actor="t")
    later = timestamps.written(timestamps.moment(timestamps.now()) + timestamps.span("2h"))
    monkeypatch.setattr(timestamps, "now", lambda: later)
    stale = feature.serving("churn", PRODUCTION).readiness
    assert not stale.ready
    assert "2 hours old" in stale.reasons[0]
    _report(feature, "a", "churn@3", "old", standby=True)
    held = feature.serving("churn", PRODUCTION).readiness
    assert (held.ready, held.standby) == (True, True)
    assert held.changes_at == timestamps.written(timestamps.moment(later) + timestamps.span("300s"))
    gone = timestamps.written(timestamps.moment(later) + timestamps.span("301s"))
    monkeypatch.setattr(timestamps, "now", lambda: gone)
    assert not feature.serving("churn", PRODUCTION).readiness.ready
    _report(feature, "a", "churn@3", "old", standby=True)
    kinds = [row["kind"] for row in feature.history("churn@production")]
    assert kinds.count("backup-held") == 2, "one that was forgotten is news"


def test_only_a_token_that_may_say_what_is_intact_proves_what_a_host_holds(database):
    make_registry(database)
    with connect(database) as registry:
        _apply(registry, look_within="1s")
        for seed in "12":
            add_validated(registry, seed, "old")
        _release(registry, "old", "churn@1")
        registry.promote("churn@2", PRODUCTION, actor="t")
        tokens = {
            scope: registry.create_token(NewToken(scope, ("read", "observe", scope)), actor="t")
            for scope in ("register", "observe:weights")
        }
    time.sleep(1.1)
    with registry_server(database) as address:
        for scope, ready in (("register", False), ("observe:weights", True)):
            with connect(address, token=tokens[scope]["token"]) as host:
                _report(host, "a", "churn@2", "old", standby=True)
                readiness = host.serving("churn", PRODUCTION).readiness
                assert (readiness.ready, readiness.standby) == (ready, ready)


@pytest.fixture
def empty_besides(registry):
    """churn@1 serves with the old pipeline; on the same, other@1 is to serve with the new one."""
    add_validated(registry, "1", "old", name="shared")
    add_validated(registry, "2", "third", name="shared")
    add_validated(registry, "f1", "new", model="other", name="shared")
    registry.validate("churn@1", captured_pipeline("new", "shared"), passed=True, actor="t")
    _release(registry, "old", "churn@1", name="shared")
    return registry


@pytest.fixture
def first_of_two(registry):
    """Nothing serves yet: other@1 is staged with the new version of a pipeline they share."""
    add_validated(registry, "1", "old", name="shared")
    add_validated(registry, "2", "third", name="shared")
    add_validated(registry, "f1", "new", model="other", name="shared")
    registry.validate("churn@1", captured_pipeline("new", "shared"), passed=True, actor="t")
    _release(registry, "old", name="shared")
    _release(registry, "new", "other@1", name="shared", stage=True)
    return registry


@EVERYWHERE
def test_no_other_release_overtakes_a_staged_one_of_its_pipeline(first_of_two):
    for refs in (("churn@2",), ()):
        with pytest.raises(Conflict, match="is staged in production since"):
            _release(first_of_two, "third", *refs, name="shared")
    first_of_two.promote("churn@1", PRODUCTION, actor="t")
    first_of_two.finish_release(PRODUCTION, "shared", actor="t")
    assert _stands(first_of_two, "other") == ("other@1", None, None)
    assert _stands(first_of_two) == ("churn@1", "churn@1", None)


@EVERYWHERE
def test_a_finish_goes_past_no_release_of_another_pipeline(first_of_two):
    """churn rides on the shared pipeline, and is to move to one of its own."""
    first_of_two.promote("churn@1", PRODUCTION, actor="t")
    add_validated(first_of_two, "3", "old", name="own")
    _release(first_of_two, "old", "churn@3", name="own", stage=True)
    with pytest.raises(Conflict, match="A release of pipeline own is staged in production since"):
        first_of_two.finish_release(PRODUCTION, "shared", actor="t")
    assert _stands(first_of_two) == ("churn@1", None, "churn@3")


def test_a_bound_token_is_not_told_what_is_staged_of_other_models(database):
    make_registry(database)
    with connect(database) as registry:
        for seed, text, model in (("1", "third", "churn"), ("f1", "new", "other")):
            add_validated(registry, seed, text, model=model, name="shared")
        _release(registry, "new", "other@1", name="shared", stage=True)
        bound = NewToken("churn-job", ("deploy",), models=("churn",))
        token = registry.create_token(bound, actor="t")["token"]
    with registry_server(database) as address, connect(address, token=token) as job:
        with pytest.raises(NotPermitted) as refused:
            _release(job, "third", "churn@1", name="shared")
        assert "other@1" not in str(refused.value)


@EVERYWHERE
def test_a_rollback_of_the_pipeline_withdraws_all_that_is_staged_on_it(empty_besides):
    _release(empty_besides, "third", "churn@2", name="shared")
    _release(empty_besides, "third", "churn@2", name="shared", reason="same")
    empty_besides.validate("other@1", captured_pipeline("third", "shared"), passed=True, actor="t")
    _release(empty_besides, "third", "other@1", name="shared", stage=True)
    plan = empty_besides.rollback("churn", PRODUCTION, dry_run=True, actor="t")
    moved = empty_besides.rollback("churn", PRODUCTION, seen=plan.revisions, actor="t")
    assert [(step.model, step.staged_before, step.staged_after) for step in moved.steps] == [
        ("churn", None, None),
        ("other", "other@1", None),
    ]
    assert _stands(empty_besides, "other") == (None, None, None)
    assert empty_besides.audit().problems == ()


@EVERYWHERE
def test_what_is_staged_is_no_candidate_for_a_backup(staged):
    found = staged.backup_candidates("churn", PRODUCTION)
    assert [one.pipeline for one in found if one.ref == "churn@2"] == [OLD], "as any new version"
    assert not any(one.ready or one.stands == "staged" for one in found)


@BOTH
def test_a_host_two_pairs_behind_is_told_once_the_rollout_is_over(feature, monkeypatch):
    _apply(feature, rollout="1h")
    _release(feature, "new", "churn@2")
    add_validated(feature, "3", "new")
    feature.promote("churn@3", PRODUCTION, actor="t")
    assert _report(feature, "old", "churn@1", "old")["state"] == "lagging"
    kinds = [row["kind"] for row in feature.history("churn@production")]
    assert "lagging" not in kinds
    later = timestamps.written(timestamps.moment(timestamps.now()) + timestamps.span("2h"))
    monkeypatch.setattr(timestamps, "now", lambda: later)
    _report(feature, "old", "churn@1", "old")
    kinds = [row["kind"] for row in feature.history("churn@production")]
    assert kinds.count("lagging") == 1


@BOTH
def test_a_claim_that_is_not_enough_is_no_rollout_that_is_over(feature):
    _apply(feature, rollout="1h", proof=Proof.SEALED)
    _release(feature, "new", "churn@2")
    assert _report(feature, "old", "churn@1", "old")["state"] == "lagging"
    kinds = [row["kind"] for row in feature.history("churn@production")]
    assert "lagging" not in kinds


@BOTH
def test_what_a_host_holds_is_ready_also_where_no_store_has_it(feature):
    add_validated(feature, "3", "old")
    feature.promote("churn@3", PRODUCTION, actor="t")
    feature.record_weights("churn@1", "missing", "model.bin", actor="t")
    assert not feature.serving("churn", PRODUCTION).readiness.ready
    _report(feature, "a", "churn@3", "old", standby=True)
    assert feature.serving("churn", PRODUCTION).readiness.ready


def test_a_plan_is_made_for_the_reason_that_is_given(feature, monkeypatch):
    """With one, a release back to a pair that served takes back what serves."""
    asked = []
    release = feature.release
    monkeypatch.setattr(
        feature, "release", lambda *a, **k: asked.append(k.get("reason")) or release(*a, **k)
    )
    promote.release(
        SimpleNamespace(),
        feature,
        PRODUCTION,
        captured_pipeline("new"),
        ["churn@2"],
        show_plan=lambda plan: None,
        reason="because",
        actor="t",
    )
    assert asked == ["because", "because"]


@EVERYWHERE
def test_a_staged_pair_that_failed_since_is_contradicted_at_once(staged):
    assert not staged.serving("churn", PRODUCTION).contradicted
    staged.validate("churn@2", captured_pipeline("new"), passed=False, actor="t")
    assert staged.serving("churn", PRODUCTION).contradicted
    (event,) = staged.history(limit=1)
    assert event["payload"]["contradicted"] == ["churn@production"]


@EVERYWHERE
def test_a_retirement_withdraws_a_first_release_too(registry):
    add_validated(registry, "1", "old")
    _release(registry, "old", "churn@1", stage=True)
    registry.retire("churn", PRODUCTION, actor="t")
    assert _stands(registry) == (None, None, None)
    with pytest.raises(NotFound):
        registry.retire("churn", PRODUCTION, actor="t")
