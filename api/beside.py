"""What a server does beside answering: of its processes one does it, whichever comes first.

A process that ends lets go of the lock, however it ends, and another goes on.
"""

from __future__ import annotations

import asyncio
import fcntl
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

AGAIN: Final = 1.0
"""Seconds until a process looks again whether the one that does it has ended."""


class Work(Protocol):
    """Something that a thread of its own does."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


class Beside:
    """The work of a server that is done once, however many processes it has.

    Args:
        work: what is to be done.
        lock: a file that all processes know; None where there is but one.
    """

    def __init__(self, work: Sequence[Work], lock: Path | None) -> None:
        self._work = work
        self._lock = lock
        self._file: IO[Any] | None = None
        self._begun = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, now or once nobody else does it."""
        if self._work and not self._begin():
            self._task = asyncio.create_task(self._wait())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
        if self._begun:
            for work in self._work:
                await anyio.to_thread.run_sync(work.stop)
        if self._file is not None:
            self._file.close()

    async def _wait(self) -> None:
        while not self._begin():
            await asyncio.sleep(AGAIN)

    def _begin(self) -> bool:
        if not self._is_ours():
            return False
        for work in self._work:
            work.start()
        self._begun = True
        return True

    def _is_ours(self) -> bool:
        if self._lock is None:
            return True
        if self._file is None:
            self._file = self._lock.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
