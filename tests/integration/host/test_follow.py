"""A host that follows: through rollouts and rollbacks, ahead of them, and never back by itself."""

from __future__ import annotations

import datetime as dt
import logging
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lineage import kept
from lineage.contract.requests import NewToken
from lineage.errors import Conflict, NotFound, PipelineMismatch, UsageError
from lineage.host.ahead import Ahead
from lineage.host.follow import Following
from lineage.host.own_pipeline import ClaimedPipeline
from lineage.identity.components import Kind
from lineage.weights.cache import WeightsCache
from lineage.weights.copies import NewCopy, StoreAddress
from tests.conftest import a_copy, captured, captured_pipeline, pipeline
from tests.support.servers import registry_server

OLD, NEW = pipeline("old").xxh3, pipeline("new").xxh3


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path):
    """A store that is a folder."""
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


def _add(registry, store, seed, text):
    """A version whose weights, the bytes of its seed, lie in the store; validated."""
    name = a_copy(seed).object
    place = store / "files" / "md5" / name[:2] / name[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(seed.encode())
    copies = (NewCopy(StoreAddress("folder", store.as_uri()), name),)
    version = replace(captured(seed, text), stored=copies)
    ref = registry.register("churn", version, kind=Kind.PRODUCTION, actor="t").ref
    registry.validate(ref, captured_pipeline(text), passed=True, actor="t")
    return ref


def _release(registry, text, *refs, **more):
    return registry.release("production", captured_pipeline(text), refs, actor="t", **more)


@contextmanager
def _host(url, digest, tmp_path, **more):
    """A host that claims to run a pipeline version, in a cache of its own."""
    own = ClaimedPipeline(digest)
    values = {"instance": digest[5:9], "every": 0.02, "oldest": None, "actor": "host"} | more
    cache = WeightsCache(tmp_path / values["instance"])
    load = values.pop("load", lambda path: path.read_bytes().decode())
    with Following(
        url, "churn", "production", load=load, pipeline=own, cache=cache, **values
    ) as following:
        yield following


def _until(holds) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def feature(registry, store):
    """churn@1 serves with the old pipeline; churn@2 is validated with the new one."""
    _add(registry, store, "1", "old")
    _add(registry, store, "2", "new")
    _release(registry, "old", "churn@1")
    return registry


def _observed(registry):
    (found,) = registry.observed("production", "churn")
    return found


def test_each_host_serves_the_pair_of_its_own_pipeline_through_a_rollout(feature, url, tmp_path):
    with _host(url, OLD, tmp_path) as old:
        assert old.value == "1"
        with pytest.raises(PipelineMismatch, match=f"runs pipeline {NEW}, but production declares"):
            _host(url, NEW, tmp_path).__enter__()
        _release(feature, "new", "churn@2", stage=True)
        with _host(url, NEW, tmp_path) as new:
            assert (old.value, new.value) == ("1", "2")
            _until(lambda: _observed(feature)["sides"] == {"serving": 1, "backup": 0, "staged": 1})
            feature.finish_release("production", "churn", actor="t")
            with _host(url, OLD, tmp_path, instance="restarted") as restarted:
                assert restarted.value == "1"
                sides = {"serving": 1, "backup": 2, "staged": 0}
                _until(lambda: _observed(feature)["sides"] == sides)
            feature.rollback("churn", "production", actor="t")
            time.sleep(0.1)
            assert (old.value, new.value) == ("1", "2")
    with pytest.raises(PipelineMismatch):
        _host(url, NEW, tmp_path).__enter__()


def test_a_rollback_is_a_load_from_the_own_disk(feature, store, url, tmp_path):
    _add(feature, store, "3", "old")
    feature.promote("churn@3", "production", actor="t")
    with _host(url, OLD, tmp_path) as host:
        assert host.value == "3"
        _until(lambda: _observed(feature)["standby"] == 1)
        for file in store.rglob("files/md5/*/*"):
            file.unlink()
        feature.rollback("churn", "production", actor="t")
        _until(lambda: host.value == "1")


def test_what_cannot_be_fetched_ahead_is_said_and_stands_in_nobodys_way(
    feature, store, url, tmp_path, caplog
):
    _add(feature, store, "3", "old")
    feature.promote("churn@3", "production", actor="t")
    name = a_copy("1").object
    (store / "files" / "md5" / name[:2] / name[2:]).write_bytes(b"x")
    with caplog.at_level(logging.WARNING), _host(url, OLD, tmp_path) as host:
        _until(lambda: "churn@1 cannot be fetched ahead" in caplog.text)
        assert host.value == "3"
        assert _observed(feature)["standby"] == 0


def test_a_host_with_the_same_pipeline_holds_what_is_staged(feature, store, url, tmp_path):
    _add(feature, store, "3", "old")
    _release(feature, "old", "churn@3", stage=True)
    with _host(url, OLD, tmp_path) as host:
        _until(lambda: len(list((tmp_path / OLD[5:9]).rglob("files/*/*"))) == 2)
        assert host.value == "1"


def test_a_host_does_not_go_back_to_an_older_revision(feature, store, url, tmp_path, caplog):
    """A registry that is restored from a backup says what served before."""
    _add(feature, store, "3", "old")
    file = tmp_path.joinpath(url.removeprefix("sqlite:///"))
    before = file.read_bytes()
    feature.promote("churn@3", "production", actor="t")
    with _host(url, OLD, tmp_path) as host:
        assert host.value == "3"
        feature.close()
        file.write_bytes(before)
        with caplog.at_level(logging.WARNING):
            _until(lambda: "this host has seen revision" in caplog.text)
        assert host.value == "3"
    with pytest.raises(Conflict, match="is at revision 1, and this host has seen revision 2"):
        _host(url, OLD, tmp_path).__enter__()
    with _host(url, OLD, tmp_path, accept_older=True) as host:
        assert host.value == "1"
    with _host(url, OLD, tmp_path) as host:
        assert host.value == "1"


def test_a_host_of_a_server_is_let_go_back_when_it_starts(
    feature, store, url, tmp_path, monkeypatch
):
    """Its client remembers the history by itself; a parameter of the host's tells it too."""
    _add(feature, store, "3", "old")
    made = feature.create_token(NewToken("host", ("read", "observe")), actor="t")
    file = tmp_path.joinpath(url.removeprefix("sqlite:///"))
    before = file.read_bytes()
    feature.promote("churn@3", "production", actor="t")
    monkeypatch.setenv("LINEAGE_TOKEN", made["token"])
    monkeypatch.setenv("LINEAGE_ALLOW_HTTP", "1")
    with registry_server(url) as address:
        named = address.replace("127.0.0.1", "127.1")  # what is on loopback is not remembered
        with _host(f"{named}/", OLD, tmp_path) as host:
            assert host.value == "3"
        feature.close()
        put_back = file.with_name("new")
        put_back.write_bytes(before)
        for beside in ("-wal", "-shm"):
            file.with_name(file.name + beside).unlink(missing_ok=True)
        put_back.replace(file)
        with pytest.raises(Conflict, match="an older state was put back"):
            _host(f"{named}/", OLD, tmp_path).__enter__()
        with _host(f"{named}/", OLD, tmp_path, accept_older=True) as host:
            assert host.value == "1"
        with _host(named, OLD, tmp_path) as host:
            assert host.value == "1"


def test_nothing_serves(registry, store, url, tmp_path):
    _add(registry, store, "1", "old")
    with pytest.raises(NotFound, match=r"churn does not serve in production\."):
        _host(url, OLD, tmp_path).__enter__()


@pytest.mark.parametrize("spoiled", [b"", b"[]", b'{"revision": "9"}', b'{"revision": -1}'])
def test_a_spoiled_note_of_what_was_seen_is_none(feature, url, tmp_path, spoiled):
    path = kept.path("revision", url, "production", "churn")
    path.parent.mkdir(parents=True)
    path.write_bytes(spoiled)
    with _host(url, OLD, tmp_path) as host:
        assert host.value == "1"


def test_an_answer_that_is_older_is_not_kept_for_later_either(feature, store, url, tmp_path):
    _add(feature, store, "3", "old")
    file = tmp_path.joinpath(url.removeprefix("sqlite:///"))
    before = file.read_bytes()
    feature.promote("churn@3", "production", actor="t")
    ever = dt.timedelta.max
    with _host(url, OLD, tmp_path, oldest=ever):
        pass
    feature.close()
    file.write_bytes(before)
    with pytest.raises(Conflict, match="this host has seen revision 2"):
        _host(url, OLD, tmp_path, oldest=ever).__enter__()
    file.unlink()
    with _host(url, OLD, tmp_path, oldest=ever) as host:
        assert host.value == "3"


def test_what_was_last_known_is_not_older_than_what_was_seen(feature, store, url, tmp_path):
    """Another service of this host has seen the slot move on since."""
    ever = dt.timedelta.max
    with _host(url, OLD, tmp_path, oldest=ever):
        pass
    _release(feature, "new", "churn@2")
    with _host(url, NEW, tmp_path, oldest=ever):
        pass
    feature.close()
    tmp_path.joinpath(url.removeprefix("sqlite:///")).unlink()
    with pytest.raises(Conflict, match="this host has seen revision 2"):
        _host(url, OLD, tmp_path, oldest=ever).__enter__()
    with _host(url, OLD, tmp_path, oldest=ever, accept_older=True) as host:
        assert host.value == "1"


def test_what_a_host_held_before_is_no_claim_on_another_backup(feature, store, url, tmp_path):
    """The slot moved on to weights that are nowhere: neither they nor its backup come here."""
    for seed in "3456":
        _add(feature, store, seed, "old")
    feature.promote("churn@3", "production", actor="t")
    with _host(url, OLD, tmp_path) as host:
        _until(lambda: _observed(feature)["standby"] == 1)
        for seed in "45":
            name = a_copy(seed).object
            (store / "files" / "md5" / name[:2] / name[2:]).unlink()
        feature.promote("churn@4", "production", actor="t")
        feature.set_backup("churn@5", "production", actor="t")
        slot = feature.serving("churn", "production")
        revision, backup = slot.revision, slot.backup.weights
        _until(lambda: (host._revision.seen, host._backup) == (revision, backup))
        host._try_to_report()
        (row,) = feature.observations("churn", "production")
        assert (host.value, row["revision"], row["standby"]) == ("3", revision, False)


def test_what_is_held_is_news_also_where_the_next_cannot_be_fetched(feature, store, tmp_path):
    _add(feature, store, "3", "old")
    feature.promote("churn@3", "production", actor="t")
    backup = feature.serving("churn", "production").backup
    gone = replace(backup, version=2, weights="xxh3:" + "0" * 32)

    def stored(version):
        if version is gone:
            raise NotFound("It is nowhere.", remedy="Store it.")
        return feature.stored(version.ref)

    ahead = Ahead(WeightsCache(tmp_path / "c"), "churn")
    ahead._fetch([backup, gone], stored)
    assert ahead.has_news
    assert (ahead.holds(backup.weights), ahead.holds(gone.weights), ahead.has_news) == (
        True, False, False,
    )  # fmt: skip


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf"), "x", None, 1e9])
def test_a_host_that_could_not_look_again_does_not_start(feature, url, tmp_path, every):
    with pytest.raises(UsageError, match="cannot look every"):
        _host(url, OLD, tmp_path, every=every).__enter__()


@pytest.mark.parametrize("instance", ["", " ", "a\nb", "x" * 201])
def test_a_host_that_could_not_report_does_not_start(feature, url, tmp_path, instance):
    with pytest.raises(UsageError, match="1 to 200 printable characters"):
        _host(url, OLD, tmp_path / "c", instance=instance).__enter__()


def test_a_host_goes_on_under_the_name_that_its_model_had(feature, store, url, tmp_path):
    ever = dt.timedelta.max
    with _host(url, OLD, tmp_path, oldest=ever) as host:
        feature.rename_model("churn", "attrition", actor="t")
        ref = _add(feature, store, "3", "old")
        feature.promote(ref, "production", actor="t")
        _until(lambda: host.value == "3")
        assert host.ref == ref == "attrition@3"
        _until(lambda: _observed(feature)["in_step"] == 1)
    with _host(url, OLD, tmp_path, oldest=ever):
        pass
    feature.close()
    tmp_path.joinpath(url.removeprefix("sqlite:///")).unlink()
    with _host(url, OLD, tmp_path, oldest=ever) as host:
        assert host.value == "3"
