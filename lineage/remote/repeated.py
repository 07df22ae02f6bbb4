"""A look-up that is asked again and again, over one connection: it waits at the server for news.

A server that does not wait (an older one, one that stops, or where as many wait as may) answers at
once. So whoever asks needs not know what the server can: they pause where an answer came at once.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from lineage.contract import addresses
from lineage.contract.results import Serving
from lineage.errors import LineageError, TooManyWaiting
from lineage.remote.client import RemoteRegistry, transport_to

if TYPE_CHECKING:
    from lineage.remote.transport import Transport

ASKS_FOR: Final = 120.0
"""Seconds after which a server that refused to let this host wait is tried again, or half as many
more or less."""


class RepeatedLookup:
    """What serves in a slot, as a server says it.

    Args:
        url: the server.
        model: the model's name.
        environment: the environment's name.
        pipeline: the pipeline version that the caller runs.
    """

    def __init__(self, url: str, model: str, environment: str, pipeline: str) -> None:
        self._url = url
        self._path = addresses.slot(environment, model)
        self._pipeline = pipeline
        self._transport: Transport | None = None
        self._known: tuple[str, Serving] | None = None
        self._asks_until = 0.0
        self._ended = False

    @property
    def registry(self) -> RemoteRegistry:
        """The registry behind that server, over the same connection; it is not to be closed."""
        return RemoteRegistry(self._connected())

    def ask(self, wait: int) -> Serving:
        """What serves; the same object as before where nothing else does.

        Args:
            wait: seconds to wait for something else than what was answered before.

        Raises:
            LineageError: what the server said, or that it cannot be reached.
        """
        if time.monotonic() < self._asks_until or self._known is None:
            wait = 0
        try:
            try:
                return self._ask(wait)
            except TooManyWaiting:
                pause = ASKS_FOR * random.uniform(0.5, 1.5)  # nosec B311 # noqa: S311 - no secret
                self._asks_until = time.monotonic() + pause
                return self._ask(0)
        except LineageError:
            self.close()  # the next attempt finds another server, or takes another token
            raise

    def interrupt(self) -> None:
        """End what another thread waits for; nothing is asked any more."""
        self._ended = True
        if self._transport is not None:
            self._transport.interrupt()

    def close(self) -> None:
        """Close the connection, and forget what was answered."""
        self._known = None
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _ask(self, wait: int) -> Serving:
        etag = self._known[0] if self._known is not None else None
        news = self._connected().news(self._path, etag, wait, pipeline=self._pipeline)
        if news is None:
            assert self._known is not None  # nosec B101 # noqa: S101 - by its ETag it was asked
            return self._known[1]
        etag, document = news
        answer = Serving.from_json(document)
        self._known = (etag, answer) if etag is not None else None
        return answer

    def _connected(self) -> Transport:
        if self._transport is None:
            self._transport = transport_to(self._url)
            self._transport.allow_interrupt()
            if self._ended:
                self._transport.interrupt()
        return self._transport
