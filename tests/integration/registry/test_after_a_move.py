"""What is only shown of a move is read after its commit, when no writer waits for it."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import event

from tests.conftest import BOTH, add_validated, captured_pipeline

pytestmark = BOTH


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
    from lineage.connection import connect

    with connect(url) as other:
        wrote, moved_since = [], []

        def overtake(_statement: str, writing: bool) -> None:
            wrote.extend([True] if writing else [])
            if wrote and not writing and not moved_since:
                moved_since.append(other.retire("churn", "production", actor="u"))

        _listen(filled, overtake)
        moved = filled.promote("churn@3", "production", actor="t")
    (slot,) = moved.slots
    assert moved_since
    assert (slot.ref, slot.backup.ref, slot.revision) == ("churn@3", "churn@2", 3)
    assert slot.readiness.ready
    assert filled.serving("churn", "production").revision == 4


def test_a_registry_that_cannot_be_read_after_the_commit_does_not_unsay_the_move(filled):
    def fail(_statement: str, writing: bool) -> None:
        if not writing:
            raise sqlite3.OperationalError("database is locked")

    _listen(filled, fail)
    moved = filled.promote("churn@3", "production", actor="t")
    assert moved.changed
    assert moved.slots[0].ref == "churn@3"
    assert moved.to_json()["models"][0]["backup"]["ready"] is None


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


def test_a_backup_is_looked_for_before_the_write_lock_and_judged_inside_it(filled):
    """However many pairs served and are not ready: the lock sees only the one that was found."""
    for seed in ("4", "5", "6"):
        filled.promote(add_validated(filled, seed), "production", actor="t")
    for number in (3, 4, 5, 6):
        filled.validate(f"churn@{number}", captured_pipeline(), passed=False, actor="t")
    add_validated(filled, "7")
    statements = []
    _listen(filled, lambda statement, writing: statements.append((statement, writing)))
    moved = filled.promote("churn@7", "production", actor="t")
    assert moved.slots[0].backup.ref == "churn@2"
    looked = [writing for text, writing in statements if "FROM weights_copy" in text]
    assert (looked.count(True), looked.count(False) >= 4) == (2, True), "of churn@7 and churn@2"
    assert [writing for text, writing in statements if "FROM served_pair p JOIN" in text] == [False]
