"""The search page: names, digests, commits, paths, people and tags, each kind for itself."""

from __future__ import annotations

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.identity.digest import xxh3
from tests.conftest import BOTH, add_validated, captured_pipeline, make_registry
from tests.support.servers import registry_server
from tests.support.visiting import visiting

CHURN = "/models/churn/versions/1"


def _fill(registry):
    add_validated(registry, "1")
    add_validated(registry, "2", model="other", name="other")
    registry.edit("churn@1", tags={"team": "risk"}, actor="t")
    registry.edit("other", description="who leaves <b>", actor="t")
    registry.release("production", captured_pipeline("old"), actor="t")
    registry.promote("churn@1", "production", actor="ana")


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


@pytest.fixture
def pages(filled):
    with registry_server(filled, no_auth=True) as address, visiting(address) as visitor:
        yield visitor


@BOTH
def test_each_kind_of_thing_is_found(pages):
    weights = str(xxh3(b"1"))
    for asked, link in [
        ("chu", "/models/churn"),
        ("leaves", "/models/other"),
        ("churn@1", CHURN),
        ("churn", "/pipelines/churn"),
        ("0000000000000000000000000000000000000001", CHURN),
        (weights[:20], CHURN),
        ("raw.csv", CHURN),
        ("featurize.py", CHURN),
        ("team=risk", CHURN),
        ("ana", "/history?who=ana"),
        ("production", "/?environment=production"),
    ]:
        read = pages.get(f"/search?q={asked}")
        assert link in read.links, (asked, read.text)
        assert read.form("/search").fields["q"] == asked
    assert "serving in production" in pages.get("/search?q=raw.csv").text


@pytest.mark.parametrize(
    "asked", ["<b>nothing</b>", "a'b\"=c''d", 'tag."=x', "xxh3:ffffffffff", "\u202e", "x" * 500]
)
def test_what_is_nowhere_is_told_as_it_was_written(asked, pages):
    from urllib.parse import quote

    assert "is recorded, or open to you" in pages.get(f"/search?q={quote(asked)}").text


def test_nothing_asked_is_only_the_form(pages):
    assert "recorded" not in pages.get("/search").text
    assert pages.get("/search?q=" + "x" * 501, 422)


def test_a_cursor_of_another_list_is_told(pages):
    assert "cursor is not one of this list" in pages.get("/search?q=raw.csv&after=x", 422).text


def test_digests_that_begin_so_are_named(pages):
    read = pages.get("/search?q=git:0000000000")
    assert "names several digests" in read.text


def test_who_is_bound_finds_their_own(filled):
    with connect(filled) as registry:
        bound = NewToken("bea", ("read",), models=("churn",))
        token = registry.create_token(bound, actor="t")["token"]
    with registry_server(filled) as address, visiting(address, token) as visitor:
        assert "/models/churn" in visitor.get("/search?q=churn").links
        for asked in ("other", "leaves", "other@1", str(xxh3(b"2")), "ana"):
            assert "is recorded, or open to you" in visitor.get(f"/search?q={asked}").text, asked
