"""The hosts that wait for something else to serve: puts their requests aside, and wakes them.

A look-up with ``wait`` whose answer is known to its caller is put aside until the slot answers
otherwise, or the time is over; then it is asked anew as though it had just come. So who may be
answered, and with what, is decided by the look-up alone, at that moment.

One task of the process looks for all of them, and only while somebody waits: it asks the database
whether anything was committed, and the cache for the answers of the slots that are waited for. What
another process or server wrote is seen by the same question. Those who wait cost no task, no timer
and no thread.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Final

from fastapi import Response
from typing_extensions import override

from lineage import timestamps
from lineage.errors import LineageError, RegistryUnreachable, TooManyWaiting

from .connections import HELD, HeldRequest
from .known import CONFIRMED_FOR, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from .known import RegistryVersion
    from .serving_cache import Asked, ServingCache

LONGEST: Final = 60
"""Seconds that a host may wait: as long as most proxies wait for an answer."""

EVERY: Final = 0.25
"""Seconds between two questions whether anything changed."""

AT_ONCE: Final = 200
"""Requests that are asked anew before others have their turn."""

TURN: Final = 0.5
"""Seconds that those may take at the most before the next have theirs."""

SPARE: Final = 256
"""Files that a process opens besides the connections of those who wait."""

logger = logging.getLogger("lineage.server")


class NoAnswerYet(Response):
    """The response of a request that was put aside: nothing is sent."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send nothing."""


NO_ANSWER_YET: Final = NoAnswerYet()


@dataclass(eq=False, slots=True)
class _Waiter:
    request: HeldRequest | None
    slot: _Slot


@dataclass(eq=False, slots=True)
class _Slot:
    """What is waited for: that a question gets another answer than the one that is known."""

    asked: Asked
    etag: str
    waiters: set[_Waiter] = field(default_factory=set)


class WaitingHosts:
    """The requests that wait on this process.

    Args:
        cache: gives the answers of slots.
        most: how many may wait; fewer where the process may not open so many files.

    Attributes:
        again: what answers a look-up that has waited.
    """

    def __init__(self, cache: ServingCache, most: int) -> None:
        self.again: ASGIApp | None = None
        self._cache = cache
        self._most = min(most, max(0, files_allowed() - SPARE))
        self._count = 0
        self._slots: dict[Asked, _Slot] = {}
        self._ends: dict[int, list[_Waiter]] = {}
        self._due: deque[HeldRequest] = deque()
        self._new: list[_Slot] = []
        self._seen: RegistryVersion | None = None
        self._unsure_until = 0.0
        self._changes_at: str | None = None
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return self._count

    def put_aside(self, scope: Scope, asked: Asked, etag: str, seconds: int) -> Response | None:
        """Let a request wait until there is another answer to it.

        Args:
            scope: of the request.
            asked: what it asks.
            etag: of the answer, which is the one that the caller knows.
            seconds: how long it waits, counted from when it came.

        Returns:
            What the application is to answer with; None where it is to answer at once: the time is
            over, or the server stops.

        Raises:
            TooManyWaiting: as many wait as may.
        """
        request: HeldRequest | None = scope.get(HELD)
        if request is None:
            return None
        now = time.monotonic()
        request.until = until = request.until or now + seconds
        if until <= now:
            return None
        if self._count >= self._most:
            raise TooManyWaiting(
                f"{self._count} hosts wait on this server, and no more may.",
                remedy="Ask without wait.",
                public="As many hosts wait on this server as may.",
            )
        waiter = _Waiter(request, self._slot(asked, etag))
        if not request.put_aside(lambda: self._end(waiter)):
            return None
        scope.pop(VERSION, None)  # by then there is another one
        waiter.slot.waiters.add(waiter)
        self._ends.setdefault(ceil(until / EVERY), []).append(waiter)
        self._count += 1
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        return NO_ANSWER_YET

    def close(self) -> None:
        """Look for nobody any more."""
        if self._task is not None:
            self._task.cancel()

    def _slot(self, asked: Asked, etag: str) -> _Slot:
        """Where those wait who know an answer; a new one is looked at once in any case.

        For what was committed after its answer was read may have been looked at before it was here.
        """
        slot = self._slots.get(asked)
        if slot is not None and slot.etag == etag:
            return slot
        if slot is not None:
            self._wake(slot)
        slot = self._slots[asked] = _Slot(asked, etag)
        self._new.append(slot)
        return slot

    def _end(self, waiter: _Waiter) -> None:
        """Let one wait no longer."""
        request, waiter.request = waiter.request, None
        if request is None:
            return
        self._count -= 1
        self._due.append(request)
        slot = waiter.slot
        slot.waiters.discard(waiter)
        if not slot.waiters and self._slots.get(slot.asked) is slot:
            del self._slots[slot.asked]

    def _wake(self, slot: _Slot) -> None:
        for waiter in list(slot.waiters):
            self._end(waiter)

    async def _watch(self) -> None:
        """Look for all who wait, until nobody does."""
        while self._count or self._due:
            await asyncio.sleep(EVERY)
            try:
                self._end_those_of_the_past()
                await self._ask_anew()
                await self._look()
                await self._ask_anew()
            except Exception:
                logger.exception("hosts that wait could not be looked for")
        self._ends.clear()
        self._new.clear()
        self._task = None

    def _end_those_of_the_past(self) -> None:
        now = time.monotonic()
        for tick in [tick for tick in self._ends if tick * EVERY <= now]:
            for waiter in self._ends.pop(tick):
                self._end(waiter)

    async def _look(self) -> None:
        """Wake those whose slot has another answer, if anything was committed or has ended.

        Where the registry cannot be asked all go on waiting, until their time is over.
        """
        try:
            version = await self._cache.version()
            new, self._new = self._new, []
            if version != self._seen:
                self._unsure_until = time.monotonic() + 2 * CONFIRMED_FOR
            unsure = time.monotonic() < self._unsure_until
            over = self._changes_at is not None and self._changes_at <= timestamps.now()
            if unsure or over:
                self._changes_at = None
                await self._look_at(list(self._slots.values()), version)
            else:
                await self._look_at(new, version)
            self._seen = version
        except LineageError:
            self._seen = None  # all are looked at once it can be asked again

    async def _look_at(self, slots: Iterable[_Slot], version: RegistryVersion) -> None:
        for slot in slots:
            try:
                answer = await self._cache.answer(*slot.asked, version)
            except RegistryUnreachable:
                raise
            except LineageError:  # the answer is an error now
                self._wake(slot)
            else:
                if answer.etag != slot.etag:
                    self._wake(slot)
                elif answer.until is not None:
                    self._changes_at = min(self._changes_at or answer.until, answer.until)
            if self._due:
                await self._ask_anew()

    async def _ask_anew(self) -> None:
        assert self.again is not None  # nosec B101 # noqa: S101 - set as the application is made
        while self._due:
            turn = [self._due.popleft() for _ in range(min(AT_ONCE, len(self._due)))]
            tasks = [task for request in turn if (task := request.ask_anew(self.again)) is not None]
            if tasks:
                await asyncio.wait(tasks, timeout=TURN)


def files_allowed() -> int:
    """How many files this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 30
