"""The guard's rules: each one failing alone, and what holds for all of them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.acts import typed
from lineage.guard.decision import Status
from lineage.guard.evaluate import decide
from lineage.guard.evidence import BASES, Basis, Evidence, Signature, SignedThing
from lineage.guard.facts import (
    Approval,
    Facts,
    HeldCopy,
    RecordedRun,
    RolledBack,
    Standby,
    Transition,
    Verdict,
    Waiver,
    WeightsState,
)
from lineage.guard.policy import PROOF, WAIVABLE, Demand, EnvironmentPolicy, LikeProduction
from lineage.guard.requirements import Outcome
from lineage.guard.rules import RULES
from lineage.guard.seen_lately import SeenLately
from lineage.guard.unseen import UnseenCode
from lineage.identity.components import EnvironmentKind, Kind
from lineage.identity.digest import Digest
from lineage.identity.pipeline import Manifest, PipelineVersion, Scope
from lineage.identity.run_environment import RunEnvironment
from lineage.identity.watched import Role, Undeclared, WatchedRun
from lineage.timestamps import moment
from tests.conftest import pipeline

BROKEN = Outcome("auc >= 0.8", False, "auc >= 0.8 does not hold: auc is 0.7", {"auc": 0.7})
HOLDS = Outcome("auc >= 0.8", True, "auc >= 0.8 holds: auc is 0.9", {"auc": 0.9})

NOW = "2026-11-21T08:00:00Z"
THEN = moment(NOW)


def _verdict(text: str = "old", *, passed: bool = True, id: int = 1, outcomes=(HOLDS,)) -> Verdict:
    return Verdict(id, pipeline(text), passed, "2026-11-21T08:00:00Z", "ann", outcomes)


def _watched(
    *undeclared: Undeclared, text: str = "old", code=("featurize.py",), gaps=()
) -> RecordedRun:
    run = WatchedRun({"command": ["dvc", "repro"]}, undeclared, code, gaps=gaps)
    return RecordedRun(str(pipeline(text).blake3), NOW, "ann", run)


DECLARED = PipelineVersion(
    dataclasses.replace(pipeline("old").manifest, code=Scope.DECLARED)  # type: ignore[type-var]
)
GOOD = Facts(
    model="churn",
    version=7,
    kind=Kind.PRODUCTION,
    missing=(),
    dirty=False,
    registered_by="ann",
    environment="production",
    environment_kind=EnvironmentKind.PRODUCTION,
    pipeline="churn",
    deployed=pipeline("old"),
    policy=EnvironmentPolicy(),
    verdicts=(_verdict(),),
    copies=(HeldCopy("remote", "intact", True, THEN, "ann"),),
    watched=(_watched(),),
    own_pipeline=str(pipeline("old").blake3),
    ran_with=frozenset({str(pipeline("old").blake3)}),
    deployed_commit="c" * 40,
    deployed_is_commit=True,
)


def _statuses(**changes) -> dict[str, str]:
    decision = decide(dataclasses.replace(GOOD, **changes))
    return {check.code: check.status.value for check in decision.checks}


def _failing(**changes) -> set[str]:
    return {code for code, status in _statuses(**changes).items() if status == "fail"}


def test_a_good_version_passes_every_rule():
    assert set(_statuses().values()) == {"pass"}
    assert decide(GOOD).allowed


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"deployed": None}, {"pipeline-deployed"}),
        ({"verdicts": ()}, {"validated"}),
        ({"verdicts": (_verdict(passed=False),)}, {"validated"}),
        ({"verdicts": (_verdict(passed=False, outcomes=(BROKEN, HOLDS)),)}, {"validated", "requirements"}),
        ({"verdicts": (_verdict("other"),)}, {"pipeline-match"}),
        ({"verdicts": (_verdict("other", passed=False),)}, {"pipeline-match"}),
        ({"kind": Kind.EXPERIMENT}, {"kind"}),
        ({"missing": ("weights",)}, {"tuple-complete"}),
        ({"dirty": True}, {"code-clean"}),
        ({"pipeline": None, "deployed": None, "verdicts": (), "missing": ("pipeline",)},
         {"pipeline-deployed", "validated", "tuple-complete"}),
        ({"deployed": None, "verdicts": ()}, {"pipeline-deployed", "validated"}),
        ({"missing": ("code",), "dirty": False}, {"tuple-complete"}),
    ],
)  # fmt: skip
def test_each_cause_is_one_failure(changes, failing):
    assert _failing(**changes) == failing


def test_what_another_rule_reports_as_missing_is_skipped():
    assert _statuses(deployed=None)["pipeline-match"] == "skipped"
    assert _statuses(verdicts=())["pipeline-match"] == "skipped"
    other = _statuses(verdicts=(_verdict("other"),))
    assert (other["validated"], other["requirements"]) == ("skipped", "skipped")
    assert _statuses(missing=("code",))["code-clean"] == "skipped"


UNCOMMITTED = {"deployed_is_commit": False}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        (UNCOMMITTED, "fail"),
        (UNCOMMITTED | {"transition": Transition.STAY, "pipeline_moves": True}, "fail"),
        (UNCOMMITTED | {"transition": Transition.STAY}, "warn"),
        (UNCOMMITTED | {"transition": Transition.RETURN}, "warn"),
        (UNCOMMITTED | {"transition": Transition.STAND_BY}, "warn"),
        (UNCOMMITTED | {"verdicts": (_verdict("other"),)}, "skipped"),
        (UNCOMMITTED | {"dirty": True}, "skipped"),
        ({"deployed_is_commit": None, "deployed_commit": None}, "skipped"),
        ({"deployed": PipelineVersion(None, Digest("sha256:abc"))}, "skipped"),
        ({"deployed": None}, "skipped"),
    ],
)
def test_a_pipeline_that_no_commit_holds_enters_nothing(changes, status):
    assert _statuses(**changes)["pipeline-clean"] == status


def test_a_pipeline_that_no_commit_holds_is_committed_and_deployed_again():
    decision = decide(dataclasses.replace(GOOD, **UNCOMMITTED))
    (check,) = decision.failures
    assert "uncommitted changes" in check.summary
    assert "lineage pipeline deploy churn --env production" in typed(check.remedy)
    assert check.code not in WAIVABLE


def test_a_verdict_from_elsewhere_is_shown_as_such():
    elsewhere = dataclasses.replace(_verdict(), elsewhere=True)
    decision = decide(dataclasses.replace(GOOD, verdicts=(elsewhere,)))
    check = next(check for check in decision.checks if check.code == "validated")
    assert check.summary.endswith("(ann), validated elsewhere, as stated")
    assert check.details["elsewhere"] is True


def test_the_verdict_on_the_deployed_pipeline_counts_whatever_others_say():
    verdicts = (
        _verdict("other", passed=False, id=1),
        _verdict("old", id=2),
        _verdict("new", passed=False, id=3),
    )
    assert not _failing(verdicts=verdicts)


def test_a_mismatch_is_explained_stage_by_stage():
    decision = decide(dataclasses.replace(GOOD, deployed=pipeline("new")))
    check = next(c for c in decision.checks if c.code == "pipeline-match")
    assert check.details["changes"] == [
        {
            "stage": "featurize",
            "kind": "parameter",
            "name": "top",
            "validated": "old",
            "deployed": "new",
        }
    ]
    assert check.details["explanation"] == ["featurize: parameter top old → new"]
    assert "lineage release" in typed(check.remedy)
    assert "--model churn@7" in typed(check.remedy)


def test_the_nearest_validated_pipeline_is_compared():
    far = PipelineVersion(dataclasses.replace(pipeline("x").manifest, stages={}))
    verdicts = (
        Verdict(1, far, True, "2026", "a"),
        _verdict("near", id=2),
        _verdict("failed", id=3, passed=False),
    )
    decision = decide(dataclasses.replace(GOOD, verdicts=verdicts))
    check = next(c for c in decision.checks if c.code == "pipeline-match")
    assert check.details["validated"] == pipeline("near").xxh3


def test_a_failed_verdict_elsewhere_is_no_reason_to_release():
    decision = decide(dataclasses.replace(GOOD, verdicts=(_verdict("other", passed=False),)))
    check = next(c for c in decision.checks if c.code == "pipeline-match")
    assert "lineage release" not in typed(check.remedy)


def test_a_stated_pipeline_is_compared_by_its_digest_alone():
    stated = PipelineVersion(None, Digest("sha256:a"))
    other = PipelineVersion(None, Digest("sha256:b"))
    verdicts = (Verdict(1, stated, True, "2026", "a"),)
    assert not _failing(deployed=stated, verdicts=verdicts)
    assert _failing(deployed=other, verdicts=verdicts) == {"pipeline-match"}


def test_equal_xxh3_names_do_not_make_equal_pipelines():
    """A forged version that is only called like the deployed one is another version."""
    forged = PipelineVersion(None, pipeline("old").xxh3)
    assert _failing(verdicts=(Verdict(1, forged, True, "2026", "a"),)) == {"pipeline-match"}


LOOKED = {
    state: WeightsState(state, "models/model.pkl", NOW, "bob")
    for state in ("intact", "missing", "changed")
}


def _policy(**changes) -> EnvironmentPolicy:
    return EnvironmentPolicy(**changes)


def _copies(**states: str) -> tuple[HeldCopy, ...]:
    return tuple(HeldCopy(store, state, True, THEN, "ann") for store, state in states.items())


ONE_HOST = dataclasses.replace(*_copies(local="intact"), shared=False)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"shared": False}, "pass"),
        ({}, "fail"),
        ({"transition": Transition.STAY}, "warn"),
        ({"transition": Transition.RETURN}, "warn"),
        ({"policy": _policy(unstored_weights=Demand.WARN)}, "warn"),
        ({"environment_kind": EnvironmentKind.EXPERIMENTAL}, "warn"),
        ({"copies": (ONE_HOST, *_copies(s3="missing"))}, "fail"),
        ({"copies": (ONE_HOST, *_copies(s3="intact"))}, "pass"),
    ],
)
def test_a_folder_of_one_host_counts_for_nothing_where_several_are(changes, status):
    check = _check("weights-intact", **{"copies": (ONE_HOST,), "shared": True} | changes)
    assert check.status == status
    if "copies" not in changes and changes != {"shared": False}:
        assert "only in local, a folder of one host" in check.summary
        assert "lineage store add NAME s3://BUCKET/PATH" in typed(check.remedy)
        assert "lineage store put churn@7 PATH --to NAME" in typed(check.remedy)


def test_what_only_one_host_has_does_not_come_to_stand_by():
    lonely = {"copies": (ONE_HOST,), "shared": True, "transition": Transition.STAND_BY}
    assert _failing(**lonely) == {"backup-ready"}
    assert "folder of one host" in _check("backup-ready", **lonely).summary


def test_a_later_look_where_they_were_registered_counts_too():
    later = WeightsState("missing", "models/model.pkl", NOW.replace("2026", "2027"), "bob")
    assert _check("weights-intact", weights=later).status == "fail"
    earlier = WeightsState("missing", "models/model.pkl", NOW.replace("2026", "2025"), "bob")
    assert _check("weights-intact", weights=earlier).status == "pass"
    intact = dataclasses.replace(later, state="intact")
    assert _check("weights-intact", weights=intact).status == "pass"
    lost = _copies(s3="missing")
    assert _check("weights-intact", weights=intact, copies=lost).status == "fail"


ROLLED_BACK = RolledBack(3, "night shift", NOW, "ann")


@pytest.mark.parametrize(
    ("verdict", "move", "status"),
    [
        ({"id": 3}, Transition.ENTER, "fail"),
        ({"id": 4}, Transition.ENTER, "pass"),
        ({"id": 3}, Transition.STAND_BY, "fail"),
        ({"id": 3}, Transition.RETURN, "fail"),
        ({"id": 3}, Transition.STAY, "pass"),
        ({"id": 5, "basis": Basis.CARRIED, "rests_on": 2}, Transition.ENTER, "fail"),
        ({"id": 5, "basis": Basis.CARRIED, "rests_on": 4}, Transition.ENTER, "pass"),
    ],
)
def test_what_was_rolled_back_needs_a_new_validation(verdict, move, status):
    made = (dataclasses.replace(_verdict(), **verdict),)
    check = _check("validated", verdicts=made, transition=move, rolled_back=ROLLED_BACK)
    assert check.status == status
    if status == "fail":
        assert check.summary == (
            "churn@7 was rolled back from production on 2026-11-21 by ann (night shift), and has "
            "not been validated since"
        )


def test_what_is_to_stand_by_is_approved_as_what_is_to_serve():
    policy = EnvironmentPolicy(approvals=1, promote_from="staging")
    made = decide(dataclasses.replace(GOOD, policy=policy, transition=Transition.STAND_BY))
    assert {check.code for check in made.failures} == {"approvals", "promotion-path"}


def _approved(*names: str, current: bool = True) -> tuple[Approval, ...]:
    return tuple(Approval(name, NOW, current) for name in names)


def _check(code: str, **changes):
    return decide(dataclasses.replace(GOOD, **changes)).check(code)


def _carried(**changes) -> tuple[Verdict, ...]:
    verdict = dataclasses.replace(_verdict(id=5), basis=Basis.CARRIED, rests_on=2, **changes)
    return (verdict,)


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"copies": ()}, "fail", "nobody looked since, and they are in no store"),
        ({"copies": (), "transition": Transition.STAY}, "warn", "and they are in no store"),
        ({"copies": (), "transition": Transition.RETURN}, "warn", "and they are in no store"),
        ({"copies": (), "policy": _policy(unstored_weights=Demand.WARN)}, "warn", "and they are in no store"),
        ({"copies": (), "environment_kind": EnvironmentKind.EXPERIMENTAL}, "warn", "and they are in no store"),
        ({"copies": (), "kind": Kind.EXPERIMENT}, "pass", "nobody looked since"),
        ({"weights": LOOKED["intact"], "copies": ()}, "fail", "were intact at models/model.pkl on 2026-11-21 (bob), and they are in no store"),
        ({"weights": LOOKED["missing"], "copies": ()}, "fail", "the weights of churn@7 were missing at models/model.pkl"),
        ({"weights": LOOKED["changed"], "copies": ()}, "fail", "the weights of churn@7 did not match their digests"),
        ({"weights": LOOKED["missing"], "missing": ("weights",)}, "skipped", "no weights are recorded"),
    ],
)  # fmt: skip
def test_the_newest_look_for_the_weights_counts(changes, status, says):
    check = _check("weights-intact", **changes)
    assert check.status == status
    assert says in check.summary
    if "weights" in changes and "missing" not in changes:
        assert check.details == {
            "state": changes["weights"].state,
            "place": "models/model.pkl",
            "checked_at": NOW,
            "checked_by": "bob",
        }
    if status == "fail":
        told = "Restore them and look again: lineage verify churn@7"
        if "in no store" in says:
            told = "Store them from wherever they are: lineage store put churn@7 PATH"
        assert typed(check.remedy) == told


def test_a_carried_verdict_counts_where_the_environment_accepts_it():
    check = _check("validated", verdicts=_carried())
    assert check.status == "pass"
    assert check.summary.endswith("on 2026-11-21 (ann), carried over from 2")
    assert check.details == {
        "validation": 5,
        "validated_at": NOW,
        "validated_by": "ann",
        "person": "ann",
        "basis": "carried",
        "on_word": False,
        "elsewhere": False,
        "rests_on": 2,
        "environment": None,
    }
    refused = _check(
        "validated", verdicts=_carried(), policy=_policy(evidence=Evidence().without(Basis.CARRIED))
    )
    assert refused.status == "fail"
    assert (
        "is carried over from validation 2, and production accepts none that is" in refused.summary
    )
    assert (
        typed(refused.remedy)
        == "Validate it with the deployed pipeline: lineage validate churn@7 --in production"
    )
    real = _check("validated", policy=_policy(evidence=Evidence().without(Basis.CARRIED)))
    assert (real.status, real.details["rests_on"]) == ("pass", None)


def test_the_environments_of_the_proof_and_of_what_serves_are_compared():
    serving = RunEnvironment(("cpython 3.11.7",), ("linux-x86_64",), {"numpy": ("2.3.0",)})
    candidate = dataclasses.replace(serving, packages={"numpy": ("2.4.6",)})
    check = _check("validated", reached_in=candidate, serving_reached_in=serving)
    assert check.status == "pass", "it is told, and refuses nothing"
    assert check.details["environment"] == {
        "changes": [{"kind": "package", "name": "numpy", "before": ["2.3.0"], "after": ["2.4.6"]}],
        "explanation": ["numpy 2.3.0 → 2.4.6"],
        "more": 0,
    }
    for known in ({"reached_in": candidate}, {"serving_reached_in": serving}):
        assert _check("validated", **known).details["environment"] is None


def test_a_carried_verdict_falls_with_the_one_it_rests_on():
    check = _check("validated", verdicts=_carried(overturned=True))
    assert check.status == "fail"
    assert "rests on validation 2, which a newer failure has replaced" in check.summary
    stated = dataclasses.replace(_verdict(), overturned=True)
    assert _check("validated", verdicts=(stated,)).status == "pass"


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({}, "pass", "production demands no path"),
        ({"policy": _policy(promote_from="staging")}, "fail",
         "churn@7 never served in staging, and production takes versions from there"),
        ({"policy": _policy(promote_from="staging"), "served_before": True}, "pass", "served in staging first"),
        ({"policy": _policy(promote_from="staging"), "transition": Transition.STAY}, "pass", "has served in production"),
        ({"policy": _policy(promote_from="staging"), "transition": Transition.RETURN}, "pass", "has served in production"),
    ],
)  # fmt: skip
def test_a_path_demands_that_the_version_served_there_first(changes, status, says):
    check = _check("promotion-path", **changes)
    assert check.status == status
    assert says in check.summary
    assert check.details == ({"promote_from": "staging"} if changes else {})
    if status == "fail":
        assert (
            typed(check.remedy) == "Let it serve there first: lineage promote churn@7 --env staging"
        )


TWO = _policy(approvals=2, not_approvers=("CI",))


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({}, "pass", "no approval is demanded"),
        ({"approvals": _approved("ann")}, "pass", "no approval is demanded"),
        ({"policy": TWO}, "fail", "churn@7 has 0 of 2 approvals"),
        ({"policy": TWO, "approvals": _approved("bob", "cy")}, "pass", "approved by bob, cy"),
        ({"policy": TWO, "approvals": _approved("bob", "cy", "dan")}, "pass", "approved by bob, cy, dan"),
        ({"policy": TWO, "approvals": _approved("bob", " BOB ")}, "fail", "has 1 of 2 approvals"),
        ({"policy": TWO, "approvals": _approved("bob", "ci")}, "fail", "has 1 of 2 approvals"),
        ({"policy": TWO, "approvals": _approved("bob", "cy", "Ann")}, "fail",
         "ann registered churn@7 and approved it too"),
        ({"policy": TWO, "approvals": _approved("bob") + _approved("cy", current=False)}, "fail",
         "has 1 of 2 approvals; that of cy is for another pipeline version"),
        ({"policy": TWO, "approvals": _approved("cy", "bob", current=False)}, "fail",
         "has 0 of 2 approvals; those of bob, cy are for another pipeline version"),
        ({"policy": TWO, "approvals": _approved("bob", "cy") + _approved("ann", current=False)}, "pass",
         "approved by bob, cy"),
        ({"policy": TWO, "transition": Transition.STAY}, "pass", "churn@7 has served in production: it needs no new approval"),
        ({"policy": TWO, "transition": Transition.RETURN}, "pass", "it needs no new approval"),
    ],
)  # fmt: skip
def test_approvals_are_by_distinct_people_and_never_by_the_registrant(changes, status, says):
    check = _check("approvals", **changes)
    assert check.status == status
    assert says in check.summary
    assert check.details["needed"] == changes.get("policy", _policy()).approvals
    if status == "fail":
        assert typed(check.remedy) == (
            "Let other people approve it: lineage approve churn@7 --env production"
        )


def test_approvals_are_listed():
    given = _approved("cy", "bob") + _approved("old", "elder", current=False)
    check = _check("approvals", policy=TWO, approvals=given)
    assert check.details == {
        "needed": 2, "approved_by": ["bob", "cy"], "claimed": [], "stale": ["elder", "old"],
    }  # fmt: skip


def test_approvals_count_persons_and_not_the_names_they_act_in():
    def given(*pairs: tuple[str, str | None]) -> tuple[Approval, ...]:
        return tuple(Approval(name, NOW, True, person) for name, person in pairs)

    two = given(("bob", None), ("bob-laptop", "Bob"))
    check = _check("approvals", policy=TWO, approvals=two)
    assert (check.status, check.summary) == ("fail", "churn@7 has 1 of 2 approvals")
    check = _check("approvals", policy=TWO, approvals=given(("job", "bob"), ("release", "cy")))
    assert (check.status, check.summary) == ("pass", "approved by bob, cy")
    check = _check("approvals", policy=TWO, approvals=given(("bob", "ci"), ("cy", None)))
    assert check.summary == "churn@7 has 1 of 2 approvals", "the policy names a person"
    check = _check("approvals", policy=TWO, approvals=given(("ci", "oidc:h:ci"), ("cy", None)))
    assert check.summary == "churn@7 has 1 of 2 approvals", "the policy names whoever is called so"
    own = given(("bob", None), ("ann-laptop", "ann"))
    for who in ({}, {"registered_by": "job", "registrant_person": "Ann"}):
        check = _check("approvals", policy=TWO, approvals=own, **who)
        assert "registered churn@7 and approved it too" in check.summary
    check = _check("approvals", policy=TWO, approvals=own, registrant_person="job")
    assert check.status == "pass", "who registered counts as another"


def test_what_was_done_before_persons_were_noted_forbids_by_the_name():
    issued = Approval("ann", NOW, True, "oidc:gitlab.com:ann")
    check = _check("approvals", policy=TWO, approvals=(issued, *_approved("bob")))
    assert "ann registered churn@7 and approved it too" in check.summary
    two = (Approval("ci", NOW, True), Approval("ci", NOW, True, "dan"))
    check = _check("approvals", policy=_policy(approvals=2), approvals=two)
    assert (check.summary, check.details["approved_by"]) == (
        "churn@7 has 1 of 2 approvals",
        ["dan"],
    )


def test_approvals_in_names_that_no_token_proves_are_called_claimed():
    claimed = tuple(Approval(name, NOW, True, claimed=True) for name in ("bob", "cy"))
    check = _check("approvals", policy=TWO, approvals=claimed)
    assert (check.status, check.summary) == ("pass", "approved by bob, cy (claimed)")
    assert check.details["claimed"] == ["bob", "cy"]
    proven = Approval("laptop", NOW, True, "BOB")
    check = _check("approvals", policy=TWO, approvals=(*claimed, proven))
    assert check.summary == "approved by BOB, cy (claimed: cy)"
    assert check.details["claimed"] == ["cy"]


BACKUP = _policy(backup=True)
SAME = _policy(backup="same-pipeline")
READY, BAD = Standby("churn@6"), Standby("churn@6", "churn@6 failed")
MOVES = Standby("churn@6", moves_pipeline=True)


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({}, "pass", "no backup is demanded"),
        ({"standby": READY}, "pass", "churn@6 stands by for churn in production"),
        ({"standby": BAD}, "warn", "churn@6 will not stand by for churn in production: churn@6 failed"),
        ({"policy": BACKUP, "standby": READY, "serving_metrics": {}}, "pass", "churn@6 stands by for churn in production"),
        ({"policy": BACKUP, "standby": BAD, "serving_metrics": {}}, "fail",
         "churn@6 would stand by for churn in production, but churn@6 failed"),
        ({"policy": BACKUP, "serving_metrics": {}}, "fail", "nothing would stand by for churn in production"),
        ({"policy": BACKUP}, "warn", "nothing serves churn in production yet, so nothing can stand by"),
        ({"policy": BACKUP, "serving_metrics": {}, "transition": Transition.STAY}, "fail", "nothing would stand by"),
        ({"policy": BACKUP, "transition": Transition.STAY}, "fail", "nothing would stand by"),
        ({"policy": BACKUP, "standby": READY, "serving_metrics": {}, "transition": Transition.STAY}, "pass", "churn@6 stands by"),
        ({"policy": BACKUP, "serving_metrics": {}, "transition": Transition.RETURN}, "warn", "nothing will stand by for churn"),
        ({"policy": BACKUP, "standby": BAD, "transition": Transition.RETURN}, "warn", "churn@6 will not stand by"),
        ({"policy": BACKUP, "standby": MOVES, "serving_metrics": {}}, "pass", "churn@6 stands by"),
        ({"policy": SAME, "standby": READY, "serving_metrics": {}}, "pass", "churn@6 stands by"),
        ({"policy": SAME, "standby": MOVES, "serving_metrics": {}}, "fail",
         "churn@6 would stand by for churn in production, but its pipeline would move too"),
        ({"policy": SAME, "standby": MOVES, "transition": Transition.RETURN}, "pass", "churn@6 stands by"),
    ],
)  # fmt: skip
def test_a_demanded_backup_must_be_ready(changes, status, says):
    check = _check("backup-ready", **changes)
    assert check.status == status
    assert says in check.summary
    standby = changes.get("standby")
    assert check.details == {
        "demanded": changes.get("policy", _policy()).backup,
        "backup": standby.ref if standby else None,
        "reason": standby.reason if standby else None,
        "moves_pipeline": standby.moves_pipeline if standby else None,
    }
    if status == "fail":
        ref = standby.ref if standby else "churn@production"
        assert f"lineage validate {ref} --in production" in typed(check.remedy)
        looked = f"lineage verify {ref} or lineage store put {ref} PATH"
        assert looked in typed(check.remedy)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "pass"),
        ({"policy": BACKUP}, "fail"),
        ({"policy": SAME, "standby": READY, "verdicts": ()}, "fail"),
        ({"policy": BACKUP, "environment_kind": EnvironmentKind.EXPERIMENTAL}, "warn"),
        (
            {"policy": BACKUP, "waivers": (Waiver("backup-ready", "unused", "boss", THEN),)},
            "waived",
        ),
    ],
)
def test_what_leaves_is_asked_only_whether_a_backup_is_demanded(changes, status):
    leaves = {"transition": Transition.LEAVE, "serving_metrics": {}}
    assert _statuses(**leaves, **changes) == {"backup-ready": status}
    if status == "fail":
        check = _check("backup-ready", **leaves, **changes)
        assert "--waive backup-ready" in typed(check.remedy)


def test_a_backup_is_asked_for_also_where_no_pipeline_runs():
    check = _check("backup-ready", policy=BACKUP, serving_metrics={}, deployed=None)
    assert "lineage validate churn@production)" in typed(check.remedy)


def test_requirements_of_the_environment_stand_beside_those_of_the_repository():
    measured = dataclasses.replace(_verdict(), metrics={"auc": 0.9, "f1": 0.4})
    policy = _policy(
        require=("auc >= 0.95",), models={"churn": ("f1 >= 0.5",), "other": ("x > 1",)}
    )
    check = _check("requirements", verdicts=(measured,), policy=policy)
    assert check.status == "fail"
    assert check.summary == (
        "auc >= 0.95 does not hold: auc is 0.9; f1 >= 0.5 does not hold: f1 is 0.4"
    )
    told = [
        (one["requirement"], one["holds"], one["source"]) for one in check.details["requirements"]
    ]
    assert told == [
        ("auc >= 0.8", True, "repository"),
        ("auc >= 0.95", False, "environment"),
        ("f1 >= 0.5", False, "environment"),
    ]
    assert "lineage validate churn@7" in typed(check.remedy)
    assert "lineage env apply" in typed(check.remedy)
    lower = _check("requirements", verdicts=(measured,), policy=_policy(require=("auc >= 0.5",)))
    assert (lower.status, lower.summary) == ("pass", "all 2 requirements hold")
    none = _check("requirements", verdicts=(_verdict(outcomes=()),))
    assert none.summary == "no requirement is configured"


def test_a_comparison_with_what_serves_is_decided_by_the_guard():
    later = Outcome("auc >= serving.auc - 0.05", None, "later")
    measured = dataclasses.replace(_verdict(outcomes=(later,)), metrics={"auc": 0.8})
    better = _check("requirements", verdicts=(measured,), serving_metrics={"auc": 0.84})
    assert better.status == "pass"
    worse = _check("requirements", verdicts=(measured,), serving_metrics={"auc": 0.9})
    assert worse.status == "fail"
    assert "does not hold: auc is 0.8, serving.auc is 0.9" in worse.summary
    first = _check("requirements", verdicts=(measured,), serving_metrics=None)
    assert first.status == "pass"
    assert "nothing serves yet" in first.details["requirements"][0]["sentence"]
    unknown = _check("requirements", verdicts=(measured,), serving_metrics={})
    assert unknown.status == "fail"
    assert "the metrics have no serving.auc" in unknown.summary


def test_a_waiver_excuses_its_rule_and_no_other():
    waiver = Waiver("approvals", "the fire", "boss", THEN, moment("2026-11-28T08:00:00Z"))
    broken = {"policy": TWO, "dirty": True, "waivers": (waiver,)}
    assert _statuses(**broken)["approvals"] == "waived"
    assert _failing(**broken) == {"code-clean"}
    check = _check("approvals", **broken)
    assert check.summary == (
        "churn@7 has 0 of 2 approvals; waived by boss until 2026-11-28 08:00: the fire"
    )
    assert check.details["waiver"] == {
        "code": "approvals",
        "reason": "the fire",
        "waived_by": "boss",
        "person": None,
        "waived_at": "2026-11-21T08:00:00.000000Z",
        "until": "2026-11-28T08:00:00.000000Z",
    }
    assert check.details["needed"] == 2
    endless = _check("approvals", policy=TWO, waivers=(dataclasses.replace(waiver, until=None),))
    assert endless.summary == "churn@7 has 0 of 2 approvals; waived by boss: the fire"


def test_a_waiver_of_a_rule_that_passes_changes_nothing():
    waivers = tuple(Waiver(code, "r", "boss", THEN) for code in WAIVABLE)
    assert set(_statuses(waivers=waivers).values()) == {"pass"}


def test_an_experimental_environment_warns_rather_than_waives():
    waiver = Waiver("approvals", "r", "boss", THEN)
    kind = EnvironmentKind.EXPERIMENTAL
    assert (
        _check("approvals", policy=TWO, waivers=(waiver,), environment_kind=kind).status == "warn"
    )


SENTENCES = {
    "pipeline-deployed": [
        ({}, f"production runs pipeline churn@{pipeline('old').xxh3.short}", None),
        ({"pipeline_moves": True}, f"production would run pipeline churn@{pipeline('old').xxh3.short}", None),
        ({"deployed": None}, "no version of pipeline churn is deployed in production",
         "Record the one that runs there: lineage pipeline deploy churn --env production"),
        ({"pipeline": None}, "churn@7 was registered without a pipeline",
         "Register a version with its pipeline: describe it in dvc.yaml or lineage.toml."),
    ],
    "validated": [
        ({}, f"churn@7 passed with {pipeline('old').xxh3.short} on 2026-11-21 (ann), as stated", None),
        ({"verdicts": ()}, "churn@7 was never validated",
         "Validate it with the deployed pipeline: lineage validate churn@7 --in production"),
        ({"verdicts": (), "deployed_is_commit": False}, "churn@7 was never validated",
         "Validate it with the deployed pipeline: lineage validate churn@7"),
        ({"verdicts": (), "pipeline_moves": True}, "churn@7 was never validated",
         f"Validate it with the pipeline that is to run: lineage validate churn@7 --pipeline churn@{pipeline('old').xxh3.short}"),
        ({"verdicts": (), "pipeline_moves": True, "recorded": False}, "churn@7 was never validated",
         "Validate it with the pipeline that is to run: lineage validate churn@7"),
        ({"verdicts": (_verdict(passed=False),), "pipeline_moves": True},
         f"churn@7 failed its newest validation with the pipeline that is to run {pipeline('old').xxh3.short}",
         f"Validate it with the pipeline that is to run: lineage validate churn@7 --pipeline churn@{pipeline('old').xxh3.short}"),
        ({"verdicts": (_verdict(passed=False),)},
         f"churn@7 failed its newest validation with the deployed pipeline {pipeline('old').xxh3.short}",
         "Validate it with the deployed pipeline: lineage validate churn@7 --in production"),
        ({"deployed": None}, "there is no verdict on what runs in production", None),
    ],
    "pipeline-match": [
        ({}, "the deployed pipeline is the one churn@7 was validated with", None),
        ({"verdicts": ()}, "needs a deployed pipeline and a validation to compare", None),
        ({"deployed": None}, "needs a deployed pipeline and a validation to compare", None),
        ({"deployed": pipeline("new")},
         f"churn@7 was validated with pipeline churn@{pipeline('old').xxh3.short}, but production runs "
         f"churn@{pipeline('new').xxh3.short}",
         f"Move both together (lineage release --env production --pipeline churn@{pipeline('old').xxh3.short} "
         f"--model churn@7), or let it be run with the deployed pipeline: lineage validate churn@7 --in production"),
        ({"deployed": pipeline("new"), "deployed_is_commit": None},
         f"churn@7 was validated with pipeline churn@{pipeline('old').xxh3.short}, but production runs "
         f"churn@{pipeline('new').xxh3.short}",
         f"Move both together (lineage release --env production --pipeline churn@{pipeline('old').xxh3.short} "
         f"--model churn@7), or validate it where the deployed pipeline is checked out: lineage validate churn@7 --pipeline "
         f"churn@{pipeline('new').xxh3.short} -- COMMAND"),
        ({"deployed": PipelineVersion(None, Digest("sha256:a"))},
         f"churn@7 was validated with pipeline churn@{pipeline('old').xxh3.short}, but production runs churn@sha256:a",
         f"Move both together (lineage release --env production --pipeline churn@{pipeline('old').xxh3.short} "
         "--model churn@7), or validate it where the deployed pipeline is checked out: lineage validate churn@7 --pipeline "
         "churn@sha256:a"),
        ({"deployed": pipeline("new"), "verdicts": (_verdict(passed=False),)},
         f"churn@7 was validated with pipeline churn@{pipeline('old').xxh3.short}, but production runs "
         f"churn@{pipeline('new').xxh3.short}",
         "Let it be run with the deployed pipeline: lineage validate churn@7 --in production"),
        ({"deployed": pipeline("new"), "recorded": False, "pipeline_moves": True, "transition": Transition.STAY},
         f"churn@7 was validated with pipeline churn@{pipeline('old').xxh3.short}, but production would run "
         f"churn@{pipeline('new').xxh3.short}",
         "Validate churn@7 with the pipeline as it is here (lineage validate churn@7), or release it together with "
         "a version that was: lineage release --env production --pipeline churn --model churn@N"),
        ({"deployed": pipeline("new"), "pipeline_moves": True, "transition": Transition.STAY},
         f"churn@7 was validated with pipeline churn@{pipeline('old').xxh3.short}, but production would run "
         f"churn@{pipeline('new').xxh3.short}",
         f"Release it together with a version that was validated with it (lineage release --env production "
         f"--pipeline churn@{pipeline('new').xxh3.short} --model churn@N), or validate the one that serves, where that pipeline is checked out: "
         f"lineage validate churn@7 --pipeline churn@{pipeline('new').xxh3.short} -- COMMAND"),
    ],
    "kind": [
        ({}, "churn@7 was registered for production", None),
        ({"kind": Kind.EXPERIMENT}, "churn@7 is an experiment, and experiments never enter production",
         "Register it for production from a clean tree: lineage register churn --kind production"),
    ],
    "tuple-complete": [
        ({}, "code, data, pipeline and weights are recorded", None),
        ({"missing": ("data", "weights")}, "churn@7 was registered without its data and weights",
         "Register it with all four components: lineage register churn"),
    ],
    "code-clean": [
        ({}, "the code is a commit, unchanged", None),
        ({"dirty": True}, "churn@7 was registered from a tree with uncommitted changes",
         "Commit them, train again and register: lineage register churn"),
        ({"missing": ("code",)}, "no code is recorded", None),
    ],
    "requirements": [
        ({}, "the requirement holds", None),
        ({"verdicts": ()}, "there is no validation to read metrics from", None),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "changes", "summary", "remedy"),
    [(code, *case) for code, cases in SENTENCES.items() for case in cases],
)
def test_each_sentence_and_each_remedy(code, changes, summary, remedy):
    check = _check(code, **changes)
    typed_remedy = typed(check.remedy) if check.remedy is not None else None
    assert (check.summary, typed_remedy) == (summary, remedy)


def test_the_details_say_what_the_sentence_says():
    assert _check("pipeline-deployed").details == {
        "pipeline": "churn",
        "digest": pipeline("old").xxh3,
    }
    assert _check("pipeline-deployed", deployed=None).details == {"pipeline": "churn"}
    assert _check("pipeline-match").details == {"digest": pipeline("old").xxh3}
    assert _check("tuple-complete", missing=("data",)).details == {"missing": ["data"]}
    failed = _check("validated", verdicts=(_verdict(passed=False, id=9),))
    assert failed.details["validation"] == 9
    verdict = dataclasses.replace(_verdict(id=4), commit="c1")
    other = _check(
        "pipeline-match", deployed=pipeline("new"), verdicts=(verdict,), deployed_commit="c2"
    )
    assert {key: other.details[key] for key in list(other.details)[:5]} == {
        "validated": pipeline("old").xxh3,
        "deployed": pipeline("new").xxh3,
        "validation": 4,
        "validated_commit": "c1",
        "deployed_commit": "c2",
    }


def test_of_equally_near_verdicts_the_newest_is_compared():
    verdicts = (_verdict("one", id=1), _verdict("two", id=2))
    check = _check("pipeline-match", deployed=pipeline("new"), verdicts=verdicts)
    assert check.details["validation"] == 2
    stated = Verdict(3, PipelineVersion(None, Digest("sha256:a")), True, NOW, "ann")
    check = _check("pipeline-match", deployed=pipeline("new"), verdicts=(*verdicts, stated))
    assert check.details["validation"] == 2, "what can be compared comes first"


def test_a_decision_says_of_what_it_is():
    given = dataclasses.replace(GOOD, dirty=True, transition=Transition.RETURN)
    decision = decide(given)
    assert (decision.ref, decision.environment, decision.move) == (
        "churn@7",
        "production",
        Transition.RETURN,
    )
    document = decision.to_json()
    assert set(document) == {"allowed", "model", "version", "environment", "pipeline", "checks"}
    assert document["pipeline"] == {"name": "churn", "digest": given.deployed.xxh3}
    assert (document["model"], document["version"], document["environment"]) == (
        "churn",
        7,
        "production",
    )
    assert [set(check) for check in document["checks"]] == [
        {"code", "status", "summary", "remedy", "details"}
    ] * 15
    assert decision.failures == (decision.check("code-clean"),)


def test_the_rules_are_those_of_the_design_in_its_order():
    from lineage.guard.rules import CODES

    assert CODES == (
        "pipeline-deployed", "validated", "pipeline-match", "kind", "tuple-complete", "code-clean",
        "weights-intact", "requirements", "data-like-production", "promotion-path", "approvals",
        "signed-by", "backup-ready", "pipeline-complete", "pipeline-clean",
    )  # fmt: skip
    assert tuple(check.code for check in decide(GOOD).checks) == CODES


A_KEY, B_KEY = "sha256:" + "a" * 64, "sha256:" + "b" * 64
AN_IDENTITY = "identity:ana@example.com issuer:https://accounts.example.com"
ON_WEIGHTS = Signature(A_KEY, "weights", None, NOW, "ann")
ON_VERDICT = Signature(A_KEY, "validation", 1, NOW, "ann")
BOTH = (SignedThing.WEIGHTS, SignedThing.VALIDATION)


@pytest.mark.parametrize(
    ("things", "signatures", "status"),
    [
        ((SignedThing.WEIGHTS,), (), "fail"),
        ((SignedThing.WEIGHTS,), (ON_VERDICT,), "fail"),
        ((SignedThing.WEIGHTS,), (dataclasses.replace(ON_WEIGHTS, key=B_KEY),), "fail"),
        ((SignedThing.WEIGHTS,), (ON_WEIGHTS,), "pass"),
        ((SignedThing.VALIDATION,), (ON_WEIGHTS,), "fail"),
        ((SignedThing.VALIDATION,), (ON_VERDICT,), "pass"),
        ((SignedThing.VALIDATION,), (dataclasses.replace(ON_VERDICT, validation=2),), "fail"),
        (BOTH, (ON_WEIGHTS,), "fail"),
        (BOTH, (ON_WEIGHTS, ON_VERDICT), "pass"),
    ],
)
def test_what_a_policy_names_must_be_signed_by_a_key_that_it_names(things, signatures, status):
    policy = EnvironmentPolicy(evidence=Evidence(signed_by=(A_KEY,), signed=things))
    check = _check("signed-by", policy=policy, signatures=signatures)
    assert check.status.value == status
    assert _check("signed-by", signatures=signatures).status is Status.PASS
    if status == "fail":
        assert "attest sign churn@7" in check.remedy


@pytest.mark.parametrize(
    ("named", "summary", "remedy"),
    [
        ((A_KEY,), "no key that", "key=FILE"),
        ((AN_IDENTITY,), "no identity that", "keyless=true"),
        ((A_KEY, AN_IDENTITY), "no key or identity that", "key=FILE"),
    ],
)
def test_an_identity_that_a_policy_names_signs_as_a_key_does(named, summary, remedy):
    policy = EnvironmentPolicy(evidence=Evidence(signed_by=named))
    theirs = dataclasses.replace(ON_WEIGHTS, key=named[-1])
    assert _check("signed-by", policy=policy, signatures=(theirs,)).status is Status.PASS
    other = dataclasses.replace(ON_WEIGHTS, key=f"{AN_IDENTITY}/")
    check = _check("signed-by", policy=policy, signatures=(other,))
    assert check.status is Status.FAIL
    assert check.summary.startswith(summary)
    assert remedy in check.remedy
    both = dataclasses.replace(policy, evidence=Evidence(signed_by=named, signed=BOTH))
    said = _check("signed-by", policy=both, signatures=(other,)).remedy
    assert (said.startswith("Sign them "), said.count(remedy)) == (True, 2)


@pytest.mark.parametrize(
    ("transition", "moves", "things", "status"),
    [
        (Transition.ENTER, False, BOTH, "fail"),
        (Transition.STAND_BY, False, BOTH, "fail"),
        (Transition.RETURN, False, BOTH, "pass"),
        (Transition.STAY, False, BOTH, "pass"),
        (Transition.STAY, True, (SignedThing.WEIGHTS,), "pass"),
        (Transition.STAY, True, BOTH, "fail"),
    ],
)
def test_what_has_served_is_signed_anew_only_where_its_pipeline_moves(
    transition, moves, things, status
):
    policy = EnvironmentPolicy(evidence=Evidence(signed_by=(A_KEY,), signed=things))
    check = _check("signed-by", policy=policy, transition=transition, pipeline_moves=moves)
    assert check.status.value == status


@pytest.mark.parametrize("moves", [False, True])
def test_the_verdict_with_a_pipeline_that_is_yet_to_run_is_not_the_one_that_counts_there_now(moves):
    policy = EnvironmentPolicy(evidence=Evidence(signed_by=(A_KEY,), signed=BOTH[1:]))
    check = _check("signed-by", policy=policy, pipeline_moves=moves)
    assert check.status is Status.FAIL
    assert "attest sign churn@7 as=validation" in check.remedy
    assert ("env=" in check.remedy) is not moves


@pytest.mark.parametrize("verdicts", [{}, {"verdicts": ()}])
def test_the_remedy_signs_all_that_is_missing_and_can_be_signed(verdicts):
    policy = EnvironmentPolicy(evidence=Evidence(signed_by=(A_KEY,), signed=BOTH))
    check = _check("signed-by", policy=policy, **verdicts)
    assert "attest sign churn@7 key=FILE record=true" in check.remedy
    assert ("as=validation" in check.remedy) is not bool(verdicts)


def test_a_verdict_that_is_not_there_is_another_rules_failure():
    policy = EnvironmentPolicy(evidence=Evidence(signed_by=(A_KEY,), signed=BOTH))
    check = _check("signed-by", policy=policy, verdicts=(), signatures=(ON_WEIGHTS,))
    assert check.status is Status.SKIPPED


@pytest.mark.parametrize(
    "changes", [{"deployed": None}, {"verdicts": ()}, {"verdicts": (_verdict("other"),)}]
)
@pytest.mark.parametrize("transition", [Transition.ENTER, Transition.STAND_BY, Transition.STAY])
def test_no_waiver_of_other_rules_stands_for_a_signature(changes, transition):
    evidence = Evidence(signed_by=(A_KEY,), signed=BOTH)
    given = {
        "policy": EnvironmentPolicy(evidence=evidence),
        "signatures": (ON_WEIGHTS,),
        "transition": transition,
        "pipeline_moves": transition is Transition.STAY,
        **changes,
    }
    assert "signed-by" not in _failing(**given)
    assert _failing(**given)
    waivers = tuple(Waiver(code, "r", "boss", THEN) for code in WAIVABLE)
    assert _failing(**given, waivers=waivers) == {"signed-by"}


@pytest.mark.parametrize("verdicts", [(), (_verdict("other"),)])
def test_no_waiver_of_other_rules_stands_for_a_commit(verdicts):
    given = {"verdicts": verdicts, "deployed_is_commit": False}
    assert "pipeline-clean" not in _failing(**given)
    waivers = tuple(Waiver(code, "r", "boss", THEN) for code in WAIVABLE)
    assert _failing(**given, waivers=waivers) == {"pipeline-clean"}


SCALING = Undeclared("src/scaling.py", Role.CODE, True, ("featurize.py",))
CONFIG = Undeclared("conf/model.yaml", Role.PARAMETERS, True, ("evaluate.py",))
UNSEEN = UnseenCode("featurize", "plugins.py:3", "computed import", "import_module(name)")
IN_COMMAND = dataclasses.replace(UNSEEN, where="the command")


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({}, "pass", "the deployed pipeline holds what a watched run of churn@7 read"),
        ({"watched": (_watched(), _watched())}, "pass", "holds what 2 watched runs of churn@7 read"),
        ({"watched": ()}, "warn", "no run of churn@7 was watched, so its pipeline holds only what is declared"),
        ({"watched": (_watched(SCALING),)}, "fail",
         "a watched run of churn@7 read src/scaling.py, which the deployed pipeline does not hold"),
        ({"watched": (_watched(SCALING, CONFIG),)}, "fail", "read conf/model.yaml, src/scaling.py, which"),
        ({"watched": (_watched(SCALING), _watched())}, "fail", "2 watched runs of churn@7 read src/scaling.py"),
        ({"watched": (_watched(SCALING, text="new"), _watched())}, "pass", "a watched run"),
        ({"watched": (_watched(SCALING, text="new"),)}, "fail", "read src/scaling.py"),
        ({"watched": (_watched(text="new"),)}, "warn", "with the deployed pipeline version: it holds the code"),
        ({"watched": (_watched(text="new"),), "verdicts": (_verdict("new"),)}, "skipped", "no verdict is on"),
        ({"watched": (_watched(text="new", code=("featurize.py", "old.py")),)}, "warn", "with the deployed"),
        ({"watched": (_watched(text="new", code=("featurize.py", "lib.py")),), "deployed": DECLARED}, "fail",
         "read lib.py, which the deployed pipeline does not hold"),
        ({"watched": (_watched(dataclasses.replace(SCALING, path="featurize.py")),)}, "pass", "holds"),
        ({"watched": (_watched(dataclasses.replace(SCALING, path="raw.csv")),)}, "pass", "holds"),
        ({"watched": (_watched(dataclasses.replace(SCALING, is_tracked=False)),)}, "pass", "holds"),
        ({"watched": (_watched(dataclasses.replace(SCALING, role=Role.DATA)),)}, "pass", "holds"),
        ({"watched": (_watched(SCALING),), "policy": _policy(pipeline_complete=Demand.WARN)}, "warn", "does not hold"),
        ({"watched": (_watched(SCALING),), "transition": Transition.STAY}, "fail", "does not hold"),
        ({"watched": (_watched(SCALING),), "transition": Transition.STAND_BY}, "fail", "does not hold"),
        ({"watched": (_watched(SCALING),), "transition": Transition.RETURN}, "warn", "does not hold"),
        ({"watched": (_watched(SCALING),), "transition": Transition.RETURN, "pipeline_moves": True}, "warn", "does not hold"),
        ({"watched": (_watched(SCALING),), "transition": Transition.STAND_BY, "pipeline_moves": True}, "fail", "does not hold"),
        ({"watched": (_watched(SCALING),), "environment_kind": EnvironmentKind.EXPERIMENTAL}, "warn", "does not hold"),
        ({"unseen": (UNSEEN,)}, "fail", "no run of churn@7 was watched there: computed import in plugins.py:3"),
        ({"unseen": (UNSEEN,), "watched": ()}, "fail", "what its capture could not follow"),
        ({"unseen": (UNSEEN,), "policy": _policy(pipeline_complete=Demand.WARN)}, "warn", "could not follow"),
        ({"unseen": (UNSEEN,), "watched": (_watched(code=("featurize.py", "plugins.py")),)}, "pass", "holds"),
        ({"watched": (_watched(code=()),)}, "warn", "a watched run of churn@7 ran no code of featurize"),
        ({"watched": (_watched(code=()), _watched())}, "pass", "holds"),
        ({"watched": (_watched(gaps=("lscpu was not observed",)),)}, "pass", "as far as it was seen: lscpu was not"),
        ({"watched": (_watched(gaps=("python3.11 (2 times) was not observed",)),)}, "warn",
         "holds what a watched run of churn@7 read, as far as it was seen: python3.11 (2 times) was not observed"),
        ({"watched": (_watched(gaps=("1 process ran on after the command had ended",)),)}, "warn", "ran on"),
        ({"watched": (_watched(gaps=("watching failed: x\ny was not observed by us",)),)}, "warn", "as far as"),
        ({"watched": (_watched(gaps=("python was not observed",)), _watched())}, "pass", "2 watched runs of churn@7 read"),
        ({"unseen": (IN_COMMAND,)}, "pass", "holds"),
        ({"unseen": (IN_COMMAND,), "watched": ()}, "fail", "computed import in the command of stage featurize"),
        ({"unseen": (IN_COMMAND,), "watched": (_watched(gaps=("Rscript was not observed",)),)}, "fail", "in the command"),
        ({"deployed": None}, "skipped", "needs a deployed pipeline"),
        ({"deployed": PipelineVersion(None, Digest("sha256:a")), "watched": (_watched(SCALING),)}, "skipped",
         "known by its digest alone"),
    ],
)  # fmt: skip
def test_a_pipeline_must_hold_what_its_runs_read(changes, status, says):
    check = _check("pipeline-complete", **changes)
    assert (check.status, says in check.summary) == (status, True), check.summary


def test_a_pipeline_that_lacks_what_was_read_says_what_to_add_where():
    check = _check("pipeline-complete", watched=(_watched(SCALING, CONFIG),))
    assert typed(check.remedy) == (
        "Add conf/model.yaml to params of the stage that reads it; src/scaling.py to deps of stage "
        "featurize (lineage pipeline suggest churn shows how), then register and validate what it "
        "makes; what production does not run is listed under `besides` in lineage.toml"
    )
    assert check.details == {
        "undeclared": [CONFIG.to_json(), SCALING.to_json()],
        "add": [
            {"stage": None, "key": "params", "paths": ["conf/model.yaml"]},
            {"stage": "featurize", "key": "deps", "paths": ["src/scaling.py"]},
        ],
        "watched_at": NOW,
        "watched_by": "ann",
    }
    files = PipelineVersion(Manifest(files={"features.py": Digest("blake3:" + "a" * 64)}))
    alone = _check("pipeline-complete", deployed=files, watched=(_watched(SCALING),))
    assert typed(alone.remedy).startswith("Add src/scaling.py to files of lineage.toml (lineage")


def test_what_could_not_be_followed_says_where_and_how_to_watch_it():
    cell = dataclasses.replace(UNSEEN, where="notes.ipynb cell 4:2")
    assert (UNSEEN.file, cell.file) == ("plugins.py", "notes.ipynb")
    assert IN_COMMAND.file == "the command"
    check = _check("pipeline-complete", unseen=(UNSEEN, cell))
    assert check.details == {"unseen": [UNSEEN.to_json(), cell.to_json()]}
    assert typed(check.remedy) == (
        "Watch its stages (lineage run --force), then register them: lineage register churn"
    )
    unwatched = _check("pipeline-complete", watched=())
    assert typed(unwatched.remedy) == (
        "Watch its stages at its commit (lineage run --force), then register it again: "
        "lineage register churn"
    )
    assert _check("pipeline-complete").details == {"runs": 1, "gaps": []}


facts = st.builds(
    dataclasses.replace,
    st.just(GOOD),
    kind=st.sampled_from(Kind),
    missing=st.sampled_from([(), ("code",), ("data", "weights")]),
    dirty=st.booleans(),
    deployed=st.sampled_from([None, pipeline("old"), pipeline("new")]),
    verdicts=st.lists(
        st.builds(
            _verdict,
            st.sampled_from(["old", "new", "third"]),
            passed=st.booleans(),
            outcomes=st.sampled_from([(), (HOLDS,), (BROKEN,)]),
        ),
        max_size=3,
        unique_by=lambda v: v.pipeline.blake3,
    ).map(tuple),
    transition=st.sampled_from([move for move in Transition if move is not Transition.LEAVE]),
    policy=st.builds(
        EnvironmentPolicy,
        require=st.sampled_from([(), ("auc >= 0.5",), ("auc >= serving.auc",)]),
        promote_from=st.sampled_from([None, "staging"]),
        approvals=st.integers(0, 2),
        backup=st.booleans(),
        evidence=st.builds(
            Evidence,
            st.lists(st.sampled_from(BASES), min_size=1, unique=True).map(tuple),
            st.sampled_from([None, ("ann",), ("bob",)]),
            st.booleans(),
        ),
        pipeline_complete=st.sampled_from(Demand),
        unstored_weights=st.sampled_from(Demand),
        look_within=st.sampled_from([None, "7d"]),
        like_production=st.sampled_from(LikeProduction),
    ),
    seen=st.sampled_from([None, SeenLately(), SeenLately(("2026-11-01", "2026-11-20"), 5)]),
    serving_metrics=st.sampled_from([None, {}, {"auc": 0.7}]),
    watched=st.sampled_from([(), (_watched(),), (_watched(SCALING),), (_watched(text="new"),)]),
    unseen=st.sampled_from([(), (UNSEEN,)]),
    approvals=st.lists(
        st.builds(Approval, st.sampled_from(["ann", "bob", "cy"]), st.just(NOW), st.booleans()),
        max_size=3,
    ).map(tuple),
    standby=st.sampled_from([None, READY, BAD]),
    weights=st.sampled_from([None, *LOOKED.values()]),
    copies=st.sampled_from([(), GOOD.copies, (ONE_HOST,), _copies(s3="missing")]),
    now=st.sampled_from([None, NOW.replace("2026-11", "2026-12")]),
    shared=st.booleans(),
    waivers=st.lists(
        st.builds(Waiver, st.sampled_from(WAIVABLE), st.just("r"), st.just("boss"), st.just(THEN)),
        max_size=2,
    ).map(tuple),
)


@given(facts)
def test_every_rule_is_evaluated_and_every_failure_says_what_to_do(given_facts):
    decision = decide(given_facts)
    assert len(decision.checks) == len(RULES)
    assert len({check.code for check in decision.checks}) == len(RULES)
    for check in decision.checks:
        assert check.summary
        assert "\n" not in check.summary
        if check.status is Status.FAIL:
            assert check.remedy


@given(facts)
def test_allowed_in_production_means_a_passing_verdict_on_what_is_deployed(given_facts):
    decision = decide(given_facts)
    waived = {waiver.code for waiver in given_facts.waivers}
    if decision.allowed and not waived & PROOF:
        assert given_facts.verdict is not None
        assert given_facts.verdict.passed
    if decision.allowed:
        assert given_facts.kind is Kind.PRODUCTION
        assert not given_facts.dirty
        assert not given_facts.missing
    assert decision.to_json()["allowed"] is decision.allowed


@given(facts)
def test_an_experimental_environment_warns_of_what_production_refuses(given_facts):
    strict = decide(given_facts)
    loose = decide(dataclasses.replace(given_facts, environment_kind=EnvironmentKind.EXPERIMENTAL))
    assert loose.allowed
    for before, after in zip(strict.checks, loose.checks, strict=True):
        refused = before.status in (Status.FAIL, Status.WAIVED)
        expected = Status.WARN if refused else before.status
        assert after.status is expected
