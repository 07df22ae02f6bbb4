"""A token goes to the server that its user bound it to; what a repository says moves none."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import lineage
from lineage.errors import LineageError, RegistryUnreachable, UsageError
from lineage.remote import logins
from tests.conftest import ENVIRONMENT
from tests.support.commands import BIN, Result

TOKEN = "lng_0123456789_secret"


class Listener:
    """A server that answers nothing of use and keeps what it is sent."""

    def __init__(self):
        self.tokens = tokens = []
        self.location = None
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                tokens.append(self.headers.get("Authorization"))
                self.send_response(307 if listener.location else 404)
                if listener.location:
                    self.send_header("Location", listener.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_PUT = do_GET  # noqa: N815 - as the library calls them

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def checkout(tmp_path, monkeypatch, listener):
    """A checkout whose lineage.toml names the listener, and a user without a login."""
    (tmp_path / "lineage.toml").write_text(f'[registry]\nurl = "{listener.url}"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("LINEAGE_REGISTRY", "LINEAGE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def asked():
    with pytest.raises(LineageError) as error:
        lineage.serving("churn")
    return error.value


def test_a_token_is_not_sent_to_whom_a_repository_names(checkout, listener, monkeypatch):
    monkeypatch.setenv("LINEAGE_TOKEN", TOKEN)
    refused = asked()
    assert isinstance(refused, UsageError)
    assert f"Only lineage.toml names {listener.url}" in str(refused)
    assert f"LINEAGE_REGISTRY={listener.url}" in refused.remedy
    assert not listener.tokens
    (checkout / "lineage.toml").rename(checkout / "pyproject.toml")
    text = f'[tool.lineage.registry]\nurl = "{listener.url.upper()}/"\n'
    (checkout / "pyproject.toml").write_text(text)
    assert "Only pyproject.toml names" in str(asked())
    assert not listener.tokens


def test_it_is_sent_to_whom_its_user_names(checkout, listener, monkeypatch):
    monkeypatch.setenv("LINEAGE_TOKEN", TOKEN)
    monkeypatch.setenv("LINEAGE_REGISTRY", f"{listener.url}/")
    assert isinstance(asked(), RegistryUnreachable)
    assert listener.tokens == [f"Bearer {TOKEN}"]


def test_it_stays_with_the_server_of_the_environment(checkout, listener, monkeypatch):
    monkeypatch.setenv("LINEAGE_TOKEN", TOKEN)
    monkeypatch.setenv("LINEAGE_REGISTRY", "https://lineage.example.com")
    with pytest.raises(UsageError, match="not for http://127"):
        lineage.connect(listener.url)
    assert not listener.tokens


def test_a_login_is_sent_to_its_server_alone(checkout, listener, monkeypatch, caplog):
    logins.log_in(listener.url, TOKEN)
    asked()
    assert listener.tokens == [f"Bearer {TOKEN}"]
    monkeypatch.setenv("LINEAGE_TOKEN", TOKEN)
    asked()
    assert not caplog.messages
    monkeypatch.setenv("LINEAGE_TOKEN", "lng_of_another_server")
    asked()
    asked()
    assert listener.tokens == [f"Bearer {TOKEN}"] * 4
    assert caplog.messages == [
        f"LINEAGE_TOKEN is not used for {listener.url}, for only lineage.toml names it: the token of "
        "the login is."
    ]
    other = Listener()
    monkeypatch.delenv("LINEAGE_TOKEN")
    (checkout / "lineage.toml").write_text(f'[registry]\nurl = "{other.url}"\n')
    asked()
    assert other.tokens == [None]
    other.server.shutdown()
    other.server.server_close()


def test_no_redirect_takes_a_token_along(checkout, listener):
    other = Listener()
    listener.location = f"{other.url}/v1/models"
    logins.log_in(listener.url, TOKEN)
    asked()
    assert listener.tokens
    assert not other.tokens
    other.server.shutdown()
    other.server.server_close()


def test_a_file_of_logins_is_its_owners_alone(checkout, listener):
    logins.log_in(listener.url, TOKEN)
    path = logins.logins_file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    assert "is open to other users (mode 0640)" in str(asked())
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, 12345, 0)
        assert "is another user's" in str(asked())
        os.chown(path, 0, 0)
    for text in ("", "[]", '{"tokens": [1]}', '{"tokens": {"a": 1}}', "{" * 9999):
        path.write_text(text)
        assert "is no file of logins" in str(asked())
    path.unlink()
    os.mkfifo(path)
    assert "pipe" in str(asked())
    assert not listener.tokens


def test_a_service_without_a_home_has_no_logins(checkout, listener, monkeypatch):
    """One that runs as a number that nobody has a name for: nothing is kept, and it works."""
    logins.log_in(listener.url, TOKEN)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setenv("LINEAGE_ALLOW_HTTP", "1")
    for url in (listener.url, listener.url.replace("127.0.0.1", "127.1")):
        with lineage.connect(url) as registry, pytest.raises(RegistryUnreachable):
            registry.models()
    assert set(listener.tokens) == {None}
    with pytest.raises(UsageError, match="cannot be written") as error:
        logins.log_in(listener.url, TOKEN)
    assert "XDG_CONFIG_HOME" in error.value.remedy


def _command(folder, *words, text="", **env):
    there = {"XDG_CONFIG_HOME": str(folder / "config"), "LINEAGE_TIMEOUT": "5"}
    done = subprocess.run(
        [BIN / "lineage", *words], cwd=folder, env=ENVIRONMENT | there | env, input=text,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


def test_login_and_logout(checkout, listener):
    done = _command(checkout, "login", f"{listener.url}/", "--token-stdin", text=f"{TOKEN}\n")
    assert done.code == 0, done.err
    assert done.out == f"logged in to {listener.url}\n"
    assert "not checked" in done.err
    kept = json.loads((checkout / "config/lineage-guard/logins.json").read_text())
    assert kept == {"tokens": {listener.url: TOKEN}}
    del listener.tokens[:]
    assert _command(checkout, "serving", "churn").code == 7
    assert listener.tokens == [f"Bearer {TOKEN}"]
    assert _command(checkout, "logout", listener.url, "--json").json == {"server": listener.url}
    assert _command(checkout, "logout", listener.url).code == 4
    assert _command(checkout, "serving", "churn").code == 7
    assert listener.tokens[1:] == [None]


@pytest.mark.parametrize(
    ("url", "text", "says"),
    [
        ("sqlite:///x.db", TOKEN, "A login is to a server"),
        ("http://registry.example.com", TOKEN, "unencrypted"),
        ("https://me:hunter2@registry.example.com", TOKEN, "no place in the registry's URL"),
        ("https://registry.example.com", "", "No token was given"),
    ],
)
def test_what_is_no_login_is_told(checkout, url, text, says):
    done = _command(checkout, "login", url, "--token-stdin", text=text)
    assert done.code == 2
    assert says in done.err
    assert "hunter2" not in done.err
    assert not (checkout / "config").exists()


def test_without_a_terminal_the_token_comes_from_stdin(checkout):
    done = _command(checkout, "login", "https://registry.example.com", text=TOKEN)
    assert done.code == 2
    assert "--token-stdin" in done.err


@pytest.fixture
def greedy():
    """A PostgreSQL server that asks for the password in the clear, and what it was sent."""
    listening = socket.create_server(("127.0.0.1", 0))
    sent = []

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    first = connection.recv(4096)
                    while first[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
                        connection.sendall(b"N")
                        first = connection.recv(4096)
                    sent.append(first)
                    connection.sendall(b"R\0\0\0\x08\0\0\0\x03")
                    sent.append(connection.recv(4096))
                except OSError:
                    pass

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1], sent
    listening.close()


AMBIENT = {
    "PGPASSWORD": "canary-password", "PGUSER": "canary-user", "PGDATABASE": "canary-database",
    "PGAPPNAME": "canary-name", "PGOPTIONS": "-c canary=1", "PGSSLKEY": "/canary", "PGSSLCERT": "/canary",
    "PGTZ": "canary", "PGDATESTYLE": "canary", "PGGEQO": "canary",
}  # fmt: skip


def test_a_database_that_a_repository_names_is_given_nothing_of_the_users(
    checkout, greedy, monkeypatch
):
    port, sent = greedy
    own = checkout / "pgpass"
    own.write_text("*:*:*:*:canary-of-a-file\n")
    own.chmod(0o600)
    for name, value in (AMBIENT | {"PGPASSFILE": str(own)}).items():
        monkeypatch.setenv(name, value)
    url = f"postgresql+psycopg://127.0.0.1:{port}/x"
    (checkout / "lineage.toml").write_text(f'[registry]\nurl = "{url}"\n')
    assert isinstance(asked(), RegistryUnreachable)
    assert sent
    assert b"canary" not in b"".join(sent)
    monkeypatch.delenv("PGPASSWORD")
    asked()
    assert b"canary" not in b"".join(sent)
    monkeypatch.setenv("LINEAGE_REGISTRY", url)
    asked()
    assert b"canary-of-a-file" in b"".join(sent), (
        "the user's own choice is given what is the user's"
    )


def test_it_is_reached_with_what_stands_in_its_url(checkout, greedy, monkeypatch):
    port, sent = greedy
    for name, value in AMBIENT.items():
        monkeypatch.setenv(name, value)
    for url in (
        f"postgresql+psycopg://me:stated@127.0.0.1:{port}/stated-db",
        f"postgresql+psycopg:///stated-db?host=127.0.0.1&port={port}&user=me&password=stated",
    ):
        del sent[:]
        (checkout / "lineage.toml").write_text(f'[registry]\nurl = "{url}"\n')
        assert isinstance(asked(), RegistryUnreachable)
        assert b"user\0me\0database\0stated-db\0" in sent[0]
        assert b"stated\0" in sent[1]
        assert b"canary" not in b"".join(sent)


@pytest.mark.parametrize(
    "query",
    [
        "passfile=/etc/passwd", "service=x", "sslkey=/k", "sslcert=/k", "sslrootcert=/k", "gsslib=x",
        "krbsrvname=x", "sslkeylogfile=/k", "options=-cx", "oauth_issuer=https://evil.example",
    ],
)  # fmt: skip
def test_a_repositorys_database_url_names_no_file(checkout, greedy, query):
    port, sent = greedy
    url = f"postgresql+psycopg://lineage@127.0.0.1:{port}/x?{query}"
    (checkout / "lineage.toml").write_text(f'[registry]\nurl = "{url}"\n')
    refused = asked()
    assert isinstance(refused, UsageError)
    assert repr(query.partition("=")[0]) in str(refused)
    assert not sent


def test_a_server_opens_no_database_that_only_a_repository_names(checkout, greedy):
    port, sent = greedy
    url = f"postgresql+psycopg://lineage@127.0.0.1:{port}/x"
    (checkout / "lineage.toml").write_text(f'[registry]\nurl = "{url}"\n')
    done = _command(checkout, "serve")
    assert done.code == 2
    assert "Only lineage.toml names the database" in done.err
    assert not sent
