"""The page of the history: filtered, page by page, each event leading to what it concerns."""

from __future__ import annotations

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from tests.conftest import BOTH, add_validated, captured_pipeline, make_registry
from tests.support.servers import registry_server
from tests.support.visiting import visiting


def _fill(registry):
    for seed in "12":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline("old"), actor="t")
    registry.promote("churn@1", "production", actor="t")
    registry.promote("churn@2", "production", reason="<b>better</b> \u202ethan", actor="ana")
    registry.add_model("other", actor="t")
    registry.share_pipeline("churn", "other", actor="t")
    registry.create_token(NewToken("bound", ("read",), models=("churn",)), actor="t")


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


@pytest.fixture
def pages(filled):
    with registry_server(filled, no_auth=True) as address, visiting(address) as visitor:
        yield visitor


@BOTH
def test_every_event_leads_to_what_it_concerns(pages):
    read = pages.get("/history")
    assert "“ <b>better</b> \\u202ethan ”" in read.text
    led = {link for link in read.links if not link.startswith("/history")}
    assert "/environments/production/models/churn" in led
    assert "/models/churn/versions/1" in led
    assert "/models/other" in led
    assert "/pipelines/churn" in led
    assert "/?environment=production" in led
    for link in led:
        pages.get(link)


@BOTH
def test_the_history_is_filtered_as_log_does(pages):
    read = pages.get("/history?who=ana&what=promoted&model=churn&environment=production&since=7d")
    assert "better" in read.text
    assert read.links.count("/models/churn/versions/2") == 1, "one event"
    form = read.form("/history")
    assert (form.fields["who"], form.fields["since"]) == ("ana", "7d")
    assert "No events." in pages.get("/history?until=2001-01-01").text


def test_it_comes_page_by_page(pages, filled):
    with connect(filled) as registry:
        for number in range(60):
            registry.promote(f"churn@{1 + number % 2}", "production", actor=f"mover-{number:02}")
    read = pages.get("/history?model=churn")
    assert "mover-59" in read.text
    (older,) = [link for link in read.links if "model=churn" in link]
    read = pages.get(older)
    assert "mover-59" not in read.text
    assert "mover-00" in read.text
    assert [link for link in read.links if "before=" in link and "model=" in link] == []
    one = pages.get(next(link for link in read.links if "before=" in link))
    assert "Newest events" in one.text


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("since=yesterday", 422, "yesterday"),
        ("what=eaten", 422, "eaten"),
        ("model=nothing", 404, "nothing"),
        ("who=<b>", 404, "<b>"),
        ("before=0", 422, "cannot be understood"),
    ],
)
def test_a_filter_that_means_nothing_is_told(query, status, sentence, pages):
    assert sentence in pages.get(f"/history?{query}", status).text


def test_it_is_for_those_who_are_bound_to_nothing(filled):
    with connect(filled) as registry:
        bound = NewToken("ana", ("read",), models=("churn",))
        token = registry.create_token(bound, actor="t")["token"]
    with registry_server(filled) as address, visiting(address, token) as visitor:
        assert "bound" in visitor.get("/history", 403).text
