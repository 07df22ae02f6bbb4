"""The connections of a server: ends those on which nothing comes, or nothing goes, any more.

uvicorn bounds how long a connection may idle between two requests, and nothing else: without a
proxy in front, a request whose head never ends would be kept for good. Bodies are bounded by
:mod:`lineage.api.middleware`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from typing_extensions import override
from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD: Final = 10.0
"""Seconds within which the head of a request must be there, counted from its first byte, or from
the moment that the connection was made."""

ANSWER: Final = 10.0
"""Seconds within which somebody must take :data:`LEAST` bytes of an answer, or all that is left."""

LEAST: Final = 64 << 10

TOO_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

_Base: Any = AutoHTTPProtocol


class Connection(_Base):  # type: ignore[misc]
    """A connection of uvicorn's, which waits for nobody for longer than some seconds."""

    _head: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        self._forget_answer()
        super().connection_lost(exc)

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
