"""The connections of a server: ends those on which nothing comes, or nothing goes, any more.

uvicorn bounds how long a connection may idle between two requests, and nothing else: without a
proxy in front, a request whose head never ends would be kept for good. Bodies are bounded by
:mod:`lineage.api.middleware`.

A request may also be put aside (:class:`HeldRequest`): what a connection holds of it anyway is all
that it costs until it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override
from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Scope

HEAD: Final = 10.0
"""Seconds within which the head of a request must be there, counted from its first byte, or from
the moment that the connection was made."""

ANSWER: Final = 10.0
"""Seconds within which somebody must take :data:`LEAST` bytes of an answer, or all that is left."""

LEAST: Final = 64 << 10

TOO_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

CONTINUE: Final = b"HTTP/1.1 100 "
"""How a word that comes before the answer begins."""

HELD: Final = "lineage.held"
"""Where the scope of a request has its :class:`HeldRequest`."""


def is_put_aside(scope: Scope) -> bool:
    """Whether a request has no answer yet, and will be asked anew."""
    held: HeldRequest | None = scope.get(HELD)
    return held is not None and held.is_aside


_Base: Any = AutoHTTPProtocol


class HeldRequest:
    """A request that can be put aside, and asked anew later: no task and no timer runs for it."""

    __slots__ = ("_connection", "_cycle", "_gone", "until")

    def __init__(self, connection: Connection) -> None:
        self.until = 0.0  # by the clock of the process, once it waits
        self._connection = connection
        self._cycle = connection.cycle
        self._cycle.on_response = self._answered
        self._gone: Callable[[], None] | None = None

    def put_aside(self, gone: Callable[[], None]) -> bool:
        """Give no answer now; the application is to return without one.

        Args:
            gone: called when nobody waits for the answer any more, or the server stops: then the
                request is to be asked anew.

        Returns:
            Whether it may be: not where the server stops.
        """
        if not self.watch(gone):
            return False
        self._cycle.disconnected = True  # by which uvicorn knows that no answer is missing
        return True

    def watch(self, gone: Callable[[], None]) -> bool:
        """Be told once nobody takes the answer any more, or the server stops, while it is given.

        Returns:
            Whether it is to be given at all: not where either is so already.
        """
        if self._connection.stops or self._cycle.disconnected:
            return False
        self._gone = gone
        self._connection.held = self
        return True

    def ask_anew(self, application: ASGIApp) -> asyncio.Task[None] | None:
        """Ask an application as though the request had just come; None where nobody waits."""
        if self._connection.held is not self:
            return None
        self._connection.held = None
        self._cycle.disconnected = False
        self._cycle.on_response = self._answered
        return self._connection.start(self._cycle, application)

    def _answered(self) -> None:
        """Hold nothing any more: the scope that this stands in is freed with the next request."""
        self._cycle.transport.end()
        self._cycle = None
        if self._connection.held is self:
            self._connection.held = None
        self._connection.on_response_complete()

    @property
    def is_aside(self) -> bool:
        """Whether it is put aside: nothing is sent on its connection until it is asked anew."""
        return self._connection.held is self and self._cycle.disconnected

    def end(self) -> None:
        """Tell who put it aside, or answers it, to end; nothing else is asked on its connection."""
        self._cycle.keep_alive = False
        if self._gone is not None:
            self._gone()


class _Whole:
    """Where an answer is written to: its head goes out together with what comes first behind it."""

    __slots__ = ("_began", "_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._began = False

    def write(self, data: bytes) -> None:
        """Write a part; the head is kept for a moment."""
        if self._began:
            head, self._head = self._head, b""
            self._transport.write(head + data if head else data)
        elif data.startswith(CONTINUE):
            self._transport.write(data)
        else:
            self._began, self._head = True, data

    def end(self) -> None:
        """Write a head that nothing comes behind."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Close the connection, once all is written."""
        self.end()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether it is closed, or is being."""
        return self._transport.is_closing()


class Connection(_Base):  # type: ignore[misc]
    """A connection of uvicorn's, which waits for nobody for longer than some seconds."""

    # not in the dictionary of each: uvicorn has filled that, and one more makes it twice as large
    __slots__ = ("_answer", "_head", "held", "stops")

    held: HeldRequest | None
    stops: bool
    _head: asyncio.TimerHandle | None
    _answer: asyncio.TimerHandle | None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:
        self.held = self._head = self._answer = None
        self.stops = False
        super().connection_made(transport)
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        self._forget_answer()
        super().connection_lost(exc)
        held, self.held = self.held, None
        if held is not None:
            held.end()

    @override
    def on_headers_complete(self) -> None:
        cycle = self.cycle
        super().on_headers_complete()
        if self.cycle is not cycle:  # the application has not begun with it yet
            self.cycle.transport = _Whole(self.transport)
            self.cycle.scope[HELD] = HeldRequest(self)

    def start(
        self,
        cycle: Any,  # noqa: ANN401 - one of uvicorn's
        application: ASGIApp,
    ) -> asyncio.Task[None]:
        """Ask an application, as uvicorn does once the head of a request is there."""
        task: asyncio.Task[None] = self.loop.create_task(cycle.run_asgi(application))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        return task

    @override
    def shutdown(self) -> None:
        self.stops = True
        super().shutdown()
        if self.held is not None:
            self.held.end()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_head()
        else:
            self._await_head()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_taking()

    @override
    def resume_writing(self) -> None:
        self._forget_answer()
        super().resume_writing()

    @override
    def timeout_keep_alive_handler(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # to close would wait until somebody takes it
        else:
            super().timeout_keep_alive_handler()

    def _await_head(self) -> None:
        if self._head is None:
            self._head = self.loop.call_later(HEAD, self._end)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _end(self) -> None:
        self._head = None
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.transport.write(TOO_LATE)
            self.transport.close()

    def _await_taking(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._answer = self.loop.call_later(ANSWER, self._require_less, left)

    def _require_less(self, left: int) -> None:
        """End a connection whose peer has taken less of an answer than it should."""
        now = self.transport.get_write_buffer_size()
        if left - now < min(LEAST, left):
            self.transport.abort()
        else:
            self._await_taking()

    def _forget_answer(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None
