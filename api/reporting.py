"""Reports of hosts, taken together: those that come while some are recorded go with the next.

Ten thousand hosts that report once a minute are 167 reports a second. Recorded one by one each
would read what its slot declares, and commit. A batch does so once, and begins at most every
:data:`PAUSE`; the first report after a pause waits for nothing. Each is answered when it is
recorded, and the few of which the history is told when that is done, too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio import to_thread

from lineage.errors import LineageError, RegistryUnreachable

if TYPE_CHECKING:
    from lineage.registry.registry import Registry
    from lineage.registry.reports.batches import Report

    Waiting = tuple[Report, asyncio.Future[dict[str, Any]]]

PAUSE: Final = 0.04
"""Seconds from the beginning of a batch to that of the next, at least."""

MOST: Final = 500
"""Reports of a batch."""

QUEUE: Final = 10_000
"""Reports that wait, at the most: others are told to come again."""

_log = logging.getLogger("lineage.registry.reports")


class Reporting:
    """Records reports in batches, one after the other, in a thread of its own."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._waiting: list[Waiting] = []
        self._to_tell: list[tuple[asyncio.Future[dict[str, Any]], dict[str, Any]]] = []
        self._recording: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._untold = False
        self._thread = anyio.CapacityLimiter(1)
        self._teller = anyio.CapacityLimiter(1)
        self._next = 0.0

    async def record(self, report: Report) -> dict[str, Any]:
        """Record a report; JSON of it.

        Raises:
            LineageError: it is refused, or reports cannot be recorded now.
        """
        if len(self._waiting) >= QUEUE:
            busy = f"{QUEUE:,} reports are waiting to be recorded."
            raise RegistryUnreachable(busy, remedy="Report again in a minute.", public=busy)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((report, future))
        if self._recording is None:
            self._recording = asyncio.create_task(self._record_all())
        return await future

    async def _record_all(self) -> None:
        while self._waiting:
            await asyncio.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + PAUSE
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            await self._record_batch(batch)
        self._recording = None

    async def _record_batch(self, batch: list[Waiting]) -> None:
        reports = [report for report, _ in batch]
        try:
            recorded = await to_thread.run_sync(
                self._registry.record_reports, reports, limiter=self._thread
            )
        except Exception as error:
            for _, future in batch:
                _fail(future, error)
            return
        for (_, future), answer in zip(batch, recorded.answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, LineageError):
                future.set_exception(answer.with_traceback(None))
            elif answer.tells:
                self._to_tell.append((future, answer.document))
            else:
                future.set_result(answer.document)
        self._untold = self._untold or recorded.tells
        if self._untold and self._telling is None:
            self._telling = asyncio.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        """Let the history say what is to be said, until nobody waits for that."""
        while self._untold:
            self._untold = False
            waiting, self._to_tell = self._to_tell, []
            try:
                await to_thread.run_sync(self._registry.tell_reports, limiter=self._teller)
            except Exception as error:
                if not waiting:
                    _log.warning("what reports brought about is told with the next one: %s", error)
                for future, _ in waiting:
                    _fail(future, error)
            else:
                for future, document in waiting:
                    if not future.done():
                        future.set_result(document)
        self._telling = None


def _fail(future: asyncio.Future[dict[str, Any]], error: Exception) -> None:
    """Let one who waits know what failed for several, by an error of its own."""
    if future.done():
        return
    if isinstance(error, LineageError):
        error = type(error)(str(error), remedy=error.remedy, public=error.public)
    future.set_exception(error)
