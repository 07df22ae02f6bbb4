"""Whether anything changed since the last look, cheaply (decision 10).

A look-up is answered from memory only after the database itself said, in a question asked after the
request arrived, that nothing was committed since the answer was read. Nothing is notified, so there
is no notification that could be lost.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from lineage.connection import without_password
from lineage.database import postgresql, sqlite
from lineage.errors import RegistryUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import psycopg

ROUND_TRIP: Final = 5.0
"""Seconds that PostgreSQL may take to say its head."""

TOKENS: Final = "SELECT max(seq) FROM event_subject WHERE subject = 'access:tokens'"
HEAD: Final = (
    "SELECT (SELECT digest FROM event ORDER BY seq DESC LIMIT 1), "
    "(SELECT max(seq) FROM event_subject WHERE subject = 'access:tokens')"
)


@dataclass(frozen=True)
class Versions:
    """Two equal ones mean that nothing was changed: of the whole registry, and of its tokens."""

    registry: object
    tokens: object


class Version(Protocol):
    """Says the version of the registry."""

    async def now(self) -> Versions:
        """The versions at some moment between the call and the answer."""

    async def close(self) -> None:
        """Let go of the connection."""


def version_of(url: str, lock_timeout: float, replaced: Callable[[], None]) -> Version:
    """What says the version of a registry's database.

    Args:
        url: the database.
        lock_timeout: seconds to wait for another process's write.
        replaced: called when another file stands in the place of a SQLite registry: whatever is
            connected is connected to the one that is gone.
    """
    if url.startswith("postgresql"):
        return PostgresqlVersion(url)
    return SqliteVersion(sqlite.path_of(url), lock_timeout, replaced)


class SqliteVersion:
    """SQLite counts the commits of other connections: ``PRAGMA data_version``, 5 µs."""

    def __init__(self, path: Path, timeout: float, replaced: Callable[[], None]) -> None:
        self._path = os.fspath(path)
        self._timeout = timeout
        self._replaced = replaced
        self._cursor: sqlite3.Cursor | None = None
        self._file: tuple[int, int] | None = None
        self._opened = 0
        self._last = Versions(None, None)

    async def now(self) -> Versions:
        """The count of commits, and which file it is of.

        Raises:
            RegistryUnreachable: the file cannot be read, or is locked for too long.
        """
        try:
            return self._look()
        except sqlite3.OperationalError as error:
            if not _busy(error):
                raise self._gone(error) from None
        except OSError as error:
            raise self._gone(error) from None
        return await self._wait()

    async def close(self) -> None:
        """Let go of the connection."""
        if self._cursor is not None:
            self._cursor.connection.close()
            self._cursor = None

    def _look(self) -> Versions:
        found = os.stat(self._path)
        if (found.st_dev, found.st_ino) != self._file:
            self._open()
            self._file = (found.st_dev, found.st_ino)
        assert self._cursor is not None  # noqa: S101 - just opened
        commits = self._cursor.execute("PRAGMA data_version").fetchone()[0]
        if (self._opened, commits) != self._last.registry:
            (tokens,) = self._cursor.execute(TOKENS).fetchone()
            self._last = Versions((self._opened, commits), (self._opened, tokens))
        return self._last

    def _open(self) -> None:
        if self._cursor is not None:
            self._cursor.connection.close()
            self._replaced()
        connection = sqlite3.connect(
            f"file:{quote(self._path)}?mode=rw", uri=True, isolation_level=None, timeout=0
        )
        self._cursor = connection.cursor()
        self._opened += 1

    async def _wait(self) -> Versions:
        """A writer is committing this moment: what it does counts once it has done it."""
        end = time.monotonic() + self._timeout
        while time.monotonic() < end:
            await asyncio.sleep(0.001)
            try:
                return self._look()
            except sqlite3.OperationalError as error:
                if not _busy(error):
                    raise self._gone(error) from None
        raise RegistryUnreachable(
            "The registry is locked by another process.", remedy="Try again in a moment."
        )

    def _gone(self, error: Exception) -> RegistryUnreachable:
        self._file = None
        return RegistryUnreachable(
            f"The registry {self._path} cannot be read: {error}.",
            remedy="Check it with `lineage db check`.",
        )


class PostgresqlVersion:
    """The newest event's digest, which stands for the whole history.

    Those who ask while a question is on its way share the next one, which begins after they came.
    """

    def __init__(self, url: str) -> None:
        self._conninfo = postgresql.conninfo(url)
        self._shown = without_password(url)
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._waiting: list[asyncio.Future[Versions]] = []
        self._asking: asyncio.Task[None] | None = None

    async def now(self) -> Versions:
        """The newest event's digest.

        Raises:
            RegistryUnreachable: the database cannot be asked.
        """
        mine: asyncio.Future[Versions] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await mine

    async def close(self) -> None:
        """Let go of the connection."""
        if self._asking is not None:
            self._asking.cancel()
        await self._drop()

    async def _ask(self) -> None:
        """Ask for all who wait, until nobody does."""
        while self._waiting:
            those, self._waiting = self._waiting, []
            try:
                head = await self._head()
            except RegistryUnreachable as error:
                for one in those:
                    if not one.done():
                        one.set_exception(RegistryUnreachable(str(error), remedy=error.remedy))
            else:
                for one in those:
                    if not one.done():
                        one.set_result(head)
        self._asking = None

    async def _head(self) -> Versions:
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
        return Versions(*row) if row is not None else Versions(None, None)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
