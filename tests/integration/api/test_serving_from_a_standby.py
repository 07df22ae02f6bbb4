"""Look-ups from a streaming standby: what it says is given where it is level, and never a stale one."""

from __future__ import annotations

import logging
import re
import threading
import time
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from lineage.api import standby
from lineage.api.app import create_app
from lineage.api.settings import Settings

from lineage.errors import UsageError
from tests.conftest import make_registry
from tests.integration.api.test_service import SLOT, _fill
from tests.support import LONG
from tests.support.servers import registry_server
from tests.support.standby import Replicated

MOVES = 300 if LONG else 30
READERS = 3


@pytest.fixture(scope="module")
def replicated():
    made = Replicated(synchronous=False)
    make_registry(made.primary_url, _fill)
    yield made
    made.close()


@pytest.fixture
def client(replicated):
    """Of a server that reads from the standby, which is level; it is left as it was found."""
    _until_level(replicated)
    urls = {"standby": replicated.standby_url, "no_auth": True}
    with (
        registry_server(replicated.primary_url, **urls) as address,
        httpx.Client(base_url=address, timeout=20) as client,
    ):
        yield client


def _until_level(replicated):
    with psycopg.connect(replicated.primary_url, autocommit=True) as primary:
        (end,) = primary.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
    question = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    _until(lambda: _on(replicated.standby_url, question, end) == [(True,)])


def _until(holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.02)


def _on(url, statement, *values):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement, values).fetchall()


@contextmanager
def _behind(replicated):
    """The standby goes on receiving, and shows nothing of it."""
    _on(replicated.standby_url, "SELECT pg_wal_replay_pause()")
    paused = [("paused",)]
    _until(lambda: _on(replicated.standby_url, "SELECT pg_get_wal_replay_pause_state()") == paused)
    try:
        yield
    finally:
        _on(replicated.standby_url, "SELECT pg_wal_replay_resume()")


def _reads(client):
    """Answers that were read so far, from the primary and from the standby."""
    text = client.get("/metrics").text
    found = dict(re.findall(r'lineage_slot_reads_total\{source="(\w+)"\} (\d+)', text))
    return int(found.get("primary", 0)), int(found.get("standby", 0))


def _move(client):
    """Let another version serve; what every answer from now on shows at least."""
    serving = client.get(SLOT).json()["serving"]["version"]
    moved = client.post(f"{SLOT}/promote", json={"version": str(serving % 3 + 1)})
    assert moved.status_code == 200, moved.text
    return moved.json()["revision"]


def _is_read_from_the_standby(client, replicated):
    """Whether an answer comes from it that was not known, after a move."""
    _move(client)
    _until_level(replicated)
    _, before = _reads(client)
    assert client.get(SLOT).status_code == 200
    return _reads(client)[1] > before


def test_an_answer_is_read_from_a_standby_that_is_level(client, replicated):
    _until(lambda: _is_read_from_the_standby(client, replicated))
    found = client.get(SLOT).json()
    with registry_server(replicated.primary_url, no_auth=True) as address:
        assert found == httpx.get(f"{address}{SLOT}").json()
    assert client.get(SLOT.replace("churn", "none")).status_code == 404
    assert client.get(SLOT).json() == found


def test_behind_the_primary_nothing_is_read_from_it(client, replicated, caplog):
    client.get(SLOT)
    caplog.set_level(logging.INFO, "lineage.registry.standby")
    with _behind(replicated):
        _, before = _reads(client)
        for _ in range(8):
            revision = _move(client)
            assert client.get(SLOT).json()["revision"] == revision
        assert _reads(client)[1] == before
        end = time.monotonic() + 3
        while time.monotonic() < end:
            revision = _move(client)
            assert client.get(SLOT).json()["revision"] == revision
    _until(lambda: _is_read_from_the_standby(client, replicated))
    told = [record.getMessage() for record in caplog.records]
    ends = ["is behind the primary; the primary is asked until it can be used again", "used again"]
    assert [text.endswith(end) for text, end in zip(told, ends, strict=True)] == [True, True]
    assert "postgres:***@" in told[0]


def test_no_answer_is_older_than_an_acknowledged_move(client, replicated):
    """While the standby is ahead, level, behind, level again, and others move at another server."""
    acknowledged, stop, stale = [0], threading.Event(), []

    def ask():
        with httpx.Client(base_url=client.base_url, timeout=20) as mine:
            while not stop.is_set():
                at_least = acknowledged[0]
                found = mine.get(SLOT).json()["revision"]
                if found < at_least:
                    stale.append((found, at_least))

    askers = [threading.Thread(target=ask) for _ in range(READERS)]
    for asker in askers:
        asker.start()
    try:
        with (
            registry_server(replicated.primary_url, no_auth=True) as address,
            httpx.Client(base_url=address, timeout=20) as other,
        ):
            for number in range(MOVES):
                if number % 10 == 5:
                    with _behind(replicated):
                        acknowledged[0] = _move(other)
                        time.sleep(0.05)
                acknowledged[0] = _move(other)
                time.sleep(0.01 * (number % 7))
    finally:
        stop.set()
        for asker in askers:
            asker.join(30)
    assert stale == []
    assert _reads(client)[1] > 0


def test_a_row_that_is_changed_by_plain_sql_is_seen_though_the_standby_lacks_it(client, replicated):
    client.get(SLOT)
    with _behind(replicated), psycopg.connect(replicated.primary_url) as primary:
        primary.execute("ALTER TABLE slot DISABLE TRIGGER USER")
        primary.execute("UPDATE slot SET serving_promoted_by = 'nobody'")
        primary.execute("ALTER TABLE slot ENABLE TRIGGER USER")
        primary.commit()
        time.sleep(1.3)
        for _ in range(20):
            assert client.get(SLOT).json()["serving"]["promoted_by"] == "nobody"
            time.sleep(0.05)


def test_what_reports_changed_is_not_read_from_a_standby_that_lacks_it(client, replicated):
    _until(lambda: _is_read_from_the_standby(client, replicated))
    change = (
        "INSERT INTO observed_slot (environment, model, changed) VALUES ('production', 'churn', 1) "
        "ON CONFLICT (environment, model) DO UPDATE SET changed = observed_slot.changed + 1 "
        "RETURNING changed"
    )
    with _behind(replicated):
        before = _reads(client)
        _on(replicated.primary_url, change)
        assert client.get(SLOT).status_code == 200
        assert _reads(client) == (before[0] + 1, before[1])


def test_without_the_standby_the_primary_answers(client, replicated, monkeypatch, caplog):
    monkeypatch.setattr(standby, "AWAY", 0.2)
    _until(lambda: _is_read_from_the_standby(client, replicated))
    replicated.stop_standby()
    try:
        for _ in range(10):
            revision = _move(client)
            assert client.get(SLOT).json()["revision"] == revision
    finally:
        replicated.start_standby()
    _until(lambda: _is_read_from_the_standby(client, replicated))
    told = [record.getMessage() for record in caplog.records if "the standby" in record.message]
    assert sum("cannot be used" in text for text in told) == 1


def test_while_the_standby_hangs_the_primary_answers(client, replicated, monkeypatch):
    monkeypatch.setattr(standby, "AWAY", 0.2)
    _until(lambda: _is_read_from_the_standby(client, replicated))
    frozen = replicated.freeze_standby()
    try:
        revision = _move(client)
        assert client.get(SLOT).json()["revision"] == revision
        for _ in range(3):
            revision = _move(client)
            assert client.get(SLOT).json()["revision"] == revision
    finally:
        for process in frozen:
            process.resume()
    _until(lambda: _is_read_from_the_standby(client, replicated))


def test_one_that_was_promoted_and_written_to_is_never_believed(client, replicated):
    _until(lambda: _is_read_from_the_standby(client, replicated))
    replicated.promote()
    urls = {"standby": replicated.standby_url, "no_auth": True}
    with (
        registry_server(replicated.primary_url, **urls) as address,
        httpx.Client(base_url=address) as anew,
    ):
        assert anew.get(SLOT).status_code == 200
        assert _reads(anew) == (1, 0), "it has the same events, and takes writes"
    with (
        registry_server(replicated.standby_url, no_auth=True) as address,
        httpx.Client(base_url=address, timeout=20) as other,
    ):
        _, before = _reads(client)
        for _ in range(3):
            _move(other)
            revision = _move(client)
            served = client.get(SLOT).json()
            assert served["revision"] == revision
        theirs = _on(replicated.standby_url, "SELECT digest FROM event ORDER BY seq DESC LIMIT 1")
        ours = _on(replicated.primary_url, "SELECT digest FROM event ORDER BY seq DESC LIMIT 1")
        assert theirs != ours
    with registry_server(replicated.primary_url, **urls) as address:
        assert httpx.get(f"{address}{SLOT}").json() == served
    assert _reads(client)[1] == before


@pytest.mark.parametrize(
    ("registry", "url"),
    [
        ("sqlite:///registry.db", "postgresql+psycopg://host/lineage"),
        ("postgresql+psycopg://host/lineage", "sqlite:///registry.db"),
        ("postgresql+psycopg://host/lineage", "postgresql+psycopg://host:port/lineage"),
    ],
)
def test_what_is_no_standby_is_refused(registry, url):
    with pytest.raises(UsageError) as refused:
        create_app(Settings(registry=registry, standby=url))
    assert refused.value.remedy
