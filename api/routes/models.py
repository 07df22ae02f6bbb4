"""Models: list them, and record one before it has versions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from lineage.contract import cursors
from lineage.contract.addresses import MODEL, MODELS
from lineage.registry.access import OF_VERSIONS, Principal, Scope
from lineage.registry.registry import Registry

from .. import paging
from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE, documented
from ..responses import answer
from ..schemas import requests, responses
from ..strict_bodies import StrictRoute
from ..writes import Call, once

router = APIRouter(tags=["versions"], route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ, OF_VERSIONS)]


@router.get(
    MODELS, response_model=responses.PageAnswer, responses=READ, summary="The models by name"
)
def models(
    state: State,
    caller: Reader,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
    archived: Annotated[bool, Query(description="Those that are archived, too.")] = False,
) -> Response:
    """Each with its newest version and what is said of it. A bound token sees only its own."""
    after = cursors.decode("models", cursor) or ""
    rows = state.seen_by(caller).models(after=after, limit=limit + 1, archived=archived)
    return answer(paging.page("models", rows, limit, lambda row: row["name"]))


@router.post(
    MODELS,
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE | documented(409) | {200: {"description": "It was there already."}},
    summary="Record a model without versions",
)
def add_model(
    body: requests.ModelBody, state: State, call: Annotated[Call, call_of(Scope.REGISTER)]
) -> Response:
    """Registering a version records its model too: this is for those who want the name first."""

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        created = registry.add_model(body.name, actor=call.principal.name)
        document = {"name": body.name, "created": created}
        return 201 if created else 200, document, {"Location": MODEL.format(model=body.name)}

    return once(state.registry, call, act)
