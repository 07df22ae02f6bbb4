"""The outbox of webhooks: what is put into it, once, and what becomes of a message."""

from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy import text

from lineage import strict_json
from lineage.connection import connect
from lineage.contract.webhooks import NewWebhook
from lineage.database.engine import read, transaction
from lineage.errors import Conflict, NotFound, UsageError
from lineage.guard.decision import GuardRefused
from lineage.registry.webhooks import outbox, records
from lineage.registry.webhooks.outbox import RETRIES, Outcome
from tests.conftest import BOTH, EVERYWHERE, add_validated, add_version, captured_pipeline
from tests.support.statements import counted

URL = "https://hooks.example.com/services/T0/B0/verysecret"
ARRIVED, REFUSED_BY_IT = Outcome(204), Outcome(500, "no")


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    """A server that is asked takes addresses of this machine, and delivers nothing."""
    monkeypatch.setenv("LINEAGE_WEBHOOK_ALLOW", "127.0.0.0/8")
    monkeypatch.setenv("LINEAGE_WEBHOOKS", "0")


def hook(registry, *on: str, **more) -> int:
    made = registry.add_webhook(
        NewWebhook(more.pop("url", URL), on or ("promoted",), **more), actor="ann"
    )
    return made["id"]


def told(registry, identity: int) -> list[tuple[str, int | None]]:
    """What waits for a webhook or was sent, the oldest first."""
    return [(row["type"], row["seq"]) for row in reversed(registry.webhook_deliveries(identity))]


def bodies(registry) -> list[dict]:
    with transaction(registry._engine) as connection:
        rows = connection.execute(text("SELECT body FROM webhook_delivery ORDER BY made_at, seq"))
        return [json.loads(body) for (body,) in rows]


def taken(registry, room: int = 100):
    return registry.outbox.take({None: room}, room)


def past(registry) -> None:
    """Let the time of every message come."""
    with transaction(registry._engine, writing=True) as connection:
        connection.execute(
            text("UPDATE webhook_delivery SET next_at = '2001' WHERE next_at IS NOT NULL")
        )


def serving_two(registry) -> None:
    for seed in "12":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")


@EVERYWHERE
def test_a_webhook_is_added_listed_and_removed_and_tells_its_secrets_once(registry):
    made = registry.add_webhook(
        NewWebhook("http://127.0.0.1:9/x", ("refused",), ("production",), ("churn",)), actor="ann"
    )
    assert made["secret"].startswith("whsec_")
    (shown,) = registry.webhooks()
    assert shown == {key: value for key, value in made.items() if key != "secret"}
    assert shown["address"] == "http://127.0.0.1:9/…"
    again = registry.rotate_webhook(made["id"], actor="ann")
    assert again["secret"].startswith("whsec_")
    assert again["secret"] != made["secret"]
    sent = registry.test_webhook(made["id"], actor="ann")
    assert (sent["type"], sent["state"]) == ("test", "pending")
    assert registry.webhook_deliveries(made["id"]) == [sent]
    assert registry.remove_webhook(made["id"], actor="ann")["removed_at"]
    assert registry.webhooks() == []
    for verb in (registry.rotate_webhook, registry.test_webhook, registry.remove_webhook):
        with pytest.raises(NotFound, match="There is no webhook"):
            verb(made["id"], actor="ann")
    kinds = [event["kind"] for event in registry.history(limit=3)]
    assert kinds == ["webhook-removed", "webhook-rotated", "webhook-added"]
    history = strict_json.dumps(registry.history(limit=50))
    assert not any(secret in history for secret in (made["secret"], again["secret"], "/x"))
    assert registry.audit().problems == ()


@pytest.mark.parametrize(
    "new",
    [
        NewWebhook("http//x"), NewWebhook("https://a:b@example.com/"), NewWebhook(URL, ("moved",)),
        NewWebhook(URL, environments=("No Such",)), NewWebhook(URL, models=("No Such",)),
    ],
)  # fmt: skip
def test_what_is_no_webhook_is_refused_and_nothing_is_written(registry, new):
    before = registry.history(limit=1)
    with pytest.raises(UsageError):
        registry.add_webhook(new, actor="ann")
    assert (registry.webhooks(), registry.history(limit=1)) == ([], before)


def test_there_are_only_so_many(registry, monkeypatch):
    monkeypatch.setattr(records, "MOST", 1)
    hook(registry)
    with pytest.raises(Conflict, match="There are 1 webhooks already"):
        hook(registry)


@BOTH
def test_a_move_asks_its_database_nothing_more_for_a_webhook(registry):
    """The event is what the message is made of, so nothing is written beside it."""
    serving_two(registry)
    add_validated(registry, "3")
    with counted(registry) as without:
        registry.promote("churn@2", "production", actor="t")
    registry.promote("churn@1", "production", actor="t")
    hook(registry)
    with counted(registry) as statements:
        registry.promote("churn@2", "production", actor="t")
    assert len(statements) <= len(without)
    assert not any("webhook" in statement for statement in statements)


@BOTH
def test_each_move_is_told_once_to_whoever_asks(registry):
    serving_two(registry)
    every = hook(registry, "promoted", "rolled-back", "retired")
    none = hook(registry, "staged")
    other = hook(registry, "promoted", models=("other",))
    registry.promote("churn@2", "production", reason="better", actor="ann")
    registry.rollback("churn", "production", reason="worse", actor="bob")
    made = registry.outbox.make()
    assert not made.states
    for _ in range(2):
        registry.outbox.make()
    seqs = [event["seq"] for event in registry.history("churn@production", limit=2)]
    assert told(registry, every) == [("promoted", seqs[1]), ("rolled-back", seqs[0])]
    assert (told(registry, none), told(registry, other)) == ([], [])
    first, second = (row["data"] for row in bodies(registry))
    assert (first["actor"], first["reason"]) == ("ann", "better")
    assert first["slots"][0]["ref"] == "churn@2"
    assert (second["actor"], second["slots"][0]["ref"]) == ("bob", "churn@1")
    assert registry.audit().problems == ()
    assert registry.check().problems == ()


def test_a_webhook_about_a_model_goes_on_under_its_new_name(registry):
    serving_two(registry)
    identity = hook(registry, "promoted", "refused", models=("churn",))
    registry.rename_model("churn", "leaving", actor="t")
    registry.promote("leaving@2", "production", actor="t")
    registry.outbox.make()
    add_version(registry, "3", model="leaving")
    with pytest.raises(GuardRefused):
        registry.promote("leaving@3", "production", actor="t")
    assert [type_ for type_, _ in told(registry, identity)] == ["promoted", "refused"]


@BOTH
def test_servers_that_make_messages_together_make_each_once(registry, url):
    serving_two(registry)
    identity = hook(registry)
    for seed in "2121":
        registry.promote(f"churn@{seed}", "production", actor="t")
    start = threading.Barrier(4)

    def make() -> None:
        with connect(url) as own:
            start.wait()
            own.outbox.make()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told(registry, identity)) == 4


def test_what_happened_before_is_not_told(registry):
    serving_two(registry)
    identity = hook(registry, "promoted", "released")
    registry.outbox.make()
    assert told(registry, identity) == []


def test_many_events_are_made_into_messages_by_and_by(registry, monkeypatch):
    monkeypatch.setattr(outbox, "AT_ONCE", 2)
    serving_two(registry)
    identity = hook(registry)
    for seed in "21212":
        registry.promote(f"churn@{seed}", "production", actor="t")
    counts = []
    for _ in range(4):
        registry.outbox.make()
        counts.append(len(told(registry, identity)))
    assert counts == [2, 4, 5, 5]


def test_events_that_nobody_is_told_of_are_read_once(registry):
    serving_two(registry)
    identity = hook(registry, "promoted", models=("other",))
    registry.promote("churn@2", "production", actor="t")
    kept = registry.outbox
    counts = []
    for _ in range(2):
        with counted(registry) as statements:
            kept.make()
        counts.append(sum("FROM event WHERE seq >" in statement for statement in statements))
    assert counts == [1, 0]
    assert told(registry, identity) == []


def test_events_that_nobody_is_told_of_are_passed_by(registry, monkeypatch):
    monkeypatch.setattr(outbox, "BEHIND", 3)
    hook(registry)
    for name in "abcd":
        registry.add_model(name, actor="t")
    newest = registry.outbox.make().newest
    with transaction(registry._engine) as connection:
        assert connection.execute(text("SELECT told_until FROM webhook")).scalar_one() == newest


@BOTH
def test_a_refusal_is_told_with_the_rules_that_fail(registry):
    serving_two(registry)
    add_version(registry, "3")
    identity = hook(registry, "refused")
    other = hook(registry, "refused", environments=("staging",))
    before = registry.history(limit=1)
    with pytest.raises(GuardRefused):
        registry.promote("churn@3", "production", actor="ann")
    with pytest.raises(GuardRefused):
        registry.release("production", captured_pipeline("new"), dry_run=True, actor="ann")
    assert registry.guard("churn@3", "production").allowed is False
    assert (told(registry, identity), told(registry, other)) == ([("refused", None)], [])
    (body,) = bodies(registry)
    assert (body["data"]["actor"], body["data"]["environment"]) == ("ann", "production")
    (slot,) = body["data"]["slots"]
    assert (slot["ref"], slot["failures"][0]["code"]) == ("churn@3", "validated")
    assert registry.history(limit=1) == before


def test_a_refusal_writes_nothing_where_nobody_asks(registry):
    add_version(registry)
    registry.release("production", captured_pipeline(), actor="t")
    with counted(registry) as statements, pytest.raises(GuardRefused):
        registry.promote("churn@1", "production", actor="t")
    assert not any("webhook_delivery" in statement for statement in statements)


@BOTH
def test_a_state_is_told_when_it_begins(registry):
    serving_two(registry)
    registry.promote("churn@2", "production", actor="t")
    identity = hook(registry, "contradicted", "backup-not-ready")

    def look() -> list[str]:
        assert registry.outbox.make().states
        registry.outbox.note_states(registry.all_serving())
        return [kind for kind, _ in told(registry, identity)]

    assert look() == []
    registry.validate("churn@2", captured_pipeline(), passed=False, actor="t")
    assert look() == look() == ["contradicted"]
    registry.validate("churn@1", captured_pipeline(), passed=False, actor="t")
    assert look() == look() == ["contradicted", "backup-not-ready"]
    reason = bodies(registry)[-1]["data"]["slots"][0]["reasons"][0]
    assert "churn@1" in reason
    registry.validate("churn@1", captured_pipeline(), passed=True, actor="t")
    assert look() == ["contradicted", "backup-not-ready"]
    registry.validate("churn@1", captured_pipeline(), passed=False, actor="t")
    assert look() == ["contradicted", "backup-not-ready", "backup-not-ready"]


@BOTH
def test_a_message_is_one_servers_for_a_while_and_settled_by_what_was_answered(registry):
    identity = hook(registry)
    registry.test_webhook(identity, actor="t")
    (message,) = taken(registry)
    assert taken(registry) == [], "another server would send it too"
    past(registry)
    (again,) = taken(registry)
    assert again == message, "whoever took it was killed"
    assert message.url == URL
    assert registry.outbox.settle(message, ARRIVED) == "delivered"
    assert registry.outbox.settle(again, REFUSED_BY_IT) == "failed", "it has arrived already"
    (row,) = registry.webhook_deliveries(identity)
    assert (row["state"], row["status"], row["attempts"]) == ("delivered", 204, 1)
    assert registry.outbox.waiting() == (0, 0.0)


@BOTH
def test_a_receiver_that_takes_nothing_is_tried_for_days_and_then_left_alone(registry):
    serving_two(registry)
    identity = hook(registry)
    registry.promote("churn@2", "production", actor="t")
    registry.outbox.make()
    ids = set()
    for _ in RETRIES:
        (message,) = taken(registry)
        ids.add(message.id)
        assert registry.outbox.settle(message, REFUSED_BY_IT) == "retried"
        assert taken(registry) == []
        past(registry)
    (message,) = taken(registry)
    registry.promote("churn@1", "production", actor="t")
    registry.outbox.make()
    assert registry.outbox.settle(message, REFUSED_BY_IT) == "failed"
    assert ids == {message.id}, "a receiver knows by it what it has seen"
    assert registry.webhooks()[0]["disabled_at"] is not None
    newest = registry.history(limit=1)[0]
    assert (newest["kind"], newest["actor"]) == ("webhook-disabled", "lineage-serve")
    assert [row["state"] for row in registry.webhook_deliveries(identity)] == ["failed"] * 2
    registry.promote("churn@2", "production", actor="t")
    registry.outbox.make()
    assert len(told(registry, identity)) == 2
    registry.test_webhook(identity, actor="t")
    (message,) = taken(registry)
    assert registry.outbox.settle(message, ARRIVED) == "delivered"
    assert registry.webhooks()[0]["disabled_at"] is None
    registry.promote("churn@1", "production", actor="t")
    registry.outbox.make()
    assert [kind for kind, _ in told(registry, identity)] == [
        "promoted",
        "promoted",
        "test",
        "promoted",
    ]
    assert registry.audit().problems == ()


def test_a_receiver_that_is_gone_is_left_alone_at_once(registry):
    serving_two(registry)
    hook(registry)
    registry.promote("churn@2", "production", actor="t")
    registry.outbox.make()
    (message,) = taken(registry)
    assert registry.outbox.settle(message, Outcome(410)) == "failed"
    assert registry.webhooks()[0]["disabled_at"] is not None


def test_a_test_that_does_not_arrive_is_not_repeated_and_disables_nothing(registry):
    identity = hook(registry)
    registry.test_webhook(identity, actor="t")
    (message,) = taken(registry)
    assert registry.outbox.settle(message, Outcome(None, "ConnectError")) == "failed"
    assert registry.webhooks()[0]["disabled_at"] is None
    assert registry.webhook_deliveries(identity)[0]["detail"] == "ConnectError"


@BOTH
def test_the_secret_before_a_rotation_signs_for_a_day(registry):
    first = registry.add_webhook(NewWebhook(URL), actor="t")
    second = registry.rotate_webhook(first["id"], actor="t")
    registry.test_webhook(first["id"], actor="t")
    (message,) = taken(registry)
    assert message.keys == (second["secret"], first["secret"])
    with transaction(registry._engine) as connection:
        (rotated,) = connection.execute(text("SELECT rotated_at FROM webhook")).one()
    with read(registry._engine) as session:
        (row,) = records.present(session)
        assert records.keys_of(row, rotated) == message.keys
        assert records.keys_of(row, "2099-01-01T00:00:00.000000Z") == (second["secret"],)


@BOTH
def test_what_is_removed_is_sent_nothing_and_its_secrets_are_forgotten(registry):
    identity = hook(registry)
    registry.test_webhook(identity, actor="t")
    registry.remove_webhook(identity, actor="t")
    assert taken(registry) == []
    assert registry.outbox.waiting()[0] == 0
    with transaction(registry._engine) as connection:
        row = connection.execute(text("SELECT url, secret, secret_before FROM webhook")).one()
    assert tuple(row) == ("", "", None)
    assert registry.audit().problems == ()


def test_no_receiver_takes_all_the_room(registry):
    for identity in (hook(registry), hook(registry)):
        for _ in range(3):
            registry.test_webhook(identity, actor="t")
    messages = registry.outbox.take({1: 0, None: 2}, 8)
    assert [message.webhook for message in messages] == [2, 2]
    assert [message.webhook for message in registry.outbox.take({None: 2}, 3)] == [1, 1, 2]


def test_refusals_are_told_only_so_often(registry, monkeypatch):
    monkeypatch.setattr(outbox, "MOST_WAITING", 2)
    add_version(registry)
    registry.release("production", captured_pipeline(), actor="t")
    identity = hook(registry, "refused")
    for _ in range(4):
        with pytest.raises(GuardRefused):
            registry.promote("churn@1", "production", actor="t")
    assert len(told(registry, identity)) == 2


@BOTH
def test_old_deliveries_are_forgotten_and_what_waits_is_not(registry, monkeypatch):
    monkeypatch.setattr(records, "MOST_LISTED", 3)
    identity = hook(registry)
    for _ in range(6):
        registry.test_webhook(identity, actor="t")
    for message in taken(registry)[:5]:
        registry.outbox.settle(message, ARRIVED)
    registry.outbox.tidy()
    states = sorted(row["state"] for row in registry.webhook_deliveries(identity))
    assert len(states) in (3, 4)
    assert "pending" in states
    with transaction(registry._engine, writing=True) as connection:
        connection.execute(text("UPDATE webhook_delivery SET made_at = '2001'"))
    registry.outbox.tidy()
    assert [row["state"] for row in registry.webhook_deliveries(identity)] == ["pending"]
