"""A host that waits at its server: it learns of a move when it happens, and asks but once."""

from __future__ import annotations

import statistics
import time
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode

import pytest
from lineage.api.app import create_app
from lineage.api.settings import Settings

from lineage.connection import connect
from lineage.errors import PipelineMismatch, RegistryUnreachable
from lineage.host import lookout
from lineage.host.lookout import Lookout
from tests.integration.host.test_follow import OLD, _add, _host, _release, _until
from tests.integration.host.test_follow import own_cache as own_cache
from tests.integration.host.test_follow import store as store
from tests.support.registries import make_registry
from tests.support.servers import serving

RARE = 50.0
"""Seconds between two looks by the clock: what is learnt sooner was waited for."""

SOON = 15.0


class Door:
    """A server's application that counts what it is asked for, or does not know ``wait``."""

    def __init__(self, application, *, old=False):
        self._application = application
        self._old = old
        self.asked = []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            self.asked.append(f"{scope['method']} {scope['path'].rsplit('/', 1)[-1]}")
            if self._old:
                query = dict(parse_qsl(scope["query_string"].decode()))
                query.pop("wait", None)
                scope["query_string"] = urlencode(query).encode()
        await self._application(scope, receive, send)


@pytest.fixture
def feature(database, store):
    """churn@1 serves, churn@2 could; both with one pipeline."""
    make_registry(database, lambda _: None)
    with connect(database) as registry:
        _add(registry, store, "1", "old")
        _add(registry, store, "2", "old")
        _release(registry, "old", "churn@1")
        yield registry


@contextmanager
def _server(database, *, old=False, **settings):
    application = create_app(Settings(registry=database, no_auth=True, **settings))
    door = Door(application, old=old)
    with serving(door) as address:
        yield address, door, application.state.server.waiting


def _until_quiet(door):
    """Until the host has looked at all that is new and only waits: nothing is asked for a while."""
    end, count = time.monotonic() + 60, -1
    while count != len(door.asked):
        assert time.monotonic() < end, door.asked
        count = len(door.asked)
        time.sleep(1.5)


def test_a_host_learns_of_a_move_when_it_happens_and_asks_but_once(feature, database, tmp_path):
    with (
        _server(database) as (address, door, waiting),
        _host(address, OLD, tmp_path, every=RARE) as host,
    ):
        _until_quiet(door)
        assert len(waiting) == 1
        door.asked.clear()
        began = time.monotonic()
        feature.promote("churn@2", "production", actor="t")
        _until(lambda: host.value == "2")
        assert time.monotonic() - began < SOON
        _until_quiet(door)
        assert 1 <= door.asked.count("GET head") <= door.asked.count("GET churn")
        began = time.monotonic()
        feature.rollback("churn", "production", actor="t")
        _until(lambda: host.value == "1")
        assert time.monotonic() - began < SOON


def test_a_host_that_waits_stops_at_once(feature, database, tmp_path):
    with _server(database) as (address, _, waiting):
        with _host(address, OLD, tmp_path, every=RARE):
            _until(lambda: len(waiting) == 1)
            began = time.monotonic()
        assert time.monotonic() - began < SOON
        _until(lambda: len(waiting) == 0)


@pytest.mark.parametrize("kind", ["older", "full"])
def test_a_server_that_lets_no_host_wait_is_asked_by_the_clock(feature, database, tmp_path, kind):
    settings = {"old": True} if kind == "older" else {"max_waiting": 0}
    with (
        _server(database, **settings) as (address, door, _),
        _host(address, OLD, tmp_path, every=0.5) as host,
    ):
        _until(lambda: door.asked.count("GET churn") >= 4 and "POST observations" in door.asked)
        end, looks = time.monotonic() + 60, []
        while set(looks) != {"GET churn"}:  # what it asks at its start may come late
            assert time.monotonic() < end, looks
            door.asked.clear()
            time.sleep(2)
            looks = [asked for asked in door.asked if asked != "POST observations"]
        assert len(looks) <= 8
        feature.promote("churn@2", "production", actor="t")
        _until(lambda: host.value == "2")


def test_a_host_waits_at_the_server_that_comes_after_one_that_stopped(
    feature, database, tmp_path, monkeypatch
):
    monkeypatch.setattr(lookout, "BACK_OFF", 0.2)
    with _server(database) as (address, _, waiting):
        host = _host(address, OLD, tmp_path, every=0.5)
        following = host.__enter__()
        _until(lambda: len(waiting) == 1)
    time.sleep(0.5)
    with _server(database) as (second, _, waiting):
        feature.promote("churn@2", "production", actor="t")
        following._url = following._lookout._repeated._url = second  # where the name leads now
        _until(lambda: following.value == "2")
        _until(lambda: len(waiting) == 1)
        host.__exit__(None, None, None)


def _pauses(url, every, act, count=300):
    found = []
    for _ in range(count):
        one = Lookout(url, "churn", "production", OLD, every)
        one.begin(time.monotonic() + 60)
        act(one)
        found.append(one.pause)
    return found


def test_hosts_do_not_come_back_at_one_moment():
    away = RegistryUnreachable("Away.", remedy="Wait.")

    def told_to_go(one):
        one.succeeded(None)  # nothing new, and sooner than the wait was over

    spread = _pauses("http://127.0.0.1:9", 10, told_to_go)
    assert min(spread) >= 5
    assert max(spread) - min(spread) > 8
    assert statistics.fmean(spread) == pytest.approx(10, abs=1)

    def fails(times):
        def act(one):
            for _ in range(times):
                one.failed(away)

        return act

    for times, most in ((1, 10), (2, 20), (3, 40), (9, 60)):
        spread = _pauses("http://127.0.0.1:9", 10, fails(times))
        assert 0.9 * most < max(spread) <= most
        assert min(spread) < 0.1 * most


def test_a_host_that_may_not_load_what_is_declared_looks_by_the_clock():
    def refused(one):
        one.failed(PipelineMismatch("Another.", remedy="Deploy it."))

    assert set(_pauses("http://127.0.0.1:9", 10, refused, 5)) == {10}


def test_a_database_and_whoever_wants_to_look_rarely_are_looked_at_by_the_clock():
    for url, every in (("sqlite:///x.db", 10), ("http://127.0.0.1:9", 3600)):
        assert set(_pauses(url, every, lambda one: one.succeeded(None), 5)) == {every}
