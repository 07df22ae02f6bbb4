"""Readiness, candidates, what was rolled back, what is observed, and what nothing needs any more."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.captured import CapturedVersion
from lineage.contract.requests import DeclaredEnvironment, Observed, RetentionPolicy
from lineage.contract.results import PackageDifference
from lineage.errors import Conflict, NotFound, UsageError
from lineage.guard.decision import GuardRefused
from lineage.guard.facts import Sample
from lineage.guard.policy import Demand, EnvironmentPolicy
from lineage.identity.components import Kind, Proof
from lineage.registry.reports import places
from lineage.weights.copies import CopyCheck, CopyState, StoreAddress
from tests.conftest import (
    EVERYWHERE,
    a_copy,
    add_validated,
    add_version,
    captured,
    captured_pipeline,
    make_registry,
    pipeline,
    reached,
)

pytestmark = EVERYWHERE


def _fill(registry):
    for seed in "123":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
    registry.promote("churn@2", "production", actor="t")


@pytest.fixture
def filled(database, request):
    """churn@1 to churn@3, all validated; churn@2 serves, churn@1 stands by."""
    make_registry(database, _fill)
    with reached(database, request) as url, connect(url) as registry:
        yield registry


def look(registry, ref: str, state: str, store: str = "remote", *, deep: bool = True, **more):
    looks = [CopyCheck(store, CopyState(state), deep, "why" if state != "intact" else None)]
    return registry.record_checks(ref, looks, actor="t", **more)


def slot(registry):
    return registry.serving("churn", "production")


def kinds(registry, subject: str) -> list[str]:
    return [event["kind"] for event in registry.history(subject)]


# readiness


def test_a_backup_is_ready_while_a_store_has_it(filled):
    backup = slot(filled).to_json()["backup"]
    assert (backup["ref"], backup["ready"], backup["reasons"]) == ("churn@1", True, [])
    (copy,) = backup["copies"]
    assert (copy["store"], copy["state"], copy["checked_at"]) == (
        "remote", "intact", backup["checked_at"],
    )  # fmt: skip
    look(filled, "churn@1", "missing")
    backup = slot(filled).to_json()["backup"]
    assert backup["ready"] is False
    assert backup["reasons"][0].startswith("the weights of churn@1 were missing in store remote")
    look(filled, "churn@1", "intact")
    assert slot(filled).readiness.ready


def test_a_store_that_does_not_answer_proves_nothing(filled):
    look(filled, "churn@1", "unreachable")
    found = slot(filled).readiness
    assert (found.ready, len(found.reasons)) == (False, 1)
    assert "could not be looked for in store remote" in found.reasons[0]
    assert filled.rollback("churn", "production", actor="t").slots[0].ref == "churn@1"


def test_a_contradicted_backup_is_not_ready(filled):
    filled.validate("churn@1", captured_pipeline(), passed=False, actor="t")
    found = slot(filled).readiness
    assert not found.ready
    assert "failed its newest validation" in found.reasons[0]


def test_a_policy_that_the_backup_does_not_meet_makes_it_unready(filled):
    declared = DeclaredEnvironment("production", EnvironmentPolicy(require=("auc >= 0.9",)))
    filled.apply_environments([declared], actor="t")
    assert not slot(filled).readiness.ready


def test_a_cheap_look_does_not_overturn_one_that_read_every_byte(filled):
    look(filled, "churn@1", "changed")
    look(filled, "churn@1", "intact", deep=False)
    assert not slot(filled).readiness.ready
    look(filled, "churn@1", "intact")
    assert slot(filled).readiness.ready


def demand(registry, **policy):
    declared = DeclaredEnvironment("production", EnvironmentPolicy(**policy))
    registry.apply_environments([declared], actor="t")


def later(monkeypatch, **spans: float) -> str:
    """The clock goes on."""
    moment = timestamps.moment(timestamps.now()) + dt.timedelta(**spans)
    monkeypatch.setattr(timestamps, "now", lambda: timestamps.written(moment))
    return timestamps.now()


def test_a_look_counts_as_long_as_the_policy_says(filled, monkeypatch):
    """Also where a server answered before, and nothing happened but time."""
    demand(filled, look_within="7d")
    assert slot(filled).readiness.ready
    later(monkeypatch, days=9)
    found = slot(filled).readiness
    assert found.reasons == (
        "the newest look at the copy in store remote is 9 days old, and production wants one "
        "within 7 days",
    )
    (best,) = [
        one for one in filled.backup_candidates("churn", "production") if one.stands == "backup"
    ]
    assert best.reasons == found.reasons
    look(filled, "churn@1", "intact", deep=False)
    assert slot(filled).readiness.ready
    later(monkeypatch, days=8)
    assert filled.rollback("churn", "production", actor="t").slots[0].ref == "churn@1"


def test_the_deep_look_that_counts_is_the_newest_that_nothing_overturned(filled, monkeypatch):
    demand(filled, deep_within="30d")
    first = slot(filled).readiness.copies[0].deep_at
    assert first is not None
    later(monkeypatch, days=20)
    look(filled, "churn@1", "intact", deep=False)
    look(filled, "churn@1", "unreachable", deep=False)
    look(filled, "churn@1", "intact", deep=False)
    assert slot(filled).readiness.copies[0].deep_at == first
    assert timestamps.moment(filled.stored("churn@1").copies[0].deep_at) == first
    look(filled, "churn@1", "missing", deep=False)
    look(filled, "churn@1", "intact", deep=False)
    found = slot(filled).readiness
    assert (found.ready, found.copies[0].deep_at) == (False, None)
    assert filled.stored("churn@1").copies[0].deep_at is None
    assert "no deep look at the copy in store remote counts" in found.reasons[0]
    again = later(monkeypatch, days=1)
    look(filled, "churn@1", "intact")
    found = slot(filled).readiness
    assert (found.ready, found.copies[0].deep_at) == (True, timestamps.moment(again))


def test_storing_what_is_stored_is_a_look(filled, monkeypatch):
    demand(filled, look_within="7d", deep_within="7d")
    now = later(monkeypatch, days=9)
    assert not slot(filled).readiness.ready
    filled.add_copy("churn@1", a_copy("1"), actor="t")
    found = slot(filled).readiness
    seen = timestamps.moment(now)
    assert (found.ready, found.checked_at, found.copies[0].deep_at) == (True, seen, seen)


def test_a_stale_backup_is_none_where_one_is_demanded(filled, monkeypatch):
    demand(filled, look_within="7d", backup=True)
    later(monkeypatch, days=9)
    with pytest.raises(GuardRefused) as caught:
        filled.promote("churn@3", "production", actor="t")
    (failure,) = caught.value.decisions[0].failures
    assert failure.code == "backup-ready"
    assert "store remote is 9 days old" in failure.summary
    look(filled, "churn@2", "intact", deep=False)
    assert filled.promote("churn@3", "production", actor="t").slots[0].backup.ref == "churn@2"


def test_checking_a_backup_is_an_event_of_its_slot(filled):
    look(filled, "churn@1", "changed", backup_in="production")
    (event,) = filled.history("churn@production", limit=1)
    assert event["kind"] == "backup-checked"
    assert event["payload"]["readiness"]["ready"] is False
    assert event["payload"]["looks"][0]["detail"] == "why"
    assert filled.audit().problems == ()


def test_a_look_at_a_copy_that_is_not_there_is_refused(filled):
    with pytest.raises(NotFound, match="elsewhere"):
        look(filled, "churn@1", "intact", store="elsewhere")


def test_what_was_registered_without_a_store_does_not_stand_by(registry):
    bare = captured("1")
    ref = registry.register(
        "churn", CapturedVersion(bare.components, bare.pipeline_name), actor="tester"
    ).ref
    registry.validate(ref, captured_pipeline(), passed=True, actor="t")
    add_validated(registry, "2")
    with pytest.raises(GuardRefused) as caught:
        registry.release("production", captured_pipeline(), [ref], actor="t")
    (failure,) = caught.value.decisions[0].failures
    assert (failure.code, "in no store" in failure.summary) == ("weights-intact", True)
    demand(registry, unstored_weights=Demand.WARN)
    registry.release("production", captured_pipeline(), [ref], actor="t")
    demand(registry)
    assert registry.guard(ref, "production").allowed, "what serves stays"
    moved = registry.promote("churn@2", "production", actor="t")
    assert moved.slots[0].backup is None
    assert "in no store" in moved.steps[0].passed_over["churn@1"]
    (stored,) = (registry.register("churn", bare, actor="tester"),)
    assert (stored.ref, stored.created) == (ref, False), "storing them later"
    assert registry.stored(ref).copies[0].store.name == "remote"
    assert registry.backup_candidates("churn", "production")[0].ref == ref


def test_the_ready_one_stands_by(filled):
    """What served is not ready, so what stood by stays."""
    look(filled, "churn@2", "missing")
    moved = filled.promote("churn@3", "production", actor="t")
    assert moved.slots[0].backup.ref == "churn@1"
    assert "churn@2" in moved.steps[0].passed_over


def test_an_etag_tells_what_was_found_out_since(filled):
    first = slot(filled).etag
    assert first.partition("-")[0] == "2"
    look(filled, "churn@1", "intact", backup_in="production")
    second = slot(filled).etag
    assert second != first
    look(filled, "churn@1", "missing")
    assert slot(filled).etag not in (first, second)


# candidates


def test_the_best_candidate_served_here_last(filled):
    filled.promote("churn@3", "production", actor="t")
    filled.rollback("churn", "production", reason="night shift", actor="t")
    moved = filled.serving("churn", "production")
    assert (moved.ref, moved.backup.ref) == ("churn@2", "churn@1")
    rows = {row.ref: row for row in filled.backup_candidates("churn", "production")}
    assert [row.ref for row in rows.values() if row.best] == ["churn@1"]
    assert rows["churn@2"].reasons == ("churn@2 serves",)
    assert "was rolled back from production" in rows["churn@3"].reasons[0]
    assert "night shift" in rows["churn@3"].reasons[0]
    add_validated(filled, "4")
    done = filled.set_backup("churn@4", "production", reason="again", actor="t")
    assert (done.changed, done.slots[0].backup.ref, done.slots[0].revision) == (True, "churn@4", 5)
    assert not filled.set_backup("churn@4", "production", actor="t").changed
    assert kinds(filled, "churn@production")[0] == "backup-set"
    assert filled.audit().problems == ()


def test_a_rollback_proposes_what_could_stand_by(filled):
    moved = filled.rollback("churn", "production", actor="t")
    assert (moved.slots[0].ref, moved.slots[0].backup) == ("churn@1", None)
    assert moved.proposed == {"churn@production": "churn@3"}


def test_why_not_the_others(filled):
    add_validated(filled, "4")
    add_validated(filled, "5", "new")
    add_version(filled, "6")
    add_validated(filled, "7", passed=False)
    look(filled, "churn@3", "changed")
    rows = {row.ref: row for row in filled.backup_candidates("churn", "production")}
    assert rows["churn@1"].best
    assert rows["churn@4"].ready
    assert rows["churn@4"].reasons == ("churn@1 served here more recently",)
    assert "was validated with pipeline" in rows["churn@5"].reasons[0]
    assert "never validated" in rows["churn@6"].reasons[0]
    assert "failed its newest validation" in rows["churn@7"].reasons[0]
    assert any("did not match their digests" in reason for reason in rows["churn@3"].reasons)


@pytest.mark.parametrize("state", ["missing", "changed", "unreachable"])
def test_what_cannot_be_fetched_is_not_set(filled, state):
    look(filled, "churn@3", state)
    with pytest.raises(GuardRefused) as error:
        filled.set_backup("churn@3", "production", actor="t")
    (made,) = error.value.decisions
    assert "backup-ready" in {check.code for check in made.failures}
    assert slot(filled).backup.ref == "churn@1"


def test_a_backup_is_guarded_like_a_promotion(filled):
    declared = DeclaredEnvironment("production", EnvironmentPolicy(approvals=1))
    filled.apply_environments([declared], actor="t")
    with pytest.raises(GuardRefused) as error:
        filled.set_backup("churn@3", "production", actor="t")
    assert {check.code for check in error.value.decisions[0].failures} == {"approvals"}
    rows = {row.ref: row for row in filled.backup_candidates("churn", "production")}
    (approval,) = rows["churn@3"].reasons
    assert "0 of 1 approvals" in approval
    stands = filled.serving("churn", "production")
    assert stands.readiness.ready, "what stands by has served here, and needs no new approval"
    assert (rows["churn@1"].stands, rows["churn@1"].ready) == ("backup", True)
    filled.approve("churn@3", "production", actor="ann")
    assert filled.set_backup("churn@3", "production", actor="t").slots[0].backup.ref == "churn@3"


def test_where_nothing_can_stand_by(filled):
    with pytest.raises(Conflict, match="serves in production itself"):
        filled.set_backup("churn@2", "production", actor="t")
    with pytest.raises(Conflict, match="revision"):
        filled.set_backup("churn@3", "production", expect_revision=1, actor="t")
    filled.retire("churn", "production", actor="t")
    with pytest.raises(NotFound, match="nothing can stand by"):
        filled.set_backup("churn@3", "production", actor="t")
    with pytest.raises(NotFound):
        filled.backup_candidates("churn", "nowhere")


# what was rolled back


def test_what_failed_comes_back_only_after_a_new_validation(filled):
    filled.rollback("churn", "production", reason="bad nights", actor="ann")
    with pytest.raises(GuardRefused, match="bad nights"):
        filled.promote("churn@2", "production", actor="t")
    with pytest.raises(GuardRefused):
        filled.release("production", captured_pipeline(), ["churn@2"], actor="t")
    with pytest.raises(GuardRefused):
        filled.set_backup("churn@2", "production", actor="t")
    assert filled.promote("churn@2", "staging", actor="t").changed, "elsewhere it may"
    filled.validate("churn@2", captured_pipeline(), passed=True, actor="t")
    assert filled.promote("churn@2", "production", actor="t").slots[0].ref == "churn@2"


def test_a_verdict_that_is_carried_over_is_no_new_validation(filled):
    first = filled.validate("churn@2", captured_pipeline("other"), passed=True, actor="t")
    filled.rollback("churn", "production", actor="ann")
    filled.carry_over(
        "churn@2", captured_pipeline(), rests_on=first["id"], difference="none", actor="t"
    )
    with pytest.raises(GuardRefused, match="rolled back"):
        filled.promote("churn@2", "production", actor="t")


# stores


def test_stores_are_known_by_their_url(registry):
    first = StoreAddress("remote", "s3://a/x", {"region": "eu-west-1"})
    assert registry.add_store(first, actor="t")
    assert not registry.add_store(first, actor="t")
    with pytest.raises(Conflict, match="is another one"):
        registry.add_store(StoreAddress("remote", "s3://b/x"), actor="t")
    add_version(registry)
    rows = registry.stores()
    assert [(row["url"], row["copies"]) for row in rows] == [
        ("s3://a/x", 0), ("s3://remote/weights", 1),
    ]  # fmt: skip
    assert rows[1]["name"].startswith("remote-")
    assert rows[0]["config"] == {"region": "eu-west-1"}
    assert kinds(registry, "store:remote") == ["store-added"]


def test_a_version_may_be_in_several_stores(filled):
    filled.add_copy("churn@1", a_copy("1", "second"), actor="t")
    filled.add_copy("churn@1", a_copy("1", "second"), actor="t")
    stored = filled.stored("churn@production/backup")
    assert [copy.store.name for copy in stored.copies] == ["remote", "second"]
    look(filled, "churn@1", "missing")
    assert slot(filled).readiness.ready, "one intact copy is enough"
    assert {copy.store.name for copy in filled.copies_of(stored.blake3)} == {"remote", "second"}
    assert [one.ref for one in filled.copies_in("second")] == ["churn@1"]
    assert kinds(filled, "churn@1").count("weights-stored") == 2


def test_weights_that_are_not_there(registry):
    with pytest.raises(NotFound):
        registry.stored("churn@1")
    with pytest.raises(NotFound):
        registry.copies_in("nowhere")
    assert registry.copies_of("blake3:" + "0" * 64) == ()
    parts = captured("1").components
    bare = CapturedVersion(type(parts)(parts.code, None, None, None), "churn")
    ref = registry.register("churn", bare, kind=Kind.EXPERIMENT, actor="tester").ref
    with pytest.raises(NotFound, match="without weights"):
        registry.stored(ref)
    with pytest.raises(NotFound, match="without weights"):
        registry.add_copy(ref, a_copy(), actor="t")


# what is observed


def report(registry, instance: str, weights: str, pipeline_digest=None, **more):
    observed = Observed(instance, weights, timestamps.now(), pipeline_digest, **more)
    return registry.report("churn", "production", observed, actor="host")


def test_what_serves_beside_what_is_declared(filled):
    assert filled.observed() == []
    now = slot(filled)
    rows = [
        report(filled, "a", now.weights),
        report(filled, "b", now.weights, pipeline().xxh3),
        report(filled, "c", filled.stored("churn@2").blake3, pipeline().blake3),
        report(filled, "d", filled.stored("churn@1").xxh3),
        report(filled, "e", now.weights, pipeline("other").xxh3),
        report(filled, "f", "xxh3:" + "0" * 32),
        report(filled, "g", "sha256:abc"),
    ]
    assert [row["state"] for row in rows] == [
        "in-step", "in-step", "in-step", "lagging", "lagging", "foreign", "foreign",
    ]  # fmt: skip
    assert [row["in_step"] for row in rows[:4]] == [True, True, True, False]
    assert rows[3]["lag_seconds"] >= 0
    (found,) = filled.observed("production", "churn")
    assert (found["state"], found["instances"]) == ("foreign", 7)
    assert [found[key] for key in ("in_step", "lagging", "unknown", "foreign")] == [3, 2, 0, 2]
    assert found["lag_seconds"] > 0
    assert [row["instance"] for row in filled.observations("churn", "production")] == list(
        "abcdefg"
    )
    with pytest.raises(NotFound):
        filled.observed("nowhere")


def test_hosts_say_whether_they_proved_their_pipeline(filled):
    now, sealed = slot(filled), {"proof": Proof.SEALED}
    assert report(filled, "a", now.weights)["proof"] == "claimed"
    assert report(filled, "b", now.weights, pipeline().blake3, **sealed)["proof"] == "sealed"
    report(filled, "c", now.weights, pipeline().blake3, **sealed)
    (found,) = filled.observed()
    assert (found["in_step"], found["sealed"], found["claimed"]) == (3, 2, 1)
    assert [row["proof"] for row in filled.observations("churn", "production")] == [
        "claimed", "sealed", "sealed",
    ]  # fmt: skip
    report(filled, "c", now.weights, pipeline().blake3)
    assert filled.observed()[0]["sealed"] == 1
    with pytest.raises(UsageError, match="names no pipeline"):
        report(filled, "d", now.weights, **sealed)


def test_a_host_that_only_claims_lags_where_the_policy_demands_a_seal(filled):
    now = slot(filled)
    for instance, proof in (("a", Proof.CLAIMED), ("b", Proof.SEALED)):
        report(filled, instance, now.weights, pipeline().blake3, proof=proof)
    policy = dataclasses.replace(
        EnvironmentPolicy.from_json(filled.environment("production")["policy"]), proof=Proof.SEALED
    )
    (change,) = filled.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
    assert change.lines == ('proof: "claimed" → "sealed"',)
    (found,) = filled.observed()
    assert (found["state"], found["in_step"], found["lagging"]) == ("lagging", 1, 1)
    assert (found["sealed"], found["claimed"]) == (1, 1)
    assert found["lag_seconds"] is not None
    states = {row["instance"]: row["state"] for row in filled.observations("churn", "production")}
    assert states == {"a": "lagging", "b": "in-step"}
    other = report(filled, "c", now.weights, pipeline("other").blake3, proof=Proof.SEALED)
    assert other["state"] == "lagging"
    (again,) = filled.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
    assert again.action == "keep"


OTHER = PackageDifference("numpy", "2.3.0", ("2.4.6",))


def test_a_host_with_other_packages_is_skewed_where_the_policy_demands_them(filled):
    now = slot(filled)
    answers = [
        report(filled, "a", now.weights, pipeline().blake3, differing=()),
        report(filled, "b", now.weights, pipeline().blake3, differing=(OTHER,)),
        report(filled, "c", now.weights, pipeline().blake3),
        report(filled, "d", now.weights, pipeline("other").blake3, differing=(OTHER,)),
    ]
    assert [row["differing"] for row in answers] == [[], [OTHER.to_json()], None, [OTHER.to_json()]]
    (before,) = filled.observed()
    assert (before["in_step"], before["skewed"], before["lagging"]) == (3, 0, 1)
    held = EnvironmentPolicy.from_json(filled.environment("production")["policy"])
    policy = dataclasses.replace(held, match_packages=("numpy",))
    filled.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
    states = {row["instance"]: row["state"] for row in filled.observations("churn", "production")}
    assert states == {"a": "in-step", "b": "skewed", "c": "skewed", "d": "lagging"}
    (found,) = filled.observed()
    assert [found[key] for key in ("state", "in_step", "skewed", "lagging")] == ["lagging", 1, 2, 1]
    report(filled, "d", now.weights, pipeline().blake3, differing=())
    (found,) = filled.observed()
    assert (found["state"], found["skewed"], found["lag_seconds"]) == ("skewed", 2, None)
    for instance in "bc":
        row = report(filled, instance, now.weights, pipeline().blake3, differing=())
        assert (row["state"], row["in_step"]) == ("in-step", True)
    assert filled.observed()[0]["state"] == "in-step"
    with pytest.raises(UsageError):
        report(filled, "e", now.weights, differing=(OTHER,) * 51)


def test_in_an_experimental_environment_nothing_is_skewed(filled):
    policy = EnvironmentPolicy(match_packages=("*",))
    filled.apply_environments([DeclaredEnvironment("staging", policy)], actor="t")
    filled.release("staging", captured_pipeline(), ["churn@1"], actor="t")
    weights = filled.serving("churn", "staging").weights
    observed = Observed("a", weights, timestamps.now(), differing=(OTHER,))
    assert filled.report("churn", "staging", observed, actor="host")["state"] == "in-step"


def test_in_an_experimental_environment_a_claim_is_enough(filled):
    policy = EnvironmentPolicy(proof=Proof.SEALED)
    filled.apply_environments([DeclaredEnvironment("staging", policy)], actor="t")
    filled.release("staging", captured_pipeline(), ["churn@1"], actor="t")
    weights = filled.serving("churn", "staging").weights
    observed = Observed("a", weights, timestamps.now())
    assert filled.report("churn", "staging", observed, actor="host")["state"] == "in-step"


def test_a_promotion_lets_its_hosts_lag_until_they_have_followed(filled):
    report(filled, "a", slot(filled).weights)
    (before,) = filled.observed()
    assert before["state"] == "in-step"
    filled.promote("churn@3", "production", actor="t")
    (during,) = filled.observed()
    assert (during["state"], during["lagging"]) == ("lagging", 1)
    report(filled, "a", slot(filled).weights)
    (after,) = filled.observed()
    assert (after["state"], after["lag_seconds"]) == ("in-step", None)


def test_old_reports_are_unknown_and_then_forgotten(filled, monkeypatch):
    report(filled, "a", slot(filled).weights, holds_for=10)
    real = dt.datetime.now
    for seconds, state in ((9, "in-step"), (11, "unknown")):
        ahead = dt.timedelta(seconds=seconds)
        monkeypatch.setattr(
            timestamps, "now", lambda ahead=ahead: timestamps.written(real(dt.UTC) + ahead)
        )
        (found,) = filled.observed()
        assert found["state"] == state
        assert filled.observations("churn", "production")[0]["state"] == state
    ahead = dt.timedelta(days=2)
    monkeypatch.setattr(timestamps, "now", lambda: timestamps.written(real(dt.UTC) + ahead))
    report(filled, "b", slot(filled).weights)
    assert [row["instance"] for row in filled.observations("churn", "production")] == ["b"]


@pytest.mark.parametrize("seconds", [0, 9, 86_401, -1])
def test_a_report_holds_for_a_while(filled, seconds):
    with pytest.raises(UsageError):
        report(filled, "a", slot(filled).weights, holds_for=seconds)


def test_a_retired_model_is_declared_nowhere(filled):
    weights = slot(filled).weights
    filled.retire("churn", "production", actor="t")
    assert report(filled, "a", weights)["state"] == "lagging"
    assert report(filled, "b", "xxh3:" + "0" * 32)["state"] == "foreign"


# what nothing needs


DROP = RetentionPolicy(last=1, days=0)


def unneeded(registry, keeping: RetentionPolicy = DROP) -> list[str]:
    return [row["ref"] for row in registry.collectable(keeping)]


def test_what_can_still_be_needed_is_kept(filled):
    """What serves, stands by, could, is new, was used lately, or is the newest."""
    add_version(filled, "4")
    add_validated(filled, "5", "new")
    add_validated(filled, "6", passed=False)
    add_version(filled, "7")
    assert unneeded(filled) == ["churn@4", "churn@5", "churn@6"]
    assert unneeded(filled, RetentionPolicy(last=3, days=0)) == ["churn@4"]
    assert unneeded(filled, RetentionPolicy(last=1, days=1)) == []
    filled.promote("churn@5", "staging", actor="t")
    assert unneeded(filled) == ["churn@4", "churn@6"]
    filled.validate("churn@6", captured_pipeline(), passed=True, actor="t")
    assert unneeded(filled) == ["churn@4"]


def test_what_others_were_made_from_is_kept(filled):
    add_version(filled, "4")
    filled.register("churn", captured("5"), parent="churn@4", actor="tester")
    assert unneeded(filled) == []
    add_version(filled, "6")
    assert unneeded(filled) == ["churn@4", "churn@5"]


def test_the_same_weights_under_another_version_are_kept(filled):
    parts = captured("9").components
    other = captured("2").components
    again = type(parts)(parts.code, parts.data, parts.pipeline, other.weights)
    filled.register("churn", CapturedVersion(again, "churn", stored=(a_copy("2"),)), actor="tester")
    add_version(filled, "5")
    assert unneeded(filled) == [], "churn@4 has the weights that serve"


def test_what_is_taken_away_is_recorded_and_its_row_stays(filled):
    add_version(filled, "4")
    add_version(filled, "5")
    done = filled.remove_copy("churn@4", "remote", DROP, actor="ann")
    assert (done["ref"], done["store"]) == ("churn@4", "remote")
    assert filled.stored("churn@4").copies == ()
    assert filled.show("churn@4")["weights"] == filled.stored("churn@4").xxh3
    (event,) = filled.history("churn@4", limit=1)
    assert (event["kind"], event["actor"], event["payload"]["keep_last"]) == (
        "weights-removed", "ann", 1,
    )  # fmt: skip
    with pytest.raises(NotFound):
        filled.remove_copy("churn@4", "remote", DROP, actor="ann")
    with pytest.raises(Conflict, match="are needed"):
        filled.remove_copy("churn@1", "remote", DROP, actor="ann")
    with pytest.raises(Conflict, match="less than ten minutes ago"):
        add_version(filled, "6")
    assert filled.audit().problems == ()


@pytest.mark.parametrize(
    "keeping", [RetentionPolicy(0, 0), RetentionPolicy(1, -1), RetentionPolicy(1, 36_501)]
)
def test_a_policy_that_keeps_nothing_is_refused(filled, keeping):
    with pytest.raises(UsageError):
        filled.collectable(keeping)


def test_instances_are_bounded(filled, monkeypatch):
    """So many, and not one more; what has expired makes room."""
    monkeypatch.setattr(places, "MOST", 20)
    weights = slot(filled).weights
    for number in range(20):
        report(filled, f"i{number}", weights, holds_for=10 if number < 5 else 86_400)
    with pytest.raises(Conflict, match="20 instances"):
        report(filled, "more", weights)
    assert report(filled, "i7", weights)["state"] == "in-step", "who is known may go on"
    real = dt.datetime.now
    ahead = dt.timedelta(seconds=60)
    monkeypatch.setattr(timestamps, "now", lambda: timestamps.written(real(dt.UTC) + ahead))
    report(filled, "more", weights)
    assert filled.observed()[0]["instances"] == 16


# folders of one host

FOLDER = StoreAddress("local", "file:///srv/weights")


def in_folder(seed: str) -> CapturedVersion:
    """A version whose weights are in a folder alone."""
    copy = dataclasses.replace(a_copy(seed), store=FOLDER)
    return dataclasses.replace(captured(seed), stored=(copy,))


@pytest.fixture
def local(filled):
    """churn@4, validated, whose weights are in a folder of one host; churn@2 serves."""
    registered = filled.register("churn", in_folder("4"), kind=Kind.PRODUCTION, actor="t")
    filled.validate(registered.ref, captured_pipeline(), passed=True, actor="t")
    return filled


def test_a_folder_of_one_host_is_no_store_where_several_hosts_are(local):
    check = local.guard("churn@4", "production").check("weights-intact")
    if not local.shared:
        assert check.status == "pass"
        return
    assert (check.status, check.summary) == (
        "fail",
        "the weights of churn@4 are only in local, a folder of one host, where no other host can "
        "fetch them from",
    )
    assert check.remedy.startswith("Add a store that every host reaches («store add NAME")
    assert check.details["copies"][0]["shared"] is False
    with pytest.raises(GuardRefused):
        local.promote("churn@4", "production", actor="t")
    local.add_copy("churn@4", a_copy("4"), actor="t")
    assert local.promote("churn@4", "production", actor="t").slots[0].ref == "churn@4"


def test_a_backup_in_a_folder_of_one_host_is_not_ready_where_several_hosts_are(local):
    local.add_store(FOLDER, shared=True, actor="t")
    local.promote("churn@4", "production", actor="t")
    local.promote("churn@3", "production", actor="t")
    assert (slot(local).backup.ref, slot(local).readiness.ready) == ("churn@4", True)
    local.add_store(FOLDER, shared=False, actor="t")
    found = slot(local).readiness
    assert found.ready is not local.shared
    if local.shared:
        assert found.reasons == (
            "the weights of churn@4 are only in local, a folder of one host, where no other host "
            "can fetch them from",
        )
    assert local.rollback("churn", "production", actor="t").slots[0].ref == "churn@4"


def test_what_is_in_a_folder_of_one_host_is_not_set_to_stand_by_where_several_hosts_are(local):
    if not local.shared:
        assert local.set_backup("churn@4", "production", actor="t").changed
        return
    with pytest.raises(GuardRefused) as caught:
        local.set_backup("churn@4", "production", actor="t")
    (failure,) = caught.value.decisions[0].failures
    assert (failure.code, "folder of one host" in failure.summary) == ("backup-ready", True)


def test_a_folder_is_one_hosts_until_somebody_says_otherwise(local):
    def row():
        return next(row for row in local.stores() if row["name"] == "local")

    assert row()["shared"] is False
    assert local.add_store(FOLDER, actor="t") is False
    assert row()["shared"] is False
    assert local.add_store(FOLDER, shared=True, actor="t") is False
    assert local.add_store(FOLDER, actor="t") is False
    assert row()["shared"] is True
    assert local.stored("churn@4").copies[0].shared is True
    assert kinds(local, "store:local") == ["store-changed", "weights-stored", "store-added"]
    with pytest.raises(UsageError, match="no folder"):
        local.add_store(StoreAddress("far", "s3://far/weights"), shared=False, actor="t")
    assert {row["name"]: row["shared"] for row in local.stores()} == {"local": True, "remote": True}
    assert local.audit().problems == ()


# places

A, B = "a" * 32, "b" * 32


def marked(copy, marker: str | None, **changes):
    return dataclasses.replace(
        copy, store=dataclasses.replace(copy.store, marker=marker, **changes)
    )


def test_one_place_under_two_urls_is_one_store(filled):
    filled.add_copy("churn@1", marked(a_copy("1"), A), actor="t")
    assert filled.stored("churn@1").copies[0].store.marker == A, "one without gets it at a write"
    alias = marked(a_copy("2"), A, name="alias", url="s3://remote.alias/weights")
    filled.add_copy("churn@2", alias, actor="t")
    assert [copy.store.name for copy in filled.stored("churn@2").copies] == ["remote"]
    assert filled.add_store(alias.store, actor="t") is False
    assert [row["name"] for row in filled.stores()] == ["remote"]
    assert filled.audit().problems == ()


def test_another_place_behind_a_url_is_refused_until_it_is_declared(filled):
    filled.add_copy("churn@1", marked(a_copy("1"), A), actor="t")
    with pytest.raises(Conflict, match="Another place is behind s3://remote/weights") as caught:
        filled.add_copy("churn@1", marked(a_copy("1"), B), actor="t")
    assert "store add" in caught.value.remedy
    filled.add_copy("churn@1", a_copy("1"), actor="t")
    assert filled.stores()[0]["marker"] == A, "who could read no marker says nothing of it"
    assert filled.add_store(marked(a_copy("1"), B).store, actor="t") is False
    assert filled.stores()[0]["marker"] == B
    assert kinds(filled, "store:remote")[0] == "store-changed"
    filled.add_copy("churn@1", marked(a_copy("1"), B), actor="t")


def test_a_look_at_a_sample_is_shown_as_one(filled):
    sampled = CopyCheck("remote", CopyState.INTACT, deep=False, sample=Sample(200, 1234))
    filled.record_checks("churn@1", [sampled], actor="t")
    (copy,) = slot(filled).readiness.copies
    assert copy.sample.files == 200
    assert filled.history("churn@1", limit=1)[0]["payload"]["looks"][0]["sample"] == {
        "files": 200, "of": 1234,
    }  # fmt: skip
    with pytest.raises(UsageError, match="did not read every byte"):
        dataclasses.replace(sampled, deep=True)
