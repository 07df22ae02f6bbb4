"""What serves, at the speed of an answer that is known already, and never a stale one.

See docs/decisions/0010-fast-and-never-stale.md. The answer is kept as bytes; before each use the
database says whether anything was committed since it was read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Header, Request, Response, Security
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from typing_extensions import override

from lineage import strict_json, timestamps
from lineage.registry.access import Scope

from .authentication import bearer
from .dependencies import service
from .responses import JSON
from .schemas.parameters import EnvPath, ModelPath

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from lineage.registry.registry import Registry

    from .change_detection import Version, Versions

MOST: Final = 100_000
"""Answers that are kept at the most."""


@dataclass(frozen=True)
class Known:
    """An answer, what tells it from others, and until when it says the truth by itself."""

    response: Response
    unchanged: Response
    etag: str
    until: str | None


class Lookups:
    """The answers that are known at one version of the registry."""

    def __init__(self, registry: Registry, version: Version) -> None:
        self._registry = registry
        self._version = version
        self._seen: object = None
        self._known: dict[tuple[str, str], Known] = {}

    async def versions(self) -> Versions:
        """The registry's version; what was known at another one is forgotten."""
        now = await self._version.now()
        if now.registry != self._seen:
            self._seen = now.registry
            self._known = {}
        return now

    async def find(self, environment: str, model: str, versions: Versions) -> Known:
        """The answer about a slot that holds at a version.

        Raises:
            NotFound: there is no such environment or model.
        """
        key = (environment, model)
        known = self._known.get(key)
        if known is None or (known.until is not None and known.until <= timestamps.now()):
            known = await run_in_threadpool(self._read, environment, model)
            if self._seen == versions.registry and len(self._known) < MOST:
                self._known[key] = known
        return known

    def _read(self, environment: str, model: str) -> Known:
        slot = self._registry.serving(model, environment)
        headers = {"ETag": f'"{slot.etag}"', "Cache-Control": "no-cache"}
        ends = [waiver.until for waiver in slot.waivers if waiver.until is not None]
        return Known(
            Response(strict_json.dumps(slot.to_json()), headers=headers, media_type=JSON),
            Response(status_code=304, headers=headers),
            f'"{slot.etag}"',
            min(ends, default=None),
        )


class LookupRoute(APIRoute):
    """A documented route whose endpoint is called directly: what FastAPI would do is done by it."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return answer_lookup


async def answer_lookup(request: Request) -> Response:
    """Answer a look-up."""
    parts = service(request)
    lookups = parts.lookups
    versions = await lookups.versions()
    principal = await parts.gate.enter_at(request, versions)
    request.scope["lineage.actor"] = principal.name
    environment, model = request.path_params["env"], request.path_params["model"]
    principal.require(Scope.READ, environment=environment, models=(model,))
    known = await lookups.find(environment, model, versions)
    wanted = request.headers.get("if-none-match")
    return known.unchanged if wanted is not None and _names(wanted, known.etag) else known.response


def look_up(
    env: EnvPath,
    model: ModelPath,
    _: Annotated[object, Security(bearer)],
    if_none_match: Annotated[
        str | None, Header(description="An ETag that is known: 304 where it still holds.")
    ] = None,
) -> None:
    """Never stale: an answer given after a promotion was acknowledged shows it, on every server.

    The `ETag` is the slot's revision.
    """


def _names(header: str, etag: str) -> bool:
    """Whether an ``If-None-Match`` names an ETag (compared weakly, as RFC 9110 says)."""
    if header.strip() == "*":
        return True
    return etag in {part.strip().removeprefix("W/") for part in header.split(",")}
