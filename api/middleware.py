"""The boundary of the application: gives a request its id, bounds its body, measures and logs."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

import anyio
from starlette.exceptions import HTTPException

from .connections import is_put_aside
from .live import ANSWERED
from .problems import unexpected

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .metrics import Metrics

REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
BODY: Final = 10.0
"""Seconds within which the body of a request must be there, and for each :data:`PACE` bytes of it
one more."""

PACE: Final = 16 << 10

QUIET: Final = frozenset({"GET", "HEAD"})

logger = logging.getLogger("lineage.registry.access")


class Boundary:
    """The outermost part of the application, in plain ASGI: it is in the way of every look-up."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, max_body: int, log_all: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body = max_body
        self._log_all = log_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its body is too large or is no JSON."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id, length, kind, chunked = _headers(scope)
        scope["lineage.request_id"] = request_id.decode()
        status, started = 500, False

        async def answer(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        if scope["method"] not in QUIET:
            scope["lineage.refused"] = self._refusal(length, kind, chunked=chunked)
            receive = _bounded(receive, self._max_body)
        try:
            await self._app(scope, receive, answer)
        except Exception:
            logger.exception("unexpected failure", extra={"fields": _fields(scope)})
            if started:
                raise
            await unexpected(scope)(scope, receive, answer)
        finally:
            if not is_put_aside(scope):  # that is counted once it has an answer
                seconds = scope.get(ANSWERED, time.perf_counter()) - began
                self._metrics.request(scope, status, seconds)
                if self._log_all or status >= 400 or scope["method"] not in QUIET:
                    _log(scope, status, seconds)

    def _refusal(self, length: bytes | None, kind: bytes | None, *, chunked: bool) -> int | None:
        """The status that a body is refused with before it is read."""
        if length is not None and (not length.isdigit() or int(length) > self._max_body):
            return 413
        empty = kind is None and length in (None, b"0") and not chunked
        media_type = (kind or b"").split(b";")[0].strip().lower()
        return None if empty or media_type == b"application/json" else 415


def refuse_body(scope: Scope) -> None:
    """Raise what :class:`Boundary` found wrong with a body.

    Raises:
        HTTPException: 413 or 415.
    """
    status = scope.get("lineage.refused")
    if status is not None:
        raise HTTPException(status)


def _headers(scope: Scope) -> tuple[bytes, bytes | None, bytes | None, bool]:
    """A request's id (a new one where it brings none), its body's length and type.

    And whether the body comes in chunks, so that its length is not told.
    """
    request_id, length, kind, chunked = b"", None, None, False
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            request_id = value
        elif name == b"content-length":
            length = value
        elif name == b"content-type":
            kind = value
        elif name == b"transfer-encoding":
            chunked = True
    return request_id or secrets.token_hex(8).encode(), length, kind, chunked


def _bounded(receive: Receive, most: int) -> Receive:
    """A body of unknown length, up to a bound; it must come at a pace."""
    count, began, complete = 0, time.monotonic(), False

    async def bounded() -> Message:
        nonlocal count, complete
        if complete:
            return await receive()
        end = began + BODY + count / PACE
        try:
            with anyio.fail_after(max(0.0, end - time.monotonic())):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        count += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if count > most:
            raise HTTPException(413)
        return message

    return bounded


def _log(scope: Scope, status: int, seconds: float) -> None:
    measured = {"status": status, "milliseconds": round(seconds * 1000, 2)}
    fields = _fields(scope) | measured
    logger.info("%s %s %s", scope["method"], scope["path"], status, extra={"fields": fields})


def _fields(scope: Scope) -> dict[str, Any]:
    """What the log says of a request: no query, no header, no body."""
    return {
        "request_id": scope["lineage.request_id"],
        "method": scope["method"],
        "path": scope["path"],
        "actor": scope.get("lineage.actor"),
        "client": scope["client"][0] if scope.get("client") else None,
    }
