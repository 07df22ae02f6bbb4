"""Detectors of change: tell what was committed since the last question (decision 10).

A look-up is answered from memory only after the database itself said, in a question asked after the
request arrived, which events there are since the answer was read. Nothing is notified, so there is
no notification that could be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lineage.registry_url import path_of

from .postgresql_changes import PostgresqlDetector
from .sqlite_changes import SqliteDetector

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .known import RegistryVersion


class ChangeDetector(Protocol):
    """Tells the version that a registry is at."""

    def version(self) -> Awaitable[RegistryVersion]:
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
    return SqliteDetector(path_of(url), lock_timeout, replaced)
