"""The pages that are open: tells each of them that something which it shows has moved.

One task of the process looks for all of them, and only while there are any: it asks the database
what was touched since (decision 10), the same question that hosts which wait are woken by, and now
and then how many hosts are in which state. What another process or server wrote is seen by it too.
A page is told that something moved, and nothing else: what it shows then it asks for as any page is
asked for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool

from lineage.database.touched import TOKENS
from lineage.errors import LineageError, TooManyWaiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lineage.contract.results.environments import SlotReports
    from lineage.database.touched import Thing
    from lineage.registry.registry import Registry

    from .known import Touches
    from .serving_cache import ServingCache

    Concerns = Callable[[frozenset[Thing]], bool]
    """Whether something of what was touched is shown."""

EVERY: Final = 0.5
"""Seconds between two questions what was touched."""

REPORTS: Final = 3.0
"""Seconds between two looks at what hosts report, at least."""

SHARE: Final = 20
"""How many times as long as a look took is waited before the next, at least."""

MOST: Final = 200
"""Pages that one process tells; others stay as they were opened. Of the files that are spared."""

ANSWERED: Final = "lineage.answered"
"""Where the scope of a request has when its answer began, if that goes on for as long as somebody
looks: by :func:`time.perf_counter`."""

logger = logging.getLogger("lineage.server")


class OpenPage:
    """A page that is open.

    Args:
        count: of what was touched before it was made.
        concerns: see below.

    Attributes:
        concerns: whether something of what was touched is shown by it.
        has_ended: whether nobody looks at it any more, or the server stops.
    """

    def __init__(self, count: int, concerns: Concerns) -> None:
        self.concerns = concerns
        self.has_ended = False
        self._count = count
        self._has_moved = False
        self._woken = asyncio.Event()

    def end(self) -> None:
        """Nobody looks at it any more."""
        self.has_ended = True
        self._woken.set()

    def touch(self, touches: Touches) -> None:
        """Wake it if something was touched that it shows, or who looks may have been shut out."""
        things = touches.after(self._count)
        self._count = touches.count
        self.tell(things)

    def tell(self, things: frozenset[Thing] | None) -> None:
        """Wake it for some things; None for all that there are."""
        if things is None or self.concerns(things):
            self._has_moved = True
            self._woken.set()
        elif TOKENS in things:
            self._woken.set()

    async def woken(self, within: float) -> bool:
        """Wait to be woken, for some seconds; whether what it shows has moved."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), within)
        self._woken.clear()
        moved, self._has_moved = self._has_moved, False
        return moved


class OpenPages:
    """The pages that this process tells."""

    def __init__(self, cache: ServingCache, registry: Registry) -> None:
        self._cache = cache
        self._registry = registry
        self._reports: dict[Thing, object] | None = None
        self._reports_until = 0.0
        self._pages: set[OpenPage] = set()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._pages)

    def require_room(self) -> None:
        """Refuse one more than may be open.

        Raises:
            TooManyWaiting: as many are.
        """
        if len(self._pages) >= MOST:
            raise TooManyWaiting(
                f"{MOST} open pages are told what moves, and no more may be.",
                remedy="Load the page anew to see what moved.",
                public="As many open pages are told what moves as may be.",
            )

    @contextmanager
    def holding(self, page: OpenPage) -> Iterator[None]:
        """Tell a page what moves, for as long as it is open."""
        self._pages.add(page)
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            self._pages.discard(page)

    def close(self) -> None:
        """Look for nothing any more."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        """Look for what moves, until no page is open."""
        while self._pages:
            await asyncio.sleep(EVERY)
            try:
                version = await self._cache.version()
                await self._look_at_reports()
                for page in list(self._pages):
                    page.touch(version.touches)
            except LineageError:
                continue  # all that was touched meanwhile is found once it can be asked again
            except Exception:
                logger.exception("open pages could not be told what moved")
        self._task = None

    async def _look_at_reports(self) -> None:
        """Wake those whose hosts are in another state: most reports change no answer of a slot.

        It is one question for all pages, and for a small part of the time alone.
        """
        began = time.monotonic()
        if began < self._reports_until:
            return
        found = await run_in_threadpool(self._registry.observed)
        self._reports_until = time.monotonic() + max(REPORTS, SHARE * (time.monotonic() - began))
        before, self._reports = self._reports, {_slot(one): _states(one) for one in found}
        if before is None:
            return
        both = before.keys() | self._reports
        moved = frozenset(slot for slot in both if before.get(slot) != self._reports.get(slot))
        for page in list(self._pages):
            page.tell(moved)


def _slot(reports: SlotReports) -> Thing:
    return ("slot", reports["environment"], reports["model"])


def _states(reports: SlotReports) -> dict[str, Any]:
    """How many hosts are in which state; not for how long."""
    return {name: said for name, said in reports.items() if name != "lag_seconds"}
