"""Where reports of hosts are kept: apart from the registry's history, and from its commits.

A report is a word for some minutes, which the next one replaces; hosts give it every minute. So it
takes no turn among the registry's writers and moves nothing that a look-up watches:

- beside a SQLite registry there is a second file, ``registry.db-reports``. None is an empty one: it
  may be deleted at any time. It is of one registry: in the place of another it is emptied;
- in PostgreSQL its tables are beside the others, written under a lock of their own, and a commit
  does not wait for the disk.

What is lost with the machine's last half second is said again within a minute
(docs/decisions/0033-reports-apart.md).
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from lineage.database.engine import begin, transaction
from lineage.database.sqlite import WHAT
from lineage.errors import IntegrityFailure, RegistryUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine
    from sqlmodel import Session

T = TypeVar("T")

FILE_SUFFIX: Final = "-reports"
"""What the name of a registry's file is followed by in the name of the file of its reports."""

VERSION: Final = 17
"""The schema in which reports stand in such a file; those of another are dropped."""

CHECKPOINT: Final = 4_000
"""Pages after which one batch waits for the disk: 16 MiB, one in some hundred batches."""

CHANGED: Final = "SELECT max(changed) FROM observed_slot"
"""The newest change of all."""

SINCE: Final = "SELECT environment, model FROM observed_slot WHERE changed > :number"
"""The slots of which something changed after a number."""

_FIRST: Final = "SELECT digest FROM event WHERE seq = 1"

_log = logging.getLogger("lineage.registry.reports")


def read(session: Session, action: Callable[[Connection], T]) -> T | None:
    """Read reports beside a transaction of the registry; None where no file of them can be read."""
    engine = session.connection().engine
    if engine.dialect.name == "postgresql":
        return action(session.connection())
    file = _file_of(engine)
    here = file.engine(create=False)
    if here is None:
        return None
    file.learn_name(session.connection())
    try:
        with transaction(here) as connection:
            return action(connection)
    except IntegrityFailure as error:
        _log.warning("%s", error)
    except RegistryUnreachable as error:
        if not _cannot_open(error):
            raise
        _log.warning("%s", error)
    return None


def write(engine: Engine, action: Callable[[Connection], T]) -> T:
    """Write reports, alone among those who do, in a transaction of their own.

    Raises:
        RegistryUnreachable: they cannot be written, or others write for too long.
    """
    if engine.dialect.name == "postgresql":
        with transaction(engine, writing="reports") as connection:
            return action(connection)
    file = _file_of(engine)
    try:
        return file.write(action)
    except IntegrityFailure as error:  # a file that is damaged is one that is not there
        _log.warning("%s It begins anew.", error)
        file.remove()
        return file.write(action)


def rows(connection: Connection, query: sa.Select[Any], **values: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """The rows that a query finds, by the names of their columns."""
    return [dict(row) for row in connection.execute(query, values).mappings()]


def problem_of(engine: Engine) -> str | None:
    """What is wrong with the file of reports, for one who checks the database."""
    if engine.dialect.name == "postgresql":
        return None
    file = _file_of(engine)
    here = file.engine(create=False)
    if here is None:
        return None
    try:
        with transaction(here) as connection:
            (line,) = connection.exec_driver_sql("PRAGMA quick_check(1)").one()
    except (IntegrityFailure, RegistryUnreachable) as error:
        line = str(error).removeprefix("The ").rstrip(".")
        return f"the reports of hosts cannot be read: the {line}; it may be deleted"
    if line == "ok":
        return None
    return f"the reports of hosts cannot be read, and begin anew with the next one: {line}"


class _File:
    """The file of reports beside a registry's."""

    def __init__(self, engine: Engine) -> None:
        self._registry = str(engine.url.database)
        self.path = self._registry + FILE_SUFFIX
        self._timeout: float = engine.get_execution_options()["lineage_lock_timeout"]
        self._known: tuple[int, int] | None = None
        self._name: tuple[tuple[int, int], int] | None = None
        self._lock = threading.Lock()
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=self.path),
            creator=self._connect,
            pool_size=engine.pool.size(),  # type: ignore[attr-defined]
            max_overflow=0,
            pool_use_lifo=True,
            execution_options={WHAT: "file of reports"},
        )
        event.listen(self._engine, "begin", begin)
        event.listen(engine, "engine_disposed", self._dispose)

    def engine(self, *, create: bool) -> Engine | None:
        """What is connected to the file that stands there now; None where there is none."""
        try:
            found = os.stat(self.path)
        except OSError:
            if not create:
                return None
            self._make()
            found = os.stat(self.path)
        known = (found.st_dev, found.st_ino)
        with self._lock:
            if known != self._known:
                self._engine.dispose()
                self._known = known
        return self._engine

    def write(self, action: Callable[[Connection], T]) -> T:
        """A transaction in it."""
        try:
            here = self.engine(create=True)
        except OSError as error:
            raise RegistryUnreachable(
                f"Reports cannot be kept in {self.path}: {error.strerror}.",
                remedy="Make the folder of the registry writable.",
                public="Reports cannot be kept here.",
            ) from None
        assert here is not None  # nosec B101 # noqa: S101 - just made
        with transaction(here, writing=True) as connection:
            return action(connection)

    def remove(self) -> None:
        """Delete it with what SQLite keeps beside it."""
        self._engine.dispose()
        for end in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(self.path + end).unlink()

    def learn_name(self, connection: Connection) -> None:
        """Learn which registry it is of from a connection that reads in that already.

        Another one would wait for a writer, who waits for the first one to end.
        """
        if self._known_name() is None:
            found = connection.exec_driver_sql(_FIRST).first()
            if found is not None:
                self._name = _identity(self._registry), _number_of(found)

    def _known_name(self) -> int | None:
        known = self._name
        return known[1] if known is not None and known[0] == _identity(self._registry) else None

    def _dispose(self, _: Engine) -> None:
        self._name = None
        self._engine.dispose()

    def _make(self) -> None:
        """Make it, for those who may use the registry's file and for nobody else.

        It appears under its name when it is whole: SQLite waits for nobody who changes the mode of
        a file that others have open.
        """
        mode = Path(self._registry).stat().st_mode & 0o777
        partial = f"{self.path}.{os.getpid()}.{threading.get_ident()}.partial"
        try:
            os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
            with suppress(OSError):
                Path(partial).chmod(mode)
            self._open(partial).close()
            with suppress(FileExistsError):
                os.link(partial, self.path)
        finally:
            Path(partial).unlink(missing_ok=True)

    def _connect(self) -> sqlite3.Connection:
        return self._open(self.path)

    def _open(self, path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=self._timeout,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
            name = self._known_name()
            if name is None:
                name = _name_of(self._registry)
            _prepare(connection, (VERSION, name))
        except BaseException:
            connection.close()
            raise
        return connection


def _name_of(registry: str) -> int:
    """A number that tells one registry from others: a part of its first event's digest."""
    address = f"file:{quote(registry)}?mode=rw"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=5)
    try:
        found = connection.execute(_FIRST).fetchone()
    finally:
        connection.close()
    return _number_of(found)


def _number_of(first: Sequence[Any] | None) -> int:
    return int(first[0][-7:], 16) if first is not None else 0


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _prepare(connection: sqlite3.Connection, wanted: tuple[int, int]) -> None:
    """Make the tables where they are not there, or are of another schema or registry."""
    if _about(connection) == wanted:
        return
    connection.execute("BEGIN IMMEDIATE")
    if _about(connection) != wanted:
        for statement in _statements():
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {wanted[0]}")
        connection.execute(f"PRAGMA application_id = {wanted[1]}")
    connection.execute("COMMIT")


def _about(connection: sqlite3.Connection) -> tuple[int, int]:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (registry,) = connection.execute("PRAGMA application_id").fetchone()
    return version, registry


def _statements() -> list[str]:
    from sqlalchemy.dialects import sqlite as dialect  # only where a file is made
    from sqlalchemy.schema import CreateIndex, CreateTable

    from lineage.database.tables.observations import REPORTS

    words: Any = dialect.dialect()
    found: list[str] = []
    for table in REPORTS.sorted_tables:
        found.append(f"DROP TABLE IF EXISTS {table.name}")
        found.append(str(CreateTable(table).compile(dialect=words)))
        found += (str(CreateIndex(index).compile(dialect=words)) for index in table.indexes)
    return found


def _cannot_open(error: RegistryUnreachable) -> bool:
    """Whether a file is there that cannot be read here, as on a disk that is read-only."""
    cause = error.__cause__
    found: Any = cause.orig if isinstance(cause, DBAPIError) else cause
    name = str(getattr(found, "sqlite_errorname", ""))
    return name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))


_files: WeakKeyDictionary[Engine, _File] = WeakKeyDictionary()
_guard = threading.Lock()


def _file_of(engine: Engine) -> _File:
    with _guard:
        if engine not in _files:
            _files[engine] = _File(engine)
        return _files[engine]
