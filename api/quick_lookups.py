"""Look-ups that are answered from memory, where they enter the application.

Every serving host asks what serves, over and over, and nearly always that is known. Such a request
is answered before the routes: it is checked as its route would (who asks, whether they may, what
the database says of its version), and nothing is looked for. Whatever is not that simple (an answer
or a token that is not known, another query, anything that would be refused) goes on to its route,
which begins anew with the same version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from fastapi import Request

from lineage.contract.addresses import SLOT
from lineage.errors import LineageError, RegistryUnreachable
from lineage.registry.access import Scope as Right

from . import problems
from .dependencies import VERSION
from .routes.serving import response_of, router

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from .dependencies import AppState
    from .serving_cache import Asked

_SEGMENTS: Final = tuple(SLOT.split("/"))
_LITERAL: Final = [(at, word) for at, word in enumerate(_SEGMENTS) if not word.startswith("{")]
_ENVIRONMENT: Final = _SEGMENTS.index("{env}")
_MODEL: Final = _SEGMENTS.index("{model}")
_PIPELINE: Final = "pipeline="
_MORE: Final = frozenset("&+;")
"""Characters of a query that has more to it."""

_ROUTE: Final = next(route for route in router.routes if getattr(route, "path", None) == SLOT)


class QuickLookups:
    """Answers the look-ups that it can, in plain ASGI; hands on everything else."""

    def __init__(self, app: ASGIApp, *, state: AppState) -> None:
        self._app = app
        self._authenticator = state.authenticator
        self._cache = state.serving_cache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        asked = _asked(scope)
        if asked is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        scope["route"] = _ROUTE
        try:
            version = scope[VERSION] = await self._cache.version()
        except RegistryUnreachable as error:
            await problems.problem(request, error)(scope, receive, send)
            return
        cached = self._cache.known(*asked, version)
        try:
            principal = self._authenticator.known_at(version, request) if cached else None
            if principal is not None:
                principal.require(Right.READ, environment=asked[0], models=(asked[1],))
        except LineageError:
            principal = None
        if cached is None or principal is None:
            await self._app(scope, receive, send)
            return
        scope["lineage.actor"] = principal.name
        await response_of(cached, request)(scope, receive, send)


def _asked(scope: Scope) -> Asked | None:
    """What a request asks for, where it is a look-up as hosts write it."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
        return None
    query, pipeline = scope["query_string"].decode("latin-1"), None
    if query:
        if not query.startswith(_PIPELINE) or not _MORE.isdisjoint(query):
            return None
        pipeline = unquote(query.removeprefix(_PIPELINE)).strip()
    segments = scope["path"].split("/")
    if len(segments) != len(_SEGMENTS) or any(segments[at] != word for at, word in _LITERAL):
        return None
    environment, model = segments[_ENVIRONMENT], segments[_MODEL]
    return (environment, model, pipeline) if environment and model else None
