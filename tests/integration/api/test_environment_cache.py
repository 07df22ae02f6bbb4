"""The environments that pages share: which of their slots are read anew after a change."""

from __future__ import annotations

import asyncio
import time

import pytest
from lineage.api import known
from lineage.api.change_detection import detector_of
from lineage.api.environment_cache import EnvironmentCache
from lineage.api.known import Look

from lineage.connection import connect
from lineage.identity.components import EnvironmentKind
from tests.conftest import make_registry
from tests.integration.api.test_behind_the_back import plain_sql
from tests.support.filled import fill


class Reading:
    """A registry that notes what of its slots is kept, and lets something come in meanwhile."""

    def __init__(self, registry, meanwhile=lambda: None):
        self._registry = registry
        self._meanwhile = meanwhile
        self.kept = set()

    def basis(self):
        return self._registry.basis()

    def environments_on_grounds(self, kept, with_basis):
        self.kept = set(kept)
        self._meanwhile()
        return self._registry.environments_on_grounds(kept, with_basis)


@pytest.fixture
def read_at(database, monkeypatch):
    """The version that a filled registry is at, asked for anew at each call, and the registry."""
    monkeypatch.setattr(known, "CONFIRMED_FOR", 0.0)  # what no look confirms is read anew
    make_registry(database, fill)
    with connect(database) as registry, asyncio.Runner() as runner:
        detector = detector_of(database, 10.0, lambda: None)

        async def version():
            return await detector.version()

        yield lambda: runner.run(version()), registry
        runner.run(detector.close())


@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_look_confirms_what_was_read_before_and_while_another_one_came(read_at, meanwhile):
    version, registry = read_at
    cache = EnvironmentCache()
    before = Look(time.monotonic(), version(), registry.basis(), None)
    if not meanwhile:
        cache.confirm(before, 60.0)

    def look_again():
        nonlocal before
        if meanwhile:
            before = Look(time.monotonic(), version(), registry.basis(), before)
            cache.confirm(before, 60.0)

    cache.at(version(), Reading(registry, look_again))
    registry.create_environment("sandbox", EnvironmentKind.EXPERIMENTAL, actor="t")
    unconfirmed = Reading(registry, look_again)
    cache.at(version(), unconfirmed)
    assert len(unconfirmed.kept) == (2 if meanwhile else 0), "what it was made of is known, or not"
    registry.edit("churn", description="another", actor="t")
    cache.confirm(Look(time.monotonic(), version(), registry.basis(), before), 60.0)
    confirmed = Reading(registry)
    found = cache.at(version(), confirmed)
    assert {model for _, model in confirmed.kept} == {"other"}
    assert found == registry.environments()


def test_a_slot_that_was_read_before_a_look_read_what_it_is_made_of_is_not_confirmed(
    read_at, database
):
    version, registry = read_at
    cache = EnvironmentCache()
    began = time.monotonic()
    cache.at(version(), registry)
    plain_sql(database, "slot", "UPDATE slot SET serving_promoted_by = 'nobody'")
    look = Look(began, version(), registry.basis(), None)
    cache.confirm(look, 60.0)
    cache.confirm(Look(time.monotonic(), version(), registry.basis(), look), 60.0)
    assert cache.at(version(), registry) == registry.environments()
