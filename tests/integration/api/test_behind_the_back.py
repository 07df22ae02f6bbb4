"""Rows that are changed behind a server's back: it sees them within a second."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.registry_url import path_of
from tests.conftest import BOTH, make_registry
from tests.integration.api.test_service import SLOT, _fill
from tests.support.servers import registry_server

WITHIN = 1.0


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


def plain_sql(url, table, statement):
    """Run a statement with no guard of the schema in its way."""
    if url.startswith("sqlite"):
        with sqlite3.connect(path_of(url), isolation_level=None, timeout=10) as connection:
            named = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
            for (name,) in connection.execute(named, (table,)).fetchall():
                connection.execute(f'DROP TRIGGER "{name}"')
            connection.execute(statement)
        connection.close()
        return
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.execute(statement)


def _soon(holds):
    """Whether something holds within a second, and goes on to."""
    end = time.monotonic() + WITHIN + 0.3
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return all(holds() for _ in range(5))


@contextmanager
def _busy(url):
    """Somebody who commits in the same database all the time, without an event of a registry."""
    code = (
        "import sys, psycopg, time\n"
        "with psycopg.connect(sys.argv[1], autocommit=True) as c:\n"
        "    c.execute('CREATE TABLE other (n int)')\n"
        "    while True:\n"
        "        c.execute('INSERT INTO other VALUES (1)'); time.sleep(0.01)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, url])
    try:
        yield
    finally:
        process.kill()
        process.wait(10)


CHANGE = "UPDATE slot SET serving_promoted_by = 'nobody'"


@BOTH
def test_a_row_that_is_changed_by_plain_sql_is_seen(filled):
    with registry_server(filled, no_auth=True) as address, httpx.Client(base_url=address) as client:
        known = client.get(SLOT).json()
        assert client.get(SLOT).json() == known
        assert "nobody" not in client.get("/").text
        plain_sql(filled, "slot", CHANGE)
        assert _soon(lambda: client.get(SLOT).json()["serving"]["promoted_by"] == "nobody")
        assert _soon(lambda: "nobody" in client.get("/").text)


@BOTH
def test_a_token_that_is_revoked_by_plain_sql_opens_nothing(filled):
    with connect(filled) as registry:
        token = registry.create_token(NewToken("job", ("read",)), actor="t")["token"]
    headers = {"Authorization": f"Bearer {token}"}
    with (
        registry_server(filled) as address,
        httpx.Client(base_url=address, headers=headers) as client,
    ):
        assert client.get(SLOT).status_code == 200
        assert client.get("/v1/models").status_code == 200
        plain_sql(filled, "token", "UPDATE token SET revoked_at = created_at, revoked_by = 'sql'")
        assert _soon(lambda: client.get(SLOT).status_code == 401)
        assert client.get("/v1/models").status_code == 401


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_in_a_busy_server_what_is_known_is_asked_for_twice_a_second_at_the_most(filled):
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    reads: list[str] = []

    def note(connection, cursor, statement, *_):
        if "SNAPSHOT" not in statement.upper() and "slot" in statement:
            reads.append(statement)

    with (
        _busy(filled),
        registry_server(filled, no_auth=True) as address,
        httpx.Client(base_url=address) as client,
    ):
        client.get(SLOT)
        event.listen(Engine, "before_cursor_execute", note)
        try:
            client.get(SLOT)
            reads.clear()
            began, asked = time.monotonic(), 0
            while time.monotonic() - began < 2:
                assert client.get(SLOT).status_code == 200
                asked += 1
            rereads = sum("FROM slot" in statement for statement in reads)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert asked > 4 * rereads, (asked, rereads)
        plain_sql(filled, "slot", CHANGE)
        assert _soon(lambda: client.get(SLOT).json()["serving"]["promoted_by"] == "nobody")


def test_another_file_in_the_place_of_a_registry_is_seen(filled, tmp_path):
    """Moved into its place, written into its place, with the same size and the same count of commits."""
    path = path_of(filled)
    older = tmp_path / "older.db"
    shutil.copy(path, older)
    with registry_server(filled, no_auth=True) as address, httpx.Client(base_url=address) as client:

        def serving():
            return client.get(SLOT).json()["serving"]["version"]

        def promote():
            answer = client.post(f"{SLOT}/promote", json={"version": "2"})
            assert answer.status_code == 200, answer.text
            assert serving() == 2

        assert serving() == 1
        promote()
        newer = tmp_path / "newer.db"
        shutil.copy(path, newer)
        Path(shutil.copy(older, tmp_path / "moved.db")).replace(path)
        assert _soon(lambda: serving() == 1)
        promote()
        path.write_bytes(older.read_bytes())  # the same inode
        assert _soon(lambda: serving() == 1)
        path.write_bytes(newer.read_bytes())
        assert _soon(lambda: serving() == 2)
        alike = bytearray(older.read_bytes())
        alike[24:28] = alike[92:96] = path.read_bytes()[24:28]  # SQLite's own count of changes
        path.write_bytes(alike)
        assert _soon(lambda: serving() == 1)


def test_a_write_of_another_process_is_seen_at_once(filled):
    code = (
        "import sys; from lineage.connection import connect\n"
        "with connect(sys.argv[1]) as r: r.promote('churn@2', 'production', actor='t')\n"
    )
    with registry_server(filled, no_auth=True) as address, httpx.Client(base_url=address) as client:
        assert client.get(SLOT).json()["serving"]["version"] == 1
        subprocess.run([sys.executable, "-c", code, filled], check=True, timeout=60)
        assert client.get(SLOT).json()["serving"]["version"] == 2


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_dump_that_is_restored_is_seen(filled):
    """Rows of before, put back in one transaction, as a restore does it: with the history of before."""
    import psycopg

    tables = ("event", "event_subject", "slot", "served_pair")
    with psycopg.connect(filled) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")
    with registry_server(filled, no_auth=True) as address, httpx.Client(base_url=address) as client:
        answer = client.post(f"{SLOT}/promote", json={"version": "2"})
        assert answer.status_code == 200, answer.text
        assert client.get(SLOT).json()["serving"]["version"] == 2
        with psycopg.connect(filled) as connection:
            connection.execute("SET session_replication_role = replica")
            for table in tables:
                connection.execute(f"DELETE FROM {table}")
                connection.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
        assert _soon(lambda: client.get(SLOT).json()["serving"]["version"] == 1)
