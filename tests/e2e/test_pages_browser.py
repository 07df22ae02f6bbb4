"""The pages in a real Chromium: wide and narrow, light and dark, by keyboard, without scripts."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken, Observed
from lineage.identity.components import DataItem, DataVersion, Known
from lineage.identity.digest import Digest, xxh3
from lineage.timestamps import moment
from tests.conftest import captured_pipeline, make_registry
from tests.support.browser import NARROW, WIDE, chromium, looking
from tests.support.fading import fading
from tests.support.filled import fill
from tests.support.servers import registry_server

SLOT = "/environments/production/models/churn"
PAGES = {
    "sign-in": "/sign-in",
    "environments": "/",
    "slot": SLOT,
    "drift": f"{SLOT}/drift",
    "plan": f"{SLOT}/promote?version=4",
    "refusal": "/environments/canary/models/other/promote?version=1",
    "models": "/models",
    "model": "/models/churn",
    "retraining": "/models/fading/retraining?per_point=10&retrain_cost=500",
    "search": "/models/churn?where=auc+%3E",
    "version": "/models/churn/versions/4",
    "leaks": "/models/churn/versions/5",
    "guard": "/guard?version=churn@6&environment=production",
    "history": "/history?model=churn",
    "pipeline": "/pipelines/churn",
    "found": "/search?q=churn@1",
    "graph": "/models/churn/versions/5/graph?all=1",
    "nothing": "/nowhere",
}


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('registry') / 'registry.db'}"
    make_registry(url, fill)
    with connect(url) as registry:
        for name, weights in (("b", b"2"), ("c", b"9"), ("d", b"3")):
            seen = Observed(name, xxh3(weights), "2026-11-20T08:00:00Z")
            registry.report("churn", "production", seen, actor="t")
        registry.validate(
            "churn@3", captured_pipeline(), passed=True, actor="t"
        )  # it was rolled back
        for number, auc in ((1, 0.7), (2, 0.8)):
            metrics = {"auc": auc, "slices": {"new": {"auc": auc - 0.1}}}
            registry.validate(
                f"churn@{number}", captured_pipeline(), passed=True, metrics=metrics, actor="t"
            )
        fading(registry, "fading")
        held_out = (DataItem("held.csv", Digest(f"md5:{'b' * 32}"), Known.VERIFIED),)
        registry.validate(
            "churn@5", captured_pipeline(), passed=True, data=DataVersion(held_out), actor="t"
        )
        assert registry.leak("churn@5")
        registry.edit("churn", description="<script>alert(1)</script> \u202eevil", actor="t")
    return url


@pytest.fixture(scope="module")
def address(database):
    with registry_server(database) as running:
        yield running


@pytest.fixture
def token(database):
    with connect(database) as registry:
        yield registry.create_token(NewToken("ana", ("admin",)), actor="t")


LOOKS = {
    "wide and light": {"viewport": WIDE, "color_scheme": "light"},
    "narrow and dark": {
        "viewport": NARROW,
        "color_scheme": "dark",
        "has_touch": True,
        "reduced_motion": "reduce",
    },
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_every_page_is_well(look, browser, address, token):
    with looking(browser, address, **look) as visitor:
        visitor.sign_in(token["token"])
        for path in PAGES.values():
            status = visitor.page.goto(path).status
            if status >= 400:  # the browser says so in its console
                visitor.wrong = [one for one in visitor.wrong if str(status) not in one]
            visitor.is_well()
            assert visitor.page.locator("h1").count() == 1


def test_a_model_is_promoted_with_the_keyboard_alone(browser, address, database, token):
    with looking(browser, address) as visitor:
        page = visitor.page
        page.goto("/")
        page.keyboard.type(token["token"])  # the field has the focus
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        _to(page, "churn in production")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}{SLOT}")
        _to(page, "promote")
        page.keyboard.type("4")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/promote"))
        _to(page, "reason")
        page.keyboard.type("by keyboard")
        _to(page, "confirm")
        page.keyboard.type("churn")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}{SLOT}?done=promote")
        assert "churn@4 serves" in page.locator(".done").inner_text()
        assert visitor.wrong == []
    with connect(database) as registry:
        newest = registry.history("churn@production", limit=1)[0]
        assert (newest["actor"], newest["payload"]["reason"]) == ("ana", "by keyboard")
        registry.promote("churn@2", "production", actor="t")


def _to(page, what):
    """Go on by tab until something has the focus, by its text or its id; it is seen to have it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(e => [e.id, e.textContent.trim(), getComputedStyle(e).outlineStyle])"
            "(document.activeElement)"
        )
        if what in focused[:2]:
            assert focused[2] != "none"
            return
    raise AssertionError(f"no tab leads to {what}")


def test_all_of_it_works_without_scripts(browser, address, database, token):
    with looking(browser, address, java_script_enabled=False) as visitor:
        page = visitor.page
        visitor.sign_in(token["token"], SLOT)
        page.get_by_label("Version").fill("3")
        page.get_by_role("button", name="Promote…").click()
        page.get_by_label("to confirm").fill("churn")
        with connect(database) as registry:
            registry.promote("churn@4", "production", actor="bob")
        page.get_by_role("button", name="Promote").click()
        assert "Now churn@4 serves, put there by bob" in page.get_by_role("alert").inner_text()
        page.get_by_role("link", name="Back without a change").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{address}/sign-in")
    with connect(database) as registry:
        registry.promote("churn@2", "production", actor="t")


def test_a_page_is_exchanged_and_not_loaded_anew_until_the_token_ends(
    browser, address, database, token
):
    with looking(browser, address) as visitor:
        page = visitor.page
        visitor.sign_in(token["token"])
        page.evaluate("window.stays = true")
        page.get_by_role("link", name="churn in production").click()
        page.wait_for_url(f"{address}{SLOT}")
        assert page.get_by_role("heading", level=1).inner_text() == "churn in production"
        assert page.title().startswith("churn in production")
        assert page.evaluate("window.stays"), "it was not loaded anew"
        page.go_back()
        page.wait_for_function("window.stays === undefined")  # nothing was kept of the page before
        assert page.get_by_role("heading", level=1).inner_text() == "Environments"
        with connect(database) as registry:
            registry.revoke_token(token["id"], actor="t")
        page.get_by_role("link", name="churn in production").click()
        page.wait_for_url(re.compile("/sign-in"))
        assert "your token ended or was revoked" in page.get_by_role("alert").inner_text()
        assert [one for one in visitor.wrong if "401" not in one] == []


def test_an_open_page_shows_what_moves_and_disturbs_nobody_who_types(
    browser, address, database, token
):
    with (
        connect(database) as registry,
        looking(browser, address, timezone_id="Asia/Kolkata") as visitor,
    ):
        page = visitor.page
        visitor.sign_in(token["token"], SLOT)
        page.get_by_label("Version").press_sequentially("3")
        page.get_by_text("What differs from").nth(1).click()  # opens it
        page.get_by_label("Version").focus()
        registry.promote("churn@4", "production", actor="bob")
        page.locator("#serves ~ .lead", has_text="churn@4").wait_for()
        assert page.get_by_label("Version").input_value() == "3"
        assert page.evaluate("document.activeElement.id") == "promote"
        assert page.locator("#part-moves details[open]").count() == 3, "what was open stays so"
        assert page.get_by_role("link", name="Roll back to").count() == 1
        now = registry.serving("churn", "production").to_json()["serving"]["promoted_at"]
        time = page.locator("#part-now time").first
        local = moment(now) + dt.timedelta(hours=5, minutes=30)
        assert time.inner_text() == local.strftime("%Y-%m-%d %H:%M")
        assert "+05:30" in time.get_attribute("title")
        assert now in time.get_attribute("title")
        page.get_by_role("button", name="Promote…").click()
        page.get_by_label("Why").fill("mine")
        page.get_by_label("to confirm").press_sequentially("chu")
        registry.promote("churn@2", "production", actor="bob")
        moved = page.get_by_text("The slot moved since this plan was made: churn@2 serves")
        moved.wait_for()
        page.keyboard.type("rn")
        assert page.get_by_label("to confirm").input_value() == "churn"
        assert page.get_by_label("Why").input_value() == "mine"
        registry.revoke_token(token["id"], actor="t")
        page.get_by_text("You were signed out").wait_for()
        assert page.get_by_label("Why").input_value() == "mine"
        again = registry.create_token(NewToken("ana", ("admin",)), actor="t")
        page.get_by_role("link", name="Sign in again").click()
        page.get_by_label("Token").fill(again["token"])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{address}{SLOT}/promote?version=3")
        visitor.is_well()


def test_what_people_wrote_runs_nowhere(browser, address, database, token):
    with connect(database) as registry:
        registry.promote(
            "churn@3", "production", reason="<img src=x onerror=alert(1)>", actor="<b>t</b>"
        )
    with looking(browser, address) as visitor:
        visitor.sign_in(token["token"], SLOT)
        assert "<img src=x onerror=alert(1)>" in visitor.page.locator("main").inner_text()
        visitor.is_well()
