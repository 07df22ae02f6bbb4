"""What keeps an open page as it is now: a stream of events that tells it when something moved.

It tells that, and nothing of what moved: the page asks for its parts anew then, as it was opened.
Who looks is authenticated anew whenever something moved, when a token was revoked and with every
sign of life; a stream ends with the token.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from typing_extensions import override

from lineage import timestamps
from lineage.errors import LineageError, NotAuthenticated, NotPermitted
from lineage.registry.access import OF_SERVING, Scope

from ..connections import HELD, HeldRequest
from ..dependencies import AppState, state_of
from ..live import ANSWERED, OpenPage
from . import addresses, site, visitors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette import types as asgi

    from lineage.database.touched import Thing
    from lineage.registry.access import Principal

    from ..known import RegistryVersion
    from ..live import Concerns

router = site.router()

SIGN_OF_LIFE: Final = 15.0
"""Seconds after which a proxy, and the server itself, is to see that somebody still looks."""

CHANGED: Final = b"event: changed\ndata: 1\n\n"
ENDED: Final = b"event: ended\ndata: 1\n\n"
ALIVE: Final = b": \n\n"
BEGIN: Final = b"retry: 3000\n\n"
"""What a stream begins with: after how many milliseconds to come again when it breaks off."""

OF_ENVIRONMENTS: Final = frozenset({"policy", "deployment"})
OF_VERSIONS: Final = frozenset({"version", "copy", "store"})

logger = logging.getLogger("lineage.server")

Name = Annotated[str, Query(max_length=200)]


class Stream(StreamingResponse):
    """A stream of events; it is counted with the time until it began."""

    def __init__(self, messages: AsyncIterator[bytes]) -> None:
        headers = {**site.HEADERS, "X-Accel-Buffering": "no"}
        super().__init__(messages, headers=headers, media_type="text/event-stream")

    @override
    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        scope[ANSWERED] = time.perf_counter()
        await self.stream_response(send)


@router.get(addresses.LIVE)
async def live(
    request: Request,
    environment: Name = "",
    model: Name = "",
    at: Annotated[int, Query(ge=0, le=1 << 53)] = 0,
) -> Stream:
    """Events of a slot, or of all slots (of an environment), since a page was made.

    ``changed`` asks for the page anew, ``ended`` to sign in.
    """
    state = state_of(request)
    version = await state.serving_cache.version()
    watch = _Watch(request, state, environment, model)
    try:
        principal = await watch.who()
    except NotAuthenticated:
        return Stream(_over())
    concerns = await watch.concerns(principal, version)
    state.open_pages.require_room()
    is_old = version.newest is not None and version.newest[0] != at
    return Stream(_messages(watch, OpenPage(version.count, concerns), is_old=is_old))


class _Watch:
    """What is watched, and for whom."""

    def __init__(self, request: Request, state: AppState, environment: str, model: str) -> None:
        self.request = request
        self.state = state
        self._environment = environment or None
        self._model = model or None
        self._until: str | None = None

    async def who(self) -> Principal:
        """Who looks, if they may look at this.

        Raises:
            NotAuthenticated: the token opens nothing any more.
            NotPermitted: it does not open this.
        """
        principal = await visitors.visitor(self.request, self.state)
        principal.require(
            Scope.READ,
            also=OF_SERVING,
            environment=self._environment,
            models=[self._model] if self._model else [],
        )
        self._until = principal.expires_at
        return principal

    async def concerns(self, principal: Principal, version: RegistryVersion) -> Concerns:
        """What of all that is touched the page shows.

        Raises:
            NotFound: there is no such slot.
        """
        if self._environment is not None and self._model is not None:
            slot = self._environment, self._model, None
            answer = await self.state.serving_cache.answer(*slot, version)
            shown = frozenset(answer.known.things)
            return lambda things: not shown.isdisjoint(things)
        return lambda things: any(self._is_of_slots(thing, principal) for thing in things)

    def _is_of_slots(self, thing: Thing, principal: Principal) -> bool:
        word, *names = map(str, thing)
        if word in OF_VERSIONS:
            return True
        if word == "slot":
            return self._is_open(names[0], principal) and principal.sees_model(names[1])
        return word in OF_ENVIRONMENTS and self._is_open(names[0], principal)

    def _is_open(self, environment: str, principal: Principal) -> bool:
        return self._environment in (None, environment) and principal.sees_environment(environment)

    def within(self) -> float:
        """For how many seconds nothing needs to be looked at."""
        if self._until is None:
            return SIGN_OF_LIFE
        left = timestamps.moment(self._until) - timestamps.moment(timestamps.now())
        return min(SIGN_OF_LIFE, max(0.0, left.total_seconds()) + 0.1)


async def _over() -> AsyncIterator[bytes]:
    yield ENDED


async def _messages(watch: _Watch, page: OpenPage, *, is_old: bool) -> AsyncIterator[bytes]:
    """The messages of a stream, until nobody looks any more or may look."""
    held: HeldRequest | None = watch.request.scope.get(HELD)
    if held is None or not held.watch(page.end):
        return
    with watch.state.open_pages.holding(page):
        yield BEGIN
        has_moved = is_old
        while not page.has_ended:
            try:
                principal = await watch.who()
                if has_moved:  # what it rests on may be something else now
                    version = await watch.state.serving_cache.version()
                    page.concerns = await watch.concerns(principal, version)
            except (NotAuthenticated, NotPermitted):
                yield ENDED
                return
            except LineageError:  # there is no such slot any more, or the registry cannot be asked
                logger.debug("an open page keeps what it shows", exc_info=True)
            yield CHANGED if has_moved else ALIVE
            has_moved = await page.woken(watch.within())
