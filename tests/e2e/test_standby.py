"""A primary that dies while clients write, and a standby that takes its place.

With ``synchronous_commit = on`` and a synchronous standby, no write that was acknowledged is missing
on the new primary, nothing there contradicts the history, and the invariant holds.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from dataclasses import dataclass, field

import httpx
import pytest

from lineage.connection import connect
from tests.conftest import make_registry
from tests.integration.api.test_service import SLOT, _fill
from tests.support import LONG
from tests.support.servers import registry_server
from tests.support.standby import Replicated

CLIENTS = 6
WRITES = 400 if LONG else 40
"""Acknowledged writes before the primary dies, and as many after the standby was promoted."""


@dataclass
class Acknowledged:
    """What clients were told has happened."""

    models: set[str] = field(default_factory=set)
    revisions: set[int] = field(default_factory=set)
    refused: int = 0

    @property
    def count(self) -> int:
        return len(self.models) + len(self.revisions)


def _write(addresses: list[str], told: Acknowledged, stop: threading.Event) -> None:
    """Write to whichever server answers; note only what was acknowledged."""
    number, which = 2, 0
    with httpx.Client(timeout=20) as client:
        while not stop.is_set():
            name = f"m{uuid.uuid4().hex[:12]}"
            base = addresses[which]
            try:
                made = client.post(f"{base}/v1/models", json={"name": name})
                if made.status_code == 201:
                    told.models.add(name)
                moved = client.post(f"{base}{SLOT}/promote", json={"version": str(number)})
                if moved.status_code == 200:
                    told.revisions.add(moved.json()["revision"])
                    number = 5 - number
                refused = made.status_code == 503 or moved.status_code == 503
            except httpx.TransportError:
                refused = True
            if refused:
                told.refused += 1
                which = 1 - which
                time.sleep(0.02)


def _until(told: Acknowledged, count: int) -> None:
    end = time.monotonic() + 300
    while told.count < count:
        assert time.monotonic() < end, f"{told.count} of {count} writes"
        time.sleep(0.02)


@pytest.fixture
def replicated():
    made = Replicated()
    yield made
    made.close()


def test_no_acknowledged_write_is_missing_on_a_standby_that_takes_over(replicated):
    make_registry(replicated.primary_url, _fill)
    told, stop = Acknowledged(), threading.Event()
    with contextlib.ExitStack() as stack:
        addresses = [
            stack.enter_context(registry_server(url, no_auth=True))
            for url in (replicated.primary_url, replicated.standby_url)
        ]
        writers = [
            threading.Thread(target=_write, args=(addresses, told, stop)) for _ in range(CLIENTS)
        ]
        for writer in writers:
            writer.start()
        try:
            _until(told, WRITES)
            with connect(replicated.primary_url) as registry:
                kept = registry.checkpoint()
            replicated.kill_primary()
            before = told.count
            replicated.promote()
            _until(told, before + WRITES)
        finally:
            stop.set()
            for writer in writers:
                writer.join(60)
        served = httpx.get(f"{addresses[1]}{SLOT}").json()
    with connect(replicated.standby_url) as registry:
        assert registry.audit(against=[kept]).problems == ()
        assert registry.check().problems == ()
        events = registry.events(limit=1_000_000)
        revisions = {
            state["revision"]
            for event in events
            for state in event["payload"].get("slots", {}).values()
        }
        models = {row["name"] for row in registry.models()}
        assert served["revision"] == registry.serving("churn", "production").revision
    assert told.models <= models, f"{len(told.models - models)} of {len(told.models)} are missing"
    assert told.revisions <= revisions
    assert told.refused, "it was away for a while"
    print(f"{told.count} acknowledged writes, {before} of them before, none missing")
