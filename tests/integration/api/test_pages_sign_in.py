"""Signing in to the pages: a cookie opens them and nothing else, and forms come from them alone."""

from __future__ import annotations

import datetime as dt
from http.cookies import SimpleCookie

import httpx
import pytest

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.requests import NewToken
from tests.conftest import make_registry
from tests.support.filled import fill
from tests.support.servers import registry_server
from tests.support.visiting import Form, Visitor, visiting


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('registry') / 'registry.db'}"
    make_registry(url, fill)
    return url


@pytest.fixture(scope="module")
def address(database):
    with registry_server(database, failed_logins=1000) as running:
        yield running


@pytest.fixture
def make_token(database):
    with connect(database) as registry:

        def make(*scopes, **more):
            return registry.create_token(NewToken("ana", scopes or ("read",), **more), actor="t")

        yield make


@pytest.fixture
def revoke(database):
    with connect(database) as registry:
        yield lambda token: registry.revoke_token(token["id"], actor="t")


def test_who_is_not_signed_in_is_asked_to_and_comes_back(address, make_token):
    with visiting(address) as visitor:
        asked = visitor.client.get("/?environment=production")
        assert (asked.status_code, asked.headers["location"]) == (
            303, "/sign-in?next=/%3Fenvironment%3Dproduction",
        )  # fmt: skip
        page = visitor.get(asked.headers["location"])
        assert page.form("/sign-in").fields["next"] == "/?environment=production"
        done = visitor.send(page.form(), token=make_token()["token"])
        assert (done.status_code, done.headers["location"]) == (303, "/?environment=production")
        assert "Signed in as ana" in visitor.get(done.headers["location"]).text


def test_the_cookie_is_kept_from_scripts_from_other_sites_and_from_plain_connections(
    address, make_token
):
    token = make_token(expires_at=_in(30))["token"]
    with visiting(address) as visitor:
        near = _cookie(visitor.sign_in(token))
        assert near.key == "lineage-token"
        assert (near["httponly"], near["samesite"], near["path"]) == (True, "strict", "/")
        assert 0 < int(near["max-age"]) <= 1800, "no longer than the token"
        far = {"Host": "lineage.example.com", "Origin": "https://lineage.example.com"}
        page = visitor.get("/sign-in")
        cookie = _cookie(visitor.send(page.form(), far, token=token))
        assert (cookie.key, cookie["secure"]) == ("__Host-lineage-token", True)
        plain = far | {"Origin": "http://lineage.example.com"}
        refused = visitor.send(page.form(), plain, token=token)
        assert refused.status_code == 403
        assert "open this page over https" in refused.text
        assert "set-cookie" not in refused.headers


def test_a_proxy_that_calls_the_server_by_its_own_address_makes_it_no_loopback(address, make_token):
    token = make_token()["token"]
    with visiting(address) as visitor:
        page = visitor.get("/sign-in")
        for said in (
            {"Origin": "https://lineage.example.com"},
            {"Origin": "https://127.0.0.1", "X-Forwarded-Proto": "https"},
            {"Origin": "https://127.0.0.1", "Forwarded": "proto=https"},
        ):
            cookie = _cookie(visitor.send(page.form(), said, token=token))
            assert (cookie.key, cookie["secure"]) == ("__Host-lineage-token", True), said
        plain = {"Origin": "http://lineage.example.com"}
        assert visitor.send(page.form(), plain, token=token).status_code == 403


def test_elsewhere_the_plain_cookie_of_another_host_of_the_domain_signs_nobody_in(
    address, make_token
):
    token = make_token()["token"]
    with visiting(address) as visitor:
        for name, status in (("lineage-token", 303), ("__Host-lineage-token", 200)):
            asked = {"Host": "lineage.example.com", "Cookie": f"{name}={token}"}
            assert visitor.client.get("/", headers=asked).status_code == status, name


def test_a_page_may_be_asked_for_its_head(address):
    with visiting(address) as visitor:
        answer = visitor.client.head("/sign-in")
        assert (answer.status_code, answer.content) == (200, b"")
        assert visitor.client.head("/assets/pages.css").status_code == 200
        assert visitor.client.head("/").status_code == 303


def _in(minutes):
    later = timestamps.moment(timestamps.now()) + dt.timedelta(minutes=minutes)
    return timestamps.written(later)


def _cookie(answer):
    assert answer.status_code == 303, answer.text
    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return morsel


def test_the_cookie_opens_no_rest_and_a_bearer_token_no_page(address, make_token):
    token = make_token("admin")["token"]
    with visiting(address, token) as visitor:
        assert visitor.client.get("/v1/models").status_code == 401
        written = visitor.client.post("/v1/models", json={"name": "x"})
        assert written.status_code == 401
        assert written.headers["content-type"] == "application/problem+json"
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{address}/", headers=bearer).status_code == 303
    assert httpx.get(f"{address}/v1/models", headers=bearer).status_code == 200


@pytest.mark.parametrize("given", ["", "x", "with space", 'quo"te', "ü" * 40, "a" * 5000, "a;b"])
def test_what_is_no_token_opens_nothing(given, address):
    with visiting(address) as visitor:
        answer = visitor.sign_in(given)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert 'role="alert"' in answer.text


def test_a_token_that_is_revoked_ends_what_was_signed_in_at_once(address, make_token, revoke):
    token = make_token()
    with visiting(address, token["token"]) as visitor:
        visitor.get("/")
        revoke(token)
        asked = visitor.client.get("/")
        assert asked.headers["location"] == "/sign-in?next=/&ended=1"
        assert "Max-Age=0" in asked.headers["set-cookie"]
        assert "your token ended or was revoked" in visitor.get(asked.headers["location"]).text


def test_htmx_is_told_to_go_to_the_sign_in_page_with_the_whole_page(address, make_token, revoke):
    token = make_token()
    with visiting(address, token["token"]) as visitor:
        revoke(token)
        answer = visitor.client.get("/?skip=1", headers={"HX-Request": "true"})
        assert answer.status_code == 401
        assert answer.headers["hx-redirect"] == "/sign-in?next=/%3Fskip%3D1&ended=1"


def test_signing_out_takes_the_cookie_away_and_needs_a_form_of_ours(address, make_token):
    with visiting(address, make_token()["token"]) as visitor:
        form = visitor.get("/").form("/sign-out")
        assert visitor.send(form, form_token="0" * 64).status_code == 403
        done = visitor.send(form)
        assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
        assert visitor.client.get("/").status_code == 303


FOREIGN = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "another origin of the site": {"Sec-Fetch-Site": "same-site"},
    "an address that was typed": {"Sec-Fetch-Site": "none"},
    "another origin, of an old browser": {"Sec-Fetch-Site": None, "Origin": "https://evil.example"},
    "an origin that is not told": {"Sec-Fetch-Site": None, "Origin": "null"},
    "no origin at all": {"Sec-Fetch-Site": None, "Origin": None},
    "an origin that is none": {"Sec-Fetch-Site": None, "Origin": "http://[::1"},
}


@pytest.mark.parametrize("said", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
def test_a_form_from_elsewhere_is_refused(path, said, address, make_token):
    token = make_token()["token"]
    with visiting(address, token) as visitor:
        fields = visitor.get("/").form("/sign-out").fields | {"token": token}
        own = {"Origin": address, "Sec-Fetch-Site": "same-origin"} | said
        headers = {name: text for name, text in own.items() if text is not None}
        answer = visitor.client.post(path, data=fields, headers=headers)
        assert answer.status_code == 403, answer.text
        assert "not sent by a page of this server" in answer.text
        visitor.get("/")


@pytest.mark.parametrize(
    "after",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\/evil", "/a\nb", "javascript:alert(1)", "/%0a/é", ""],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_signing_in(after, address, make_token):
    with visiting(address) as visitor:
        done = visitor.send(Form("/sign-in", "post"), token=make_token()["token"], next=after)
        assert (done.status_code, done.headers["location"]) == (303, "/")


ODD = {
    "JSON": ({"Content-Type": "application/json"}, b"{}", 415),
    "too large": ({}, b"a=" + b"b" * (1 << 16), 413),
    "a field twice": ({}, b"token=a&token=b", 422),
    "not text": ({}, b"token=%ff", 422),
    "a null character": ({}, b"token=%00", 422),
    "no fields": ({}, b"nothing", 422),
    "too many fields": ({}, b"&".join(b"f%d=1" % n for n in range(200)), 422),
}


@pytest.mark.parametrize(("headers", "body", "status"), ODD.values(), ids=ODD)
def test_a_form_that_is_none_is_a_page_that_says_so(headers, body, status, address):
    own = {"Origin": address, "Content-Type": "application/x-www-form-urlencoded"} | headers
    answer = httpx.post(f"{address}/sign-in", content=body, headers=own)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Traceback" not in answer.text


def test_who_tries_many_tokens_waits(database):
    with registry_server(database, failed_logins=2) as address, visiting(address) as visitor:
        answers = [visitor.sign_in(f"lineage_{n}") for n in range(5)]
        assert {answer.status_code for answer in answers} == {401, 429}
        assert int(answers[-1].headers["retry-after"]) > 0


def test_a_token_may_end_while_a_page_is_open(database, address, make_token, monkeypatch):
    token = make_token(expires_at=_in(60))
    with visiting(address, token["token"]) as visitor:
        form = visitor.get("/").form("/sign-out")
        later = timestamps.written(timestamps.moment(token["expires_at"]))
        monkeypatch.setattr(timestamps, "now", lambda: later)
        answer = visitor.send(form)
        assert answer.headers["location"] == "/sign-in?next=/&ended=1"


def test_pages_without_tokens_are_for_this_machine_alone(database):
    with registry_server(database, no_auth=True) as address, visiting(address) as visitor:
        page = visitor.get("/")
        assert "Sign out" not in page.text
        other = Visitor(address)
        refused = other.client.get("/", headers={"Host": "rebound.example"})
        assert refused.status_code == 403
        assert "to this machine alone" in refused.text


def test_a_page_says_which_methods_it_takes(address):
    with visiting(address) as visitor:
        for path, methods in (("/", "GET, HEAD"), ("/sign-in", "GET, HEAD, POST")):
            refused = visitor.client.put(path)
            assert (refused.status_code, refused.headers["allow"]) == (405, methods)
