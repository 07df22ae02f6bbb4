"""What is only shown of a move is read after its commit, when no writer waits for it."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import event

from tests.conftest import BOTH, add_validated, captured_pipeline

pytestmark = BOTH


@pytest.fixture
def filled(registry):
    """churn@1 to churn@3, all validated; churn@3 serves, churn@2 stands by."""
    for seed in "123":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
    registry.promote("churn@2", "production", actor="t")
    registry.promote("churn@3", "production", actor="t")
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
    assert moved.proposed == {"churn@production": "churn@1"}
    of_candidates = [writing for text, writing in statements if "event.kind IN" in text]
    assert of_candidates == [False]


def test_the_answer_says_what_the_move_did_although_another_came_before_it_was_read(filled, url):
    from lineage.connection import connect

    with connect(url) as other:
        moved_since = []

        def overtake(_statement: str, writing: bool) -> None:
            if not writing and not moved_since:
                moved_since.append(other.retire("churn", "production", actor="u"))

        _listen(filled, overtake)
        moved = filled.promote("churn@1", "production", actor="t")
    (slot,) = moved.slots
    assert moved_since
    assert (slot.ref, slot.backup.ref, slot.revision) == ("churn@1", "churn@3", 4)
    assert slot.readiness.ready
    assert filled.serving("churn", "production").revision == 5


def test_a_registry_that_cannot_be_read_after_the_commit_does_not_unsay_the_move(filled):
    def fail(_statement: str, writing: bool) -> None:
        if not writing:
            raise sqlite3.OperationalError("database is locked")

    _listen(filled, fail)
    moved = filled.promote("churn@1", "production", actor="t")
    assert moved.changed
    assert moved.slots[0].ref == "churn@1"
    assert moved.to_json()["models"][0]["backup"]["ready"] is None


def test_what_has_lost_no_backup_or_serves_no_more_is_proposed_nothing(filled):
    assert filled.promote("churn@1", "production", actor="t").proposed == {}
    assert filled.retire("churn", "production", actor="t").proposed == {}


def test_a_transaction_of_several_verbs_leaves_the_hints_to_its_end(filled):
    statements = []
    _listen(filled, lambda statement, writing: statements.append((statement, writing)))
    with filled.transaction() as registry:
        moved = registry.rollback("churn", "production", actor="t")
    assert moved.proposed == {}
    assert not any("event.kind IN" in text for text, _ in statements)
    assert filled.with_hints(moved).proposed == {"churn@production": "churn@1"}
