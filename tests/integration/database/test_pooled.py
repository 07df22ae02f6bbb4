"""Behind pgbouncer in transaction mode: each transaction may have another connection.

Where pgbouncer is installed (or ``LINEAGE_PGBOUNCER`` names it) the tests run against it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from sqlalchemy import event

from lineage.connection import connect
from lineage.database import postgresql
from lineage.database.engine import open_engine, transaction
from lineage.database.schema import upgrade
from lineage.errors import UsageError
from tests.conftest import add_validated, captured_pipeline, make_registry
from tests.integration.api.test_service import SLOT, _fill
from tests.support.servers import registry_server

PGBOUNCER = os.environ.get("LINEAGE_PGBOUNCER") or shutil.which("pgbouncer")
ONLY_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

CONFIG = """
[databases]
* = host={host} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 8
max_client_conn = 200
logfile = {folder}/log
"""


@pytest.fixture
def pooled(database, tmp_path):
    """The registry's address behind a pooler."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed here")
    make_registry(database, _fill)
    known = psycopg.conninfo.conninfo_to_dict(postgresql.conninfo(database))
    host = str(known["host"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "pgbouncer.ini"
    config.write_text(
        CONFIG.format(
            host=host,
            user=known.get("user", "postgres"),
            port=port,
            folder=tmp_path,
        )
    )
    words = [PGBOUNCER, "-q", os.fspath(config)]
    if os.geteuid() == 0:  # it refuses to run as root
        owner = Path(host).owner()  # who may reach the socket
        words = [PGBOUNCER, "-q", "-u", owner, os.fspath(config)]
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
        shutil.chown(tmp_path, owner)
    process = subprocess.Popen(words)
    try:
        _until_it_listens(port, process, tmp_path)
        user = known.get("user", "postgres")
        yield (
            f"postgresql+psycopg://{user}@127.0.0.1:{port}/{known['dbname']}?pool_mode=transaction"
        )
    finally:
        process.terminate()
        process.wait(10)


def _until_it_listens(port, process, folder):
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, "pgbouncer does not listen"
            time.sleep(0.05)


@ONLY_POSTGRESQL
def test_everything_works_behind_a_pooler_of_transactions(pooled, database):
    with connect(pooled) as registry:
        for _ in range(12):  # a statement is prepared once it was sent some times
            assert registry.serving("churn", "production").version == 1
        add_validated(registry, "9")
        assert registry.check().problems == ()
        assert registry.audit().problems == ()
    with (
        registry_server(pooled, no_auth=True) as one,
        registry_server(pooled, no_auth=True) as two,
    ):
        statuses: list[int] = []

        def write(number: int) -> None:
            made = httpx.post(f"{one}/v1/models", json={"name": f"m{number}"}, timeout=60)
            statuses.append(made.status_code)

        writers = [threading.Thread(target=write, args=(number,)) for number in range(24)]
        for writer in writers:
            writer.start()
        for number in (2, 3, 1, 2):
            moved = httpx.post(f"{one}{SLOT}/promote", json={"version": str(number)}, timeout=60)
            assert moved.status_code == 200, moved.text
            for server in (one, two):
                assert httpx.get(f"{server}{SLOT}").json()["serving"]["version"] == number
        for writer in writers:
            writer.join()
        assert statuses == [201] * 24
    with connect(database) as registry:
        assert registry.audit().problems == ()


@ONLY_POSTGRESQL
def test_a_lock_is_waited_for_as_long_as_was_said(pooled, database):
    from lineage.errors import RegistryUnreachable

    with psycopg.connect(postgresql.conninfo(database)) as holder:
        holder.execute(f"SELECT pg_advisory_xact_lock({postgresql.LOCK})")
        began = time.monotonic()
        with (
            connect(pooled, lock_timeout=0.5) as registry,
            pytest.raises(RegistryUnreachable, match="locked"),
        ):
            registry.release("production", captured_pipeline(), ["churn@2"], actor="t")
        assert time.monotonic() - began < 10


@ONLY_POSTGRESQL
def test_a_schema_is_brought_up_behind_a_pooler(pooled, database):
    name = f"pooled_{os.getpid()}"
    with psycopg.connect(postgresql.conninfo(database), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            parts = urlsplit(pooled)
            url = parts._replace(path=f"/{name}").geturl()
            upgrade(url)
            with connect(url) as registry:
                assert registry.check().problems == ()
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@ONLY_POSTGRESQL
@pytest.mark.parametrize("pooler", ["", "pool_mode=transaction"])
def test_a_transaction_waits_for_as_many_seconds_as_were_said(database, pooler):
    """In a session's settings or in the transaction's own, whichever the engine uses."""
    make_registry(database)
    url = f"{database}{'&' if '?' in database else '?'}{pooler}" if pooler else database
    engine = open_engine(url, lock_timeout=7.5)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    with transaction(engine) as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "7500ms"
    engine.dispose()
    assert any("SET LOCAL" in one for one in asked) is bool(pooler), "one round trip too many"


def test_a_mode_that_there_is_not_is_refused():
    for mode in ("statement", "TRANSACTION"):
        with pytest.raises(UsageError, match="no mode to use"):
            postgresql.is_pooled(f"postgresql+psycopg://h/d?pool_mode={mode}")
    url = "postgresql+psycopg://h/d?pool_mode=transaction&sslmode=disable"
    assert postgresql.is_pooled(url)
    assert "pool_mode" not in postgresql.conninfo(url)
    assert Path(urlsplit(postgresql.conninfo(url)).path).name == "d"
