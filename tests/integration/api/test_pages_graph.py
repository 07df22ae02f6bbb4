"""The page of what made a version: one hop, opened by plain links, drawn and in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.identity.chain import Chain, StageRun
from lineage.identity.components import DataItem, DataVersion, Kind, Known
from lineage.identity.digest import Digest
from tests.conftest import BOTH, add_version, captured, captured_pipeline, make_registry
from tests.support.filled import with_chain
from tests.support.servers import registry_server
from tests.support.visiting import visiting

WEIGHTS = "md5:" + "c" * 32
NODES = 280
GRAPH = "/models/churn/versions/1/graph"


def _fill(registry):
    registry.register("churn", with_chain(captured("6")), kind=Kind.EXPERIMENT, actor="t")
    registry.register("churn", with_chain(captured("6")), kind=Kind.EXPERIMENT, actor="t")
    add_version(registry, "7", model="other")
    for number in range(21):
        tuned = replace(captured(str(100 + number)), stored=())
        registry.register("tuned", tuned, parent="churn@1", kind=Kind.EXPERIMENT, actor="t")


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


@pytest.fixture
def pages(filled):
    with registry_server(filled, no_auth=True) as address, visiting(address) as visitor:
        yield visitor


@BOTH
def test_a_graph_is_opened_hop_by_hop_until_the_origin(pages):
    assert GRAPH in pages.get("/models/churn/versions/1").links
    read = pages.get(GRAPH)
    assert "train run" not in read.text
    assert "more, behind its link" in read.text
    for _ in range(10):
        further = [link for link in read.links if "open=" in link]
        if not further:
            break
        read = pages.get(further[0])
    assert "train" in read.text
    assert "origin" in read.text
    assert "Open all" not in read.text
    whole = pages.get(f"{GRAPH}?all=1")
    assert "more, behind its link" not in whole.text
    rects = [said for tag, said in whole.tags if tag == "rect"]
    assert len(rects) == len([tag for tag, said in whole.tags if said.get("scope") == "row"])
    assert len({(said["x"], said["y"]) for said in rects}) == len(rects), "none lies on another"
    for link in {link for link in whole.links if link.startswith(("/search", "/models"))}:
        pages.get(link)


def test_a_version_says_what_leaked(pages, filled):
    page = "/models/churn/versions/1"
    assert "not known No validation of churn@1 names its data." in pages.get(page).text
    features = DataItem("<b>held.csv", Digest(f"md5:{'b' * 32}"), Known.VERIFIED)
    others = DataItem("plain.csv", Digest(f"xxh3:{'1' * 32}"), Known.VERIFIED)
    with connect(filled) as registry:
        for items in ((others,), (others, features)):
            registry.validate(
                "churn@1", captured_pipeline(), passed=True, data=DataVersion(items), actor="t"
            )
            read = pages.get(page)
            assert "plain.csv cannot be compared" in read.text
            assert ("✕ leaks" in read.text) is bool(registry.leak("churn@1"))
    assert "md5:bbbbbbbb" in read.text.partition("✕ leaks")[2]
    assert "f <b>held.csv" in read.text


def test_the_page_of_a_version_draws_its_first_hop(pages):
    whole, read = pages.get(GRAPH), pages.get("/models/churn/versions/1")
    assert "What made it" in read.text
    rects = [tag for tag, _ in read.tags if tag == "rect"]
    assert 1 < len(rects) <= len([tag for tag, _ in whole.tags if tag == "rect"])
    assert [link for link in read.links if link.startswith(f"{GRAPH}?open=")]


def test_a_first_hop_that_is_too_wide_to_draw_is_left_to_its_graph(database):
    def fill(registry):
        items = [DataItem(f"{n}.csv", Digest(f"md5:{n:032x}"), Known.VERIFIED) for n in range(50)]
        parts = replace(captured("6").components, data=DataVersion(tuple(items)))
        wide = replace(captured("6"), components=parts)
        registry.register("churn", wide, kind=Kind.EXPERIMENT, actor="t")

    make_registry(database, fill)
    with registry_server(database, no_auth=True) as address, visiting(address) as pages:
        read = pages.get("/models/churn/versions/1")
        assert "rect" not in [tag for tag, _ in read.tags]
        assert GRAPH in read.links


def test_what_it_reaches_stands_in_words_too(pages):
    read = pages.get(GRAPH)
    assert "tuned@21 version a version parent churn@1" in read.text
    assert "lineage impact churn@1 lists them, page by page" in read.text
    assert "/models/tuned/versions/21/graph" in read.links
    other = pages.get("/models/other/versions/1/graph").text
    assert "lists them" not in other
    assert "left out" not in other


def test_what_is_left_out_is_told_and_how_to_ask_for_it(database):
    def fill(registry):
        files = {f"{n}.csv": f"md5:{n:032x}" for n in range(NODES)}
        train = StageRun("train", inputs=files, outputs={"m": WEIGHTS})
        large = replace(captured("6"), chain=Chain((train,), WEIGHTS))
        registry.register("churn", large, kind=Kind.EXPERIMENT, actor="t")

    make_registry(database, fill)
    with registry_server(database, no_auth=True) as address, visiting(address) as pages:
        read = pages.get(f"{GRAPH}?all=1")
        assert f"more than the {NODES} nodes that this page reads" in read.text
        assert "lineage trace churn@1 --limit 10000" in read.text
        assert "train run ▲ cut" in read.text
        assert "pipeline ▲ cut" in read.text, "its code comes last"


def test_what_is_not_there_and_what_means_nothing_is_told(pages):
    pages.get("/models/churn/versions/99/graph", 404)
    pages.get(f"{GRAPH}?open=" + "x" * 8001, 422)
    assert "What made churn@1" in pages.get(f"{GRAPH}?open=<b>,,").text


def test_who_is_bound_sees_their_own(filled):
    with connect(filled) as registry:
        bound = NewToken("ana", ("read",), models=("churn",))
        token = registry.create_token(bound, actor="t")["token"]
    with registry_server(filled) as address, visiting(address, token) as visitor:
        assert "churn@1" in visitor.get(GRAPH).text
        visitor.get("/models/other/versions/1/graph", 403)
