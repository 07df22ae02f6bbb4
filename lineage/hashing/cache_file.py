"""A cache in one SQLite file: an aid, never a fact.

A missing, damaged or unwritable file costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class CacheFile:
    """Opens a cache's file when it is first asked for; use it as a context manager.

    Args:
        path: where it is, or is to be.
        schema: what makes its table, where that is not there.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._broken = False

    @property
    def opened(self) -> sqlite3.Connection | None:
        """The connection, if there is one already."""
        return self._connection

    def open(self) -> sqlite3.Connection | None:
        """The connection; None where the file cannot be used."""
        if self._connection is None and not self._broken:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(self._path, timeout=1.0)
                self._connection.execute("PRAGMA synchronous = OFF")
                self._connection.execute(self._schema)
            except (sqlite3.Error, OSError) as error:
                self._give_up(damaged=not isinstance(error, (sqlite3.OperationalError, OSError)))
        return self._connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _give_up(self, *, damaged: bool) -> None:
        """Do without the cache; a damaged file is removed, so that the next run heals."""
        self._broken = True
        self.close()
        if damaged:
            with contextlib.suppress(OSError):
                self._path.unlink()
