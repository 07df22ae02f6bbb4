"""What production saw: take the windows that hosts and batches count, and show them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from lineage.contract.addresses import DRIFT, OUTCOMES, WINDOWS
from lineage.contract.rest_remedies import with_requests
from lineage.contract.windows import NewWindow, NewWindows
from lineage.registry.access import Principal, Scope
from lineage.registry.registry import Registry

from .. import paging
from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE
from ..responses import answer
from ..schemas import requests, responses
from ..schemas.parameters import EnvPath, ModelPath
from ..strict_bodies import StrictRoute
from ..writes import Call, numbered

router = APIRouter(route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ)]
Since = Annotated[str | None, Query(max_length=40, description="The first start.")]
Until = Annotated[str | None, Query(max_length=40, description="Starts before this.")]


@router.post(
    WINDOWS,
    status_code=201,
    response_model=responses.Answer,
    tags=["serving"],
    responses=WRITE,
    summary="Record what an instance or a batch saw, in counts",
)
def record(
    env: EnvPath,
    model: ModelPath,
    body: requests.WindowsBody,
    state: State,
    call: Annotated[Call, call_of(Scope.OBSERVE)],
) -> Response:
    """Parts whose numbers came before change nothing, so it needs no `Idempotency-Key`."""
    windows = tuple(NewWindow(**window.model_dump()) for window in body.windows)
    new = NewWindows(instance=body.instance, stream=body.stream, windows=windows, batch=body.batch)

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        return 201, registry.record_windows(model, env, new, actor=call.principal.name), {}

    return numbered(state.registry, call, act)


@router.get(
    WINDOWS,
    response_model=responses.PageAnswer,
    tags=["serving"],
    responses=READ,
    summary="What production saw, by windows",
)
def windows(
    env: EnvPath,
    model: ModelPath,
    state: State,
    caller: Reader,
    since: Since = None,
    until: Until = None,
    by_host: Annotated[bool, Query(description="The counts of each instance, too.")] = False,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """In order of their starts; each version, pipeline and profile apart."""
    seen = state.seen_by(caller).windows(model, env, since=since, until=until, by_host=by_host)
    return answer(paging.sliced("windows", seen, cursor, limit))


@router.get(
    OUTCOMES,
    response_model=responses.PageAnswer,
    tags=["serving"],
    responses=READ,
    summary="What came true of the scores, by windows",
)
def outcomes(
    env: EnvPath,
    model: ModelPath,
    state: State,
    caller: Annotated[Principal, needs(Scope.READ, (Scope.OBSERVE,))],
    since: Since = None,
    until: Until = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """The metrics of each window, and of its groups, worked out from the counts."""
    found = state.seen_by(caller).outcomes(model, env, since=since, until=until)
    return answer(paging.sliced("outcomes", found, cursor, limit))


@router.get(
    DRIFT,
    response_model=responses.DriftAnswer,
    tags=["serving"],
    responses=READ,
    summary="What changed in what production sees",
)
def drift(
    env: EnvPath,
    model: ModelPath,
    state: State,
    caller: Reader,
    since: Annotated[
        str | None, Query(max_length=40, description="The first moment, or a span: `30d`.")
    ] = None,
) -> Response:
    """What serves is held against the data of its validation; `missing` tells why nobody can."""
    told = state.seen_by(caller).drift(model, env, since=since).to_json()
    if told["missing"]:
        told["missing"]["remedy"] = with_requests(told["missing"]["remedy"])
    return answer(told)
