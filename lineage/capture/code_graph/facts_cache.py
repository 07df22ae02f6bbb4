"""Facts of sources by the git object that holds them: what was read once is not parsed again.

An object's content never changes, so an entry holds for ever, for this way of reading sources and
this version of Python's grammar (both are part of its key). The file lies in the user's own cache,
never in the repository: whoever hands over a checkout must not be able to say what is in it.

An aid, never a fact: a missing, damaged or unwritable cache costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from lineage.capture.code_graph.facts import Facts
from lineage.hashing.cache_file import CacheFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

READING: Final = 4
"""The version of how sources are read: raise it with every change of what facts hold."""

MOST_ENTRIES: Final = 200_000
_KEPT: Final = MOST_ENTRIES * 3 // 4
_AT_ONCE: Final = 500
_GRAMMAR: Final = f"{READING}/{sys.version_info.major}.{sys.version_info.minor}"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (
    number INTEGER PRIMARY KEY, object TEXT NOT NULL, reading TEXT NOT NULL, facts BLOB NOT NULL,
    UNIQUE (object, reading)
)
"""


class FactsCache:
    """A cache of facts in one SQLite file; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = CacheFile(path, _SCHEMA)
        self._new: dict[tuple[str, str], Facts] = {}

    @classmethod
    def default(cls) -> FactsCache:
        """``lineage-guard/code-facts.db`` in ``XDG_CACHE_HOME`` or ``~/.cache``."""
        home = os.environ.get("XDG_CACHE_HOME")
        folder = Path(home or os.path.expanduser("~/.cache"))  # noqa: PTH111 - Path.home can fail
        return cls(folder / "lineage-guard" / "code-facts.db")

    def __enter__(self) -> FactsCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def known(self, objects: Iterable[str], language: str) -> Mapping[str, Facts]:
        """What is remembered, by object id."""
        wanted = list(objects)
        connection = self._file.open() if wanted else None
        found: dict[str, Facts] = {}
        if connection is None:
            return found
        reading = f"{language}/{_GRAMMAR}"
        try:
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                query = f"SELECT object, facts FROM facts WHERE reading = ? AND object IN ({marks})"  # nosec B608 # noqa: S608
                for name, data in connection.execute(query, (reading, *part)):
                    with contextlib.suppress(ValidationError):
                        found[name] = _adapter().validate_json(data, strict=True)
        except sqlite3.Error:
            return {}
        return found

    def remember(self, name: str, language: str, facts: Facts) -> None:
        """Keep the facts of an object."""
        self._new[name, f"{language}/{_GRAMMAR}"] = facts

    def close(self) -> None:
        """Write what is new, and forget the oldest entries of a full cache."""
        connection = self._file.open() if self._new else self._file.opened
        if connection is None:
            return
        rows = [(*key, _adapter().dump_json(facts)) for key, facts in self._new.items()]
        with contextlib.suppress(sqlite3.Error), connection:
            connection.executemany(
                "INSERT OR REPLACE INTO facts (object, reading, facts) VALUES (?, ?, ?)", rows
            )
            (entries,) = connection.execute("SELECT count(*) FROM facts").fetchone()
            if entries > MOST_ENTRIES:
                connection.execute(
                    "DELETE FROM facts WHERE number <= "
                    "(SELECT number FROM facts ORDER BY number DESC LIMIT 1 OFFSET ?)",
                    (_KEPT,),
                )
        self._new.clear()
        self._file.close()


@cache
def _adapter() -> TypeAdapter[Facts]:
    return TypeAdapter(Facts)
