"""What serves in a slot: answer the look-up of every serving host, and the same for a past moment.

The look-up is in the way of every host, so it goes past FastAPI's own handling of parameters: its
route calls :func:`answer_lookup`, and :func:`look_up` is what the documentation shows of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response, Security
from fastapi.routing import APIRoute
from typing_extensions import override

from lineage.contract.addresses import HISTORY, PACKAGES, SLOT
from lineage.errors import LineageError, UsageError
from lineage.identity.references import Reference
from lineage.registry.access import OF_SERVING, Principal, Scope

from ..authentication import bearer
from ..dependencies import State, needs, state_of
from ..known import VERSION
from ..problems import READ, documented, problem
from ..responses import answer
from ..schemas import responses
from ..schemas.parameters import EnvPath, ModelPath, VersionPath
from ..serving_cache import Asked, CachedAnswer
from ..strict_bodies import StrictRoute
from ..waiting import LONGEST, WaitingHosts

if TYPE_CHECKING:
    from starlette import types as asgi

TAG = "serving"

ANY: Final = "*"
"""What an ``If-None-Match`` says that names no ETag: there is no other answer to wait for."""

LONGEST_PIPELINE: Final = 200
"""Characters of a pipeline version in a look-up: its name, and a digest."""

_SECONDS: Final = re.compile(r"[0-9]{1,4}", re.ASCII)

router = APIRouter(tags=[TAG], route_class=StrictRoute)


class LookupRoute(APIRoute):
    """A documented route whose endpoint is called directly: what FastAPI would do is done by it."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return answer_lookup


async def answer_lookup(request: Request) -> Response:
    """Answer a look-up."""
    state = state_of(request)
    version = request.scope.get(VERSION) or await state.serving_cache.version()
    principal = await state.authenticator.authenticate_at(version, request)
    request.scope["lineage.actor"] = principal.name
    environment, model = request.path_params["env"], request.path_params["model"]
    principal.require(Scope.READ, also=OF_SERVING, environment=environment, models=(model,))
    pipeline = _pipeline(request) if request.scope["query_string"] else None
    wait = _wait(request) if request.scope["query_string"] else 0
    cached = await state.serving_cache.answer(environment, model, pipeline, version)
    return response_of(cached, request, (environment, model, pipeline), wait, state.waiting)


def response_of(
    cached: CachedAnswer, request: Request, asked: Asked, wait: int, waiting: WaitingHosts
) -> Response:
    """An answer as one who asks is given it: who knows it already may wait for another one.

    Raises:
        TooManyWaiting: as many wait as may.
    """
    seen = request.headers.get("if-none-match")
    if seen is None or not _names(seen, cached.etag):
        return cached.response
    if wait and seen.strip() != ANY:
        return waiting.put_aside(request.scope, asked, cached.etag, wait) or cached.unchanged
    return cached.unchanged


async def answer_again(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    """Answer a look-up that has waited, where :mod:`~lineage.api.quick_lookups` does not."""
    request = Request(scope, receive)
    try:
        response = await answer_lookup(request)
    except LineageError as error:
        response = problem(request, error)
    await response(scope, receive, send)


def look_up(
    env: EnvPath,
    model: ModelPath,
    _: Annotated[object, Security(bearer)],
    pipeline: Annotated[
        str | None,
        Query(
            max_length=LONGEST_PIPELINE,
            description="The pipeline version that the caller runs, `NAME@DIGEST` or its digest: "
            "`side` tells which pair of the slot goes with it, 409 (`pipeline-mismatch`) that none "
            "does.",
        ),
    ] = None,
    wait: Annotated[
        int,
        Query(
            ge=0,
            le=LONGEST,
            description="Seconds to wait for another answer than the one that `If-None-Match` "
            "names; 304 where there is none until then.",
        ),
    ] = 0,
    if_none_match: Annotated[
        str | None, Header(description="An ETag that is known: 304 where it still holds.")
    ] = None,
) -> None:
    """Never stale: an answer given after a promotion was acknowledged shows it, on every server.

    The `ETag` is the slot's revision. A host asks with the `pipeline` that it runs: during a
    rollout the old ones go on with the pair that they have, and the new ones start with the new.
    With `wait` it learns of a move when it happens. An answer may come sooner than that without
    there being another one, as from a server that stops: pause a moment before you ask again.
    """


router.add_api_route(
    SLOT,
    look_up,
    methods=["GET"],
    route_class_override=LookupRoute,
    response_model=responses.SlotAnswer,
    responses=READ
    | documented(409)
    | {304: {"description": "The slot is as `If-None-Match` says."}},
    summary="What serves, and its backup",
)


@router.get(
    HISTORY,
    response_model=responses.SlotAnswer,
    responses=READ,
    summary="What served at a past moment",
)
def past(
    env: EnvPath,
    model: ModelPath,
    at: Annotated[str, Query(max_length=40, examples=["2026-11-21T08:00:00Z"])],
    state: State,
    caller: Annotated[Principal, needs(Scope.READ)],
) -> Response:
    """From the history of events."""
    return answer(state.seen_by(caller).serving(model, env, at=at).to_json())


@router.get(
    PACKAGES,
    response_model=responses.PackagesAnswer,
    responses=READ | documented(409),
    summary="What the hosts of a version must have installed",
)
def packages(
    env: EnvPath,
    model: ModelPath,
    n: VersionPath,
    state: State,
    caller: Annotated[Principal, needs(Scope.READ, OF_SERVING)],
) -> Response:
    """The packages that the policy demands, in the versions of the validation that counts."""
    reference = Reference.from_selector(model, n)
    return answer(state.seen_by(caller).demanded_packages(reference, env).to_json())


def _pipeline(request: Request) -> str | None:
    """The pipeline version that a look-up asks with.

    Raises:
        UsageError: it is longer than any digest.
    """
    text = request.query_params.get("pipeline")
    if text is not None and len(text) > LONGEST_PIPELINE:
        raise UsageError(
            "The pipeline of a look-up is longer than a name and a digest.",
            remedy="Name a pipeline version: NAME@xxh3:…, xxh3:… or blake3:…",
        )
    return text.strip() if text is not None else None


def _wait(request: Request) -> int:
    """The seconds that a look-up waits for another answer.

    Raises:
        UsageError: it is no number of seconds, or too many.
    """
    text = request.query_params.get("wait", "0")
    seconds = int(text) if _SECONDS.fullmatch(text) else LONGEST + 1
    if seconds > LONGEST:
        raise UsageError(
            f"A look-up cannot wait {text[:20]!r} seconds.",
            remedy=f"Let it wait a whole number of seconds, at most {LONGEST}.",
        )
    return seconds


def _names(header: str, etag: str) -> bool:
    """Whether an ``If-None-Match`` names an ETag (compared weakly, as RFC 9110 says)."""
    if header.strip() == "*":
        return True
    return etag in {part.strip().removeprefix("W/") for part in header.split(",")}
