"""A server's own looks at the weights that production rests on: real objects in a real S3 store."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from api.settings import Settings
from lineage import timestamps
from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment
from lineage.errors import UsageError
from lineage.guard.policy import EnvironmentPolicy
from lineage.hashing.tree import follow_any
from lineage.identity.components import EnvironmentKind, Kind
from lineage.registry.checker import ACTOR, Checker, named_stores
from lineage.weights import upload
from lineage.weights.copies import CopyCheck, CopyState, NewCopy, StoreAddress
from lineage.weights.store import open_store
from lineage.workflows import weights
from tests.conftest import BOTH, captured, captured_pipeline, make_registry
from tests.support.servers import registry_server
from tests.support.weights_stores import new_bucket

if TYPE_CHECKING:
    from lineage.contract.captured import CapturedVersion

ALWAYS = dt.timedelta(0)
DAY = dt.timedelta(days=1)


@pytest.fixture
def kept(database, s3, tmp_path):
    """churn@1 stands by behind churn@2, the weights of both in a bucket."""
    make_registry(database)
    bucket = new_bucket(s3)
    store = open_store(bucket.address("main"))
    with connect(database) as registry:
        for seed in "12":
            path = tmp_path / seed
            path.write_bytes(seed.encode())
            made = captured(seed)
            copy = upload.put(store, path, made.components.weights, follow=follow_any)
            add(registry, dataclasses.replace(made, stored=(copy,)))
        registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
        registry.promote("churn@2", "production", actor="t")
        yield SimpleNamespace(registry=registry, bucket=bucket, url=database)


def add(registry, made: CapturedVersion) -> str:
    ref = registry.register("churn", made, kind=Kind.PRODUCTION, actor="t").ref
    registry.validate(ref, captured_pipeline(), passed=True, actor="t")
    return ref


def looked(registry, ref: str) -> list[tuple[str, str, str]]:
    copies = registry.stored(ref).copies
    return [(copy.store.name, copy.state.value, copy.checked_by) for copy in copies]


@BOTH
def test_what_stands_by_and_what_serves_is_looked_at(kept):
    assert Checker(kept.registry, ALWAYS).check_all() == 2
    for ref in ("churn@1", "churn@2"):
        assert looked(kept.registry, ref) == [("main", "intact", ACTOR)]
    (event,) = kept.registry.history("churn@production", limit=1)
    assert (event["kind"], event["actor"], event["subject"]) == ("backup-checked", ACTOR, "churn@1")
    kept.bucket.delete(kept.registry.stored("churn@1").copies[0].object)
    Checker(kept.registry, ALWAYS).check_all()
    assert not kept.registry.serving("churn", "production").readiness.ready
    assert kept.registry.audit().problems == ()


def test_a_move_looks_anew_where_nobody_did_lately(kept, monkeypatch):
    """So a look that was made for a promotion renews those that are getting old."""
    weights.quick_check(kept.registry, ["churn@1"], actor="ann")
    assert looked(kept.registry, "churn@1") == [("main", "intact", "t")]
    at(monkeypatch, hours=2)
    weights.quick_check(kept.registry, ["churn@1"], actor="ann")
    assert looked(kept.registry, "churn@1") == [("main", "intact", "ann")]


def test_checking_the_backups_reads_every_byte_where_that_is_due(kept, monkeypatch):
    monkeypatch.setattr("lineage.weights.check.READ_ANYWAY", 0)
    policy = EnvironmentPolicy(deep_within="30d")
    kept.registry.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
    for days, deep in ((29, False), (2, True)):
        at(monkeypatch, days=days)
        (slot,) = weights.check_backups(kept.registry, "production", deep=False, actor="ann")
        (copy,) = slot.readiness.copies
        assert (copy.state, copy.by, copy.deep) == ("intact", "ann", deep)
        assert slot.readiness.ready


def test_what_another_server_looked_at_is_passed_over(kept, monkeypatch):
    assert Checker(kept.registry, DAY).check_all() == 0, "they were stored just now"
    at(monkeypatch, hours=13)
    assert Checker(kept.registry, DAY).check_all() == 2
    assert Checker(kept.registry, DAY).check_all() == 0


def at(monkeypatch, **spans: float) -> None:
    """Let it be so much later, at the next second's beginning: what is written at once is in it too."""
    later = timestamps.moment(timestamps.now()) + dt.timedelta(**spans, seconds=1)
    moment = later.replace(microsecond=0)
    monkeypatch.setattr(timestamps, "now", lambda: timestamps.written(moment))


def test_every_byte_is_read_before_the_last_time_is_too_long_ago(kept, monkeypatch):
    """Of large weights a cheap look asks for the size alone."""
    monkeypatch.setattr("lineage.weights.check.READ_ANYWAY", 0)
    policy = EnvironmentPolicy(deep_within="30d")
    kept.registry.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
    name = kept.registry.stored("churn@1").copies[0].object
    kept.bucket.put(name, b"x")
    at(monkeypatch, days=20)
    Checker(kept.registry, DAY).check_all()
    assert looked(kept.registry, "churn@1") == [("main", "intact", ACTOR)]
    assert kept.registry.stored("churn@1").copies[0].deep is False
    at(monkeypatch, days=8)
    Checker(kept.registry, DAY).check_all()
    assert looked(kept.registry, "churn@1") == [("main", "changed", ACTOR)]
    (serves,) = kept.registry.stored("churn@2").copies
    assert (serves.deep, serves.deep_at[:23]) == (True, timestamps.now()[:23])


def test_of_several_environments_the_strictest_says_when_every_byte_is_read(kept, monkeypatch):
    """And the history of each tells of the look at its backup."""
    monkeypatch.setattr("lineage.weights.check.READ_ANYWAY", 0)
    declared = [
        DeclaredEnvironment(name, EnvironmentPolicy(deep_within=within), EnvironmentKind.PRODUCTION)
        for name, within in (("production", None), ("europe", "10d"), ("asia", "300d"))
    ]
    kept.registry.apply_environments(declared, actor="t")
    for name in ("europe", "asia"):
        kept.registry.release(name, captured_pipeline(), ["churn@1"], actor="t")
        kept.registry.promote("churn@2", name, actor="t")
    at(monkeypatch, days=9)
    assert Checker(kept.registry, DAY).check_all() == 2
    for ref in ("churn@1", "churn@2"):
        (copy,) = kept.registry.stored(ref).copies
        assert (copy.deep, copy.deep_at[:23]) == (True, timestamps.now()[:23]), ref
    for name in ("production", "europe", "asia"):
        (event,) = kept.registry.history(f"churn@{name}", limit=1)
        assert (event["kind"], event["payload"]["environment"]) == ("backup-checked", name)
        assert event["payload"]["readiness"]["ready"] is True
    assert kept.registry.audit().problems == ()


def test_a_server_that_cannot_open_a_store_takes_no_look_back(kept, monkeypatch, caplog):
    """Until the newest one is too old to count in any case. It has no plugin for gs: here."""
    monkeypatch.setattr(logging.getLogger("lineage"), "propagate", True)
    policy = EnvironmentPolicy(look_within="7d")
    kept.registry.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
    copy = dataclasses.replace(
        kept.registry.stored("churn@1").copies[0].as_new,
        store=StoreAddress("far", "gs://bucket/weights"),
    )
    kept.registry.add_copy("churn@1", copy, actor="t")
    missing = [CopyCheck("main", CopyState.MISSING, deep=False)]
    kept.registry.record_checks("churn@1", missing, actor="t")
    checker = Checker(kept.registry, ALWAYS, frozenset({"far"}))
    at(monkeypatch, days=6)
    assert checker.check_all() == 0
    assert looked(kept.registry, "churn@1")[0] == ("far", "intact", "t")
    assert kept.registry.serving("churn", "production").readiness.ready
    assert "churn@1 in store far could not be looked at" in caplog.text
    at(monkeypatch, days=2)
    assert checker.check_all() == 1
    assert looked(kept.registry, "churn@1")[0] == ("far", "unreachable", ACTOR)


def test_a_store_that_cannot_be_opened_is_told_and_a_folder_of_one_host_is_left_alone(kept):
    object_id = kept.registry.stored("churn@1").copies[0].object
    for name, url in (("far", "gs://bucket/weights"), ("folder", "file:///srv/weights")):
        kept.registry.add_copy("churn@1", NewCopy(StoreAddress(name, url), object_id), actor="t")
    assert Checker(kept.registry, ALWAYS).check_all() == 2
    assert looked(kept.registry, "churn@1") == [
        ("far", "intact", "t"), ("folder", "intact", "t"), ("main", "intact", ACTOR),
    ]  # fmt: skip
    assert kept.registry.serving("churn", "production").readiness.ready


def test_no_store_is_opened_but_those_that_are_named(kept):
    assert Checker(kept.registry, ALWAYS, frozenset({"other"})).check_all() == 0
    assert Checker(kept.registry, ALWAYS, frozenset({"main"})).check_all() == 2


def test_a_server_that_looks_is_told_which_stores_it_may_open(database):
    """Whoever may register can record a store at any address."""
    for nothing in ("", " , "):
        with pytest.raises(UsageError, match="is to be told which stores") as caught:
            Settings(registry=database, check_every="6h", check_stores=nothing)
        assert "LINEAGE_CHECK_STORES" in caught.value.remedy
    assert Settings(registry=database).check_every is None
    assert named_stores(" main, offsite") == {"main", "offsite"}
    assert named_stores("*") is None


def test_what_is_cut_off_by_the_end_found_nothing_out(kept):
    checker = Checker(kept.registry, ALWAYS)
    checker._open = lambda _: (
        checker._stopping.set()
        or open_store(kept.bucket.address("main"), is_over=checker._stopping.is_set)
    )
    assert checker.check_all() == 0
    assert looked(kept.registry, "churn@1") == [("main", "intact", "t")]


def test_a_server_looks_by_itself_and_stops(kept, monkeypatch):
    with registry_server(kept.url, check_every="1s", check_stores="main"):
        end = time.monotonic() + 20
        while looked(kept.registry, "churn@2") != [("main", "intact", ACTOR)]:
            assert time.monotonic() < end, "nobody looks"
            time.sleep(0.05)
    count = len(kept.registry.history(limit=1000))
    time.sleep(1.2)
    assert len(kept.registry.history(limit=1000)) == count


def test_what_fails_is_told_and_tried_again(kept, caplog):
    class Broken(Checker):
        rounds = 0

        def check_all(self):
            self.rounds += 1
            raise RuntimeError("no disk")

    checker = Broken(kept.registry, dt.timedelta(milliseconds=5))
    with caplog.at_level(logging.ERROR, "lineage.checks"):
        logging.getLogger("lineage").propagate = True
        checker.start()
        end = time.monotonic() + 10
        while checker.rounds < 3 and time.monotonic() < end:
            time.sleep(0.005)
        checker.stop()
    assert checker.rounds >= 3
    assert "the weights could not be checked" in caplog.text
