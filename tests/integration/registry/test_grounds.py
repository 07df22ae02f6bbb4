"""What ends an answer about a slot, one thing at a time: random histories seldom meet each alone."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from lineage.contract.requests import DeclaredEnvironment
from lineage.database import head as history
from lineage.database.engine import read
from lineage.database.touched import touched
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import EnvironmentKind
from lineage.weights.copies import CopyCheck, CopyState
from tests.conftest import BOTH, add_validated, add_version, captured_pipeline

pytestmark = BOTH

PRODUCTION = EnvironmentKind.PRODUCTION


@pytest.fixture
def filled(registry):
    """churn@1 and churn@2, both validated; churn@2 serves in production, churn@1 stands by."""
    for seed in "12":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
    registry.promote("churn@2", "production", actor="t")
    return registry


def _demand(registry, *require: str) -> None:
    policy = EnvironmentPolicy(require=require)
    declared = DeclaredEnvironment("production", policy, PRODUCTION)
    registry.apply_environments([declared], actor="t")


def _touched_after(registry, number: int) -> set[tuple]:
    newer = text("SELECT payload FROM event WHERE seq > :number")
    with read(registry._engine) as session:
        payloads = session.connection().execute(newer, {"number": number}).scalars().all()
    return set().union(*(touched(payload) for payload in payloads))


def _newest(registry) -> int:
    with read(registry._engine) as session:
        return history.newest(session).seq


def _ended_by(registry, act) -> set[str]:
    """The kinds of things by which an answer ends that an act makes another one."""
    before, grounds = registry.serving_on_grounds("churn", "production")
    number = _newest(registry)
    act()
    after, _ = registry.serving_on_grounds("churn", "production")
    assert after.to_json() != before.to_json(), "it says something else"
    return {str(thing[0]) for thing in grounds & _touched_after(registry, number)}


def test_a_verdict_on_what_serves_ends_it(filled):
    ended = _ended_by(
        filled,
        lambda: filled.validate("churn@2", captured_pipeline(), passed=False, actor="t"),
    )
    assert "version" in ended


def test_a_verdict_that_the_proof_was_carried_from_ends_it(filled):
    """A verdict is carried between pipeline versions of one version, which is what is touched."""
    (root,) = filled.verdicts("churn@2")
    captured = captured_pipeline("other")
    filled.carry_over("churn@2", captured, rests_on=root.id, difference="d", actor="t")
    filled.release("production", captured, ["churn@2"], actor="t")
    ended = _ended_by(
        filled,
        lambda: filled.validate("churn@2", captured_pipeline(), passed=False, actor="t"),
    )
    assert "version" in ended


def test_a_policy_ends_it(filled):
    ended = _ended_by(filled, lambda: _demand(filled, "auc >= 0.9"))
    assert "policy" in ended


def test_a_version_ends_it_where_nothing_serves(registry):
    registry.create_environment("production", PRODUCTION, actor="t")
    add_version(registry, "1")
    ended = _ended_by(registry, lambda: add_version(registry, "2", name="another"))
    assert "versions" in ended


def test_a_pipeline_that_moves_under_the_backup_ends_it(filled):
    add_validated(filled, "3", "new", model="other")
    moved = captured_pipeline("new")
    for ref in ("churn@1", "churn@2"):
        filled.validate(ref, moved, passed=True, actor="t")
    ended = _ended_by(filled, lambda: filled.release("production", moved, ["other@1"], actor="t"))
    assert "deployment" in ended


def test_a_check_of_the_backup_s_copy_ends_it(filled):
    look = CopyCheck("remote", CopyState.MISSING, deep=False)
    ended = _ended_by(filled, lambda: filled.record_checks("churn@1", [look], actor="t"))
    assert "copy" in ended
