"""The page of the guard: a version in an environment, failures first, the pipelines side by side."""

from __future__ import annotations

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from tests.conftest import BOTH, add_validated, captured_pipeline, make_registry
from tests.support.servers import registry_server
from tests.support.visiting import visiting


def _fill(registry):
    add_validated(registry, "1")
    add_validated(registry, "2", text="new <b>\u202e")
    add_validated(registry, "3", model="other")
    registry.release("production", captured_pipeline("old"), actor="t")
    registry.promote("churn@1", "production", actor="t")


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


@pytest.fixture
def pages(filled):
    with registry_server(filled, no_auth=True) as address, visiting(address) as visitor:
        yield visitor


@BOTH
def test_the_guard_is_asked_about_any_version_and_shows_both_pipelines(pages):
    form = pages.get("/guard").form("/guard")
    assert form.method == "get"
    read = pages.get("/guard?version=churn@2&environment=production")
    assert "churn@2: refused" in read.text
    assert read.text.index("fails pipeline-match") < read.text.index("holds"), "failures first"
    assert "validated: xxh3:" in read.text
    assert "runs there: xxh3:" in read.text
    assert 'parameter top stage featurize "new <b>\\u202e" old' in read.text
    assert ("del", {}) in read.tags, "what is gone is told by a sign, and by its column"
    assert ("ins", {}) in read.tags
    assert "/environments/production/models/churn" in read.links
    read = pages.get("/guard?version=churn@1&environment=production")
    assert "churn@1: allowed" in read.text
    assert "The two pipelines" not in read.text
    assert "/guard?version=churn%401" in pages.get("/models/churn/versions/1").links


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("version=churn@99&environment=production", 404, "churn@99"),
        ("version=churn@1&environment=nowhere", 404, "nowhere"),
        ("version=<b>&environment=production", 422, "<b>"),
        ("version=" + "x" * 301, 422, "cannot be understood"),
        ("version=churn@1&environment=", 200, "May it serve?"),
    ],
)
def test_what_cannot_be_decided_is_told(query, status, sentence, pages):
    assert sentence in pages.get(f"/guard?{query}", status).text


def test_who_is_bound_asks_about_their_own(filled):
    with connect(filled) as registry:
        bound = NewToken("ana", ("read",), models=("churn",))
        token = registry.create_token(bound, actor="t")["token"]
    with registry_server(filled) as address, visiting(address, token) as visitor:
        read = visitor.get("/guard?version=churn@2&environment=production")
        assert "churn@2: refused" in read.text
        read = visitor.get("/guard?version=other@1&environment=production", 403)
        assert "bound to other models" in read.text
