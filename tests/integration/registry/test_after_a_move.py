"""What is only shown of a move is read after its commit, when no writer waits for it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from sqlalchemy import event

from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, WaiverRequest
from lineage.contract.results import MoveResult
from lineage.database.engine import read
from lineage.guard.decision import GuardRefused
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import EnvironmentKind
from tests.conftest import BOTH, add_validated, add_version, captured_pipeline
from tests.support import slot_by_rows

pytestmark = BOTH

KNOWN = "WITH\nslots AS"
"""How the statement begins that reads all that a decision rests on."""


@pytest.fixture
def filled(registry):
    """churn@1 to churn@3, all validated; churn@2 serves, churn@1 stands by."""
    for seed in "123":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
    registry.promote("churn@2", "production", actor="t")
    return registry


def _listen(registry, heard) -> None:
    """Call for each statement, with whether it runs inside the write lock."""

    def before(connection, _cursor, statement, *_rest):
        options = connection.get_execution_options()
        heard(statement, options.get("lineage_writing", False))

    event.listen(registry._engine, "before_cursor_execute", before)


def test_a_proposal_is_not_worked_out_inside_the_write_lock(filled):
    statements = []
    _listen(filled, lambda statement, writing: statements.append((statement, writing)))
    moved = filled.rollback("churn", "production", actor="t")
    assert moved.proposed == {"churn@production": "churn@3"}
    of_candidates = [writing for text, writing in statements if "event.kind IN" in text]
    assert of_candidates == [False]


def test_the_answer_says_what_the_move_did_although_another_came_before_it_was_read(filled, url):
    with connect(url) as other:
        with filled.transaction() as registry:
            moved = registry.promote("churn@3", "production", actor="t")
        other.retire("churn", "production", actor="u")
    kept = MoveResult.from_whole_json(moved.to_whole_json())
    for answer in (moved, kept):
        (slot,) = filled.with_hints(answer).slots
        assert (slot.ref, slot.backup.ref, slot.revision) == ("churn@3", "churn@2", 3)
        assert slot.readiness.ready
    assert filled.serving("churn", "production").revision == 4


def test_a_registry_that_cannot_be_read_after_the_commit_does_not_unsay_the_move(filled):
    def fail(_statement: str, writing: bool) -> None:
        if not writing:
            raise sqlite3.OperationalError("database is locked")

    _listen(filled, fail)
    back = filled.rollback("churn", "production", actor="t")
    assert (back.changed, back.slots[0].ref, back.slots[0].backup) == (True, "churn@1", None)
    assert back.proposed == {}, "that would have to be read"
    moved = filled.promote("churn@3", "production", actor="t")
    assert moved.changed
    assert moved.slots[0].ref == "churn@3"
    assert moved.to_json()["models"][0]["backup"]["ready"], "the move knew that itself"


def test_what_has_lost_no_backup_or_serves_no_more_is_proposed_nothing(filled):
    assert filled.promote("churn@3", "production", actor="t").proposed == {}
    assert filled.retire("churn", "production", actor="t").proposed == {}


def test_a_transaction_of_several_verbs_leaves_the_hints_to_its_end(filled):
    statements = []
    _listen(filled, lambda statement, writing: statements.append((statement, writing)))
    with filled.transaction() as registry:
        moved = registry.rollback("churn", "production", actor="t")
    assert moved.proposed == {}
    assert not any("event.kind IN" in text for text, _ in statements)
    assert filled.with_hints(moved).proposed == {"churn@production": "churn@3"}


@pytest.fixture
def hard_to_follow(filled):
    """churn@6 serves; of all that served, churn@2 alone could stand by behind churn@7."""
    for seed in ("4", "5", "6"):
        filled.promote(add_validated(filled, seed), "production", actor="t")
    for number in (3, 4, 5, 6):
        filled.validate(f"churn@{number}", captured_pipeline(), passed=False, actor="t")
    add_validated(filled, "7")
    return filled


def test_what_was_read_before_the_write_lock_is_not_read_again_inside_it(hard_to_follow):
    """However many pairs served and are not ready: one search, while nobody waits."""
    asked = []
    _listen(hard_to_follow, lambda statement, writing: asked.append((statement, writing)))
    moved = hard_to_follow.promote("churn@7", "production", actor="t")
    assert moved.slots[0].backup.ref == "churn@2"
    assert [writing for text, writing in asked if text.startswith(KNOWN)] == [False] * 2
    assert [writing for text, writing in asked if "FROM served_pair p JOIN" in text] == [False]


def test_what_an_event_came_after_is_judged_again_inside_the_write_lock(hard_to_follow, url):
    """The verdict that came in between counts; what else was found before is asked for once."""
    asked, came = [], []
    with connect(url) as other:

        def between(statement: str, writing: bool) -> None:
            asked.append((statement, writing))
            if writing and not came:  # on its way to the lock
                came.append(other.validate("churn@2", captured_pipeline(), passed=False, actor="u"))

        _listen(hard_to_follow, between)
        moved = hard_to_follow.promote("churn@7", "production", actor="t")
    assert came
    assert moved.slots[0].backup.ref == "churn@1"
    inside = [text for text, writing in asked if writing and text.startswith(KNOWN)]
    assert len(inside) == 1, "all that was looked at before, at once"


def test_a_promotion_is_refused_for_a_verdict_that_came_while_it_was_prepared(filled, url):
    came = []
    with connect(url) as other:

        def between(_statement: str, writing: bool) -> None:
            if writing and not came:
                came.append(other.validate("churn@3", captured_pipeline(), passed=False, actor="u"))

        _listen(filled, between)
        with pytest.raises(GuardRefused):
            filled.promote("churn@3", "production", actor="t")
    assert filled.serving("churn", "production").ref == "churn@2"


def test_what_a_move_answers_is_what_is_read_of_its_slot(filled):
    """The answer is made of what the move knew; a look-up reads it: both say the same."""
    found = captured_pipeline()
    waived = WaiverRequest(("validated",), "the fire")
    policy = EnvironmentPolicy(waive={"validated": ("*",)})
    declared = DeclaredEnvironment("production", policy, EnvironmentKind.PRODUCTION)
    moves = [
        lambda: filled.promote("churn@3", "production", actor="t"),
        lambda: filled.rollback("churn", "production", reason="slow", actor="t"),
        lambda: filled.promote("churn@1", "production", actor="t"),
        lambda: filled.set_backup("churn@2", "production", actor="t"),
        lambda: filled.release("production", found, ["churn@2"], actor="t"),
        lambda: filled.promote("churn@1", "staging", actor="t"),
        lambda: filled.promote("churn@4", "staging", actor="t"),
        lambda: filled.promote("churn@4", "production", waive=waived, actor="t"),
        lambda: filled.promote("churn@2", "production", actor="t"),
        lambda: filled.retire("churn", "production", actor="t"),
        lambda: filled.promote("churn@2", "production", actor="t"),
    ]
    filled.apply_environments([declared], actor="t")
    add_version(filled, "4")
    for number, move in enumerate(moves):
        answer = move()
        (slot,) = answer.slots
        with read(filled._engine) as session:
            by_rows = slot_by_rows.now(session, slot.environment, slot.model)
        changing = replace(by_rows.readiness, changes_at=None) if by_rows.readiness else None
        told = replace(slot.readiness, changes_at=None) if slot.readiness else None
        assert replace(slot, readiness=told) == replace(by_rows, readiness=changing), number
        assert filled.serving(slot.model, slot.environment).to_json() == by_rows.to_json(), number
