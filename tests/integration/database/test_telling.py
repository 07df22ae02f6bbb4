"""Rows and the events that hold them: whatever texts they are of, and whoever may see them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from lineage.connection import connect
from lineage.database import events, tables
from lineage.database.engine import open_engine, read
from lineage.database.told import TOLD
from lineage.errors import UsageError
from lineage.identity.digest import blake3_of, canonical_bytes
from tests.conftest import BOTH, EVERYWHERE, a_copy, add_validated, captured_pipeline
from tests.support.filled import fill

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=80
).filter(lambda text: text.strip())


@BOTH
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(reason=TEXT)
def test_any_text_is_told_as_it_is(registry, reason):
    """What JSON escapes, and what a database could take for the end of a text, among it."""
    if not registry.models():
        for seed in "12":
            add_validated(registry, seed)
        registry.release("production", captured_pipeline("old"), actor="t")
        registry.promote("churn@1", "production", actor="t")
    registry.promote("churn@2", "production", reason=reason, actor="t")
    registry.rollback("churn", "production", reason=reason, actor="t")
    registry.validate("churn@2", captured_pipeline("old"), passed=True, actor="t")
    assert registry.history(limit=2)[1]["payload"]["reason"] == reason


@BOTH
@pytest.mark.parametrize("text", ["a\x00b", "\\\x00", "\x00"])
def test_a_null_character_is_refused(registry, text):
    ref = add_validated(registry, "1")
    with pytest.raises(UsageError, match="cannot be recorded"):
        registry.record_weights(ref, "intact", text, actor="t")


@BOTH
def test_what_looks_like_a_null_character_in_json_is_none(registry):
    ref = add_validated(registry, "1")
    registry.record_weights(ref, "intact", "\\u0000", actor="t")
    registry.record_weights(ref, "intact", "a\\\\u0000", actor="t")
    metrics = {"of\x00": 1, "\\u0000": 2}
    registry.validate(ref, captured_pipeline("\x00"), passed=True, metrics=metrics, actor="t")
    assert registry.audit().problems == ()


@EVERYWHERE
def test_the_rows_of_an_event_are_shown_to_nobody_by_the_history(registry):
    """Their digest stands in their place, so that anybody can follow the chain."""
    for seed in "12":
        add_validated(registry, seed)
    shown = registry.events(limit=1000)
    previous = ""
    for event in map(dict, shown):
        assert event["payload"]["rows"].startswith("blake3:")
        digest = event.pop("digest")
        assert event["previous"] == previous
        assert blake3_of(canonical_bytes(event)) == digest
        previous = digest


def test_the_digest_of_the_rows_is_that_of_what_the_payload_holds(registry, url):
    fill(registry)
    shown = {event["seq"]: event["payload"]["rows"] for event in registry.events(limit=1000)}
    engine = open_engine(url)
    with read(engine) as session:
        kept = session.exec(select(tables.Event)).all()
        told = {event.seq: events.rows_of(event) for event in kept}
        assert {seq: str(blake3_of(canonical_bytes(rows))) for seq, rows in told.items()} == shown
        names = {name for rows in told.values() for name in rows}
        assert names == {*TOLD}
        secrets = [(row.key, row.blake3) for row in session.exec(select(tables.Token))]
        secrets += [
            (row.url, row.secret) for row in session.exec(select(tables.Webhook)) if row.url
        ]
    engine.dispose()
    assert secrets
    texts = [event.payload for event in kept]
    assert not any(secret in text for text in texts for pair in secrets for secret in pair)


@BOTH
def test_a_deployment_that_changes_nothing_tells_the_commit_that_it_saw(registry):
    """Nothing is written without an event, be it that no slot moves."""
    dirty = captured_pipeline("old")
    dirty = type(dirty)("churn", dirty.version, "c" * 40, dirty=True)
    registry.release("production", dirty, actor="t")
    newest = registry.history(limit=1)[0]["kind"]
    registry.release("production", captured_pipeline("old"), actor="t")
    assert [newest, registry.history(limit=1)[0]["kind"]] == ["deployed", "pipeline-recorded"]
    assert registry.audit().problems == ()


@BOTH
def test_a_repeated_registration_that_read_a_copy_again_tells_of_that(registry):
    ref = add_validated(registry, "1")
    before = registry.history(limit=1)[0]["seq"]
    registry.add_copy(ref, replace(a_copy("1"), read=True), actor="t")
    (event,) = registry.events(after=before)
    assert event["kind"] == "weights-checked"
    assert event["payload"]["looks"][0]["deep"] is True
    assert registry.audit().problems == ()


def test_a_registry_of_one_connection_goes_on_after_what_was_only_tried(url):
    """A dry run leaves nothing behind that a later event would tell."""
    with connect(url) as registry:
        for seed in "12":
            add_validated(registry, seed)
        registry.release("production", captured_pipeline("old"), dry_run=True, actor="t")
        registry.release("production", captured_pipeline("old"), actor="t")
        registry.promote("churn@1", "production", actor="t")
        assert registry.audit().problems == ()
