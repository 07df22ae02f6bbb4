"""Bad weather: a lock that is held, many who write, requests that never end, answers nobody takes."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from lineage.api import connections, middleware

from lineage.database import postgresql
from lineage.registry.registry import Registry
from lineage.registry_url import path_of
from tests.conftest import BOTH, make_registry
from tests.integration.api.test_service import SLOT, _fill
from tests.support.servers import registry_server, serving

WRITING = {"Lineage-Actor": "t"}


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


@contextmanager
def _lock_held(url):
    """The registry's lock, held by somebody else."""
    if url.startswith("sqlite"):
        with sqlite3.connect(path_of(url), isolation_level=None) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        connection.close()
        return
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute(f"SELECT pg_advisory_xact_lock({postgresql.LOCK})")
        yield
        connection.rollback()


def _writers(count, address, statuses):
    def write(number: int) -> None:
        answer = httpx.post(f"{address}/v1/models", json={"name": f"m{number}"}, timeout=60)
        statuses.append(answer.status_code)

    return [threading.Thread(target=write, args=(number,)) for number in range(count)]


@BOTH
def test_thirty_writers_who_wait_starve_no_reader(filled):
    reads = (
        f"{SLOT}/history?at=2999-01-01T00:00:00Z",  # not from memory
        "/v1/models",
        "/v1/environments/production",
        "/readyz",
    )
    slowest, statuses = 0.0, []
    with (
        registry_server(filled, no_auth=True, lock_timeout=6.0) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        client.get(SLOT)
        writers = _writers(30, address, statuses)
        with _lock_held(filled):
            for writer in writers:
                writer.start()
            time.sleep(1)
            assert statuses == [], "they wait"
            for _ in range(5):
                for path in reads:
                    began = time.monotonic()
                    assert client.get(path).status_code == 200
                    slowest = max(slowest, time.monotonic() - began)
                assert client.post(f"{SLOT}/guard", json={"version": "2"}).status_code == 200
        for writer in writers:
            writer.join(60)
    assert slowest < 3.0, "a reader who is starved waits as long as writers may: six seconds"
    assert statuses.count(201) == 30, "who waited got their turn"


def test_a_writer_whose_turn_does_not_come_is_told_to_try_again(filled):
    with registry_server(filled, no_auth=True, lock_timeout=0.5) as address:
        statuses: list[int] = []
        writers = _writers(12, address, statuses)
        began = time.monotonic()
        with _lock_held(filled):
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join(30)
        assert time.monotonic() - began < 10
        assert set(statuses) == {503}
        assert httpx.post(f"{address}/v1/models", json={"name": "later"}).status_code == 201


def test_nobody_waits_for_the_bodies_of_strangers(filled):
    """They are not read: who sends half of one is refused at once, and so is what is no JSON."""
    with registry_server(filled) as address:
        for kind, content in (("application/json", b"{no json"), ("text/plain", b"x")):
            answer = httpx.post(
                f"{address}/v1/models", content=content, headers={"Content-Type": kind}
            )
            assert answer.status_code == (401 if "json" in kind else 415)
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
            connection.sendall(
                b"POST /v1/models HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 9999999\r\n\r\n{"
            )
            assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_who_read_the_whole_history_starve_no_reader(filled, monkeypatch):
    """One does at a time; the others wait for that, and not in the threads of readers."""
    going_on, audit = threading.Event(), Registry.audit

    def slow(registry):
        assert going_on.wait(30)
        return audit(registry)

    monkeypatch.setattr(Registry, "audit", slow)
    told: list[httpx.Response] = []
    with registry_server(filled, no_auth=True, lock_timeout=1.0, threads=2) as address:
        auditors = [
            threading.Thread(
                target=lambda: told.append(httpx.get(f"{address}/v1/audit", timeout=60))
            )
            for _ in range(8)
        ]
        for auditor in auditors:
            auditor.start()
        time.sleep(0.3)
        for _ in range(5):
            assert httpx.get(f"{address}/v1/models", timeout=1).status_code == 200
        time.sleep(1)
        going_on.set()
        for auditor in auditors:
            auditor.join(60)
    assert sorted(answer.status_code for answer in told) == [200] + [503] * 7
    assert "reading the whole history" in max(told, key=lambda one: one.status_code).text


@pytest.fixture
def quick(monkeypatch):
    """A server's patience in tenths of a second."""
    monkeypatch.setattr(connections, "HEAD", 0.5)
    monkeypatch.setattr(connections, "ANSWER", 0.5)
    monkeypatch.setattr(middleware, "BODY", 0.5)


POST = b"POST /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nLineage-Actor: t\r\nContent-Type: application/json\r\n"
HALF_OPEN = {
    "nothing": (b"", None),
    "half a head": (b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n", None),
    "a head that drips": (b"GET /v1/models HTTP/1.1\r\n", b"X-A: b\r\n"),
    "a body that never comes": (POST + b"Content-Length: 100\r\n\r\n", None),
    "a body that never ends": (POST + b"Content-Length: 100\r\n\r\n{", None),
    "a body that drips": (POST + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks that never end": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "half a head behind a request": (
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /hea", b"l",
    ),
    "empty lines": (b"\r\n", b"\r\n"),
}  # fmt: skip


@pytest.mark.parametrize(("begin", "drip"), HALF_OPEN.values(), ids=HALF_OPEN)
def test_a_request_that_never_ends_is_ended(begin, drip, filled, quick):
    with registry_server(filled, no_auth=True) as address:
        place = urlsplit(address)
        began = time.monotonic()
        with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
            connection.settimeout(0.05)
            connection.sendall(begin)
            answered = b""
            while True:
                assert time.monotonic() - began < 5, answered
                try:
                    if drip:
                        connection.sendall(drip)
                    part = connection.recv(65536)
                except TimeoutError:
                    continue
                except OSError:
                    break
                if not part:
                    break
                answered += part
        if answered and b"healthz" not in begin:
            assert b" 408 " in answered or b" 400 " in answered, answered
        assert httpx.get(f"{address}/healthz").status_code == 200


def test_a_request_that_is_slow_and_comes_is_answered(filled, quick):
    with registry_server(filled, no_auth=True) as address:
        place = urlsplit(address)
        body = b'{"name": "slow"}'
        with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
            for part in (POST[:40], POST[40:], b"Content-Length: %d\r\n\r\n" % len(body), body):
                time.sleep(0.1)
                connection.sendall(part)
            assert connection.recv(65536).startswith(b"HTTP/1.1 201")
            time.sleep(0.8)  # longer than a head may take: between requests it may idle
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_an_answer_that_nobody_takes_is_given_up(filled, quick):
    closed = threading.Event()

    class Watched(connections.Connection):
        def connection_lost(self, exc):
            super().connection_lost(exc)
            closed.set()

    async def large(scope, receive, send):
        if scope["type"] == "http":
            body = b" " * (64 << 20)
            headers = [(b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    with serving(large, connection=Watched) as address:
        place = urlsplit(address)
        with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert closed.wait(5), "the connection is kept for one who does not read"
