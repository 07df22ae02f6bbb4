"""Operations: tell whether the server lives and is ready, check the database, give the metrics."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response

from lineage.contract.addresses import DATABASE
from lineage.errors import LineageError
from lineage.registry.access import Principal, Scope

from .. import metrics
from ..dependencies import State, needs
from ..problems import READ, documented, problem
from ..responses import answer
from ..schemas import responses
from ..strict_bodies import StrictRoute

router = APIRouter(tags=["operations"], route_class=StrictRoute)


@router.get("/healthz", response_model=responses.Answer, summary="Whether the process lives")
async def alive() -> Response:
    """Says nothing of the database."""
    return answer({"status": "alive"})


@router.get(
    "/readyz",
    response_model=responses.Answer,
    responses=documented(500, 503),
    summary="Whether requests can be served",
)
def ready(request: Request, state: State) -> Response:
    """The database answers, and its schema is this program's."""
    try:
        state.registry.require_current()
    except LineageError as error:
        return problem(request, error)
    return answer({"status": "ready"})


@router.get(
    DATABASE,
    response_model=responses.DatabaseAnswer,
    responses=READ,
    summary="Check the database: the file, the keys, the schema, the triggers",
)
async def check(state: State, caller: Annotated[Principal, needs(Scope.ADMIN)]) -> Response:
    """Reads all of it."""
    caller.require_unbound()
    return await state.whole_reads.run(lambda: answer(state.registry.check().to_json()))


@router.get(
    "/metrics",
    response_class=Response,
    responses=READ | {200: {"content": {metrics.CONTENT_TYPE: {"schema": {"type": "string"}}}}},
    summary="Measures for Prometheus",
)
def measures(state: State, caller: Annotated[Principal, needs(Scope.READ)]) -> Response:
    """Requests, decisions by rule and outcome, slots by state, the database."""
    caller.require_unbound()
    return Response(state.metrics.text(), media_type=metrics.CONTENT_TYPE)
