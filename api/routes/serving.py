"""What serves in a slot: answer the look-up of every serving host, and the same for a past moment.

The look-up is in the way of every host, so it goes past FastAPI's own handling of parameters: its
route calls :func:`answer_lookup`, and :func:`look_up` is what the documentation shows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response, Security
from fastapi.routing import APIRoute
from typing_extensions import override

from lineage.contract.addresses import HISTORY, PACKAGES, SLOT
from lineage.errors import UsageError
from lineage.identity.references import Reference
from lineage.registry.access import Principal, Scope

from ..authentication import bearer
from ..dependencies import State, needs, state_of
from ..problems import READ, documented
from ..responses import answer
from ..schemas import responses
from ..schemas.parameters import EnvPath, ModelPath, VersionPath
from ..strict_bodies import StrictRoute

TAG = "serving"

LONGEST_PIPELINE: Final = 200
"""Characters of a pipeline version's digest in a look-up."""

router = APIRouter(tags=[TAG], route_class=StrictRoute)


class LookupRoute(APIRoute):
    """A documented route whose endpoint is called directly: what FastAPI would do is done by it."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return answer_lookup


async def answer_lookup(request: Request) -> Response:
    """Answer a look-up."""
    state = state_of(request)
    version = await state.serving_cache.version()
    principal = await state.authenticator.authenticate_at(version, request)
    request.scope["lineage.actor"] = principal.name
    environment, model = request.path_params["env"], request.path_params["model"]
    principal.require(Scope.READ, environment=environment, models=(model,))
    pipeline = _pipeline(request) if request.scope["query_string"] else None
    cached = await state.serving_cache.answer(environment, model, pipeline, version)
    seen = request.headers.get("if-none-match")
    return cached.unchanged if seen is not None and _names(seen, cached.etag) else cached.response


def look_up(
    env: EnvPath,
    model: ModelPath,
    _: Annotated[object, Security(bearer)],
    pipeline: Annotated[
        str | None,
        Query(
            max_length=LONGEST_PIPELINE,
            description="The digest of the pipeline version that the caller runs: `side` tells "
            "which pair of the slot goes with it, 409 (`pipeline-mismatch`) that none does.",
        ),
    ] = None,
    if_none_match: Annotated[
        str | None, Header(description="An ETag that is known: 304 where it still holds.")
    ] = None,
) -> None:
    """Never stale: an answer given after a promotion was acknowledged shows it, on every server.

    The `ETag` is the slot's revision. A host asks with the `pipeline` that it runs: during a
    rollout the old ones go on with the pair that they have, and the new ones start with the new.
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
    responses=READ,
    summary="What the hosts of a version must have installed",
)
def packages(
    env: EnvPath,
    model: ModelPath,
    n: VersionPath,
    state: State,
    caller: Annotated[Principal, needs(Scope.READ)],
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
            "The pipeline of a look-up is longer than a digest.",
            remedy="Give the digest of a pipeline version: xxh3:… or blake3:…",
        )
    return text.strip() if text is not None else None


def _names(header: str, etag: str) -> bool:
    """Whether an ``If-None-Match`` names an ETag (compared weakly, as RFC 9110 says)."""
    if header.strip() == "*":
        return True
    return etag in {part.strip().removeprefix("W/") for part in header.split(",")}
