"""What models and versions are called, and what is said of them: describe, tag, rename, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from lineage.contract import addresses
from lineage.contract.addresses import ARCHIVE, MODEL, RENAME, VERSION
from lineage.identity.references import Reference
from lineage.registry.access import OF_VERSIONS, Principal, Scope
from lineage.registry.registry import Registry

from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE, documented
from ..responses import answer, canonical
from ..schemas import labels as bodies
from ..schemas import requests, responses
from ..schemas.parameters import ModelPath, VersionPath
from ..strict_bodies import StrictRoute
from ..writes import Call, once

router = APIRouter(tags=["versions"], route_class=StrictRoute)

Registers = Annotated[Call, call_of(Scope.REGISTER)]
Administers = Annotated[Call, call_of(Scope.ADMIN)]


@router.get(MODEL, response_model=responses.ModelAnswer, responses=READ, summary="A model")
def model(
    model: ModelPath, state: State, caller: Annotated[Principal, needs(Scope.READ, OF_VERSIONS)]
) -> Response:
    """What it is called and was called, its description and tags, whether it is archived.

    By a name that it had before, the answer has the present one, and a `Link` to its address.
    """
    document = state.seen_by(caller).model(model)
    name = document["name"]
    return answer(document, headers=canonical(model, name, addresses.model(name)))


@router.patch(
    MODEL,
    response_model=responses.LabelsAnswer,
    responses=WRITE,
    summary="Describe and tag a model",
)
def edit_model(
    model: ModelPath, body: bodies.LabelsBody, state: State, call: Registers
) -> Response:
    """What is not named stays as it is."""
    return _edited(model, body, state, call)


@router.patch(
    VERSION,
    response_model=responses.LabelsAnswer,
    responses=WRITE,
    summary="Describe and tag a version",
)
def edit_version(
    model: ModelPath, n: VersionPath, body: bodies.LabelsBody, state: State, call: Registers
) -> Response:
    """What is not named stays as it is. The tuple does not change by it."""
    return _edited(str(Reference.from_selector(model, n)), body, state, call)


@router.post(
    RENAME,
    response_model=responses.ModelAnswer,
    responses=WRITE | documented(409),
    summary="Rename a model",
)
def rename(model: ModelPath, body: bodies.RenameBody, state: State, call: Administers) -> Response:
    """Its versions, slots and history go with it, and the names that it had go on naming it."""

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        return 200, registry.rename_model(model, body.to, actor=call.principal.name), {}

    registry = state.seen_by(call.principal)
    before = registry.model(model)["name"]
    response = once(state.registry, call, act)
    if before != body.to:
        registry.rename_reports(before, body.to)
    return response


@router.post(
    ARCHIVE,
    response_model=responses.ModelAnswer,
    responses=WRITE | documented(409),
    summary="Archive a model, or take it up again",
)
def archive(
    model: ModelPath, body: bodies.ArchiveBody, state: State, call: Administers
) -> Response:
    """An archived one takes no new versions, moves nowhere, and is in no list of models."""

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        actor = call.principal.name
        return 200, registry.archive_model(model, restore=body.restore, actor=actor), {}

    return once(state.registry, call, act)


@router.delete(
    VERSION,
    response_model=responses.TombstoneAnswer,
    responses=WRITE | documented(409),
    summary="Delete an experiment that nothing refers to",
)
def delete(
    model: ModelPath,
    n: VersionPath,
    state: State,
    call: Administers,
    body: requests.ReasonBody | None = None,
) -> Response:
    """Its number is not given again. From then on it answers 410 (`version-deleted`)."""
    named = Reference.from_selector(model, n)
    reason = body.reason if body is not None else None

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        actor = call.principal.name
        return 200, registry.delete_version(named, reason=reason, actor=actor), {}

    return once(state.registry, call, act)


def _edited(of: str, body: bodies.LabelsBody, state: State, call: Call) -> Response:
    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        actor = call.principal.name
        document = registry.edit(of, description=body.description, tags=body.tags, actor=actor)
        return 200, document, {}

    return once(state.registry, call, act)
