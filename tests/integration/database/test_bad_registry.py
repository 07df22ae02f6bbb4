"""A registry on a bad disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import event

from lineage.connection import connect
from lineage.database import postgresql
from lineage.database.engine import open_engine
from lineage.errors import RegistryUnreachable
from tests.conftest import add_validated, captured, captured_pipeline
from tests.support.registries import migrate

if TYPE_CHECKING:
    from lineage.registry.registry import Registry


def _fill(registry: Registry) -> None:
    for seed in range(200):
        registry.register("churn", captured(f"x{seed}"), actor="t" * 200)


def _pages(url: str) -> int:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        return connection.execute("PRAGMA page_count").fetchone()[0]


def test_a_full_disk_is_told_and_loses_nothing(url):
    """SQLite itself says that the disk is full: the file may not grow by another page."""
    with connect(url) as registry:
        add_validated(registry, "1")
        registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
        before = registry.serving("churn", "production"), registry.history(limit=1000)
    with connect(url) as registry:
        engine = registry._engine
        engine.dispose()
        limit = _pages(url)
        event.listen(engine, "connect", lambda c, _: c.execute(f"PRAGMA max_page_count = {limit}"))
        with pytest.raises(RegistryUnreachable, match="disk is full") as error:
            _fill(registry)
        assert "Free space" in error.value.remedy
    with connect(url) as registry:
        assert registry.audit().problems == ()
        assert registry.check().problems == ()
        assert registry.serving("churn", "production") == before[0]
        assert registry.history(limit=1000)[-len(before[1]) :] == before[1]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_connections_that_the_server_has_closed_are_replaced(registry, database):
    """As after its restart: whoever comes next notices nothing, be it to read or to write."""
    add_validated(registry, "1")
    for asked in (
        lambda: registry.show("churn@1"),
        lambda: registry.release("production", captured_pipeline(), ["churn@1"], actor="t"),
        lambda: registry.serving("churn", "production"),
    ):
        with psycopg.connect(postgresql.conninfo(database), autocommit=True) as server:
            ended = server.execute(
                "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
        assert ended is not None
        assert ended[0] > 0
        asked()


def test_a_waiting_writer_gets_its_turn(url):
    holder = sqlite3.connect(
        url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
    )
    holder.execute("BEGIN IMMEDIATE")
    import threading

    timer = threading.Timer(0.5, lambda: holder.execute("ROLLBACK"))
    timer.start()
    with connect(url, lock_timeout=30) as registry:
        assert registry.register("churn", captured("1"), actor="t").created
    timer.join()
    holder.close()


def test_a_lock_that_stays_is_told_after_the_time_that_was_given(url):
    holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with connect(url, lock_timeout=0.2) as registry:
        with pytest.raises(RegistryUnreachable, match="locked by another process"):
            registry.register("churn", captured("1"), actor="t")
        assert registry.environments(), "reading goes on"
    holder.close()


def test_the_engine_never_makes_a_file_by_itself(tmp_path):
    missing = tmp_path / "none.db"
    with pytest.raises(RegistryUnreachable, match="There is no registry"):
        open_engine(f"sqlite:///{missing}")
    assert not missing.exists()


def test_a_path_with_odd_characters_is_a_path(tmp_path):
    folder = tmp_path / "odd ?#%&=é"
    folder.mkdir()
    migrate(f"sqlite:///{folder}/registry.db")
    assert Path(folder / "registry.db").is_file()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE event SET actor = 'someone else' WHERE seq = 3", "event 3 was changed"),
        ("UPDATE event SET payload = '{}' WHERE seq = 6", "event 6 was changed"),
        ("DELETE FROM event WHERE seq = 3", "event 3 is missing"),
        ("UPDATE slot SET revision = 9", "is not what the newest event about it says"),
        ("UPDATE slot SET serving_promoted_by = 'x'", "is not what the newest event about it says"),
        ("DELETE FROM slot", "is not what the newest event about it says"),
        (
            "DELETE FROM served_pair WHERE version_id = 1",
            "version 1 served churn@production is not",
        ),
        ("UPDATE served_pair SET seq = 1", "version 2 served churn@production is not"),
        (
            "INSERT INTO served_pair VALUES ('production', 1, 'blake3:x', 'churn', 'churn', 1, 1)",
            "version 1 served churn@production is not what the history says",
        ),
    ],
)
def test_the_audit_finds_what_was_changed_behind_the_registrys_back(registry, url, statement, says):
    registry.release("production", captured_pipeline("old"), actor="t")
    for seed in "12":
        registry.promote(add_validated(registry, seed), "production", actor="t")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as sql:
        for (name,) in sql.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            sql.execute(f"DROP TRIGGER {name}")
        sql.execute(statement)
    assert any(says in problem for problem in registry.audit().problems)
