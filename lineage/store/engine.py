"""Opening the registry's database, and its transactions.

SQLite runs in autocommit mode with transactions of our own: ``BEGIN IMMEDIATE`` before a write, so
that two writers never decide on the same facts, and a deferred ``BEGIN`` before a read.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from lineage.errors import Conflict, IntegrityFailure, LineageError, RegistryUnreachable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_TIMEOUT: Final = 10.0
"""Seconds to wait for another process's write."""

_WAL_IS_SAFE: Final = sqlite3.sqlite_version_info >= (3, 51, 3)
"""SQLite 3.7.0 to 3.51.2 can corrupt a database when the WAL is reset."""

_PREFIX: Final = "sqlite:///"


def sqlite_path(url: str) -> Path:
    """The file of a SQLite URL.

    Raises:
        UsageError: the URL is of another kind.
    """
    path = url.removeprefix(_PREFIX)
    if not url.startswith(_PREFIX) or not path or path == ":memory:":
        raise UsageError(
            f"The registry URL {url.partition('://')[0]}://… is not supported here.",
            remedy="Use a SQLite file: sqlite:///path/to/registry.db",
        )
    return Path(path)


def open_engine(url: str, *, create: bool = False, lock_timeout: float = LOCK_TIMEOUT) -> Engine:
    """An engine for the registry's database file.

    Args:
        url: ``sqlite:///path``.
        create: make the file (and its folder) where there is none.
        lock_timeout: seconds to wait for another process.

    Raises:
        RegistryUnreachable: there is no such file, or it cannot be made.
    """
    path = sqlite_path(url)
    if create:
        _make_folder(path.parent)
    elif not path.is_file():
        raise RegistryUnreachable(
            f"There is no registry at {path}.",
            remedy="Create it (lineage init), or say where it is: LINEAGE_REGISTRY or [registry] "
            "url in lineage.toml.",
        )
    mode = "rwc" if create else "rw"
    address = f"file:{quote(os.fspath(path))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, timeout=lock_timeout, check_same_thread=False
        )
        _configure(connection)
        return connection

    engine = create_engine(URL.create("sqlite", database=os.fspath(path)), creator=connect)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def read(engine: Engine) -> Iterator[Session]:
    """A read transaction: one consistent state, whatever others write meanwhile."""
    with transaction(engine, "BEGIN") as connection, Session(connection) as session:
        yield session


@contextmanager
def write(engine: Engine) -> Iterator[Session]:
    """A write transaction: alone from its first look to its commit, whole or not at all."""
    with (
        transaction(engine, "BEGIN IMMEDIATE") as connection,
        Session(connection, autoflush=False, expire_on_commit=False) as session,
    ):
        yield session
        session.flush()


@contextmanager
def transaction(engine: Engine, begin: str) -> Iterator[Connection]:
    """A transaction; what the database says is told in the registry's own errors.

    Raises:
        RegistryUnreachable: locked, read-only, full or gone.
        IntegrityFailure: the file is damaged.
        Conflict: a constraint refused the change.
    """
    try:
        with (
            engine.connect().execution_options(lineage_begin=begin) as connection,
            connection.begin(),
        ):
            yield connection
    except DBAPIError as error:
        raise translate(error.orig, engine) from error
    except sqlite3.Error as error:
        raise translate(error, engine) from error


def translate(error: BaseException | None, engine: Engine) -> LineageError:
    """The registry's own error for one of the database driver's."""
    where = engine.url.database
    name = str(getattr(error, "sqlite_errorname", ""))
    if isinstance(error, sqlite3.IntegrityError):
        return Conflict(
            f"The registry refused an inconsistent change: {error}.",
            remedy="Look at the present state (lineage serving) and try again.",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return IntegrityFailure(
            f"The registry {where} is damaged: {error}.",
            remedy="Put a backup in its place; `lineage db check` tells whether a file is whole.",
        )
    for prefix, sentence, remedy in _UNREACHABLE:
        if name.startswith(prefix):
            return RegistryUnreachable(f"The registry {where} {sentence}.", remedy=remedy)
    return RegistryUnreachable(
        f"The registry {where} cannot be used: {error}.",
        remedy="Check it with `lineage db check`.",
    )


_UNREACHABLE: Final = (
    (
        "SQLITE_BUSY",
        "is locked by another process",
        "Wait for the other process to finish and try again.",
    ),
    (
        "SQLITE_LOCKED",
        "is locked by another process",
        "Wait for the other process to finish and try again.",
    ),
    ("SQLITE_READONLY", "is read-only", "Make the file and its folder writable."),
    ("SQLITE_FULL", "has no room: the disk is full", "Free space and try again."),
    ("SQLITE_IOERR", "cannot be read or written", "Check the disk and try again."),
    ("SQLITE_CANTOPEN", "cannot be opened", "Check the path and its permissions."),
)


def _configure(connection: sqlite3.Connection) -> None:
    for pragma in (
        "foreign_keys = ON",
        "recursive_triggers = ON",
        f"synchronous = {'FULL' if _WAL_IS_SAFE else 'EXTRA'}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    wanted = "wal" if _WAL_IS_SAFE else "delete"
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != wanted:
        try:
            connection.execute(f"PRAGMA journal_mode = {wanted}")
        except sqlite3.OperationalError:
            if not _WAL_IS_SAFE:
                connection.close()
                raise


def _begin(connection: Connection) -> None:
    statement: Any = connection.get_execution_options().get("lineage_begin", "BEGIN")
    connection.exec_driver_sql(statement)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegistryUnreachable(
            f"The folder {folder} cannot be made: {error.strerror}.",
            remedy="Choose another place for the registry.",
        ) from None
