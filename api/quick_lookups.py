"""Look-ups that are answered from memory, where they enter the application.

Every serving host asks what serves, over and over, and nearly always that is known. Such a request
is answered before the routes: it is checked as its route would (who asks, whether they may, what
the database says of its version), and nothing is looked for. Whatever is not that simple (an answer
or a token that is not known, another query, anything that would be refused) goes on to its route,
which begins anew with the same version.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from fastapi import Request

from lineage.contract.addresses import SLOT
from lineage.errors import LineageError, RegistryUnreachable, TooManyWaiting
from lineage.registry.access import OF_SERVING
from lineage.registry.access import Scope as Right

from . import problems
from .known import VERSION
from .routes.serving import response_of, router
from .waiting import LONGEST

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from .authentication import Met
    from .dependencies import AppState
    from .known import RegistryVersion
    from .serving_cache import Asked, CachedAnswer

_SEGMENTS: Final = tuple(SLOT.split("/"))
_LITERAL: Final = [(at, word) for at, word in enumerate(_SEGMENTS) if not word.startswith("{")]
_ENVIRONMENT: Final = _SEGMENTS.index("{env}")
_MODEL: Final = _SEGMENTS.index("{model}")
_QUERY: Final = re.compile(
    r"(?:pipeline=(?P<pipeline>[^&+;]*))?(?:(?:^|&)wait=(?P<wait>[0-9]{1,2}))?", re.ASCII
)

_ROUTE: Final = next(route for route in router.routes if getattr(route, "path", None) == SLOT)


class QuickLookups:
    """Answers the look-ups that it can, in plain ASGI; hands on everything else."""

    def __init__(self, app: ASGIApp, *, state: AppState) -> None:
        self._app = app
        self._authenticator = state.authenticator
        self._cache = state.serving_cache
        self._waiting = state.waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        asked = _asked(scope)
        if asked is None:
            await self._app(scope, receive, send)
            return
        slot, wait = asked
        asking = self._cache.version()  # what is known is looked up while the database answers
        request = Request(scope)
        scope["route"] = _ROUTE
        cached = self._cache.known(slot)
        met = self._met(request, slot) if cached is not None else None
        try:
            version = scope[VERSION] = await asking
        except RegistryUnreachable as error:
            await problems.problem(request, error)(scope, receive, send)
            return
        if cached is None or met is None or not self._holds(cached, met, version):
            scope["path_params"] = {"env": slot[0], "model": slot[1]}
            await self._app(scope, receive, send)
            return
        scope["lineage.actor"] = met[0].name
        try:
            response = response_of(cached, request, slot, wait, self._waiting)
        except TooManyWaiting as error:
            response = problems.problem(request, error)
        await response(scope, receive, send)

    def _met(self, request: Request, asked: Asked) -> Met | None:
        """Who asked with that token before, if they may ask this."""
        try:
            met = self._authenticator.met(request)
            if met is not None:
                met[0].require(
                    Right.READ, also=OF_SERVING, environment=asked[0], models=(asked[1],)
                )
        except LineageError:
            return None
        return met

    def _holds(self, cached: CachedAnswer, met: Met, version: RegistryVersion) -> bool:
        """Whether the answer and the one who asks are what they were, at a version."""
        try:
            return cached.holds(version) and self._authenticator.let_in(met, version) is not None
        except LineageError:
            return False


def _asked(scope: Scope) -> tuple[Asked, int] | None:
    """What a request asks for, and how long it waits, where it is a look-up as hosts write it."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
        return None
    pipeline, wait = None, 0
    if scope["query_string"]:
        query = _QUERY.fullmatch(scope["query_string"].decode("latin-1"))
        if query is None or (wait := int(query["wait"] or 0)) > LONGEST:
            return None
        if query["pipeline"] is not None:
            pipeline = unquote(query["pipeline"]).strip()
    segments = scope["path"].split("/")
    if len(segments) != len(_SEGMENTS) or any(segments[at] != word for at, word in _LITERAL):
        return None
    environment, model = segments[_ENVIRONMENT], segments[_MODEL]
    return ((environment, model, pipeline), wait) if environment and model else None
