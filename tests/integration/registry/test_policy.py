"""Policy, approvals, waivers, releases: on both databases."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from lineage.contract.requests import DeclaredEnvironment, NewToken, WaiverRequest
from lineage.contract.results import NamedPipeline
from lineage.errors import Conflict, NotFound, NotPermitted, UsageError
from lineage.guard.decision import GuardRefused, Status
from lineage.guard.evidence import Evidence
from lineage.guard.policy import WAIVABLE, EnvironmentPolicy
from lineage.identity.components import EnvironmentKind
from tests.conftest import EVERYWHERE, add_validated, add_version, captured_pipeline, pipeline

pytestmark = EVERYWHERE

PRODUCTION = EnvironmentKind.PRODUCTION


def _apply(registry, name="production", kind=None, **policy):
    declared = DeclaredEnvironment(name, EnvironmentPolicy(**policy), kind)
    return registry.apply_environments([declared], actor="admin")


def _deploy(registry, text="old", **more):
    return registry.release("production", captured_pipeline(text), actor="boss", **more)


def _promote(registry, ref, env="production", **more):
    return registry.promote(ref, env, actor="boss", **more)


def _failing(error) -> set[str]:
    return {check.code for made in error.value.decisions for check in made.failures}


def _waive(*codes: str, until: str | None = None) -> WaiverRequest:
    return WaiverRequest(codes, "the fire", until)


def _status(registry, ref, code, env="production"):
    return registry.guard(ref, env).check(code).status


# environments as a file


def test_a_policy_that_demands_less_says_so_and_the_history_keeps_it(registry):
    _apply(registry, require=("auc >= 0.8",), approvals=2, backup=True)
    (change,) = _apply(registry, require=("auc >= 0.8",), backup=True)
    assert change.lines == ("approvals: 2 → none",)
    assert change.loosened == ("approvals",)
    assert registry.history(limit=1)[0].payload["loosened"] == ["approvals"]
    (stricter,) = _apply(registry, require=("auc >= 0.8",), backup=True, approvals=1)
    assert stricter.loosened == ()
    assert "loosened" not in registry.history(limit=1)[0].payload
    assert not registry.audit().problems


def test_applying_twice_changes_nothing(registry):
    first = _apply(registry, require=("auc >= 0.8",), approvals=2)
    assert [(change.action, change.lines) for change in first] == [
        ("change", ('require: none → ["auc >= 0.8"]', "approvals: none → 2"))
    ]
    events = len(registry.history())
    again = _apply(registry, require=("auc >= 0.8",), approvals=2)
    assert [(change.action, change.lines) for change in again] == [("keep", ())]
    assert len(registry.history()) == events
    _apply(registry)
    assert registry.environment("production")["policy"] == EnvironmentPolicy().to_json()
    assert [row["payload"]["revision"] for row in registry.history("production")[:2]] == [2, 1]


def test_a_dry_run_tells_the_plan_and_changes_nothing(registry):
    declared = [DeclaredEnvironment("canary", EnvironmentPolicy(approvals=1), PRODUCTION)]
    before = registry.history(), registry.environments()
    plan = registry.apply_environments(declared, dry_run=True, actor="admin")
    assert plan[0].action == "create"
    assert plan[0].lines == ("kind: production", "approvals: none → 1")
    assert (registry.history(), registry.environments()) == before
    registry.apply_environments(declared, actor="admin")
    assert registry.environment("canary")["policy"]["approvals"] == 1


@pytest.mark.parametrize(
    ("declared", "error", "says"),
    [
        ([("production", {"promote_from": "nowhere"}, None)], NotFound, "promotes from nowhere"),
        ([("production", {"promote_from": "production"}, None)], UsageError, "production ← production"),
        ([("production", {"promote_from": "staging"}, None), ("staging", {"promote_from": "production"}, None)],
         UsageError, "form a circle: production ← staging ← production"),
        ([("canary", {}, None)], UsageError, "its kind must be said"),
        ([("production", {}, EnvironmentKind.EXPERIMENTAL)], Conflict, "exists, of kind production"),
        ([("staging", {"waive": {"approvals": ("*",)}}, None)], UsageError, "contradicts itself"),
        ([("canary", {}, PRODUCTION), ("production", {"promote_from": "nowhere"}, None)], NotFound, "nowhere"),
    ],
)  # fmt: skip
def test_a_policy_that_makes_no_sense_changes_nothing(registry, declared, error, says):
    before = registry.history(), registry.environments()
    named = [DeclaredEnvironment(n, EnvironmentPolicy(**p), k) for n, p, k in declared]
    with pytest.raises(error, match=says):
        registry.apply_environments(named, actor="admin")
    assert (registry.history(), registry.environments()) == before


def test_a_circle_with_what_the_registry_holds_is_found_too(registry):
    _apply(registry, promote_from="staging")
    with pytest.raises(UsageError, match="circle"):
        _apply(registry, "staging", promote_from="production")


def test_a_path_may_begin_in_an_environment_of_the_same_file(registry):
    declared = [
        DeclaredEnvironment("production", EnvironmentPolicy(promote_from="canary")),
        DeclaredEnvironment("canary", EnvironmentPolicy(), PRODUCTION),
    ]
    registry.apply_environments(declared, actor="admin")
    assert registry.environment("production")["policy"]["promote_from"] == "canary"


# what it demands


def test_a_version_that_served_in_staging_may_enter(registry):
    _apply(registry, promote_from="staging")
    _deploy(registry)
    ref = add_validated(registry)
    registry.create_environment("elsewhere", EnvironmentKind.EXPERIMENTAL, actor="t")
    _promote(registry, ref, "elsewhere")
    with pytest.raises(GuardRefused) as error:
        _promote(registry, ref)
    assert _failing(error) == {"promotion-path"}, "elsewhere is not staging"
    _promote(registry, ref, "staging")
    registry.retire("churn", "staging", actor="t")
    _promote(registry, ref)


def test_what_demands_a_backup_is_not_emptied_but_by_a_waiver(registry):
    _deploy(registry)
    add_validated(registry)
    _promote(registry, "churn@1")
    _apply(registry, backup=True, approvals=9, waive={"backup-ready": ("boss",)})
    before = registry.environment("production")["slots"], len(registry.history())
    with pytest.raises(GuardRefused, match="demands a backup") as error:
        registry.retire("churn", "production", reason="unused", actor="boss")
    (made,) = error.value.decisions
    assert made.sentence == "churn@1 may not leave production"
    assert [check.code for check in made.checks] == ["backup-ready"], "nothing else is asked"
    with pytest.raises(NotPermitted):
        registry.retire("churn", "production", waive=_waive("backup-ready"), actor="ann")
    assert before == (registry.environment("production")["slots"], len(registry.history()))
    done = registry.retire(
        "churn", "production", reason="unused", waive=_waive("backup-ready"), actor="boss"
    )
    assert done.slots[0].serving is None
    (event,) = registry.history("churn@production", what="retired")
    assert [one["code"] for one in event["payload"]["waivers"]] == ["backup-ready"]
    assert registry.audit().problems == ()


def test_what_demands_no_backup_is_emptied(registry):
    add_validated(registry)
    _deploy(registry)
    _promote(registry, "churn@1")
    done = registry.retire("churn", "production", waive=None, actor="boss")
    assert done.slots[0].serving is None
    assert done.decisions[0].check("backup-ready").status is Status.PASS


def test_requirements_compare_with_what_serves(registry):
    _deploy(registry)
    _apply(registry, require=("auc >= serving.auc - 0.01",))
    for seed, auc in (("1", 0.90), ("2", 0.85), ("3", 0.895)):
        ref = add_version(registry, seed)
        registry.validate(ref, captured_pipeline(), passed=True, metrics={"auc": auc}, actor="t")
    _promote(registry, "churn@1")
    with pytest.raises(GuardRefused) as error:
        _promote(registry, "churn@2")
    assert "auc is 0.85, serving.auc is 0.9" in str(error.value)
    _promote(registry, "churn@3")
    assert registry.guard("churn@production", "production").allowed


def test_approvals_are_bound_to_version_environment_and_pipeline(registry):
    _apply(registry, approvals=2, not_approvers=("ci",))
    _deploy(registry)
    ref = add_validated(registry)
    registry.validate(ref, captured_pipeline("new"), passed=True, actor="t")
    answer = registry.approve(ref, "production", actor="ann")
    assert (answer["approvals"], answer["needed"]) == (1, 2)
    assert answer["pipeline"] == {"name": "churn", "digest": pipeline().xxh3}
    before = len(registry.history())
    for who, why in (
        ("ANN", "already approved"),
        ("Tester", "registered churn@1"),
        ("CI", "may not approve"),
    ):
        with pytest.raises(NotPermitted, match=why):
            registry.approve(ref, "production", actor=who)
    for what in (("churn@9", "production"), (ref, "nowhere")):
        with pytest.raises(NotFound):
            registry.approve(*what, actor="bob")
    assert len(registry.history()) == before
    registry.approve(ref, "staging", actor="bob")
    with pytest.raises(GuardRefused, match="1 of 2 approvals"):
        _promote(registry, ref)
    _deploy(registry, "new")
    with pytest.raises(GuardRefused, match="that of ann is for another pipeline version"):
        _promote(registry, ref)
    for who in ("ann", "bob"):
        registry.approve(ref, "production", actor=who)
    _promote(registry, ref)
    assert _status(registry, ref, "approvals") == Status.PASS


def test_an_approval_names_the_pair_that_is_to_run(registry):
    _apply(registry, approvals=2)
    _deploy(registry)
    ref = add_validated(registry, text="new")
    pair = f"churn@{pipeline('new').xxh3}"
    given = registry.approve(ref, "production", pipeline=pair, actor="ann")
    assert given["pipeline"] == {"name": "churn", "digest": pipeline("new").xxh3}
    assert (given["approvals"], given["needed"]) == (1, 2)
    with pytest.raises(NotPermitted, match=f"ANN has already approved {ref} .* on pipeline churn@"):
        registry.approve(ref, "production", pipeline=pipeline("new").xxh3, actor="ANN")
    summary = registry.guard(ref, "production").check("approvals").summary
    assert summary == f"{ref} has 0 of 2 approvals; that of ann is for another pipeline version"
    with pytest.raises(GuardRefused, match="1 of 2 approvals") as refused:
        registry.release("production", captured_pipeline("new"), [ref], actor="boss")
    check = refused.value.decisions[0].check("approvals")
    short = pipeline("new").xxh3.short
    assert f"«approve {ref} env=production pipeline=churn@{short}»" in check.remedy
    second = registry.approve(ref, "production", pipeline=f"churn@{short}", actor="bob")
    assert second["approvals"] == 2
    assert [row["pipeline"]["digest"] for row in registry.approvals(ref)] == [
        pipeline("new").xxh3
    ] * 2
    as_if = registry.guard(ref, "production", running=captured_pipeline("new"))
    assert as_if.check("approvals").summary == "approved by ann, bob (claimed)"
    registry.release("production", captured_pipeline("new"), [ref], actor="boss")
    assert registry.serving("churn", "production").serving.ref == ref


def test_an_approval_of_a_pair_is_no_approval_of_another(registry):
    """Whatever runs in between, and whichever release comes: the pair is what was approved."""
    _apply(registry, approvals=1)
    _deploy(registry)
    ref = add_validated(registry, text="new")
    for text in ("old", "third"):
        registry.validate(ref, captured_pipeline(text), passed=True, actor="t")
    registry.approve(ref, "production", pipeline=pipeline("new").xxh3, actor="ann")
    for move in (
        lambda: _promote(registry, ref),
        lambda: registry.release("production", captured_pipeline("third"), [ref], actor="boss"),
    ):
        with pytest.raises(GuardRefused, match="0 of 1 approvals"):
            move()
    _deploy(registry, "third")
    registry.release("production", captured_pipeline("new"), [ref], actor="boss")
    assert registry.serving("churn", "production").serving.ref == ref


def test_an_approval_with_no_such_pipeline_version_is_not_recorded(registry):
    _deploy(registry)
    ref = add_validated(registry)
    add_validated(registry, "2", "other", model="risk", name="risk")
    history = registry.history()
    for text, error, says in (
        (f"churn@{pipeline('never').xxh3}", NotFound, "of pipeline churn is recorded"),
        (f"risk@{pipeline('other').xxh3}", UsageError, f"{ref} rides on pipeline churn"),
        (pipeline("other").xxh3, NotFound, "of pipeline churn is recorded"),
        ("churn@nonsense", UsageError, "is not a digest"),
        ("CHURN@xxh3:1", UsageError, "not a valid pipeline name"),
        ("", UsageError, "is not a digest"),
    ):
        with pytest.raises(error, match=says):
            registry.approve(ref, "production", pipeline=text, actor="ann")
    assert (registry.history(), registry.approvals(ref)) == (history, [])


def test_a_first_release_counts_the_approvals_given_before_anything_ran(registry):
    _apply(registry, approvals=1)
    ref = add_validated(registry)
    registry.approve(ref, "production", actor="ann")
    registry.release("production", captured_pipeline(), [ref], actor="boss")
    assert registry.serving("churn", "production").serving.ref == ref


def test_a_demanded_backup_is_not_given_away(registry):
    _apply(registry, backup=True)
    _deploy(registry)
    first, second = add_validated(registry, "1"), add_validated(registry, "2")
    moved = _promote(registry, first)
    assert moved.decisions[0].check("backup-ready").status == Status.WARN
    assert _status(registry, first, "backup-ready") == Status.FAIL
    _promote(registry, second)
    third = add_validated(registry, "3", "new")
    for ref in (first, second):
        registry.record_weights(ref, "missing", "model.bin", actor="t")
    with pytest.raises(GuardRefused, match="were missing"):
        registry.release("production", captured_pipeline("new"), [third], actor="t")
    registry.record_weights(first, "intact", "model.bin", actor="t")
    registry.release("production", captured_pipeline("new"), [third], actor="t")
    slot = registry.serving("churn", "production")
    assert (slot.backup.ref, slot.moves_pipeline) == (first, True), "the best ready pair"


def test_a_backup_may_be_demanded_that_moves_no_pipeline(registry):
    _apply(registry, backup="same-pipeline")
    _deploy(registry)
    first, second = add_validated(registry, "1"), add_validated(registry, "2", "new")
    _promote(registry, first)
    with pytest.raises(GuardRefused, match="its pipeline would move too"):
        registry.release("production", captured_pipeline("new"), [second], actor="t")
    registry.validate(first, captured_pipeline("new"), passed=True, actor="t")
    registry.release("production", captured_pipeline("new"), [second], actor="t")
    slot = registry.serving("churn", "production")
    assert (slot.backup.ref, slot.moves_pipeline, slot.readiness.ready) == (first, False, True)
    registry.rollback("churn", "production", actor="t")


def test_weights_that_are_gone_may_not_enter(registry):
    _deploy(registry)
    ref = add_validated(registry)
    registry.record_weights(ref, "changed", "model.bin", actor="t")
    with pytest.raises(GuardRefused) as error:
        _promote(registry, ref)
    assert _failing(error) == {"weights-intact"}
    registry.record_weights(ref, "intact", "model.bin", actor="t")
    _promote(registry, ref)


# releases


@pytest.fixture
def shared(registry):
    """Three models on one pipeline serve; the first two pass with the new version too."""
    for model in ("a", "b", "c"):
        ref = add_validated(registry, model, "old", model=model, name="shared")
        texts = ("new",) if model != "c" else ()
        for text in texts:
            registry.validate(ref, captured_pipeline(text, "shared"), passed=True, actor="t")
    old = captured_pipeline("old", "shared")
    registry.release("production", old, ["a@1", "b@1", "c@1"], actor="t")
    return registry


def test_a_release_names_the_models_that_it_would_leave_behind(shared):
    new = captured_pipeline("new", "shared")
    before = shared.environment("production"), len(shared.history())
    with pytest.raises(
        GuardRefused, match="would leave behind c@1: c@1 was validated with"
    ) as error:
        shared.release("production", new, ["a@1"], actor="t")
    assert [made.ref for made in error.value.decisions] == ["c@1"]
    assert (shared.environment("production"), len(shared.history())) == before
    add_validated(shared, "c2", "new", model="c", name="shared")
    moved = shared.release("production", new, ["a@1", "c@2"], actor="t")
    assert [(step.model, step.serving_before, step.serving_after) for step in moved.steps] == [
        ("a", "a@1", "a@1"), ("c", "c@1", "c@2"), ("b", "b@1", "b@1"),
    ]  # fmt: skip
    assert shared.history()[0]["kind"] == "released"
    assert set(shared.history()[0]["payload"]["slots"]) == {
        "a@production", "b@production", "c@production",
    }  # fmt: skip


def test_a_plan_is_what_then_happens_or_nothing_does(registry):
    _deploy(registry)
    _promote(registry, add_validated(registry, "1"))
    _promote(registry, add_validated(registry, "2"))
    new = add_validated(registry, "3", "new")
    before = registry.environment("production"), len(registry.history())
    plan = registry.release("production", captured_pipeline("new"), [new], dry_run=True, actor="t")
    assert (registry.environment("production"), len(registry.history())) == before
    (step,) = plan.steps
    assert (step.serving_before, step.serving_after) == ("churn@2", "churn@3")
    assert (step.backup_before, step.backup_after) == ("churn@1", "churn@2")
    assert plan.emptied_backups == ()
    registry.rollback("churn", "production", actor="somebody else")
    with pytest.raises(Conflict, match="after the plan was made"):
        registry.release(
            "production", captured_pipeline("new"), [new], seen=plan.revisions, actor="t"
        )
    assert registry.serving("churn", "production").serving.ref == "churn@1"


# waivers


@pytest.fixture
def lenient(registry):
    """Production runs the old pipeline; boss may waive whatever can be."""
    _apply(registry, approvals=1, waive=dict.fromkeys(WAIVABLE, ("boss",)))
    _deploy(registry)
    return registry


def test_a_waiver_stands_in_for_the_proof_and_shows_until_it_ends(lenient):
    ref = add_validated(lenient, "1", "new")
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    moved = _promote(
        lenient, ref, waive=_waive("pipeline-match", "approvals", "validated", until=until)
    )
    assert moved.unused_waivers == ("validated",)
    slot = lenient.serving("churn", "production").to_json()
    assert (slot["waiver"]["code"], slot["waiver"]["ended"]) == ("pipeline-match", False)
    assert slot["waiver"]["waived_by"] == "boss"
    assert [one["code"] for one in slot["waiver"]["further"]] == ["approvals"]
    statuses = {check.code: check.status for check in lenient.guard(ref, "production").checks}
    assert statuses["pipeline-match"] == Status.WAIVED
    payload = lenient.history()[0]["payload"]
    assert {one["code"] for one in payload["waivers"]} == {"pipeline-match", "approvals"}
    at = lenient.history()[0]["at"]
    while dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") < until:
        time.sleep(0.05)
    slot = lenient.serving("churn", "production").to_json()
    assert slot["serving"]["ref"] == ref, "it goes on serving"
    assert (slot["waiver"]["code"], slot["waiver"]["ended"]) == ("pipeline-match", True)
    assert not lenient.guard(ref, "production").allowed
    past = lenient.serving("churn", "production", at=at)
    assert (past.waiver.code, past.waiver_ended) == ("pipeline-match", False)
    assert lenient.audit().problems == ()


def test_a_version_on_a_waiver_never_becomes_the_backup(lenient):
    waived, passed = add_validated(lenient, "1", "new"), add_validated(lenient, "2")
    _promote(lenient, waived, waive=_waive("pipeline-match", "approvals"))
    moved = _promote(lenient, passed, waive=_waive("approvals"))
    assert moved.slots[0].backup is None
    with pytest.raises(GuardRefused):
        _promote(lenient, waived)


def test_what_serves_by_a_waiver_is_no_ready_backup(registry):
    """Its waivers end when it leaves: a rollback to it would be refused."""
    _deploy(registry)
    for seed, auc in (("1", 0.9), ("2", 0.4), ("3", 0.9)):
        ref = add_version(registry, seed)
        registry.validate(ref, captured_pipeline(), passed=True, metrics={"auc": auc}, actor="t")
    _promote(registry, "churn@1")
    _apply(registry, require=("auc >= 0.5",), backup=True, waive={"requirements": ("boss",)})
    _promote(registry, "churn@2", waive=_waive("requirements"))
    moved = _promote(registry, "churn@3")
    assert moved.slots[0].backup.ref == "churn@1", "the one before is ready"
    assert "auc >= 0.5" in moved.steps[0].passed_over["churn@2"]


def test_a_promotion_that_would_leave_nothing_ready_is_refused_where_that_is_demanded(registry):
    _deploy(registry)
    for seed, auc in (("1", 0.4), ("2", 0.9)):
        ref = add_version(registry, seed)
        registry.validate(ref, captured_pipeline(), passed=True, metrics={"auc": auc}, actor="t")
    _promote(registry, "churn@1")
    _apply(registry, require=("auc >= 0.5",), backup=True)
    with pytest.raises(GuardRefused, match="churn@1 would stand by") as error:
        _promote(registry, "churn@2")
    assert _failing(error) == {"backup-ready"}
    _apply(registry, require=("auc >= 0.5",))
    moved = _promote(registry, "churn@2")
    assert moved.slots[0].backup is None
    assert "auc >= 0.5" in moved.steps[0].passed_over["churn@1"]
    check = moved.decisions[0].check("backup-ready")
    assert (check.status, check.details["backup"]) == ("warn", "churn@1")


def test_a_pipeline_cannot_move_under_a_version_on_a_waiver(lenient):
    ref = add_validated(lenient, "1", "new")
    _promote(lenient, ref, waive=_waive("pipeline-match", "approvals"))
    with pytest.raises(GuardRefused) as error:
        _deploy(lenient, "third")
    assert _failing(error) == {"pipeline-match"}
    _deploy(lenient, "third", waive=_waive("pipeline-match"))
    assert lenient.serving("churn", "production").waiver.code == "pipeline-match"
    _deploy(lenient, "new")
    slot = lenient.serving("churn", "production")
    assert slot.waiver is None, "the proof is there now"
    with pytest.raises(GuardRefused):
        _deploy(lenient, "third")


def test_a_version_may_enter_where_nothing_runs_by_waiver(registry):
    _apply(registry, waive=dict.fromkeys(WAIVABLE, ("*",)))
    ref = add_version(registry)
    _promote(registry, ref, waive=_waive("pipeline-deployed", "validated"))
    assert registry.serving("churn", "production").waiver.code == "pipeline-deployed"
    with pytest.raises(GuardRefused):
        _deploy(registry)
    _deploy(registry, waive=_waive("validated"))
    assert registry.serving("churn", "production").waiver.code == "validated"
    registry.validate(ref, NamedPipeline("churn", pipeline().xxh3), passed=True, actor="t")
    _promote(registry, ref)
    assert registry.serving("churn", "production").rests_on is None


def test_a_rollback_may_be_waived_through(lenient):
    first, second = add_validated(lenient, "1"), add_validated(lenient, "2")
    for ref in (first, second):
        _promote(lenient, ref, waive=_waive("approvals"))
    lenient.validate(first, captured_pipeline(), passed=False, actor="t")
    with pytest.raises(GuardRefused):
        lenient.rollback("churn", "production", actor="boss")
    lenient.rollback("churn", "production", waive=_waive("validated"), actor="boss")
    slot = lenient.serving("churn", "production")
    assert (slot.serving.ref, slot.waiver.code, slot.contradicted) == (first, "validated", True)


@pytest.mark.parametrize(
    ("codes", "who", "says"),
    [
        (("kind",), "boss", "kind may never be waived"),
        (("code-clean",), "boss", "code-clean may never be waived"),
        (("pipeline-match",), "eve", "eve may not waive pipeline-match in production"),
        (("requirements", "tuple-complete"), "boss", "tuple-complete may never be waived"),
    ],
)
def test_what_may_not_be_waived_is_refused_before_anything(lenient, codes, who, says):
    ref = add_validated(lenient)
    before = lenient.environment("production"), len(lenient.history())
    with pytest.raises(NotPermitted, match=says):
        lenient.promote(ref, "production", waive=_waive(*codes), actor=who)
    assert (lenient.environment("production"), len(lenient.history())) == before


def test_pipeline_match_is_waived_only_where_the_policy_names_it(registry):
    others = {code: ("*",) for code in WAIVABLE if code != "pipeline-match"}
    _apply(registry, waive=others)
    _deploy(registry)
    with pytest.raises(NotPermitted, match="lets nobody waive pipeline-match"):
        _promote(registry, add_validated(registry, "1", "new"), waive=_waive("pipeline-match"))


def test_validating_and_promoting_again_replaces_the_waiver_and_keeps_since_when(lenient):
    ref = add_validated(lenient, "1", "new")
    _promote(lenient, ref, waive=_waive("pipeline-match", "approvals"))
    since = lenient.serving("churn", "production").serving.promoted_at
    lenient.validate(ref, captured_pipeline(), passed=True, actor="t")
    moved = _promote(lenient, ref)
    assert moved.changed
    slot = moved.slots[0]
    assert slot.serving.promoted_at == since
    assert [waiver.code for waiver in slot.waivers] == ["pipeline-match", "approvals"]
    assert slot.rests_on is None


def test_a_carried_verdict_must_rest_on_a_real_pass(registry):
    ref = add_validated(registry, "1", "old")
    for rests_on, error in ((99, NotFound), (1, None)):
        if error:
            with pytest.raises(error):
                registry.carry_over(
                    ref, captured_pipeline("new"), rests_on=rests_on, difference="d", actor="t"
                )
    carried = registry.carry_over(
        ref, captured_pipeline("new"), rests_on=1, difference="d", actor="t"
    )
    with pytest.raises(Conflict, match="not a pass that counts"):
        registry.carry_over(
            ref, captured_pipeline("x"), rests_on=carried["id"], difference="d", actor="t"
        )
    other = add_validated(registry, "2", "old")
    with pytest.raises(NotFound):
        registry.carry_over(other, captured_pipeline("new"), rests_on=1, difference="d", actor="t")
    registry.validate(ref, captured_pipeline("old"), passed=False, actor="t")
    with pytest.raises(Conflict):
        registry.carry_over(ref, captured_pipeline("y"), rests_on=1, difference="d", actor="t")


def test_a_failure_of_what_a_carried_verdict_rests_on_contradicts_what_serves(registry):
    ref = add_validated(registry, "1", "old")
    registry.carry_over(ref, captured_pipeline("new"), rests_on=1, difference="d", actor="t")
    registry.release("production", captured_pipeline("new"), [ref], actor="t")
    assert not registry.serving("churn", "production").contradicted
    registry.validate(ref, captured_pipeline("other"), passed=False, actor="t")
    assert not registry.serving("churn", "production").contradicted, "another pair failed"
    registry.validate(ref, captured_pipeline("old"), passed=False, actor="t")
    assert registry.serving("churn", "production").contradicted
    newest = registry.history("churn@production")[0]
    assert (newest["kind"], newest["payload"]["contradicted"]) == (
        "validated",
        ["churn@production"],
    )


def test_a_policy_that_permits_something_to_a_bare_name_of_a_job_says_what_to_write(registry):
    job = "github:acme/churn"
    registry.create_token(NewToken("job", ("read",), person="svc:Known"), actor="t")
    allowed = (job, f"oidc:gitlab.com:{job}", "ann", "svc:known", "*")
    (change,) = _apply(registry, waive={"validated": allowed}, not_approvers=(job,))
    assert change.notes == (
        "production permits something to github:acme/churn, which is the name of no token's person; "
        "where it is whom an OpenID Connect issuer vouches for, write oidc:ISSUER:github:acme/churn.",
    )
    assert _apply(registry, evidence=Evidence(validators=(job,)))[0].notes[-1] == change.notes[0]
    assert _apply(registry, not_approvers=(job,))[0].notes == (), "it forbids by either name"


def test_where_names_are_claimed_a_policy_that_counts_persons_says_so(registry):
    (change,) = _apply(registry, approvals=1)
    assert change.notes == (
        "production counts persons, and whoever works without a token only claims a name: a "
        "server that asks for tokens proves them.",
    )
    (again,) = _apply(registry, approvals=1)
    assert (again.action, again.notes) == ("keep", change.notes), "it is as true as before"
    assert _apply(registry, backup=True)[0].notes == ()
