"""A registry in a SQLite file.

It runs in autocommit mode with transactions of our own: ``BEGIN IMMEDIATE`` before a write, so that
two writers never decide on the same facts, and a deferred ``BEGIN`` before a read.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine

from lineage.acts import act
from lineage.database import errors, wrong_types
from lineage.errors import IntegrityFailure, LineageError, RegistryUnreachable
from lineage.registry_url import path_of

if TYPE_CHECKING:
    from pathlib import Path

BEGIN_READ: Final = "BEGIN"
BEGIN_WRITE: Final = "BEGIN IMMEDIATE"

_WAL_IS_SAFE: Final = sqlite3.sqlite_version_info >= (3, 51, 3)
"""SQLite 3.7.0 to 3.51.2 can corrupt a database when the WAL is reset."""

WHAT: Final = "lineage_what"
"""The option of an engine that says what its file is, where it is not the registry's own."""


def open_engine(
    url: str, *, create: bool, lock_timeout: float, connections: int, read_only: bool = False
) -> Engine:
    """An engine for the registry's database file; ``read_only`` refuses each write.

    Raises:
        RegistryUnreachable: there is no such file, or it cannot be made.
    """
    path = path_of(url)
    if create:
        _make_folder(path.parent)
    elif not path.is_file():
        raise RegistryUnreachable(
            f"There is no registry at {path}.",
            remedy=f"Create it ({act('init')}), or say where it is: LINEAGE_REGISTRY or [registry] "
            "url in lineage.toml.",
        )
    mode = "rwc" if create else "rw"
    address = f"file:{quote(os.fspath(path))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, timeout=lock_timeout, check_same_thread=False
        )
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            _configure(connection)
        return connection

    return create_engine(
        URL.create("sqlite", database=os.fspath(path)),
        creator=connect,
        pool_size=connections,
        max_overflow=0,
        pool_use_lifo=True,  # the one that was used last knows its statements and pages
    )


def translate(error: sqlite3.Error, engine: Engine) -> LineageError:
    """The registry's own error for one of SQLite's."""
    where = str(engine.url.database)
    what = engine.get_execution_options().get(WHAT, "registry")
    name = str(getattr(error, "sqlite_errorname", ""))
    if isinstance(error, sqlite3.IntegrityError):
        return errors.inconsistent(str(error))
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or wrong_types.is_undecodable(error):
        return damaged(str(error), engine)
    hint = f"Check it with {act('db check')}."
    return errors.unreachable(where, name, str(error), _UNREACHABLE, hint, what=what)


def damaged(said: str, engine: Engine) -> IntegrityFailure:
    """The file is not whole, or holds what the registry never wrote."""
    what = engine.get_execution_options().get(WHAT, "registry")
    return IntegrityFailure(
        f"The {what} {engine.url.database} is damaged: {said}.",
        remedy=f"Put a backup in its place; {act('db check')} tells whether a file is whole.",
        public=f"The {what} is damaged.",
    )


_UNREACHABLE: Final = (
    ("SQLITE_BUSY", errors.LOCKED),
    ("SQLITE_LOCKED", errors.LOCKED),
    ("SQLITE_READONLY", ("is read-only", "Make the file and its folder writable.")),
    ("SQLITE_FULL", errors.FULL),
    ("SQLITE_IOERR", ("cannot be read or written", "Check the disk and try again.")),
    ("SQLITE_CANTOPEN", ("cannot be opened", "Check the path and its permissions.")),
)


def _configure(connection: sqlite3.Connection) -> None:
    for pragma in (
        "foreign_keys = ON",
        "recursive_triggers = ON",
        "cache_spill = OFF",  # a large write locks readers out at its end, not from its middle
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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegistryUnreachable(
            f"The folder {folder} cannot be made: {error.strerror}.",
            remedy="Choose another place for the registry.",
        ) from None
