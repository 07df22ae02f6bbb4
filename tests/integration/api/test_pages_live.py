"""Pages that are open: told that something moved, by whomever, until the token ends or the server stops."""

from __future__ import annotations

import dataclasses
import datetime as dt
from contextlib import ExitStack, contextmanager

import pytest

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.requests import NewToken, Observed
from lineage.identity.digest import xxh3
from tests.conftest import BOTH, add_validated, captured_pipeline, make_registry
from tests.support.servers import registry_server
from tests.support.visiting import visiting

SLOT = "/environments/production/models/churn"
OF_SLOT = "/live?environment=production&model=churn"


def _fill(registry):
    for seed in "123":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline("old"), actor="t")
    registry.promote("churn@1", "production", actor="t")
    registry.promote("churn@2", "production", actor="t")


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


@pytest.fixture
def registry(filled):
    with connect(filled) as opened:
        yield opened


@contextmanager
def _told(visitor, address):
    """The events that an open page is told, one after the other."""
    with visitor.client.stream("GET", address) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        lines = (line.removeprefix("event: ") for line in answer.iter_lines())
        yield (line for line in lines if line in ("changed", "ended"))


def _address(page):
    """Where a page says that its stream is."""
    return next(said["data-live"] for tag, said in page.tags if tag == "main")


@BOTH
def test_an_open_page_is_told_what_moves_until_the_server_stops(filled, registry):
    token = registry.create_token(NewToken("ana", ("read",)), actor="t")
    with ExitStack() as looking:
        with registry_server(filled) as address:
            visitor = looking.enter_context(visiting(address, token["token"]))
            slot, everything = _address(visitor.get(SLOT)), _address(visitor.get("/"))
            of_slot = looking.enter_context(_told(visitor, slot))
            of_all = looking.enter_context(_told(visitor, everything))
            registry.promote("churn@3", "production", actor="bob")
            assert (next(of_slot), next(of_all)) == ("changed", "changed")
            seen = Observed("host", xxh3(b"9"), "2026-11-20T08:00:00Z")
            registry.report("churn", "production", seen, actor="a")
            assert (next(of_slot), next(of_all)) == ("changed", "changed")
            with _told(visitor, slot) as of_old:
                assert next(of_old) == "changed", "the page was made before that"
        assert [*of_slot, *of_all] == []


def test_hosts_in_another_state_are_told_also_where_no_answer_is_another(filled, registry):
    seen = Observed("host", xxh3(b"2"), "2026-11-20T08:00:00Z")
    registry.report("churn", "production", seen, actor="a")
    with (
        registry_server(filled, no_auth=True) as address,
        visiting(address) as visitor,
        _told(visitor, _address(visitor.get(SLOT))) as of_slot,
    ):
        registry.validate("churn@2", captured_pipeline("old"), passed=True, actor="t")
        assert next(of_slot) == "changed"  # by now it is known what the hosts were
        elsewhere = dataclasses.replace(seen, pipeline=str(xxh3(b"another")))
        registry.report("churn", "production", elsewhere, actor="a")
        assert next(of_slot) == "changed"


def test_a_stream_ends_with_its_token(filled, registry):
    token = registry.create_token(NewToken("ana", ("read",)), actor="t")
    with registry_server(filled) as address, visiting(address, token["token"]) as visitor:
        assert visitor.client.get(OF_SLOT.replace("churn", "other")).status_code == 404
        with _told(visitor, _address(visitor.get(SLOT))) as of_slot:
            registry.revoke_token(token["id"], actor="t")
            assert list(of_slot) == ["ended"]
        with _told(visitor, OF_SLOT) as of_slot:
            assert list(of_slot) == ["ended"], "it opens nothing any more"


def test_a_stream_ends_when_the_time_of_its_token_is_over(filled, registry):
    soon = timestamps.written(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2))
    token = registry.create_token(NewToken("ana", ("read",), expires_at=soon), actor="t")
    with registry_server(filled) as address, visiting(address) as visitor:
        visitor.client.cookies.set("lineage-token", token["token"])
        with _told(visitor, OF_SLOT) as of_slot:
            assert list(of_slot)[-1] == "ended"


def test_a_stream_is_open_to_whom_its_page_is(filled, registry):
    bound = NewToken("host", ("read",), environments=("canary",))
    token = registry.create_token(bound, actor="t")["token"]
    with registry_server(filled) as address, visiting(address) as visitor:
        with _told(visitor, OF_SLOT) as of_slot:
            assert list(of_slot) == ["ended"], "nobody is signed in"
        visitor.sign_in(token)
        assert visitor.client.get(OF_SLOT).status_code == 403
        elsewhere = visitor.client.get(OF_SLOT, headers={"Sec-Fetch-Site": "cross-site"})
        assert elsewhere.status_code == 403
