"""Hosts that wait instead of asking: they learn of a move wherever it was made, and cost nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from lineage.api.app import create_app
from lineage.api.settings import Settings

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, NewToken, WaiverRequest
from lineage.guard.policy import EnvironmentPolicy
from tests.conftest import BOTH, captured, make_registry
from tests.integration.api.test_service import SLOT, _fill, _problem, _promote
from tests.support.servers import registry_server, serving

SOON = 10.0
"""Seconds within which a busy machine has done what takes a quarter of one."""


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


@contextmanager
def _server(database, **settings):
    """A server without tokens: its address, and those who wait on it."""
    application = create_app(Settings(registry=database, no_auth=True, **settings))
    with serving(application) as address:
        yield address, application.state.server.waiting


@pytest.fixture
def server(filled):
    with _server(filled) as (address, waiting), httpx.Client(base_url=address) as client:
        yield client, waiting


class Waiters:
    """Requests that wait, each on a connection and a thread of its own."""

    def __init__(self, address, most=10):
        self._address = address
        self._threads = ThreadPoolExecutor(most)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._threads.shutdown()

    def wait(self, etag, seconds=60, pipeline=None, **headers):
        """One that waits; a future of the answer, and of the seconds that it took."""
        asked = {"wait": seconds} | ({"pipeline": pipeline} if pipeline else {})
        return self._threads.submit(self._ask, etag, asked, headers)

    def _ask(self, etag, asked, headers):
        began = time.monotonic()
        answer = httpx.get(
            f"{self._address}{SLOT}",
            params=asked,
            headers={"If-None-Match": etag} | headers,
            timeout=90,
        )
        return answer, time.monotonic() - began


def _until(condition, what="it does not come to be"):
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


@BOTH
@pytest.mark.parametrize("mover", ["this server", "another server", "another process"])
def test_a_move_is_learnt_wherever_it_was_made(filled, mover):
    with (
        _server(filled) as (address, waiting),
        registry_server(filled, no_auth=True) as other,
        Waiters(address) as hosts,
    ):
        etag = httpx.get(f"{address}{SLOT}").headers["etag"]
        found = [hosts.wait(etag) for _ in range(5)]
        _until(lambda: len(waiting) == 5)
        if mover == "another process":
            with connect(filled) as registry:
                registry.promote("churn@2", "production", actor="t")
        else:
            asked = address if mover == "this server" else other
            with httpx.Client(base_url=asked) as client:
                assert _promote(client, 2).status_code == 200
        at_once = httpx.get(f"{other}{SLOT}")  # never stale, whoever moved it
        assert at_once.json()["serving"]["version"] == 2
        for answer, seconds in [future.result(SOON) for future in found]:
            assert (answer.status_code, answer.json()) == (200, at_once.json())
            assert seconds < SOON
        assert len(waiting) == 0


def test_nothing_new_is_told_once_the_time_is_over(server):
    client, waiting = server
    etag = client.get(SLOT).headers["etag"]
    began = time.monotonic()
    answer = client.get(SLOT, params={"wait": 1}, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, etag, b"")
    assert 1.0 <= time.monotonic() - began < SOON
    assert client.get(SLOT).status_code == 200, "the connection goes on"
    assert len(waiting) == 0


def test_who_knows_another_answer_or_none_does_not_wait(server):
    client, _ = server
    began = time.monotonic()
    for known in ({}, {"If-None-Match": '"another"'}, {"If-None-Match": 'W/"another", "third"'}):
        assert client.get(SLOT, params={"wait": 60}, headers=known).status_code == 200
    any_answer = {"If-None-Match": "*"}
    assert client.get(SLOT, params={"wait": 60}, headers=any_answer).status_code == 304
    assert time.monotonic() - began < SOON


def test_a_wait_that_is_no_number_of_seconds_is_refused(server):
    client, _ = server
    for wait in ("", "-1", "61", "1.5", "1e1", "nan", "٣", "30s", "1" * 5000, " 1"):
        _problem(client.get(SLOT, params={"wait": wait}), 422, "invalid-request")


def test_those_who_wait_cost_no_task(server):
    client, waiting = server
    etag = client.get(SLOT).headers["etag"]
    with Waiters(str(client.base_url), 40) as hosts:
        found = [hosts.wait(etag) for _ in range(40)]
        _until(lambda: len(waiting) == 40)
        loop = waiting._task.get_loop()
        counted = asyncio.run_coroutine_threadsafe(_tasks(), loop).result(SOON)
        assert counted < 10
        _promote(client, 2)
        assert {future.result(SOON)[0].status_code for future in found} == {200}
    _until(lambda: waiting._task is None, "it goes on looking for nobody")


async def _tasks():
    return len(asyncio.all_tasks())


def test_a_waiver_that_ends_is_another_answer(filled):
    policy = EnvironmentPolicy(waive={"validated": ("*",)})
    with connect(filled) as registry:
        registry.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
        registry.register("churn", captured("5"), actor="t")
        until = timestamps.written(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=3))
        waive = WaiverRequest(("validated",), "an incident", until)
        registry.promote("churn@4", "production", waive=waive, actor="t")
    with _server(filled) as (address, waiting), httpx.Client(base_url=address) as client:
        answer = client.get(SLOT)
        assert answer.json()["waiver"]["ended"] is False
        known = {"If-None-Match": answer.headers["etag"]}
        later = client.get(SLOT, params={"wait": 60}, headers=known, timeout=90)
    assert later.json()["waiver"]["ended"] is True
    assert later.json()["revision"] == answer.json()["revision"]
    assert timestamps.now() >= until
    assert len(waiting) == 0


@BOTH
def test_a_token_that_is_revoked_while_it_waits_opens_nothing(filled):
    with connect(filled) as registry:
        made = [registry.create_token(NewToken(n, ("read",)), actor="t") for n in ("a", "b")]
    application = create_app(Settings(registry=filled))
    waiting = application.state.server.waiting
    with serving(application) as address, Waiters(address) as hosts:
        headers = [{"Authorization": f"Bearer {token['token']}"} for token in made]
        etag = httpx.get(f"{address}{SLOT}", headers=headers[0]).headers["etag"]
        found = [hosts.wait(etag, **header) for header in headers]
        ends = hosts.wait(etag, seconds=2, **headers[0])
        _until(lambda: len(waiting) == 3)
        with connect(filled) as registry:
            registry.revoke_token(made[0]["id"], actor="t")
        _problem(ends.result(SOON)[0], 401, "not-authenticated")
        with connect(filled) as registry:
            registry.promote("churn@2", "production", actor="t")
        _problem(found[0].result(SOON)[0], 401, "not-authenticated")
        assert found[1].result(SOON)[0].json()["serving"]["version"] == 2


def test_a_token_is_asked_for_before_anything_waits(filled):
    with connect(filled) as registry:
        token = registry.create_token(NewToken("a", ("read",), models=("other",)), actor="t")[
            "token"
        ]
        etag = f'"{registry.serving("churn", "production").etag}"'
    with registry_server(filled) as address, Waiters(address) as hosts:
        bound = hosts.wait(etag, Authorization=f"Bearer {token}").result(SOON)[0]
        _problem(bound, 403, "not-permitted")
        _problem(hosts.wait(etag).result(SOON)[0], 401, "not-authenticated")


def test_an_answer_that_becomes_an_error_is_told(server, filled):
    client, waiting = server
    with connect(filled) as registry:
        pipeline = registry.serving("churn", "production").pipeline["digest"]
    etag = client.get(SLOT, params={"pipeline": pipeline}).headers["etag"]
    with Waiters(str(client.base_url)) as hosts:
        found = hosts.wait(etag, pipeline=pipeline)
        _until(lambda: len(waiting) == 1)
        with connect(filled) as registry:
            registry.retire("churn", "production", actor="t")
        _problem(found.result(SOON)[0], 409, "pipeline-mismatch")


def _raw(address, etag, wait=60):
    """A connection on which somebody waits."""
    parts = urlsplit(address)
    connection = socket.create_connection((parts.hostname, parts.port))
    head = (
        f"GET {SLOT}?wait={wait} HTTP/1.1\r\nHost: {parts.netloc}\r\nIf-None-Match: {etag}\r\n\r\n"
    )
    connection.sendall(head.encode())
    connection.settimeout(SOON)
    return connection


def test_a_connection_that_is_closed_is_let_go_at_once(server):
    client, waiting = server
    etag = client.get(SLOT).headers["etag"]
    connections = [_raw(str(client.base_url), etag) for _ in range(5)]
    _until(lambda: len(waiting) == 5)
    for connection in connections[:4]:
        connection.close()
    _until(lambda: len(waiting) == 1)
    _promote(client, 2)
    assert b"HTTP/1.1 200" in connections[4].recv(1 << 16)
    connections[4].close()


def test_a_request_behind_one_that_waits_comes_after_it(server):
    client, waiting = server
    etag = client.get(SLOT).headers["etag"]
    connection = _raw(str(client.base_url), etag)
    _until(lambda: len(waiting) == 1)
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    time.sleep(0.2)
    _promote(client, 2)
    answers = b""
    while part := connection.recv(1 << 16):
        answers += part
    connection.close()
    assert answers.count(b"HTTP/1.1 200") == 2
    assert answers.index(b'"version":2') < answers.rindex(b"HTTP/1.1 200")


def test_a_server_that_stops_answers_all_who_wait(filled):
    with _server(filled) as (address, waiting):
        etag = httpx.get(f"{address}{SLOT}").headers["etag"]
        hosts = Waiters(address, 20)
        found = [hosts.wait(etag) for _ in range(20)]
        _until(lambda: len(waiting) == 20)
        began = time.monotonic()
    assert time.monotonic() - began < SOON
    for answer, _ in [future.result(SOON) for future in found]:
        assert (answer.status_code, answer.headers["connection"]) == (304, "close")


def test_as_many_wait_as_may(filled):
    with (
        _server(filled, max_waiting=1) as (address, waiting),
        httpx.Client(base_url=address) as client,
        Waiters(address) as hosts,
    ):
        etag = client.get(SLOT).headers["etag"]
        first = hosts.wait(etag)
        _until(lambda: len(waiting) == 1)
        refused = hosts.wait(etag).result(SOON)[0]
        _problem(refused, 503, "too-many-waiting")
        assert int(refused.headers["retry-after"]) > 0
        plain = client.get(SLOT, headers={"If-None-Match": etag})
        assert plain.status_code == 304
        _promote(client, 2)
        assert first.result(SOON)[0].status_code == 200


def test_waiting_is_no_slowness_of_the_server(server):
    client, _ = server
    etag = client.get(SLOT).headers["etag"]
    client.get(SLOT, params={"wait": 1}, headers={"If-None-Match": etag})
    lines = client.get("/metrics").text.splitlines()
    of_it = [line for line in lines if 'route="/v1/environments/{env}/models/{model}"' in line]
    counts = {line.split()[0]: float(line.split()[1]) for line in of_it}
    count = next(value for name, value in counts.items() if "_count{" in name and "304" in name)
    seconds = next(value for name, value in counts.items() if "_sum{" in name and "304" in name)
    assert count == 1
    assert seconds < 0.9
