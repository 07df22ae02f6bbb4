"""How a host looks again and again: over which connection, waiting for how long, after which pause.

A server lets hosts wait for something new, so one request stands in the place of many and a move is
learnt when it happens. What answers at once where nothing is new is asked by the clock, as a
database is. No pause is the same on two hosts: those of a server that stops do not all come back at
one moment.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from lineage.connection import connect
from lineage.errors import RegistryUnreachable, UsageError
from lineage.registry_url import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.connection import AnyRegistry
    from lineage.contract.results import Serving
    from lineage.remote.repeated import RepeatedLookup

LONGEST_PAUSE: Final = 86_400.0
"""Seconds between two looks at the most."""

WAIT: Final = 30.0
"""Seconds that a request waits: half of what most proxies wait for an answer."""

RARELY: Final = 60.0
"""Seconds between two looks above which a host is to look by the clock: it asked for that."""

SOON: Final = 1.0
"""Seconds at the most until a host looks again after something was new."""

BACK_OFF: Final = 60.0
"""Seconds between two looks at the most while the registry is away, unless it looks more rarely."""


class Lookout:
    """Looks at a slot of a registry.

    Args:
        url: the registry.
        model: the model's name.
        environment: where the host serves.
        pipeline: the pipeline version that it runs.
        every: seconds between two looks where nothing can be waited for.
    """

    def __init__(self, url: str, model: str, environment: str, pipeline: str, every: float) -> None:
        self._url = url
        self._asked = (model, environment)
        self._pipeline = pipeline
        self._every = every
        self._repeated = _repeated(url, model, environment, pipeline)
        self._waits = self._repeated is not None and every <= RARELY
        self._wait = 0
        self._settled = False
        self._failures = 0
        self._slot: Serving | None = None
        self._began = 0.0
        self.pause = min(SOON, every) * _some() if self._waits else every

    def begin(self, until: float, *, shortly: bool = False) -> None:
        """Begin a look.

        Args:
            until: the moment (of ``time.monotonic``) up to which it may wait.
            shortly: wait no longer than to the next look by the clock.
        """
        self._began = time.monotonic()
        left = min(self._every if shortly else WAIT, until - self._began)
        self._wait = max(1, int(left)) if self._waits and self._settled and left > 0 else 0

    def ask(self) -> Serving:
        """What serves; the same object as before where a server has nothing new."""
        if self._repeated is not None:
            return self._repeated.ask(self._wait)
        model, environment = self._asked
        with connect(self._url) as registry:
            return registry.serving(model, environment, pipeline=self._pipeline)

    @contextmanager
    def connected(self) -> Iterator[AnyRegistry]:
        """The registry, over the connection that it is looked at over."""
        if self._repeated is not None:
            yield self._repeated.registry
        else:
            with connect(self._url) as registry:
                yield registry

    def succeeded(self, slot: Serving) -> None:
        """A look came to its end: what is declared is loaded here."""
        new, self._slot = slot is not self._slot, slot
        self._settled, self._failures = True, 0
        waited = self._wait > 0 and time.monotonic() - self._began >= min(self._wait, self._every)
        if not self._waits:
            self.pause = self._every
        elif new:
            self.pause = min(SOON, self._every) * _some()
        else:
            self.pause = 0.0 if waited else self._every * (0.5 + _some())

    def failed(self, error: Exception) -> None:
        """A look failed; while the registry is away, looks become rarer."""
        self._settled = False
        self.pause = self._every
        if isinstance(error, RegistryUnreachable):
            most = max(BACK_OFF, self._every)
            self.pause = min(most, self._every * 2 ** min(self._failures, 20)) * _some()
            self._failures += 1

    def interrupt(self) -> None:
        """End a look that another thread is at, and all that come."""
        if self._repeated is not None:
            self._repeated.interrupt()

    def close(self) -> None:
        """Close the connection."""
        if self._repeated is not None:
            self._repeated.close()


def _repeated(url: str, model: str, environment: str, pipeline: str) -> RepeatedLookup | None:
    if not is_remote(url):
        return None
    from lineage.remote.repeated import RepeatedLookup  # lazy: a host of a file needs no client

    return RepeatedLookup(url, model, environment, pipeline)


def _some() -> float:
    return random.random()  # nosec B311 # noqa: S311 - no secret


def checked(every: float) -> float:
    """A number of seconds to wait between two looks.

    Raises:
        UsageError: it is none.
    """
    with suppress(TypeError, ValueError):
        if 0 < float(every) <= LONGEST_PAUSE:
            return float(every)
    raise UsageError(
        f"A host cannot look every {str(every)[:40]} seconds.",
        remedy="Let it look every 10 seconds, or as often as it is to, at least once a day.",
    )
