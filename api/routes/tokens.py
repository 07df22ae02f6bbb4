"""Tokens: make, list and revoke them, and tell who asks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from lineage import timestamps
from lineage.contract.addresses import PRINCIPAL, TOKEN, TOKENS
from lineage.contract.requests import NewToken
from lineage.registry.access import OF_ANY, Principal, Scope
from lineage.registry.registry import Registry

from .. import paging
from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE
from ..responses import answer
from ..schemas import requests, responses
from ..strict_bodies import StrictRoute
from ..writes import Call, once

router = APIRouter(tags=["access"], route_class=StrictRoute)

Administers = Annotated[Call, call_of(Scope.ADMIN)]


@router.get(
    PRINCIPAL,
    response_model=responses.PrincipalAnswer,
    responses=READ,
    summary="Who asks, and what is open to them",
)
def principal(
    request: Request, state: State, caller: Annotated[Principal, needs(Scope.READ, OF_ANY)]
) -> Response:
    """What the token that comes with the request says.

    `shared` tells that several hosts use the registry: a folder of one is no store of weights then.
    `records_stores` tells whether the token may record a store, `version` is the server's own.
    """
    seen = state.seen_by(caller)
    told = {
        "shared": seen.shared,
        "records_stores": seen.records_stores,
        "version": request.app.version,
    }
    return answer(caller.to_json() | told)


@router.get(
    TOKENS,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="Every token without its secret, the newest first",
)
def tokens(
    state: State,
    caller: Annotated[Principal, needs(Scope.ADMIN)],
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Those that are revoked or over stay listed."""
    return answer(paging.sliced("tokens", state.seen_by(caller).tokens(), cursor, limit))


@router.post(
    TOKENS,
    status_code=201,
    response_model=responses.NewTokenAnswer,
    responses=WRITE,
    summary="Make a token",
)
def create(body: requests.TokenBody, state: State, call: Administers) -> Response:
    """The secret is shown once. An `Idempotency-Key` is not taken: its answer would be kept."""
    until = timestamps.parse_time(body.expires_at) if body.expires_at is not None else None
    new = NewToken(
        body.name,
        tuple(body.scopes),
        tuple(body.environments) if body.environments is not None else None,
        tuple(body.models) if body.models is not None else None,
        until,
        body.person,
    )
    token = state.seen_by(call.principal).create_token(new, actor=call.principal.name)
    return answer(token, 201, {"Cache-Control": "no-store"})


@router.delete(
    TOKEN,
    response_model=responses.TokenAnswer,
    responses=WRITE,
    summary="Revoke a token",
)
def revoke(
    id: Annotated[str, Path(pattern=r"^[a-z2-7]{12}$")],  # noqa: A002 - the address says so
    state: State,
    call: Administers,
) -> Response:
    """It opens nothing from now on, on every server."""

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        return 200, registry.revoke_token(id, actor=call.principal.name), {}

    return once(state.registry, call, act)
