"""Digests of files that have not changed since they were last read.

An entry is found by device, inode, size and modification time, and holds only while the inode's
change time is the same too, which no program can set back. A file that changed within the last
:data:`SETTLED` seconds is not remembered: a further write might leave no trace in its times.

The cache is an aid, never a fact: a missing, damaged or unwritable one costs time and nothing else.
So do numbers that SQLite's 64 bits cannot hold.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from lineage.hashing.cache_file import CacheFile

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SETTLED: Final = 2.0
"""Seconds after which a file's times are trusted to show its next change."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS file_digest (
    device INTEGER, inode INTEGER, algorithm TEXT,
    size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, digest TEXT,
    PRIMARY KEY (device, inode, algorithm)
) WITHOUT ROWID
"""
_LOOK_UP = """
SELECT inode, size, mtime_ns, ctime_ns, digest FROM file_digest
WHERE device = ? AND algorithm = ? AND inode IN (%s)
"""
_REMEMBER = "INSERT OR REPLACE INTO file_digest VALUES (?, ?, ?, ?, ?, ?, ?)"
_AT_ONCE: Final = 500

Status = tuple[int, int, int]
"""What of a file's status moves when its content does: size, mtime and ctime in nanoseconds."""


class StatCache:
    """A cache of file digests in one SQLite file; use it as a context manager.

    ``algorithm`` is ``xxh3``, ``blake3`` or one of DVC's own; digests are hex digits without it.
    """

    def __init__(self, path: Path) -> None:
        self._file = CacheFile(path, _SCHEMA)
        self._new: list[tuple[int, int, str, int, int, int, str]] = []

    def __enter__(self) -> StatCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def known(
        self, device: int, inodes: Sequence[int], algorithm: str
    ) -> dict[int, tuple[Status, str]]:
        """What is remembered of files by their inodes; it holds while their status is the same."""
        found: dict[int, tuple[Status, str]] = {}
        connection = self._file.open()
        if connection is None:
            return found
        try:
            for start in range(0, len(inodes), _AT_ONCE):
                part = inodes[start : start + _AT_ONCE]
                query = _LOOK_UP % ",".join("?" * len(part))
                for row in connection.execute(query, (device, algorithm, *part)):
                    found[row[0]] = (row[1:4], row[4])
        except (sqlite3.Error, OverflowError):
            return {}
        return found

    def look_up(self, status: os.stat_result, algorithm: str) -> str | None:
        """The digest of an unchanged file; None where it is unknown."""
        entry = self.known(status.st_dev, [status.st_ino], algorithm).get(status.st_ino)
        return entry[1] if entry is not None and entry[0] == moving(status) else None

    def remember(
        self,
        algorithm: str,
        digests: Iterable[tuple[os.stat_result, str]],
        after: float = SETTLED,
    ) -> None:
        """Keep digests of files, each read when its status was as given, until they change.

        Args:
            algorithm: of the digests.
            digests: with the status of each file.
            after: seconds for which a file must not have changed.
        """
        settled = time.time_ns() - int(after * 1e9)
        self._new += [
            (s.st_dev, s.st_ino, algorithm, s.st_size, s.st_mtime_ns, s.st_ctime_ns, digest)
            for s, digest in digests
            if s.st_mtime_ns < settled and s.st_ctime_ns < settled
        ]

    def close(self) -> None:
        """Write what is new."""
        connection = self._file.open() if self._new else self._file.opened
        if connection is None:
            return
        with contextlib.suppress(sqlite3.Error, OverflowError), connection:
            self._new.sort()
            connection.executemany(_REMEMBER, self._new)
        self._new.clear()
        self._file.close()


def moving(status: os.stat_result) -> Status:
    """The part of a file's status that moves when its content does."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
