"""The page of a pipeline: its versions, what runs where, any two of them side by side."""

from __future__ import annotations

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from tests.conftest import BOTH, add_validated, captured_pipeline, make_registry
from tests.support.servers import registry_server
from tests.support.visiting import visiting


def _fill(registry):
    add_validated(registry, "1")
    add_validated(registry, "2", text="new <b>")
    add_validated(registry, "3", model="other", name="other")
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
def test_a_pipeline_shows_its_versions_where_they_run_and_what_differs(pages):
    read = pages.get("/pipelines/churn")
    assert "2 versions" in read.text
    assert "in production , since" in read.text
    assert "On it rides churn in production ( churn@1 )" in read.text
    form = read.form("/pipelines/churn")
    old, new = (str(captured_pipeline(text).version.blake3) for text in ("old", "new <b>"))
    assert {form.fields["first"], form.fields["second"]} <= {old, new}
    read = pages.get(f"/pipelines/churn?first={old}&second={new}")
    assert "parameter top stage featurize old new <b>" in read.text
    assert [said["value"] for tag, said in read.tags if "checked" in said] == [new, old]
    assert "/pipelines/churn" in pages.get("/models/churn/versions/1").links
    assert "/pipelines/churn" in pages.get("/environments/production/models/churn").links


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/pipelines/nothing", 404, "nothing"),
        ("/pipelines/UPPER", 422, "cannot be understood"),
        ("/pipelines/churn?first=xxh3:0000000000&second=xxh3:0000000000", 404, "0000000000"),
        ("/pipelines/churn?skip=50", 200, "Newest versions"),
    ],
)
def test_what_is_not_there_is_told(path, status, sentence, pages):
    assert sentence in pages.get(path, status).text


def test_who_is_bound_sees_the_pipelines_of_their_models(filled):
    with connect(filled) as registry:
        bound = NewToken("ana", ("read",), models=("churn",))
        token = registry.create_token(bound, actor="t")["token"]
    with registry_server(filled) as address, visiting(address, token) as visitor:
        assert "2 versions" in visitor.get("/pipelines/churn").text
        assert "bound to" in visitor.get("/pipelines/other", 403).text
