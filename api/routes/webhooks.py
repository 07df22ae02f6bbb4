"""Webhooks: who is told of what, and what became of that."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from lineage.contract.addresses import (
    DELIVERIES,
    WEBHOOK,
    WEBHOOK_SECRET,
    WEBHOOK_TEST,
    WEBHOOKS,
)
from lineage.contract.webhooks import NewWebhook, named_types
from lineage.registry.access import Principal, Scope
from lineage.registry.registry import Registry
from lineage.registry.webhooks import addresses

from .. import paging
from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE
from ..responses import answer
from ..schemas import requests, responses
from ..strict_bodies import StrictRoute
from ..writes import Call, once

router = APIRouter(tags=["webhooks"], route_class=StrictRoute)

Administers = Annotated[Call, call_of(Scope.ADMIN)]
Id = Annotated[int, Path(ge=1, le=2**31 - 1, description="A webhook's number.")]


@router.get(
    WEBHOOKS,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="Every webhook without its secret, the newest first",
)
def webhooks(
    state: State,
    caller: Annotated[Principal, needs(Scope.ADMIN)],
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Of its URL the path is left out: many a receiver takes it for a secret."""
    return answer(paging.sliced("webhooks", state.seen_by(caller).webhooks(), cursor, limit))


@router.post(
    WEBHOOKS,
    status_code=201,
    response_model=responses.NewWebhookAnswer,
    responses=WRITE,
    summary="Add a webhook",
)
def add(body: requests.WebhookBody, state: State, call: Administers) -> Response:
    """The secret is shown once. An `Idempotency-Key` is not taken: its answer would be kept.

    Every address of the host must be a public one, or of a network that the server's operator
    allows; that is looked at before each delivery again.
    """
    new = NewWebhook(
        body.url,
        named_types(body.on or ()),
        tuple(body.environments) if body.environments is not None else None,
        tuple(body.models) if body.models is not None else None,
        body.format,
    )
    seen = state.seen_by(call.principal)
    call.principal.require_unbound()  # before a name is looked up for somebody
    addresses.resolve(addresses.parse(new.url), state.webhook_networks)
    made = seen.add_webhook(new, actor=call.principal.name)
    return answer(made, 201, {"Cache-Control": "no-store"})


@router.post(
    WEBHOOK_SECRET,
    status_code=201,
    response_model=responses.NewWebhookAnswer,
    responses=WRITE,
    summary="Give a webhook another secret",
)
def rotate(id: Id, state: State, call: Administers) -> Response:  # noqa: A002 - the address says so
    """It is shown once; the one before signs beside it for a day. No `Idempotency-Key` is taken."""
    made = state.seen_by(call.principal).rotate_webhook(id, actor=call.principal.name)
    return answer(made, 201, {"Cache-Control": "no-store"})


@router.post(
    WEBHOOK_TEST,
    status_code=202,
    response_model=responses.DeliveryAnswer,
    responses=WRITE,
    summary="Send a message that says nothing but that it arrives",
)
def test(id: Id, state: State, call: Administers) -> Response:  # noqa: A002 - the address says so
    """Once; the deliveries tell what became of it. One that arrives enables a webhook again."""

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        return 202, registry.test_webhook(id, actor=call.principal.name), {}

    return once(state.registry, call, act)


@router.get(
    DELIVERIES,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="The messages to a webhook and what became of them, the newest first",
)
def deliveries(
    id: Id,  # noqa: A002 - the address says so
    state: State,
    caller: Annotated[Principal, needs(Scope.ADMIN)],
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Those of the last thirty days, a thousand at the most, and all that wait."""
    rows = state.seen_by(caller).webhook_deliveries(id)
    return answer(paging.sliced("deliveries", rows, cursor, limit))


@router.delete(
    WEBHOOK,
    response_model=responses.WebhookAnswer,
    responses=WRITE,
    summary="Remove a webhook",
)
def remove(id: Id, state: State, call: Administers) -> Response:  # noqa: A002 - the address says so
    """What waits for it is not sent any more; its secret is forgotten."""

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        return 200, registry.remove_webhook(id, actor=call.principal.name), {}

    return once(state.registry, call, act)
