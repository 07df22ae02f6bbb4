"""A server that asks for no tokens answers no page of another origin, whatever the browser lets it send."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

from tests.conftest import make_registry
from tests.integration.api.test_service import SLOT, _fill
from tests.support.servers import registry_server


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('registry') / 'registry.db'}"
    make_registry(url, _fill)
    with registry_server(url, no_auth=True) as running:
        yield running


def _ask(
    address: str, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b""
) -> int:
    """The status of a request whose headers are these and no others."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        connection.putheader("Host", place.netloc)
    if method != "GET" and "transfer-encoding" not in names:
        connection.putheader("Content-Length", str(len(body)))
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders(body or None)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


OURS = ("Lineage-Actor", "ana")
FOREIGN = {
    "another origin": [("Origin", "https://evil.example")],
    "an origin that is not told": [("Origin", "null")],
    "another port of this machine": [("Origin", "http://localhost:3000")],
    "another scheme": [("Origin", "https://{host}")],
    "two origins, one the server's": [("Origin", "http://{host}"), ("Origin", "null")],
    "another site": [("Sec-Fetch-Site", "cross-site")],
    "another origin of the same site": [("Sec-Fetch-Site", "same-site")],
    "a sandboxed frame": [("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
    "a site that no browser names": [("Sec-Fetch-Site", "elsewhere")],
    "a name that was bound to this machine": [("Host", "rebound.example")],
    "no host": [("Host", "")],
    "a host that is none": [("Host", "[::1")],
    "a frame of another site": [
        ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe"),
    ],
    "a script of another site": [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "script")],
    "a proxy before it": [("X-Forwarded-For", "203.0.113.7")],
    "a proxy that says so by the standard": [("Forwarded", "for=203.0.113.7")],
    "several proxies": [("X-Forwarded-For", "127.0.0.1, 203.0.113.7")],
}  # fmt: skip


@pytest.mark.parametrize("said", FOREIGN.values(), ids=FOREIGN)
def test_nothing_is_read_or_written_for(said, address):
    host = urlsplit(address).netloc
    headers = [(name, value.format(host=host)) for name, value in said]
    assert _ask(address, "POST", f"{SLOT}/retire", [*headers, OURS]) in (400, 403)
    assert _ask(address, "GET", SLOT, headers) in (400, 403)
    assert _ask(address, "GET", "/v1/models", headers) in (400, 403)
    assert _ask(address, "GET", SLOT, []) == 200, "nothing was retired"


@pytest.mark.parametrize(
    "browser",
    [
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("Referer", "http://evil.example/"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Cookie", "a=b"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([], b""),
        ([("Content-Type", "text/plain")], b"{}"),
        ([("Content-Type", "application/x-www-form-urlencoded")], b"a=b"),
        ([("Content-Type", "multipart/form-data; boundary=x")], b"--x--"),
        ([("Accept", "application/json"), ("Accept-Language", "en")], b""),
        ([("X-Request-Id", "1")], b""),
    ],
    ids=str,
)
def test_a_write_shows_that_no_page_made_it(headers, body, browser, address):
    """What a form, or a fetch that asks nobody, can send is no write."""
    for move in ("retire", "rollback"):
        assert _ask(address, "POST", f"{SLOT}/{move}", [*headers, browser], body) in (403, 415)


@pytest.mark.parametrize("agent", ["curl/8.5.0", "python-httpx/0.28.1", ""])
def test_a_program_that_is_no_browser_needs_no_header(agent, address):
    given = [("User-Agent", agent), ("Accept", "*/*")]
    assert _ask(address, "POST", f"{SLOT}/backup-none", given) == 404
    assert _ask(address, "POST", "/v1/environments/none/models/churn/retire", given) == 404


@pytest.mark.parametrize(
    "headers",
    [
        [OURS],
        [("Idempotency-Key", "1")],
        [OURS, ("Origin", "http://{host}"), ("Sec-Fetch-Site", "same-origin")],
        [OURS, ("Sec-Fetch-Site", "none")],
        [OURS, ("X-Forwarded-For", "127.0.0.1")],
    ],
    ids=str,
)
def test_what_is_of_this_server_is_let_in(headers, address):
    host = urlsplit(address).netloc
    given = [(name, value.format(host=host)) for name, value in headers]
    guard = f"{SLOT}/guard"
    body = b'{"version": "1"}'
    kind = ("Content-Type", "application/json")
    assert _ask(address, "POST", guard, [*given, kind], body) == 200
    assert _ask(address, "POST", f"{SLOT}/retire", [*given, ("If-Match", '"77"')]) == 412


def test_a_link_from_another_page_is_followed(address):
    by_link = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ]
    assert _ask(address, "GET", SLOT, by_link) == 200
    assert _ask(address, "POST", f"{SLOT}/retire", [*by_link, OURS]) == 403, "a form is no link"


@pytest.mark.parametrize("kind", [None, "text/plain"])
def test_a_body_in_chunks_has_a_media_type(kind, address):
    headers = [("Transfer-Encoding", "chunked"), OURS]
    if kind is not None:
        headers.append(("Content-Type", kind))
    chunks = b'10\r\n{"version": "1"}\r\n0\r\n\r\n'
    assert _ask(address, "POST", f"{SLOT}/promote", headers, chunks) == 415
    json = [*headers[:2], ("Content-Type", "application/json")]
    assert _ask(address, "POST", f"{SLOT}/guard", json, chunks) == 200
