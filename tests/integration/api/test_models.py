"""Models over HTTP: what is said of them, and what becomes of an address whose model was renamed."""

from __future__ import annotations

import httpx
import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.identity.components import Kind
from tests.conftest import add_validated, captured, captured_pipeline, make_registry
from tests.support.servers import registry_server

SLOT = "/v1/environments/production/models/churn"


@pytest.fixture
def server(database):
    make_registry(database, _fill)
    with registry_server(database, no_auth=True) as url, httpx.Client(base_url=url) as client:
        yield client


def _fill(registry):
    for seed in "12":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
    registry.register("churn", captured("e"), kind=Kind.EXPERIMENT, actor="t")


def test_an_old_address_answers_and_names_the_present_one(server):
    before = server.get(SLOT)
    assert "link" not in before.headers
    renamed = server.post("/v1/models/churn/rename", json={"to": "attrition"})
    assert (renamed.status_code, renamed.json()["former_names"]) == (200, ["churn"])
    for _ in range(2):  # read, and from memory
        found = server.get(SLOT)
        assert (found.json()["model"], found.json()["serving"]["ref"]) == (
            "attrition",
            "attrition@1",
        )
        present = "/v1/environments/production/models/attrition"
        assert found.headers["link"] == f'<{present}>; rel="canonical"'
        assert found.headers["etag"] == before.headers["etag"]
        assert "link" not in server.get(present).headers
    model = server.get("/v1/models/churn")
    assert model.headers["link"] == '</v1/models/attrition>; rel="canonical"'
    registered = server.get("/v1/models/churn/versions/1").json()
    assert registered["ref"] == "attrition@1"
    moved = server.post(f"{SLOT}/promote", json={"version": "2"})
    assert moved.json()["serving"]["ref"] == "attrition@2"
    assert server.get(SLOT).json()["serving"]["ref"] == "attrition@2"
    made = server.post("/v1/models", json={"name": "churn"})
    assert (made.status_code, made.json()["code"]) == (409, "in-use")


def test_a_host_that_knows_the_answer_goes_on_knowing_it(server):
    etag = server.get(SLOT).headers["etag"]
    server.post("/v1/models/churn/rename", json={"to": "attrition"})
    assert server.get(SLOT, headers={"If-None-Match": etag}).status_code == 304


def test_a_version_that_was_deleted_is_gone(server):
    gone = "/v1/models/churn/versions/3"
    left = server.request("DELETE", gone, json={"reason": "a try"})
    assert (left.status_code, left.json()["ref"]) == (200, "churn@3")
    for path in (gone, f"{gone}/weights", f"{gone}/validations", f"{gone}/pipeline"):
        found = server.get(path)
        assert (found.status_code, found.json()["code"]) == (410, "version-deleted")
        assert left.json()["tuple"] in found.json()["detail"]
    assert server.request("DELETE", gone).status_code == 410
    kept = server.request("DELETE", "/v1/models/churn/versions/1")
    assert (kept.status_code, kept.json()["code"]) == (409, "in-use")
    assert "PATCH /v1/models/churn" in kept.json()["remedy"]


def test_labels_are_patched_and_odd_ones_refused(server):
    done = server.patch(
        "/v1/models/churn/versions/1", json={"description": "x", "tags": {"a": "1", "b": "2"}}
    )
    assert done.json()["tags"] == {"a": "1", "b": "2"}
    done = server.patch("/v1/models/churn/versions/1", json={"tags": {"a": None}})
    assert (done.json()["description"], done.json()["tags"]) == ("x", {"b": "2"})
    for body in (
        {"tags": {"A": "1"}},
        {"tags": {"a": 1}},
        {"tags": {"a": "x" * 257}},
        {"tags": {f"t{n}": "" for n in range(65)}},
        {"description": "x" * 10_001},
        {"descripton": "x"},
        {"tags": {"a": "\0"}},
        [],
    ):
        found = server.patch("/v1/models/churn", json=body)
        assert (found.status_code, found.json()["code"]) == (422, "invalid-request"), body
    assert server.get("/v1/models/churn").json()["tags"] == {}


def test_who_is_known_by_a_token_is_asked_for_anew_after_a_renaming(database):
    make_registry(database, _fill)
    with connect(database) as registry:
        bound = registry.create_token(NewToken("host", ("read",), models=("churn",)), actor="t")
        admin = registry.create_token(NewToken("adm", ("admin",)), actor="t")["token"]
    with registry_server(database) as url, httpx.Client(base_url=url) as client:
        host = {"Authorization": f"Bearer {bound['token']}"}
        assert client.get(SLOT, headers=host).status_code == 200
        present = SLOT.replace("churn", "attrition")
        assert client.get(present, headers=host).status_code == 403
        client.post(
            "/v1/models/churn/rename",
            json={"to": "attrition"},
            headers={"Authorization": f"Bearer {admin}"},
        )
        for path in (SLOT, present):
            assert client.get(path, headers=host).json()["model"] == "attrition"
