"""Many small requests at once: storing and fetching is mostly waiting."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable


SMALL: Final = 4 << 20
"""Objects up to this size are moved in one piece, from memory, THREADS at once."""


THREADS: Final = 16
"""Small objects that are moved at once."""


T = TypeVar("T")


def each_by_size(work: Callable[[T], None], items: Collection[T], size: Callable[[T], int]) -> None:
    """Do some work on small things at once, then on large ones, each of which is many requests."""
    each(work, (item for item in items if size(item) <= SMALL))
    for item in items:
        if size(item) > SMALL:
            work(item)


def each(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Do some work on many small things at once; the first failure stops the rest."""
    with ThreadPoolExecutor(THREADS, "lineage-store") as pool:
        running = deque[Future[None]]()
        try:
            for item in items:
                running.append(pool.submit(work, item))
                if len(running) >= 4 * THREADS:
                    running.popleft().result()
            while running:
                running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
