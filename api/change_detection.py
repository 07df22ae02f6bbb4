"""Detectors of change: tell whether anything was committed since the last question (decision 10).

A look-up is answered from memory only after the database itself said, in a question asked after the
request arrived, that nothing was committed since the answer was read. Nothing is notified, so there
is no notification that could be lost.

What this program writes has its event, which ends what was known at once. Rows that somebody
changes without one (plain SQL, a restored dump) make another state of the database: what was known
at the state before is asked for anew after :data:`CONFIRMED_FOR`, for in a PostgreSQL server any
commit in any database makes one.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from lineage.acts import act
from lineage.database import postgresql, sqlite
from lineage.errors import RegistryUnreachable
from lineage.masking import masked
from lineage.registry_url import without_password

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import psycopg

ROUND_TRIP: Final = 5.0
"""Seconds that PostgreSQL may take to say its head."""

TOKENS: Final = "SELECT max(seq) FROM event_subject WHERE subject = 'access:tokens'"
HEAD: Final = (
    "SELECT (SELECT digest FROM event ORDER BY seq DESC LIMIT 1), "
    "(SELECT max(seq) FROM event_subject WHERE subject = 'access:tokens'), "
    "pg_current_snapshot()::text"
)

CONFIRMED_FOR: Final = 0.5
"""Seconds that something is taken for true at another state of the database."""


@dataclass(frozen=True)
class RegistryVersion:
    """The version of a registry, and that of its tokens: equal ones mean that no event was added.

    An equal ``state`` means that nothing at all was committed.
    """

    registry: object
    tokens: object
    state: object = None


class Confirmed:
    """When, and at which state of the database, something was found to be so."""

    def __init__(self, version: RegistryVersion) -> None:
        self._state = version.state
        self._at = time.monotonic()

    def holds(self, version: RegistryVersion) -> bool:
        """Whether it may be taken for true at a version that has the same events."""
        return version.state == self._state or time.monotonic() - self._at < CONFIRMED_FOR

    def wait(self) -> None:
        """Take it for true a little longer: somebody asks for it anew."""
        self._at = time.monotonic()


class ChangeDetector(Protocol):
    """Tells the version that a registry is at."""

    async def version(self) -> RegistryVersion:
        """The version at some moment between the call and the answer."""

    async def close(self) -> None:
        """Close the connection."""


def detector_of(url: str, lock_timeout: float, replaced: Callable[[], None]) -> ChangeDetector:
    """What detects changes of a registry's database.

    Args:
        url: the database.
        lock_timeout: seconds to wait for another process's write.
        replaced: called when another file stands in the place of a SQLite registry: whatever is
            connected is connected to the one that is gone.
    """
    if url.startswith("postgresql"):
        return PostgresqlDetector(url)
    return SqliteDetector(sqlite.path_of(url), lock_timeout, replaced)


class SqliteDetector:
    """SQLite counts the commits of other connections: ``PRAGMA data_version``, 5 µs."""

    def __init__(self, path: Path, timeout: float, replaced: Callable[[], None]) -> None:
        self._path = os.fspath(path)
        self._timeout = timeout
        self._replaced = replaced
        self._cursor: sqlite3.Cursor | None = None
        self._file: tuple[int, int] | None = None
        self._written: tuple[int, int] | None = None
        self._in_place = True
        self._commits = 0
        self._opened = 0
        self._last = RegistryVersion(None, None)

    async def version(self) -> RegistryVersion:
        """The count of commits, and which file it is of.

        Raises:
            RegistryUnreachable: the file cannot be read, or is locked for too long.
        """
        try:
            return self._read()
        except sqlite3.OperationalError as error:
            if not _busy(error):
                raise self._gone(error) from None
        except OSError as error:
            raise self._gone(error) from None
        return await self._wait()

    async def close(self) -> None:
        """Close the connection."""
        if self._cursor is not None:
            self._cursor.connection.close()
            self._cursor = None

    def _read(self) -> RegistryVersion:
        file = os.stat(self._path)
        if (file.st_dev, file.st_ino) != self._file:
            self._open()
            self._file = (file.st_dev, file.st_ino)
        commits = self._ask()
        if commits == self._commits and self._written not in (None, _written(file)):
            self._open()  # somebody wrote into it who is not SQLite: a copy was put in its place
            commits = self._ask()
        if commits != self._commits or self._written is None:
            self._commits = commits
            self._written = _written(os.stat(self._path)) if self._in_place else None
        if (self._opened, commits) != self._last.registry:
            assert self._cursor is not None  # nosec B101 # noqa: S101 - just opened
            (tokens,) = self._cursor.execute(TOKENS).fetchone()
            at = (self._opened, commits)
            self._last = RegistryVersion(at, (self._opened, tokens), at)
        return self._last

    def _ask(self) -> int:
        assert self._cursor is not None  # nosec B101 # noqa: S101 - opened by the only caller
        count: int = self._cursor.execute("PRAGMA data_version").fetchone()[0]
        return count

    def _open(self) -> None:
        if self._cursor is not None:
            self._cursor.connection.close()
            self._replaced()
        connection = sqlite3.connect(
            f"file:{quote(self._path)}?mode=rw", uri=True, isolation_level=None, timeout=0
        )
        self._cursor = connection.cursor()
        self._opened += 1
        self._commits, self._written = 0, None
        (mode,) = self._cursor.execute("PRAGMA journal_mode").fetchone()
        self._in_place = mode != "wal"  # a commit writes into the file itself, before it counts

    async def _wait(self) -> RegistryVersion:
        """A writer is committing this moment: what it does counts once it has done it."""
        end = time.monotonic() + self._timeout
        while time.monotonic() < end:
            await asyncio.sleep(0.001)
            try:
                return self._read()
            except sqlite3.OperationalError as error:
                if not _busy(error):
                    raise self._gone(error) from None
        raise RegistryUnreachable(
            "The registry is locked by another process.",
            remedy="Try again in a moment.",
            public="The registry is locked by another process.",
        )

    def _gone(self, error: Exception) -> RegistryUnreachable:
        self._file = None
        return RegistryUnreachable(
            f"The registry {self._path} cannot be read: {error}.",
            remedy=f"Check it with {act('db check')}.",
        )


class PostgresqlDetector:
    """The newest event's digest, which stands for the whole history.

    Those who ask while a question is on its way share the next one, which begins after they came.
    """

    def __init__(self, url: str) -> None:
        self._conninfo = postgresql.conninfo(url)
        self._shown = without_password(url)
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._waiting: list[asyncio.Future[RegistryVersion]] = []
        self._asking: asyncio.Task[None] | None = None

    async def version(self) -> RegistryVersion:
        """The newest event's digest.

        Raises:
            RegistryUnreachable: the database cannot be asked.
        """
        mine: asyncio.Future[RegistryVersion] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await mine

    async def close(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            self._asking.cancel()
        await self._drop()

    async def _ask(self) -> None:
        """Ask for all who wait, until nobody does."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                head = await self._head()
            except RegistryUnreachable as error:
                for future in waiting:
                    if not future.done():
                        future.set_exception(
                            RegistryUnreachable(
                                str(error), remedy=error.remedy, public=error.public
                            )
                        )
            else:
                for future in waiting:
                    if not future.done():
                        future.set_result(head)
        self._asking = None

    async def _head(self) -> RegistryVersion:
        import psycopg

        try:
            async with asyncio.timeout(ROUND_TRIP):
                if self._connection is None or self._connection.closed:
                    self._connection = await psycopg.AsyncConnection.connect(
                        self._conninfo, autocommit=True, prepare_threshold=0
                    )
                row = await (await self._connection.execute(HEAD)).fetchone()
        except (psycopg.Error, OSError, TimeoutError) as error:
            await self._drop()
            raise RegistryUnreachable(
                f"The registry {self._shown} cannot be used: {_said(error)}.",
                remedy="Check that the server runs and lets this user in.",
            ) from None
        return RegistryVersion(*row) if row is not None else RegistryVersion(None, None)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _written(file: os.stat_result) -> tuple[int, int]:
    """What changes whenever a file is written to."""
    return file.st_mtime_ns, file.st_size


def _busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _said(error: Exception) -> str:
    return masked(" ".join(str(error).split()))[:200].rstrip(".") or type(error).__name__
