"""The threads of writers: apart from those of readers, and with an end to waiting for one.

Writers stand in line for the database's one lock, whatever their number; in the readers' threads
they would keep everybody out who only asks.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
from anyio import to_thread

from lineage.errors import RegistryUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

WRITERS: Final = 4
"""Threads of a process that write: one holds the lock, the others have theirs ready."""


class Writers:
    """Runs writes, so many at once; one that waits too long for its turn is told to try again.

    Other work of which there is to be little at once runs so too: ``busy`` says what others do.
    """

    def __init__(self, most: int, patience: float, busy: str = "Others have been writing") -> None:
        self._busy = busy
        self._turns = anyio.Semaphore(most)
        self._threads = anyio.CapacityLimiter(most)
        self._patience = patience

    async def run(self, write: Callable[[], T]) -> T:
        """Run a write in a thread; what it gives.

        Raises:
            RegistryUnreachable: so many others wait that its turn did not come.
        """
        try:
            with anyio.fail_after(self._patience):
                await self._turns.acquire()
        except TimeoutError:
            busy = f"{self._busy} for {self._patience:g} seconds."
            raise RegistryUnreachable(busy, remedy="Try again in a moment.", public=busy) from None
        try:
            return await to_thread.run_sync(write, limiter=self._threads)
        finally:
            self._turns.release()


def among_writers(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """An endpoint that runs in the writers' threads if it makes a write: if it takes a ``call``."""
    names = inspect.signature(endpoint).parameters
    if inspect.iscoroutinefunction(endpoint) or "call" not in names:
        return endpoint

    @functools.wraps(endpoint)
    async def write(**given: Any) -> Any:  # noqa: ANN401 - what FastAPI gives to the endpoint
        writers: Writers = given["state"].writers
        return await writers.run(functools.partial(endpoint, **given))

    # what is named there is known there: not every FastAPI looks behind what wraps an endpoint
    write.__signature__ = inspect.signature(endpoint, eval_str=True)  # type: ignore[attr-defined]
    return write
