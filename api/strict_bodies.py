"""Bodies of requests: refused by their headers before they are read, and read as strict JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from json import JSONDecodeError
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from typing_extensions import override

from lineage import strict_json

from .middleware import QUIET, refuse_body
from .writers import among_writers

_ODD: Final = re.compile(rb"\\u(0000|[dD][89a-fA-F])")
"""How null characters and surrogates are written in JSON."""


SMALL: Final = 1 << 16
"""Bytes of a body that are read at once, between two other requests."""


class StrictRequest(Request):
    """A request whose JSON is strict."""

    @override
    async def json(self) -> Any:  # any JSON value
        body = await self.body()
        if len(body) <= SMALL:
            return _read(body)
        # others are answered meanwhile: 16 MiB take seconds
        return await self.app.state.server.large_bodies.run(lambda: _read(body))


def _read(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    try:
        value = strict_json.loads(body)
        if _ODD.search(body):
            _require_text(value)
    except (ValueError, RecursionError) as error:
        raise JSONDecodeError(str(error) or type(error).__name__, "", 0) from None
    return value


def _require_text(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Refuse what no database keeps, wherever it stands.

    Raises:
        ValueError: a null character or half a surrogate pair.
    """
    rest = [value]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            rest += [*part.keys(), *part.values()]
        elif isinstance(part, list):
            rest += part
        elif isinstance(part, str):
            part.encode()
            if "\0" in part:
                raise ValueError("it holds a null character")


class StrictRoute(APIRoute):
    """A route whose bodies are checked before they are read, and read strictly.

    Its writes run among the writers (:mod:`lineage.api.writers`).
    """

    @override
    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        super().__init__(path, among_writers(endpoint), **given)

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            refuse_body(request.scope)
            if request.method not in QUIET:
                # before the body is there: nobody waits for what a stranger sends
                await request.app.state.server.authenticator.authenticate(request)
            return await handle(StrictRequest(request.scope, request.receive))

        return strict
