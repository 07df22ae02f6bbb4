"""Confirms what a server keeps: all at once, where something was committed that has no event.

In a busy database the state moves all the time, and nearly always with events, which are known. To
read every answer anew for the rows that somebody may have changed past them would cost more than to
answer. So one query reads what all of them are made of (:mod:`lineage.database.basis`), a few times
a second at the most, and never for more than a part of the time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from starlette.concurrency import run_in_threadpool

from lineage.errors import LineageError

from .known import Look

if TYPE_CHECKING:
    from lineage.database.basis import Basis
    from lineage.registry.registry import Registry

    from .change_detection import ChangeDetector

EVERY: Final = 0.2
"""Seconds from the end of a look to the beginning of the next, at least."""

SHARE: Final = 10
"""How many times the CPU time of a look is waited before the next, at least."""

WITHIN: Final = 0.9
"""Seconds that a look which others keep from the CPU is waited for."""

logger = logging.getLogger("lineage.registry")


class Keeps(Protocol):
    """Keeps something that looks confirm."""

    def confirm(self, look: Look, span: float) -> None:
        """Take what a look found to be the same for true for a span of seconds."""


class Confirming:
    """Looks, as long as the server runs, whenever the state of the database has moved."""

    def __init__(self, registry: Registry, detector: ChangeDetector, *keeping: Keeps) -> None:
        self._registry = registry
        self._detector = detector
        self._keeping = keeping
        self._last: Look | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            try:
                pause = await self._look(pause)
            except LineageError:
                self._last = None  # nothing is confirmed; whoever asks is told why
                pause = EVERY
            except Exception:
                logger.exception("what is kept cannot be confirmed")
                self._last = None
                pause = EVERY

    async def _look(self, pause: float) -> float:
        """Look, if anything was committed; the pause until the next."""
        began, last = time.monotonic(), self._last
        version = await self._detector.version()
        if last is not None and last.version.state == version.state:
            return EVERY
        basis, seconds = await run_in_threadpool(self._basis)
        next_pause = max(EVERY, SHARE * seconds)
        look = Look(began, version, basis, last)
        took = time.monotonic() - began
        span = max(2 * next_pause, min(WITHIN, 2 * (pause + took)))
        for kept in self._keeping:
            kept.confirm(look, span)
        self._last = look
        return next_pause

    def _basis(self) -> tuple[Basis, float]:
        """The basis, and how long it took this thread."""
        began = time.thread_time()
        return self._registry.basis(), time.thread_time() - began
