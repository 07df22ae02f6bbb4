"""Stores of weights: record one, and list what each holds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from lineage.contract.addresses import STORED, STORES
from lineage.contract.bodies import components
from lineage.contract.bodies.texts import NAME
from lineage.registry.access import OF_VERSIONS, Principal, Scope
from lineage.registry.registry import Registry
from lineage.weights.copies import StoreAddress

from .. import paging
from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE
from ..responses import answer
from ..schemas import responses
from ..strict_bodies import StrictRoute
from ..writes import Call, once

router = APIRouter(tags=["weights"], route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ, OF_VERSIONS)]


@router.get(
    STORES,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="The stores of weights, by name",
)
def stores(
    state: State, caller: Reader, limit: paging.Limit = 100, cursor: paging.Cursor = None
) -> Response:
    """Where they are, and nothing that opens them: each host brings its own credentials.

    A token that is bound to models, and may not register, sees those that hold weights of them.
    """
    return answer(paging.sliced("stores", state.seen_by(caller).stores(), cursor, limit))


@router.post(
    STORES,
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE | {200: {"description": "It was there already."}},
    summary="Record a store of weights",
)
def add_store(
    body: components.DeclaredStoreBody, state: State, call: Annotated[Call, call_of(Scope.REGISTER)]
) -> Response:
    """The store as it is recorded: a place that is known keeps its first name.

    Only an `admin` that is bound to nothing records a new one: a place that hosts open with their
    own credentials. A folder is one host's until such an `admin` says that it is `shared`. Of a
    store that is known, it alone records the marker, or another one.
    """
    address = StoreAddress(body.name, body.url, body.config, body.marker)
    if body.shared is not None:
        call.principal.require(Scope.ADMIN)

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        created = registry.add_store(address, shared=body.shared, actor=call.principal.name)
        return 201 if created else 200, registry.store_at(address) | {"created": created}, {}

    return once(state.registry, call, act)


@router.get(
    STORED,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="The weights that a store holds, by version",
)
def copies_in(
    id: Annotated[str, Path(pattern=NAME)],  # noqa: A002 - the address says so
    state: State,
    caller: Annotated[Principal, needs(Scope.READ, (Scope.OBSERVE_WEIGHTS,))],
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Each with its copy in this store alone. A token that is bound to models may not ask."""
    rows = [row.to_json() for row in state.seen_by(caller).copies_in(id)]
    return answer(paging.sliced("store-weights", rows, cursor, limit))
