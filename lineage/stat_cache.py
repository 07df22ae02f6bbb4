"""Digests of files that have not changed since they were last read.

An entry is found by device, inode, size and modification time, and holds only while the inode's
change time is the same too, which no program can set back. A file that changed within the last
:data:`SETTLED` seconds is not remembered: a further write might leave no trace in its times.

The cache is an aid, never a fact: a missing, damaged or unwritable one costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from lineage.digest import Digest
from lineage.hashing import Hashed

if TYPE_CHECKING:
    import os
    from pathlib import Path

SETTLED: Final = 2.0
"""Seconds after which a file's times are trusted to show its next change."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS file_digest (
    device INTEGER, inode INTEGER, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,
    xxh3 TEXT, blake3 TEXT, md5 TEXT, md5_dos2unix TEXT,
    PRIMARY KEY (device, inode)
) WITHOUT ROWID
"""
_LOOK_UP = """
SELECT xxh3, blake3, md5, md5_dos2unix FROM file_digest
WHERE device = ? AND inode = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ?
"""
_REMEMBER = """
INSERT INTO file_digest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (device, inode) DO UPDATE SET
    (size, mtime_ns, ctime_ns) = (excluded.size, excluded.mtime_ns, excluded.ctime_ns),
    (xxh3, blake3, md5, md5_dos2unix) = (
        CASE WHEN {same} THEN coalesce(excluded.xxh3, xxh3) ELSE excluded.xxh3 END,
        CASE WHEN {same} THEN coalesce(excluded.blake3, blake3) ELSE excluded.blake3 END,
        CASE WHEN {same} THEN coalesce(excluded.md5, md5) ELSE excluded.md5 END,
        CASE WHEN {same} THEN coalesce(excluded.md5_dos2unix, md5_dos2unix)
             ELSE excluded.md5_dos2unix END)
""".format(
    same="(size, mtime_ns, ctime_ns) = (excluded.size, excluded.mtime_ns, excluded.ctime_ns)"
)
_DVC_COLUMNS: Final = {"md5": 2, "md5-dos2unix": 3}

Row = tuple[int, int, int, int, int, str | None, str | None, str | None, str | None]


class StatCache:
    """A cache of file digests in one SQLite file; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._broken = False
        self._new: list[Row] = []

    def __enter__(self) -> StatCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def look_up(self, status: os.stat_result, *, secure: bool) -> Hashed | None:
        """The digests of an unchanged file; None where they are unknown (with BLAKE3 if asked)."""
        row = self._row(status)
        if row is None or row[0] is None or (secure and row[1] is None):
            return None
        strong = Digest("blake3:" + row[1]) if row[1] is not None else None
        return Hashed(Digest("xxh3:" + row[0]), strong, status.st_size, 1)

    def remember(self, status: os.stat_result, hashed: Hashed) -> None:
        """Keep a file's digests until it changes."""
        strong = hashed.blake3.value if hashed.blake3 is not None else None
        self._add(status, hashed.xxh3.value, strong, None, None)

    def look_up_dvc(self, status: os.stat_result, algorithm: str) -> str | None:
        """The hex digits of DVC's own hash (``md5`` or ``md5-dos2unix``) of an unchanged file."""
        row = self._row(status)
        return row[_DVC_COLUMNS[algorithm]] if row is not None else None

    def remember_dvc(self, status: os.stat_result, algorithm: str, digits: str) -> None:
        """Keep DVC's own hash of a file until it changes."""
        plain = algorithm == "md5"
        self._add(status, None, None, digits if plain else None, None if plain else digits)

    def close(self) -> None:
        """Write what is new."""
        connection = self._open() if self._new else self._connection
        if connection is None:
            return
        with contextlib.suppress(sqlite3.Error), connection:
            self._new.sort(key=lambda row: row[:2])
            connection.executemany(_REMEMBER, self._new)
        self._new.clear()
        connection.close()
        self._connection = None

    def _add(self, status: os.stat_result, *digits: str | None) -> None:
        if time.time() - max(status.st_mtime, status.st_ctime) < SETTLED:
            return
        self._new.append((*_key(status), *digits))  # type: ignore[arg-type]

    def _row(self, status: os.stat_result) -> tuple[str | None, ...] | None:
        connection = self._open()
        if connection is None:
            return None
        try:
            row: tuple[str | None, ...] | None = connection.execute(
                _LOOK_UP, _key(status)
            ).fetchone()
        except (sqlite3.Error, OverflowError):
            return None
        return row

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None and not self._broken:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(self._path, timeout=1.0)
                self._connection.execute("PRAGMA synchronous = OFF")
                self._connection.execute(_SCHEMA)
            except (sqlite3.Error, OSError) as error:
                self._give_up(damaged=not isinstance(error, (sqlite3.OperationalError, OSError)))
        return self._connection

    def _give_up(self, *, damaged: bool) -> None:
        """Do without the cache; a damaged file is removed, so that the next run heals."""
        self._broken = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if damaged:
            with contextlib.suppress(OSError):
                self._path.unlink()


def _key(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (
        _signed(status.st_dev),
        _signed(status.st_ino),
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _signed(number: int) -> int:
    """An unsigned 64-bit number as SQLite stores it."""
    return number - (1 << 64) if number >= 1 << 63 else number
