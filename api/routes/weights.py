"""Copies of weights: where they are, what looking at them found, and which nothing needs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from lineage.contract.addresses import COPIES, COPIES_OF, LOOKS, REMOVALS, UNNEEDED, WEIGHTS
from lineage.contract.bodies import components
from lineage.contract.requests import RetentionPolicy
from lineage.identity.digest import Digest
from lineage.identity.references import Reference
from lineage.registry.access import OF_VERSIONS, Principal, Scope
from lineage.registry.registry import Registry
from lineage.registry.weights import told_by
from lineage.weights.copies import CopyCheck, NewCopy

from .. import paging
from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE
from ..responses import answer
from ..schemas import requests, responses
from ..schemas.parameters import KeepDays, KeepLast, KeepServed, ModelPath, VersionPath
from ..strict_bodies import StrictRoute
from ..writes import Call, once

router = APIRouter(tags=["weights"], route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ, OF_VERSIONS)]


@router.get(
    COPIES_OF,
    response_model=responses.ItemsAnswer,
    responses=READ,
    summary="The copies of weights, whichever version they were stored for",
)
def copies_of(
    digest: Annotated[str, Path(pattern=r"^blake3:[0-9a-f]{64}$")], state: State, caller: Reader
) -> Response:
    """One for each store; none for a token that is bound to models."""
    copies = state.seen_by(caller).copies_of(Digest(digest))
    return answer({"items": [copy.to_json() for copy in copies]})


@router.get(
    UNNEEDED,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="The copies of weights that nothing can need any more",
)
def unneeded(
    state: State,
    caller: Annotated[Principal, needs(Scope.READ)],
    keep_last: Annotated[KeepLast, Query()] = 3,
    keep_days: Annotated[KeepDays, Query()] = 30,
    keep_served: Annotated[KeepServed, Query()] = 3,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Nothing that serves, stands by or could, nor what those were made from."""
    rows = state.seen_by(caller).collectable(RetentionPolicy(keep_last, keep_days, keep_served))
    return answer(paging.sliced("unneeded", rows, cursor, limit))


@router.get(
    WEIGHTS,
    response_model=responses.WeightsAnswer,
    responses=READ,
    summary="The weights of a version, and where there are copies of them",
)
def weights(
    model: ModelPath,
    n: VersionPath,
    state: State,
    caller: Reader,
    deleted: Annotated[
        bool, Query(description="Of a version that was deleted, too, to take its copies away.")
    ] = False,
) -> Response:
    """All that a host needs to fetch them, but for its own credentials."""
    named = Reference.from_selector(model, n)
    return answer(state.seen_by(caller).stored(named, deleted=deleted).to_json())


@router.post(
    COPIES,
    status_code=201,
    response_model=responses.WeightsAnswer,
    responses=WRITE,
    summary="Record that a store holds the weights of a version",
)
def add_copy(
    model: ModelPath,
    n: VersionPath,
    body: components.CopyBody,
    state: State,
    call: Annotated[Call, call_of(Scope.REGISTER)],
) -> Response:
    """Whoever says so has read every byte back from there.

    That is a look, which counts with `observe:weights` alone: without, a new copy is `unreachable`
    until somebody looks.
    """
    named = Reference.from_selector(model, n)
    copy = told_by(call.principal, NewCopy.from_json(body.model_dump()))

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        return 201, registry.add_copy(named, copy, actor=call.principal.name).to_json(), {}

    return once(state.registry, call, act)


@router.post(
    LOOKS,
    status_code=201,
    response_model=responses.WeightsAnswer,
    responses=WRITE,
    summary="Record what looking into stores for the weights of a version found",
)
def record_checks(
    model: ModelPath,
    n: VersionPath,
    body: requests.LooksBody,
    state: State,
    call: Annotated[Call, call_of(Scope.OBSERVE_WEIGHTS)],
) -> Response:
    """The newest look at each copy counts, for the guard and for whether a backup is ready."""
    named = Reference.from_selector(model, n)
    named_in = [body.backup_in] if isinstance(body.backup_in, str) else body.backup_in or []
    looks = [CopyCheck.from_json(look.model_dump()) for look in body.looks]

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        actor = call.principal.name
        stored = registry.record_checks(named, looks, backup_in=named_in, actor=actor)
        return 201, stored.to_json(), {}

    return once(state.registry, call, act)


@router.post(
    REMOVALS,
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Record that a copy which nothing needs is taken away",
)
def remove_copy(
    model: ModelPath,
    n: VersionPath,
    body: requests.RemovalBody,
    state: State,
    call: Annotated[Call, call_of(Scope.ADMIN)],
) -> Response:
    """Whoever says so takes the bytes away, within ten minutes; the version's row stays."""
    named = Reference.from_selector(model, n)
    keeping = RetentionPolicy(body.keep_last, body.keep_days, body.keep_served)

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        actor = call.principal.name
        return 201, registry.remove_copy(named, body.store, keeping, actor=actor), {}

    return once(state.registry, call, act)
