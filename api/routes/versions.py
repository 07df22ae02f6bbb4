"""Versions of a model: register one, and tell what is recorded of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from lineage.contract import addresses, codec
from lineage.contract.addresses import (
    EXPORT,
    PIPELINE_OF_VERSION,
    VERSION,
    VERSIONS,
    WEIGHTS_CHECKS,
)
from lineage.contract.bodies.texts import Name
from lineage.contract.bodies.versions import VersionBody
from lineage.export.formats import FORMATS, export
from lineage.guard.expression_parser import LONGEST
from lineage.identity.components import Kind
from lineage.identity.references import Reference
from lineage.registry.access import OF_VERSIONS, Principal, Scope
from lineage.registry.registry import Registry
from lineage.registry.weights import told_by

from .. import paging
from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE, documented
from ..responses import answer, file_of
from ..schemas import requests, responses
from ..schemas.parameters import ModelPath, VersionPath
from ..strict_bodies import StrictRoute
from ..writes import Call, once

router = APIRouter(tags=["versions"], route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ, OF_VERSIONS)]


@router.get(
    VERSIONS,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="A model's versions, the newest first",
)
def versions(
    model: ModelPath,
    state: State,
    caller: Reader,
    where: Annotated[
        str | None,
        Query(
            max_length=LONGEST,
            description="Which of them, in the language of requirements.",
            examples=["auc > 0.8 and kind = 'production'"],
        ),
    ] = None,
    sort: Annotated[
        str | None,
        Query(
            max_length=LONGEST + 1,
            description="By which field, with `-` in front where the greatest comes first.",
            examples=["-auc"],
        ),
    ] = None,
    columns: Annotated[
        str | None,
        Query(
            max_length=2000,
            description="Fields that each has in `columns` besides, with commas between them.",
            examples=["auc,passed"],
        ),
    ] = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Each in the shape of a registration; with `columns`, it has an object of them besides.

    Fields are a version's own (`number`, `kind`, `registered_at`, …) and the metrics of its newest
    verdict. What has no value comes last, and no comparison with it is true.
    """
    page = state.seen_by(caller).versions(
        model, where=where, sort=sort, limit=limit, after=cursor, columns=columns or ()
    )
    return answer({"items": [version.to_json() for version in page], "next": page.next})


@router.post(
    VERSIONS,
    status_code=201,
    response_model=responses.RegisteredAnswer,
    responses=WRITE
    | documented(409)
    | {200: {"model": responses.RegisteredAnswer, "description": "It was registered before."}},
    summary="Register a version",
)
def register(
    model: ModelPath,
    body: VersionBody,
    state: State,
    call: Annotated[Call, call_of(Scope.REGISTER)],
) -> Response:
    """The one that already holds this tuple, if there is one: `created` is false then.

    Every digest is taken anew from what it is of; a claim that differs is refused. With `dry_run`,
    the answer (200) or the refusal that there would be, and nothing is recorded.
    """
    captured = codec.captured_from_json(model, body.model_dump())
    stored = tuple(told_by(call.principal, copy) for copy in captured.stored)
    captured = replace(captured, stored=stored)
    watched = codec.watched_from_json([run.model_dump() for run in body.watched])

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        registered = registry.register(
            model,
            captured,
            kind=Kind(body.kind),
            parent=body.parent,
            run=body.run,
            watched=watched,
            dry_run=body.dry_run,
            actor=call.principal.name,
        )
        place = addresses.version(Reference(registered.model, number=registered.version))
        return 201 if registered.created else 200, registered.to_json(), {"Location": place}

    if body.dry_run:
        return answer(act(state.seen_by(call.principal))[1])
    return once(state.registry, call, act)


@router.get(
    VERSION,
    response_model=responses.RegisteredAnswer,
    responses=READ,
    summary="All that is recorded of a version",
)
def version(model: ModelPath, n: VersionPath, state: State, caller: Reader) -> Response:
    """With its components and its validations."""
    return answer(state.seen_by(caller).show(Reference.from_selector(model, n)))


@router.get(
    EXPORT,
    response_class=Response,
    responses=READ
    | {
        200: {
            "description": "The version in that format.",
            "content": {form.media_type: {} for form in FORMATS.values()},
        }
    },
    summary="A version in a format of other programs",
)
def exported(
    model: ModelPath,
    n: VersionPath,
    state: State,
    caller: Reader,
    form: Annotated[
        Literal["openlineage", "cyclonedx", "prov", "card"],
        Query(alias="format", description="Which one."),
    ],
    environment: Annotated[
        list[Name] | None,
        Query(max_length=10, description="Tell also what the guard says of it there now."),
    ] = None,
) -> Response:
    """OpenLineage events (one a line), CycloneDX 1.6, PROV-JSON, or a model card in Markdown."""
    named = Reference.from_selector(model, n)
    return file_of(export(state.seen_by(caller), named, form, environment or ()))


@router.get(
    PIPELINE_OF_VERSION,
    response_model=responses.PipelineVersionAnswer,
    responses=READ,
    summary="The pipeline version that a version was registered with",
)
def pipeline_of(model: ModelPath, n: VersionPath, state: State, caller: Reader) -> Response:
    """With its manifest."""
    return answer(state.seen_by(caller).pipeline_of(Reference.from_selector(model, n)).to_json())


@router.post(
    WEIGHTS_CHECKS,
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Record what a look for the weights of a version found",
)
def record_weights(
    model: ModelPath,
    n: VersionPath,
    body: requests.WeightsCheckBody,
    state: State,
    call: Annotated[Call, call_of(Scope.OBSERVE_WEIGHTS)],
) -> Response:
    """The newest look counts for the rule `weights-intact`."""
    named = Reference.from_selector(model, n)

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        actor = call.principal.name
        ref = registry.record_weights(named, body.state, body.place, actor=actor)
        return 201, {"ref": ref, "state": body.state, "place": body.place}, {}

    return once(state.registry, call, act)
