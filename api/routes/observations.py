"""What serving hosts report that they have loaded: record it, and compare it with the slots."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from lineage.contract.addresses import OBSERVATIONS, OBSERVED
from lineage.contract.bodies.texts import Name
from lineage.contract.requests import Observed
from lineage.contract.results import PackageDifference
from lineage.identity.components import Proof
from lineage.registry.access import Principal, Scope
from lineage.registry.registry import Registry
from lineage.registry.reports.batches import Report

from .. import paging
from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE
from ..responses import answer
from ..schemas import requests, responses
from ..schemas.parameters import EnvPath, ModelPath
from ..strict_bodies import StrictRoute
from ..writes import Call, once

router = APIRouter(route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ)]


@router.post(
    OBSERVATIONS,
    status_code=201,
    response_model=responses.Answer,
    tags=["serving"],
    responses=WRITE,
    summary="Report what an instance of a service has loaded",
)
async def observe(
    env: EnvPath,
    model: ModelPath,
    body: requests.ObservationBody,
    state: State,
    call: Annotated[Call, call_of(Scope.OBSERVE)],
) -> Response:
    """The newest report of each instance is kept: the same report twice is one.

    So it needs no `Idempotency-Key`. With one, the answer is kept, and the report waits for its
    turn among all that is written.
    """
    observed = Observed(
        body.instance,
        body.weights,
        body.loaded_at,
        body.pipeline,
        body.holds_for,
        Proof(body.proof),
        tuple(PackageDifference.from_json(one.model_dump()) for one in body.differing)
        if body.differing is not None
        else None,
        body.standby,
        body.revision,
    )
    actor = call.principal.name
    if call.key is None:
        report = Report(model, env, observed, actor, call.principal)
        return answer(await state.reporting.record(report), 201)

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        return 201, registry.report(model, env, observed, actor=actor), {}

    return await state.writers.run(lambda: once(state.registry, call, act))


@router.get(
    OBSERVATIONS,
    response_model=responses.PageAnswer,
    tags=["serving"],
    responses=READ,
    summary="What the instances of a service say that they have loaded",
)
def observations(
    env: EnvPath,
    model: ModelPath,
    state: State,
    caller: Reader,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """By instance; `state` tells what it is beside what the registry declares."""
    reports = state.seen_by(caller).observations(model, env)
    return answer(paging.sliced("observations", reports, cursor, limit))


@router.get(
    OBSERVED,
    response_model=responses.PageAnswer,
    tags=["serving"],
    responses=READ,
    summary="How many instances of each slot are in step with it",
)
def observed(
    state: State,
    caller: Reader,
    environment: Annotated[Name | None, Query()] = None,
    model: Annotated[Name | None, Query()] = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Slots that nothing has reported of are not listed."""
    rows = state.seen_by(caller).observed(environment, model)
    return answer(paging.sliced("observed", rows, cursor, limit))
