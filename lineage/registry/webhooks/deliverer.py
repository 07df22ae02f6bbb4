"""The deliverer: what a server does for webhooks beside answering, in a thread of its own.

It looks twice a second whether something happened, makes the messages of that, and sends those
whose time has come, several at once and few to each receiver: one that hangs keeps nobody else
waiting. Where nobody is to be told, it asks the database one question every two seconds.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from lineage.errors import LineageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineage.contract.results import Serving
    from lineage.contract.results.drift import Drift
    from lineage.registry.webhooks.outbox import Message, Outbox
    from lineage.registry.webhooks.sending import Sender

EVERY: Final = 0.5
"""Seconds between two rounds."""

IDLE: Final = 2.0
"""Seconds between two rounds where there is no webhook."""

AT_ONCE: Final = 8
"""Messages on their way at once."""

TO_EACH: Final = 2
"""Of these, to one receiver."""

STATES_EVERY: Final = 60.0
"""Seconds between two looks at the states of slots, where nothing happened."""

STATES_AFTER: Final = 2.0
"""Seconds from one such look to the next, at least."""

TIDY_EVERY: Final = 3_600.0
STOPS_WITHIN: Final = 10.0
LONGEST_PAUSE: Final = 60.0

_log = logging.getLogger("lineage.webhooks")


class Deliverer:
    """Delivers until it is stopped.

    Args:
        outbox: what is to be delivered.
        serving: reads every slot.
        drifts: what changed in what production sees, None where nobody knows yet.
        sender: what sends a message.
        count: is told of each attempt what became of it.
    """

    def __init__(
        self,
        outbox: Outbox,
        serving: Callable[[], Sequence[Serving]],
        drifts: Callable[[], Sequence[Drift] | None],
        sender: Sender,
        count: Callable[[str], None],
    ) -> None:
        self._outbox = outbox
        self._serving = serving
        self._drifts = drifts
        self._sender = sender
        self._count = count
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._under_way: dict[asyncio.Task[None], int] = {}
        self._looked, self._looked_at = 0.0, -1
        self._tidied = time.monotonic()
        self._said = ""

    def start(self) -> None:
        """Begin."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop,), name="lineage-webhooks", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End; what is on its way is sent again by whoever comes next."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(STOPS_WITHIN)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._deliver())

    async def _deliver(self) -> None:
        pause = EVERY
        while not self._stopping.is_set():
            try:
                pause = await self._round()
                self._said = ""
            except Exception as error:
                pause = min(LONGEST_PAUSE, 2 * pause)
                self._say(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._sender.close()

    async def _round(self) -> float:
        """Make messages, and send those whose time has come; the seconds until the next round."""
        made = await asyncio.to_thread(self._outbox.make)
        if made is None:
            return IDLE
        since = time.monotonic() - self._looked
        moved = made.newest != self._looked_at and since >= STATES_AFTER
        if made.states and (moved or since >= STATES_EVERY):
            self._looked, self._looked_at = time.monotonic(), made.newest
            serving = await asyncio.to_thread(self._serving)
            drifts = self._drifts() if made.drifts else ()
            await asyncio.to_thread(self._outbox.note_states, serving, drifts)
        if time.monotonic() - self._tidied >= TIDY_EVERY:
            self._tidied = time.monotonic()
            await asyncio.to_thread(self._outbox.tidy)
        of_each = Counter(self._under_way.values())
        room: dict[int | None, int] = {w: TO_EACH - count for w, count in of_each.items()}
        room[None] = TO_EACH
        free = AT_ONCE - len(self._under_way)
        for message in await asyncio.to_thread(self._outbox.take, room, free):
            task = asyncio.create_task(self._attempt(message))
            self._under_way[task] = message.webhook
            task.add_done_callback(self._under_way.pop)
        return EVERY

    async def _attempt(self, message: Message) -> None:
        """Send a message once, and record what became of it; else it is sent again later."""
        outcome = await self._sender.send(message)
        try:
            self._count(await asyncio.to_thread(self._outbox.settle, message, outcome))
        except Exception as error:
            self._say(error)

    def _say(self, error: Exception) -> None:
        """Log what stands in the way, once for as long as it does."""
        if isinstance(error, LineageError):
            text = f"no webhook is told anything: {error} {error.remedy}"
            if text != self._said:
                self._said = text
                _log.warning("%s", text)
        else:
            _log.error("no webhook is told anything", exc_info=error)
