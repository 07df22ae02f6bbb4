"""The pages of models and of versions: searched, sorted, charted, and all that is recorded."""

from __future__ import annotations

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.export.formats import FORMATS
from tests.conftest import BOTH, add_version, captured_pipeline, make_registry
from tests.support.filled import fill
from tests.support.servers import registry_server
from tests.support.visiting import visiting

SHARES = {"blake3": "blake3:" + 64 * "0", "share": {"<b>fare": 0.875, "age": 0.125}}


def _fill(registry):
    fill(registry)
    for number in range(6, 66):
        add_version(registry, str(1000 + number))
        auc = 0.5 + number / 200
        registry.validate(
            f"churn@{number}", captured_pipeline(), passed=auc > 0.6, actor="t",
            metrics={"auc": auc, "attributions": SHARES, "loss\"&<": 1 - auc, "passed": number, "slices": {"new <b>": {"auc": auc - 0.1}}},
        )  # fmt: skip
    registry.promote("churn@50", "production", actor="t")
    registry.promote("churn@60", "production", actor="t")
    registry.edit("churn@60", description="one\n<two>", tags={"team": "<i>x"}, actor="t")


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


@pytest.fixture
def pages(filled):
    with registry_server(filled, no_auth=True) as address, visiting(address) as visitor:
        yield visitor


@pytest.fixture
def registry(filled):
    with connect(filled) as opened:
        yield opened


def test_the_models_are_listed_with_what_serves(pages, registry):
    read = pages.get("/models")
    assert "churn who leaves churn@65 churn@60 in production team : risk" in read.text
    assert "/environments/production/models/churn" in read.links
    registry.add_model("idle", actor="t")
    registry.archive_model("idle", actor="t")
    assert "idle" not in pages.get("/models").text
    assert "idle ● archived" in pages.get("/models?archived=1").text
    for number in range(60):
        registry.add_model(f"m{number:02}", actor="t")
    (following,) = [link for link in pages.get("/models").links if "after=" in link]
    read = pages.get(following)
    assert "m59" in read.text
    assert "churn" not in read.text


@BOTH
def test_the_versions_of_a_model_are_searched_sorted_and_paged(pages):
    read = pages.get("/models/churn")
    assert _versions(read)[:2] == ["churn@65", "churn@64"]
    (following,) = [link for link in read.links if "after=" in link]
    assert _versions(pages.get(following))[-1] == "churn@1"
    (ascending,) = [link for link in read.links if link.endswith("sort=-auc")]
    assert _versions(pages.get(ascending))[0] == "churn@4"  # 0.9
    read = pages.get("/models/churn?where=auc > 0.7 and auc < 0.72&sort=auc")
    assert _versions(read) == ["churn@41", "churn@42", "churn@43"]
    assert read.form("/models/churn").fields["sort"] == "auc"
    assert "No version is so." in pages.get("/models/churn?where=auc > 7").text


def _versions(read):
    here = [link for link in read.links if "/versions/" in link]
    rows = read.tags[
        next(i for i, (_, said) in enumerate(read.tags) if said.get("id") == "where") :
    ]
    links = [said["href"] for tag, said in rows if tag == "a"]
    return [f"churn@{link.rpartition('/')[2]}" for link in links if link in here]


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("where=auc >", 422, "cannot be read at column"),
        ("where=acu > 1", 422, "'acu'"),
        ("sort=nonsense", 422, "nonsense"),
        ("after=nonsense", 422, "cursor"),
        ("where=" + "x" * 1001, 422, "cannot be understood"),
    ],
)
def test_a_search_that_means_nothing_is_told_where_it_was_written(query, status, sentence, pages):
    read = pages.get(f"/models/churn?{query}", status)
    assert sentence in read.text


@BOTH
def test_every_column_can_be_sorted_by_whatever_its_metric_is_called(pages):
    read = pages.get("/models/churn")
    sorting = [link for link in read.links if "sort=" in link]
    assert len(sorting) == 3 + 2  # auc, and one that is called like a field
    for link in sorting:
        assert len(_versions(pages.get(link))) == 50


def test_a_metric_is_drawn_with_where_each_version_served(pages):
    read = pages.get("/models/churn")
    titles = [text for text in read.texts if text.startswith("churn@")]
    assert "churn@60: 0.8; serves in production" in titles
    assert "churn@50: 0.75; stands by in production" in titles
    assert "version 65" in read.texts
    assert "◆ serves, ◇ stands by" in read.text.replace(" ,", ",")
    assert "auc of 61 versions, from 0.53 to 0.9; churn@65 has 0.825." in read.text
    assert "slices.new <b>.auc of 60 versions" in read.text
    read = pages.get("/models/churn?metric=passed")
    assert "passed over versions" in read.text
    assert "auc over versions" in pages.get("/models/churn?metric=nonsense").text
    assert "attributions" not in read.text


@BOTH
def test_a_version_shows_all_that_is_recorded(pages, registry):
    read = pages.get("/models/churn/versions/60")
    for said in (
        "◆ serves in production", "one <two>", "team : <i>x", "raw.csv", "8 bytes", "read here",
        "params.yaml: top old", "✓ passed with pipeline churn", "a word: nobody watched a run", "auc : 0.8",
        "Relies on, by attributions blake3:0000000000… :", "<b>fare : 87.5 % age : 12.5 %",
        "Nobody has approved it.", "No signed statement on it is recorded.", "✓ intact every byte", "promoted in production , by t", "registered",
    ):  # fmt: skip
        assert said in read.text, said
    read = pages.get("/models/churn/versions/1")
    assert "its weights, signed by sha256:" in read.text
    assert "✓ verified" in read.text
    assert "on data with the profile xxh3:" in pages.get("/models/churn/versions/4").text
    registry.approve("other@1", "canary", actor="bob")
    assert "bob for canary" in pages.get("/models/other/versions/1").text
    read = pages.get("/models/churn/versions/4")
    assert "It serves nowhere." in read.text
    assert "No validation names the data" in pages.get("/models/churn/versions/65").text
    assert "churn@65" in pages.get("/models/churn/versions/latest").text
    assert "churn@60" in pages.get("/models/churn/versions/production").text
    for number in (65, 64):
        registry.promote(f"churn@{number}", "production", actor="t")
    read = pages.get("/models/churn/versions/60")
    assert "It serves nowhere, and served once in production" in read.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/models/nothing", 404), ("/models/NO", 422), ("/models/churn/versions/99", 404),
        ("/models/churn/versions/x y", 422), ("/models/churn/versions/1?before=x", 422), ("/models?archived=x", 422),
    ],
)  # fmt: skip
def test_what_is_not_there_is_a_page(path, status, pages):
    pages.get(path, status)


def test_the_backup_is_told_on_its_own_page(pages, registry):
    read = pages.get("/models/churn/versions/50")
    assert "stands by in production" in read.text
    assert "serves nowhere" not in read.text
    assert "validated ✓ passed , by t" in read.text
    registry.rollback("churn", "production", actor="t", reason="worse")
    assert "rolled-back, it came back in production" in pages.get("/models/churn/versions/50").text
    assert "rolled-back, it left in production" in pages.get("/models/churn/versions/60").text


def test_a_bound_token_sees_its_model_and_no_history(filled, registry):
    bound = NewToken("ana", ("read",), models=("churn",), environments=("staging",))
    token = registry.create_token(bound, actor="t")["token"]
    with registry_server(filled) as address, visiting(address, token) as visitor:
        assert "other" not in visitor.get("/models").text
        read = visitor.get("/models/churn")
        assert "serves nowhere" in read.text
        assert "served in" not in read.text
        read = visitor.get("/models/churn/versions/60")
        assert "It serves nowhere." in read.text
        assert "your token is bound" in read.text
        visitor.get("/models/other", 403)
        visitor.get("/models/other/versions/1", 403)


def test_a_renamed_model_is_found_by_its_old_name(pages, registry):
    registry.rename_model("churn", "leavers", actor="t")
    read = pages.get("/models/churn")
    assert "Was called churn ." in read.text
    assert "leavers@60 serves in production" in read.text
    assert "leavers@50: 0.75; stands by in production" in read.text
    assert "leavers@60" in pages.get("/models/churn/versions/60").text


@pytest.mark.parametrize("form", FORMATS)
def test_a_version_is_downloaded_in_every_format(pages, registry, form):
    (link,) = [one for one in pages.get("/models/churn/versions/60").links if f"={form}" in one]
    answer = pages.client.get(link)
    rest = pages.client.get(f"/v1/models/churn/versions/60/export?format={form}")
    assert answer.status_code == 200
    assert answer.text == rest.text
    for header in ("content-type", "content-disposition"):
        assert answer.headers[header] == rest.headers[header]
    assert answer.headers["cache-control"] == "no-store"


def test_what_cannot_be_downloaded_is_told_on_a_page(filled, registry):
    token = registry.create_token(NewToken("a", ("read",), models=("other",)), actor="t")["token"]
    with registry_server(filled) as address, visiting(address, token) as visitor:
        assert (
            "is bound to" in visitor.get("/models/churn/versions/60/export?format=card", 403).text
        )
        assert "Use one of" in visitor.get("/models/other/versions/1/export?format=pdf", 422).text
        visitor.client.cookies.clear()
        asked = visitor.client.get("/models/other/versions/1/export?format=card")
        assert asked.status_code == 303
