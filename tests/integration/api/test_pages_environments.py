"""The page of environments: every slot that is open, and those first that need somebody."""

from __future__ import annotations

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken, Observed
from lineage.identity.digest import xxh3
from tests.conftest import BOTH, captured_pipeline, make_registry
from tests.support.filled import fill
from tests.support.servers import registry_server
from tests.support.visiting import visiting


@pytest.fixture
def pages(database):
    make_registry(database, fill)
    with registry_server(database, no_auth=True) as address, visiting(address) as visitor:
        yield visitor


@BOTH
def test_every_slot_is_shown_with_its_state_in_words(pages, database):
    read = pages.get("/")
    assert "1 of 2 slots needs somebody." in read.text
    assert read.text.index("other in canary") < read.text.index("churn in production")
    assert "waiver t waived validated: the fire" in read.text
    assert "no backup Nothing stands by" in read.text
    assert "in order What serves is proven" in read.text
    assert "/environments/production/models/churn" in read.links
    with connect(database) as registry:
        registry.validate("churn@2", captured_pipeline(), passed=False, actor="t")
        seen = Observed("b", xxh3(b"9"), "2026-11-20T08:00:00Z")
        registry.report("churn", "production", seen, actor="b")
    read = pages.get("/")
    assert "2 of 2 slots need somebody." in read.text
    assert read.text.index("churn in production") < read.text.index("other in canary")
    assert "contradicted The newest validation of what serves" in read.text
    assert "1 foreign" in read.text


def test_one_environment_can_be_chosen(pages):
    read = pages.get("/?environment=canary")
    assert "other in canary" in read.text
    assert "churn in production" not in read.text
    assert "There is no environment" in pages.get("/?environment=nowhere", 404).text
    assert "cannot be understood" in pages.get("/?skip=x", 422).text


def test_a_bound_token_sees_its_own_slots_alone(database):
    make_registry(database, fill)
    with connect(database) as registry:
        bound = registry.create_token(
            NewToken("ana", ("read",), environments=("canary",)), actor="t"
        )
        observer = registry.create_token(NewToken("host", ("register",)), actor="t")
    with registry_server(database) as address:
        with visiting(address, bound["token"]) as visitor:
            text = visitor.get("/").text
            assert "other in canary" in text
            assert "churn" not in text
            refused = visitor.get("/?environment=production", 403)
            assert "bound to other environments" in refused.text
            assert "Signed in as ana" in refused.text
        with visiting(address, observer["token"]) as visitor:
            assert "lacks the scope read" in visitor.get("/", 403).text


def test_what_is_nowhere_is_a_page_for_people_and_a_problem_for_programs(pages):
    assert "There is no page at this address" in pages.get("/nowhere", 404).text
    for path, accept in (("/nowhere", "application/json"), ("/v1/nowhere", "text/html")):
        answer = pages.client.get(path, headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "no-such-route"


def test_pages_are_kept_nowhere_and_load_nothing_from_elsewhere(pages):
    answer = pages.client.get("/")
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert "frame-ancestors 'none'" in policy
    read = pages.get("/")
    loaded = [
        said.get("src") or said.get("href") for tag, said in read.tags if tag in ("script", "link")
    ]
    assert len(loaded) == 4
    for path in loaded:
        asset = pages.client.get(path)
        assert asset.status_code == 200
        assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert asset.headers["x-content-type-options"] == "nosniff"
        assert pages.client.get(path[:-1]).headers["cache-control"] == "no-cache"
    assert not any(
        "style" in said or any(name.startswith("on") for name in said) for _, said in read.tags
    )
    pages.get("/assets/..%2fsite.py", 404)
    pages.get("/assets/site.py", 404)
