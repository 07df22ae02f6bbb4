"""Persons: who counts where approvals, waivers and registrations are, on both databases."""

from __future__ import annotations

import pytest

from lineage.contract.requests import DeclaredEnvironment, WaiverRequest
from lineage.database.engine import write
from lineage.errors import Conflict, NotPermitted
from lineage.guard.decision import Status
from lineage.guard.policy import EnvironmentPolicy
from lineage.registry.access import Principal, Scope
from tests.conftest import BOTH, add_validated, captured, captured_pipeline

pytestmark = BOTH


def _apply(registry, **policy):
    declared = DeclaredEnvironment("production", EnvironmentPolicy(**policy))
    return registry.apply_environments([declared], actor="admin")


def _waive(*codes: str) -> WaiverRequest:
    return WaiverRequest(codes, "the fire")


def _speaking(registry, name, person=None):
    return registry.speaking_for(Principal(name, frozenset({Scope.ADMIN}), person=person or name))


def test_two_tokens_of_one_person_are_one(registry):
    _apply(registry, approvals=2, not_approvers=("cy",))
    ref = add_validated(registry)
    _speaking(registry, "bob").approve(ref, "production", actor="x")
    for name, person, says in (
        ("laptop", "\uff22\uff2f\uff22", "has already approved"),
        ("job", "Tester", "Tester registered churn@1"),
        ("desk", "CY", "CY may not approve"),
    ):
        with pytest.raises(NotPermitted, match=says):
            _speaking(registry, name, person).approve(ref, "production", actor="x")
    done = _speaking(registry, "bob", "dan").approve(ref, "production", actor="x")
    assert [done[key] for key in ("approved_by", "person", "claimed", "approvals")] == [
        "bob", "dan", False, 2,
    ]  # fmt: skip
    check = registry.guard(ref, "production").check("approvals")
    assert (check.status, check.summary) == (Status.PASS, "approved by bob, dan")
    rows = [(row["person"], row["claimed"]) for row in registry.approvals(ref)]
    assert rows == [("bob", False), ("dan", False)]
    assert registry.history(ref)[0]["actor"] == "bob", "the history names who acted"
    assert registry.audit().problems == ()


def test_a_claimed_approval_does_not_keep_the_person_from_proving_it(registry):
    _apply(registry, approvals=1)
    ref = add_validated(registry)
    done = registry.approve(ref, "production", actor="bob")
    assert (done["person"], done["claimed"]) == ("bob", True)
    check = registry.guard(ref, "production").check("approvals")
    assert (check.status, check.summary) == (Status.PASS, "approved by bob (claimed)")
    assert _speaking(registry, "bob").approve(ref, "production", actor="x")["approvals"] == 1
    assert registry.guard(ref, "production").check("approvals").summary == "approved by bob"
    for again in (registry, _speaking(registry, "bob")):
        with pytest.raises(NotPermitted, match="has already approved"):
            again.approve(ref, "production", actor="bob")


def test_whom_an_issuer_vouches_for_is_kept_from_approving_by_either_name(registry):
    job = _speaking(registry, "github:acme/churn", "oidc:gitlab.com:github:acme/churn")
    ref = add_validated(registry)
    for entry in ("github:acme/churn", "oidc:gitlab.com:github:acme/churn"):
        _apply(registry, approvals=1, not_approvers=(entry,))
        with pytest.raises(NotPermitted, match="may not approve"):
            job.approve(ref, "production", actor="x")
    _apply(registry, approvals=1, waive={"approvals": ("github:acme/churn",)})
    with pytest.raises(NotPermitted, match="may not waive"):
        job.promote(ref, "production", waive=_waive("approvals"), actor="x")


def test_subjects_of_an_issuer_that_differ_in_letter_case_are_two(registry):
    _apply(registry, approvals=2)
    ann, other = (_speaking(registry, "job", f"oidc:gitlab.com:{who}") for who in ("Ann", "ann"))
    ref = ann.register("churn", captured("7"), actor="x").ref
    with pytest.raises(NotPermitted, match=r"oidc:gitlab\.com:Ann registered"):
        ann.approve(ref, "production", actor="x")
    assert other.approve(ref, "production", actor="x")["approvals"] == 1
    third = _speaking(registry, "job", "oidc:gitlab.com:ANN")
    assert third.approve(ref, "production", actor="x")["approvals"] == 2


def test_a_token_of_before_may_be_a_new_one_of_its_name(registry):
    _apply(registry, approvals=2)
    old = registry.speaking_for(Principal("ci", frozenset({Scope.ADMIN})))
    new = _speaking(registry, "ci", "ann")
    own = old.register("churn", captured("7"), actor="x").ref
    with pytest.raises(NotPermitted, match="ann registered churn@1"):
        new.approve(own, "production", actor="x")
    ref = add_validated(registry, "8")
    for first, second in ((old, new), (new, old)):
        done = first.approve(ref, "production", actor="x")
        assert (done["approvals"], done["person"]) == (1, "ci" if first is old else "ann")
        with pytest.raises(NotPermitted, match="has already approved"):
            second.approve(ref, "production", actor="x")
        ref = add_validated(registry, "9")


def test_a_person_waives_by_whatever_token(registry):
    _apply(registry, approvals=1, waive={"approvals": ("Boss",)})
    registry.release("production", captured_pipeline(), actor="t")
    ref = add_validated(registry)
    with pytest.raises(NotPermitted, match="eve may not waive"):
        _speaking(registry, "boss", "eve").promote(
            ref, "production", waive=_waive("approvals"), actor="x"
        )
    moved = _speaking(registry, "phone", "boss").promote(
        ref, "production", waive=_waive("approvals"), actor="phone"
    )
    waiver = moved.decisions[0].check("approvals").details["waiver"]
    assert (waiver["waived_by"], waiver["person"]) == ("phone", "boss")
    (shown,) = registry.serving("churn", "production").waivers
    assert (shown.by, shown.person) == ("phone", "boss")


def test_who_registered_is_a_person_too_and_the_schema_knows_it(registry):
    ref = _speaking(registry, "job", "ann").register("churn", captured("7"), actor="x").ref
    shown = registry.show(ref)
    assert (shown["registered_by"], shown["registered_by_person"]) == ("job", "ann")
    with pytest.raises(NotPermitted, match="ann registered churn@1"):
        _speaking(registry, "desk", "ann").approve(ref, "production", actor="x")
    assert _speaking(registry, "ann", "eve").approve(ref, "production", actor="x")["approvals"] == 1
    by_hand = (
        "INSERT INTO approval (version_id, environment, approved_at, approved_by, "
        "approved_by_person, event) SELECT 1, 'production', '2026', 'desk', ' ANN ', max(seq) + 1 "
        "FROM event"
    )
    with pytest.raises(Conflict, match="nobody approves"), write(registry._engine) as session:
        session.connection().exec_driver_sql(by_hand)
