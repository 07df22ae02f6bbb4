"""The page of a slot, and its moves: the plan first, the name typed, and what moved meanwhile."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken, Observed
from lineage.contract.results import NamedPipeline
from lineage.identity.digest import xxh3
from tests.conftest import BOTH, add_validated, add_version, captured_pipeline, make_registry
from tests.support.servers import registry_server
from tests.support.visiting import visiting

SLOT = "/environments/production/models/churn"


def _fill(registry):
    for seed in "12345":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline("old"), actor="t")
    registry.promote("churn@1", "production", actor="t")
    registry.promote("churn@2", "production", reason="<b>better</b> \u202ethan", actor="ana")
    add_version(registry, "6", text="new")
    registry.validate("churn@6", captured_pipeline("new"), passed=True, actor="t")


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


@BOTH
def test_a_slot_shows_what_serves_how_it_came_to_that_and_its_hosts(pages, registry):
    for number in range(3):
        seen = Observed(f"host-{number}", xxh3(b"21"[number % 2 :][:1]), "2026-11-20T08:00:00Z")
        registry.report("churn", "production", seen, actor="a")
    registry.release("production", captured_pipeline("new"), ["churn@6"], actor="t")
    read = pages.get(SLOT)
    assert "released: churn@6 serves" in read.text
    assert "parameter top stage featurize old new" in read.text, "the diff to what served before"
    assert read.tags.count(("del", {})) == read.tags.count(("ins", {})) == 1
    assert "What differs from churn@1 to churn@2" in read.text
    assert "“ <b>better</b> \\u202ethan ”" in read.text
    assert "by ana" in read.text
    assert "host-0" in read.text
    assert "Stands by churn@2" in read.text
    assert "a rollback takes the pipeline back too" in read.text


def test_the_moves_of_a_slot_come_by_pages(pages, registry):
    for number in range(12):
        registry.promote(f"churn@{3 + number % 2}", "production", actor=f"mover-{number:02}")
    read = pages.get(SLOT)
    assert "mover-11" in read.text
    assert "mover-01" not in read.text
    (older,) = [link for link in read.links if "before=" in link]
    read = pages.get(older)
    assert "mover-01" in read.text
    assert "mover-02" not in read.text
    assert [link for link in read.links if "before=" in link] == []


def test_a_renamed_model_keeps_its_moves(pages, registry):
    registry.rename_model("churn", "leavers", actor="t")
    for name in ("churn", "leavers"):
        read = pages.get(f"/environments/production/models/{name}")
        assert "leavers in production" in read.text
        assert "What differs from leavers@1 to leavers@2" in read.text


@BOTH
def test_a_promotion_is_planned_confirmed_and_made(pages, registry):
    read = pages.get(f"{SLOT}/promote?version=3")
    assert "churn@2 → churn@3" in read.text
    assert "churn@1 → churn@2" in read.text
    assert "churn@3: allowed" in read.text
    form = read.form("/promote")
    assert registry.serving("churn", "production").version == 2, "a plan moves nothing"
    unsure = pages.send(form, confirm="chur")
    assert unsure.status_code == 422
    assert "Type churn to confirm" in unsure.text
    made = pages.send(form, confirm="churn", reason="the new one", name="ana")
    assert (made.status_code, made.headers["location"]) == (303, f"{SLOT}?done=promote")
    assert "Promoted. churn@3 serves." in pages.get(made.headers["location"]).text
    newest = registry.history("churn@production", limit=1)[0]
    assert (newest["actor"], newest["payload"]["reason"]) == ("ana", "the new one")
    again = pages.send(form, confirm="churn", reason="the new one", name="ana")
    assert again.status_code == 303, "sent twice, it moves once"
    assert registry.history("churn@production", limit=1)[0]["seq"] == newest["seq"]
    assert "that is so already" in pages.get(f"{SLOT}/promote?version=3").text


@BOTH
def test_the_second_of_two_sees_what_moved(pages, registry):
    forms = [pages.get(f"{SLOT}/promote?version={n}").form("/promote") for n in (3, 4)]
    assert pages.send(forms[0], confirm="churn", name="ana").status_code == 303
    late = pages.send(forms[1], confirm="churn", reason="mine", name="bob")
    assert late.status_code == 409
    assert "Nothing was done. Now churn@3 serves, put there by <bdi>ana</bdi>" in late.text
    assert "churn@3 → churn@4" in late.text, "the plan as it is now"
    assert 'value="mine"' in late.text
    assert registry.serving("churn", "production").version == 3


def test_a_rollback_of_a_slot_that_moved_is_not_made(pages, registry):
    form = pages.get(f"{SLOT}/rollback").form("/rollback")
    registry.promote("churn@3", "production", actor="t")
    late = pages.send(form, confirm="churn")
    assert late.status_code == 409
    assert registry.serving("churn", "production").version == 3


@BOTH
def test_a_rollback_and_a_release_are_planned_and_made(pages, registry):
    form = pages.get(f"{SLOT}/release?version=6").form("/release")
    assert pages.send(form, confirm="churn").headers["location"] == f"{SLOT}?done=release"
    assert registry.serving("churn", "production").version == 6
    read = pages.get(f"{SLOT}/rollback")
    assert "churn@6 → churn@2" in read.text
    made = pages.send(read.form("/rollback"), confirm="churn", reason="slow")
    assert made.headers["location"] == f"{SLOT}?done=rollback"
    assert registry.serving("churn", "production").version == 2
    digest = captured_pipeline("old").version.xxh3
    read = pages.get(f"{SLOT}/release?version=5&pipeline=churn@{digest}")
    assert "churn@2 → churn@5" in read.text


def test_what_the_guard_refuses_is_told_first_and_cannot_be_sent(pages, registry):
    read = pages.get(f"{SLOT}/promote?version=6")
    assert "churn@6: refused" in read.text
    assert "fails pipeline-match" in read.text
    assert "featurize: parameter top new → old" in read.text
    assert [form for form in read.forms if "/promote" in form.action] == []


def test_a_refusal_at_the_last_moment_is_a_page(pages, registry):
    form = pages.get(f"{SLOT}/promote?version=3").form("/promote")
    registry.validate("churn@3", captured_pipeline(), passed=False, actor="t")
    refused = pages.send(form, confirm="churn")
    assert refused.status_code == 409
    assert "The guard refused; nothing was moved." in refused.text
    assert "validated" in refused.text
    assert registry.serving("churn", "production").version == 2


def test_a_rollback_that_moves_others_says_so_and_offers_it(pages, registry):
    add_validated(registry, "7", model="other")
    registry.promote("other@1", "production", actor="t")
    add_version(registry, "8", model="other", text="new")
    registry.validate("other@2", captured_pipeline("new"), passed=True, actor="t")
    both = ["churn@6", "other@2"]
    registry.release("production", captured_pipeline("new"), both, actor="t")
    read = pages.get(f"{SLOT}/rollback")
    assert [form for form in read.forms if "/rollback" in form.action] == []
    (offered,) = [link for link in read.links if "with_pipeline" in link]
    read = pages.get(offered)
    assert "other in production other@2 → other@1" in read.text
    made = pages.send(read.form("/rollback"), confirm="churn")
    assert made.status_code == 303, made.text
    serving = [registry.serving(name, "production").version for name in ("churn", "other")]
    assert serving == [2, 1]


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/environments/nowhere/models/churn", 404, "There is no environment"),
        ("/environments/production/models/nothing", 404, "no model"),
        ("/environments/production/models/UPPER", 422, "cannot be understood"),
        (f"{SLOT}/promote?version=99", 404, "churn@99"),
        (f"{SLOT}/promote?version=x y", 422, "x y"),
        (f"{SLOT}/promote", 422, "cannot be understood"),
        (f"{SLOT}/release?version=1&pipeline=nonsense", 422, "nonsense"),
    ],
)
def test_what_is_not_there_or_means_nothing_is_told_on_a_page(path, status, sentence, pages):
    assert sentence in pages.get(path, status).text


@pytest.mark.parametrize(
    "fields",
    [
        *({"seen": text} for text in ("[]", "x", '{"churn": true}', "[" * 19_000)),
        {"seen": '{"churn": ' + "9" * 4_000 + "}"},
        {"key": "x"},
        {"reason": "r" * 2001},
    ],
)  # fmt: skip
def test_a_form_that_was_tampered_with_moves_nothing(fields, pages, registry):
    form = pages.get(f"{SLOT}/promote?version=3").form("/promote")
    assert pages.send(form, confirm="churn", **fields).status_code == 422
    assert registry.serving("churn", "production").version == 2


def test_moves_are_for_those_who_may_deploy_and_forms_for_their_own(filled, registry):
    def token(*scopes):
        return registry.create_token(NewToken(scopes[0], scopes), actor="t")["token"]

    with registry_server(filled) as address:
        with visiting(address, token("read")) as reader:
            assert reader.get(SLOT).form("sign-out")
            assert "Promote…" not in reader.get(SLOT).text
            assert "lacks the scope deploy" in reader.get(f"{SLOT}/promote?version=3", 403).text
        with visiting(address, token("deploy")) as one, visiting(address, token("admin")) as other:
            assert "Promote…" in one.get(SLOT).text
            form = one.get(f"{SLOT}/promote?version=3").form("/promote")
            assert other.send(form, confirm="churn").status_code == 403, "a form of another sign-in"
            assert other.get(SLOT).form("sign-out")
            made = one.send(form, confirm="churn", name="somebody else")
            assert made.status_code == 303
    assert registry.history("churn@production", limit=1)[0]["actor"] == "deploy"


def test_a_bound_token_sees_the_slot_and_not_the_history_of_all(filled, registry):
    bound = registry.create_token(NewToken("ana", ("read",), models=("churn",)), actor="t")
    with registry_server(filled) as address, visiting(address, bound["token"]) as visitor:
        read = visitor.get(SLOT)
        assert "your token is bound" in read.text
        visitor.get("/environments/production/models/other", 403)


def test_the_plan_names_the_version_that_was_latest(pages, registry):
    form = pages.get(f"{SLOT}/release?version=latest").form("/release")
    assert "version=6" in form.action
    named = NamedPipeline("churn", captured_pipeline("new").version.blake3)
    assert quote(registry.pipeline(named).version.xxh3, safe="") in form.action
