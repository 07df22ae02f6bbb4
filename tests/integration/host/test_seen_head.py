"""Who saw a history does not go back to an older one, or to another."""

from __future__ import annotations

import stat
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lineage import kept
from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.contract.results import Head
from lineage.errors import Conflict, RegistryUnreachable
from lineage.identity.components import EnvironmentKind
from lineage.registry_url import path_of
from lineage.remote.seen_head import SeenHead
from tests.conftest import BOTH
from tests.support.registries import make_registry
from tests.support.servers import registry_server
from tests.support.tampering import as_owner, rewrite_history

URL = "https://lineage.example.com"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LINEAGE_ACCEPT_OLDER", raising=False)


def _grow(url, *names):
    with connect(url) as registry:
        for name in names:
            registry.create_environment(name, EnvironmentKind.EXPERIMENTAL, actor="ann")


def _check(url, *, accept_older=False):
    with connect(url) as registry:
        SeenHead(url, accept_older=accept_older).check(lambda seen: registry.head(seen=seen))


@BOTH
def test_a_history_that_goes_on_is_followed_and_one_that_does_not_is_refused(database):
    make_registry(database)
    _check(database)
    _grow(database, "a", "b")
    _check(database)
    path = kept.path("head", database)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    as_owner(
        database,
        "DELETE FROM event_subject WHERE seq = 4",
        "DELETE FROM event WHERE seq = 4",
        "DELETE FROM environment WHERE name = 'b'",
    )
    with pytest.raises(Conflict, match="a history of 3 events, and 4 were seen before") as error:
        _check(database)
    assert "LINEAGE_ACCEPT_OLDER=1" in error.value.remedy
    _grow(database, "c", "d")
    with pytest.raises(Conflict, match="another event 4 than the one that was seen"):
        _check(database)
    _check(database, accept_older=True)
    _check(database)
    rewrite_history(database, since=2, actor="mallory")
    with pytest.raises(Conflict, match="another event 5 than"):
        _check(database)


def test_another_registry_at_the_same_address_is_refused():
    head = Head("aa", 3, "blake3:x")
    SeenHead(URL, accept_older=False).check(lambda _: head)
    with pytest.raises(Conflict, match="is another registry"):
        SeenHead(URL, accept_older=False).check(lambda _: Head("bb", 9, "blake3:y", "blake3:x"))
    with pytest.raises(Conflict, match="a history of 0 events"):
        SeenHead(URL, accept_older=False).check(lambda _: Head("aa", 0, None))


def test_a_registry_that_does_not_say_is_not_believed_once_it_did():
    def silent(_):
        raise RegistryUnreachable("It does not say.", remedy="Wait.")

    SeenHead(URL, accept_older=False).check(silent)
    SeenHead(URL, accept_older=False).check(lambda _: Head("aa", 3, "blake3:x"))
    with pytest.raises(RegistryUnreachable):
        SeenHead(URL, accept_older=False).check(silent)


@pytest.mark.parametrize("spoiled", [b"", b"[]", b"{}", b'{"registry": 1}', b"\xff", b"[" * 9999])
def test_what_is_spoiled_counts_as_nothing_seen(spoiled):
    SeenHead(URL, accept_older=False).check(lambda _: Head("aa", 3, "blake3:x"))
    kept.path("head", URL).write_bytes(spoiled)
    SeenHead(URL, accept_older=False).check(lambda _: Head("aa", 1, "blake3:y"))


def test_a_client_refuses_a_server_whose_file_was_put_back(database, monkeypatch):
    """Whatever it asks; a server on this machine's own address is not remembered."""
    make_registry(database)
    with connect(database) as registry:
        token = registry.create_token(NewToken("ann", ("admin",)), actor="ann")["token"]
    monkeypatch.setenv("LINEAGE_TOKEN", token)
    monkeypatch.setenv("LINEAGE_ALLOW_HTTP", "1")
    file = path_of(database)
    before = file.read_bytes()
    with registry_server(database) as address:
        named = address.replace("127.0.0.1", "127.1")
        with connect(named) as client:
            client.create_environment("a", EnvironmentKind.EXPERIMENTAL, actor="ann")
        with connect(named) as client:
            assert len(client.environments()) == 3
        for beside in ("-wal", "-shm"):
            file.with_name(file.name + beside).unlink(missing_ok=True)
        put_back = file.with_name("new")
        put_back.write_bytes(before)
        put_back.replace(file)
        with connect(address) as client:
            assert len(client.environments()) == 2
        for ask in ("environments", "models", "stores"):
            with connect(named) as client, pytest.raises(Conflict, match="4 were seen before"):
                getattr(client, ask)()
        monkeypatch.setenv("LINEAGE_ACCEPT_OLDER", "1")
        with connect(named) as client:
            assert len(client.environments()) == 2
        monkeypatch.delenv("LINEAGE_ACCEPT_OLDER")
        with connect(named) as client:
            assert len(client.environments()) == 2


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"{}"), (200, b"{}"), (200, b"[]"), (200, b'{"registry": 1}')]
)
def test_a_server_that_says_nothing_of_it_is_taken_where_that_is_said(monkeypatch, status, body):
    """One of an earlier version, say; and it is told in words, whatever it answers."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            here = self.path.startswith("/v1/head")
            self.send_response(status if here else 200)
            self.send_header("Content-Type", "application/json")
            text = body if here else b'{"items": [], "next": null}'
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.1:{server.server_port}"
    try:
        assert connect(url).models() == []
        SeenHead(url, accept_older=False).check(lambda _: Head("aa", 3, "blake3:x"))
        if status == 404:
            with pytest.raises(Conflict, match="no longer says how far") as error:
                connect(url).models()
            assert "LINEAGE_ACCEPT_OLDER=1" in error.value.remedy
        monkeypatch.setenv("LINEAGE_ACCEPT_OLDER", "1")
        assert connect(url).models() == []
        monkeypatch.delenv("LINEAGE_ACCEPT_OLDER")
        assert connect(url).models() == []
    finally:
        server.shutdown()
        server.server_close()
