"""The detector of changes of a SQLite file, which counts the commits of other connections."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from lineage.acts import act
from lineage.database import reports
from lineage.errors import RegistryUnreachable

from .known import History, RegistryVersion, new_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .known import Touches

_NEW: Final = new_events(":known")


class SqliteDetector:
    """Asks ``PRAGMA data_version``, 5 µs; where that moved, for the events since."""

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
        self._history = History()
        self._reports = _Reports(self._path + reports.FILE_SUFFIX)
        self._state: tuple[int, int] | None = None

    async def version(self) -> RegistryVersion:
        """What was touched up to now, and the count of commits of this file.

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
        self._reports.close()

    def _read(self) -> RegistryVersion:
        asked = time.monotonic()
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
        state = (self._opened, commits)
        if state != self._state:
            assert self._cursor is not None  # nosec B101 # noqa: S101 - just opened
            known = {"known": self._history.known}
            self._history.read(self._cursor.execute(_NEW, known).fetchall())
        touches = self._history.touches
        self._reports.note(touches)
        self._state = state
        return RegistryVersion(touches.count, state, asked, touches, self._history.newest)

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
        self._history.touches.note(None)
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


class _Reports:
    """The file of hosts' reports beside the registry: which slots they change something of.

    It may be gone, or another one, at any time: then it may be all of them.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._cursor: sqlite3.Cursor | None = None
        self._is_read = False
        self._damaged = False
        self._commits = 0
        self._changed = 0

    def note(self, touches: Touches) -> None:
        """Note the slots that were touched since the last call.

        Raises:
            sqlite3.OperationalError: it is locked.
        """
        file = self._there()
        if file != self._file:
            self.close()
            if self._file is not None:  # where none was, nothing was reported
                touches.note(None)
            self._file, self._is_read, self._damaged = file, False, False
        if file is None or self._damaged:
            return
        try:
            self._look(touches)
            self._is_read = True
        except sqlite3.OperationalError as error:
            if _busy(error):
                raise
            if self._is_read:  # else it is being made; to close it now would lock others out
                touches.note(None)
        except sqlite3.DatabaseError:
            self._damaged = True  # it says nothing, until another one stands there
            touches.note(None)

    def _there(self) -> tuple[int, int] | None:
        """The file that is there, once something stands in it: to be read, it would be locked."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return (found.st_dev, found.st_ino) if found.st_size else None

    def _look(self, touches: Touches) -> None:
        if self._cursor is None:
            address = f"file:{quote(self._path)}?mode=rw"
            connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=0)
            self._cursor = connection.cursor()
            self._commits = 0
        (commits,) = self._cursor.execute("PRAGMA data_version").fetchone()
        if commits == self._commits:
            return
        changed = self._cursor.execute(reports.CHANGED).fetchone()[0] or 0
        if changed < self._changed:  # it was emptied, and counts anew
            touches.note(None)
        elif changed > self._changed:
            since = {"number": self._changed}
            slots = self._cursor.execute(reports.SINCE, since).fetchall()
            touches.note(("slot", *slot) for slot in slots)
        self._commits, self._changed = commits, changed

    def close(self) -> None:
        """Close the connection."""
        if self._cursor is not None:
            self._cursor.connection.close()
            self._cursor = None


def _written(file: os.stat_result) -> tuple[int, int]:
    """What changes whenever a file is written to."""
    return file.st_mtime_ns, file.st_size


def _busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
