"""`lineage ui`: pages of a file's registry, to this machine alone, that change nothing."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess

import httpx
import pytest

from lineage.connection import connect

from ..conftest import BIN, ENVIRONMENT, add_validated, captured_pipeline, make_registry
from ..support.visiting import visiting


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    make_registry(url, _fill)
    return url


def _fill(registry):
    add_validated(registry, "1")
    add_validated(registry, "2")
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")


def _run(url: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [BIN / "lineage", "ui", *words],
        env=ENVIRONMENT | {"LINEAGE_REGISTRY": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_shows_the_registry_and_takes_no_write(url):
    with connect(url) as registry:
        before = registry.head().to_json()
    running = _run(url)
    try:
        address = running.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with visiting(address.rstrip("/")) as visitor:
            assert "churn in production" in visitor.get("/").text
            slot = visitor.get("/environments/production/models/churn")
            assert "Promote…" not in slot.text
            visitor.get("/environments/production/models/churn/promote?version=2", 403)
            visitor.get("/history")
        with httpx.Client(base_url=address) as client:
            of_slot = "v1/environments/production/models/churn"
            writes = [
                client.post(f"{of_slot}/promote", json={"version": "2"}),
                client.post(f"{of_slot}/rollback"),
                client.post("v1/tokens", json={"name": "x", "scopes": ["read"]}),
                client.put("v1/environments/x", json={"kind": "production"}),
                client.delete("v1/models/churn/versions/2"),
            ]
            assert {one.status_code for one in writes} <= {403, 404, 405}
            assert writes[0].json()["code"] == "not-permitted"
            assert client.get(of_slot.removesuffix("/")).status_code == 200
            foreign = client.get("/", headers={"Host": "evil.example"})
            assert foreign.status_code == 403
    finally:
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert "Traceback" not in err
    assert running.returncode in (0, -signal.SIGINT), err
    with connect(url) as registry:
        assert registry.head().to_json() == before


@pytest.mark.parametrize(
    ("url", "words", "code", "said"),
    [
        ("sqlite:///nowhere/registry.db", (), 7, "There is no registry"),
        ("postgresql+psycopg://localhost/x", (), 2, "lineage serve"),
        ("https://lineage.example.com", (), 0, "https://lineage.example.com/\n"),
    ],
)
def test_what_has_no_file_is_told(url, words, code, said):
    running = _run(url, *words)
    out, err = running.communicate(timeout=60)
    assert running.returncode == code, err
    assert said in out + err


@pytest.mark.parametrize("words", [["ui"], ["serve", "--no-auth"]], ids=lambda words: words[0])
def test_a_taken_port_is_told_as_wrong_usage(url, words):
    """Of a server, too: 3 is what the guard refuses by."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [BIN / "lineage", *words, "--port", str(port)],
            env=ENVIRONMENT | {"LINEAGE_REGISTRY": url},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2, done.stderr
    said, remedy = done.stderr.splitlines()
    assert said == f"error: Port {port} of 127.0.0.1 cannot be listened on: Address already in use."
    assert "another port" in remedy


def test_a_registry_of_another_schema_is_not_migrated(tmp_path):
    path = tmp_path / "registry.db"
    make_registry(f"sqlite:///{path}", _fill)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    running = _run(f"sqlite:///{path}")
    _, err = running.communicate(timeout=60)
    assert running.returncode == 7, err
    assert "Traceback" not in err
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
