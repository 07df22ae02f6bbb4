"""A host that counts what it serves: by windows, on the validation's scale, also while alone."""

from __future__ import annotations

import logging
import time

import pytest

from lineage import kept
from lineage.connection import connect
from lineage.errors import RegistryUnreachable, UsageError
from lineage.evidence.parts import Part
from lineage.host import windows
from lineage.host.windows import Windows
from tests.conftest import add_validated, captured_pipeline
from tests.integration.host.test_follow import OLD, _add, _host, _release, store  # noqa: F401
from tests.integration.registry.test_windows import OTHER, PROFILE, serve


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class Clock:
    """The time of this process, for who counts windows by it."""

    def __init__(self, monkeypatch):
        self.now = time.time()
        monkeypatch.setattr(windows.time, "time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def counting(url, instance="host-1"):
    return Windows(url, "churn", "production", instance, "t", 60)


def here(registry):
    from contextlib import nullcontext

    return lambda: nullcontext(registry)


def away():
    raise RegistryUnreachable("The registry is away.", remedy="Wait.")


def ages(registry, **asked):
    return [Part.parse(one.counts, PROFILE).columns["age"].bins for one in registry.windows("churn", "production", **asked)]  # fmt: skip


@pytest.fixture
def slot(registry):
    serve(registry)
    return registry


def test_windows_are_sent_when_they_are_over(slot, url, clock):
    host = counting(url)
    for age in (0.5, 1.5, 1.5):
        host.observe("churn@1", OLD, {"age": age}, 0.7)
    host.send(here(slot))
    assert ages(slot) == []
    clock.now += 60
    host.observe("churn@1", OLD, {"age": [0.5, None]}, None)
    host.send(here(slot))
    assert ages(slot) == [(1, 2)]
    host.send(here(slot), all_of_it=True)
    first, second = slot.windows("churn", "production", by_host=True)
    assert (first.rows, second.rows, [*second.hosts]) == (3, 2, ["host-1"])
    assert Part.parse(first.counts, PROFILE).score.bins == (0, 3)
    assert second.counts["score"]["null"] == 2
    host.send(here(slot), all_of_it=True)
    assert len(slot.windows("churn", "production")) == 2


def test_what_was_seen_is_kept_while_the_registry_is_away_and_counts_once(slot, url, clock, caplog):
    host = counting(url)
    for _ in range(3):
        host.observe("churn@1", OLD, {"age": [0.5]}, [0.1])
        clock.now += 60
        with caplog.at_level(logging.WARNING):
            host.send(away)
    assert caplog.text.count("what churn saw is kept: The registry is away.") == 1
    assert ages(slot) == []
    host.observe("churn@1", OLD, {"age": [0.5]}, [0.1])
    another = counting(url, "host-2")
    another.send(here(slot))
    assert ages(slot) == [(1, 0)] * 3
    folder = kept.path("windows", url, "churn", "production").with_suffix("")
    assert list(folder.iterdir()) == []
    host.send(here(slot), all_of_it=True)
    hosts = [one.hosts for one in slot.windows("churn", "production", by_host=True)]
    assert [[*one] for one in hosts] == [["host-1"]] * 4
    (folder / "zz.json").write_text("{}")
    another.send(here(slot))
    assert list(folder.iterdir()) == []


def test_what_is_kept_is_bounded_and_what_is_refused_is_dropped(
    slot, url, clock, monkeypatch, caplog
):
    monkeypatch.setattr(windows, "MOST_KEPT", 2)
    host = counting(url)
    clock.now -= 9 * 86_400
    for _ in range(2):
        host.observe("churn@1", OLD, {"age": [0.5]}, None)
        clock.now += 60
        host.send(away)
    clock.now += 9 * 86_400
    host.observe("churn@1", OLD, {"age": [1.5]}, None)
    clock.now += 60
    host.send(away)
    with caplog.at_level(logging.WARNING):
        host.send(here(slot))
    assert caplog.text.count("is lost: The window of") == 1
    assert ages(slot) == [(0, 1)]


def test_what_was_served_by_the_version_before_counts_for_it(slot, url, clock):
    add_validated(slot, "2")
    host = counting(url)
    host.observe("churn@1", OLD, {"age": [0.5]}, None)
    slot.validate("churn@2", captured_pipeline(), passed=True, profile=OTHER, actor="t")
    slot.promote("churn@2", "production", actor="t")
    host.observe("churn@2", OLD, {"age": [0.5]}, None)
    host.observe("churn@1", OLD, {"age": [1.5]}, None)
    host.send(here(slot), all_of_it=True)
    seen = {(one.version, one.profile): one.rows for one in slot.windows("churn", "production")}
    assert seen == {(1, PROFILE.digest): 2, (2, OTHER.digest): 1}


def test_without_a_profile_nothing_is_counted_until_there_is_one(
    registry, url, clock, caplog, monkeypatch
):
    add_validated(registry)
    host = counting(url)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            host.observe("churn@1", OLD, {"age": [0.5]}, None)
    assert caplog.text.count("what churn@1 sees is not counted: churn@1 has no validation") == 1
    host.send(here(registry))
    assert caplog.text.count("is not counted") == 1
    registry.validate("churn@1", captured_pipeline(), passed=True, profile=PROFILE, actor="t")
    _release(registry, "old", "churn@1")
    host.observe("churn@1", OLD, {"age": [0.5]}, None)
    host.send(here(registry))
    host.observe("churn@1", OLD, {"age": [0.5]}, None)
    host.send(here(registry), all_of_it=True)
    assert ages(registry) == [(1, 0)]
    alone = counting(url)
    monkeypatch.setattr(windows, "connect", lambda _: away())
    alone.observe("churn@1", OLD, {"age": [0.5]}, None)
    alone.send(here(registry), all_of_it=True)
    assert ages(registry) == [(2, 0)]


@pytest.mark.parametrize("database", ["sqlite", "server"], indirect=True)
def test_a_service_says_what_it_serves_and_the_registry_is_told(registry, store, url, tmp_path):  # noqa: F811
    _add(registry, store, "1", "old")
    registry.validate("churn@1", captured_pipeline(), passed=True, profile=PROFILE, actor="t")
    _release(registry, "old", "churn@1")
    with pytest.raises(UsageError, match="cannot be of 7 seconds"):
        _host(url, OLD, tmp_path, window=7).__enter__()
    with _host(url, OLD, tmp_path, window=86_400) as host:
        host.observe({"age": [0.5, 1.5]}, [0.1, 0.9], of=host.loaded)
        with pytest.raises(UsageError, match="There are 1 rows, and 2 scores"):
            host.observe({"age": [0.5]}, [0.1, 0.9])
    with connect(url) as again:
        assert ages(again) == [(1, 1)]
