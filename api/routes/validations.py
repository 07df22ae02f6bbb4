"""Validations and approvals of a version: record them, and list them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from lineage.contract import codec, decisions
from lineage.contract.addresses import APPROVALS, ATTESTATIONS, PROFILE, VALIDATIONS, VERDICTS
from lineage.contract.bodies.versions import ValidationBody
from lineage.evidence.profile import Profile
from lineage.guard import requirements
from lineage.identity.references import Reference
from lineage.registry.access import OF_VERSIONS, Principal, Scope
from lineage.registry.registry import Registry

from .. import paging
from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE
from ..responses import answer
from ..schemas import requests, responses
from ..schemas.parameters import ModelPath, VersionPath
from ..strict_bodies import StrictRoute
from ..writes import Call, once

router = APIRouter(tags=["versions"], route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ, OF_VERSIONS)]


@router.get(
    VERDICTS,
    response_model=responses.Answer,
    responses=READ,
    summary="The newest verdict for each pipeline version",
)
def verdicts(model: ModelPath, n: VersionPath, state: State, caller: Reader) -> Response:
    """The newest of them last: what the guard looks at."""
    newest = state.seen_by(caller).verdicts(Reference.from_selector(model, n))
    return answer({"items": [decisions.validation_to_json(validation) for validation in newest]})


@router.get(
    VALIDATIONS,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="Every verdict on a version, the newest first",
)
def validations(
    model: ModelPath,
    n: VersionPath,
    state: State,
    caller: Reader,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """With the metrics, and what each requirement came to."""
    rows = state.seen_by(caller).validations(Reference.from_selector(model, n))
    return answer(paging.sliced("validations", rows, cursor, limit))


@router.post(
    VALIDATIONS,
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Record a verdict on a version with a pipeline version",
)
def validate(
    model: ModelPath,
    n: VersionPath,
    body: ValidationBody,
    state: State,
    call: Annotated[Call, call_of(Scope.VALIDATE)],
) -> Response:
    """The requirements are evaluated here, on the metrics that come with them.

    With `dry_run`, the answer (200) or the refusal that there would be, and nothing is recorded.
    """
    named = Reference.from_selector(model, n)
    pipeline = codec.pipeline_from_json(body.pipeline.model_dump())
    outcomes = requirements.outcomes_of(body.requirements, body.metrics or {}, passed=body.passed)
    data = codec.data_from_json([item.model_dump() for item in body.data] if body.data else None)
    watched = codec.watched_from_json([run.model_dump() for run in body.watched])
    profile = None if body.profile is None else Profile.parse(body.profile)

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        actor = call.principal.name
        if body.carried is not None:
            document = registry.carry_over(
                named,
                pipeline,
                rests_on=body.carried.rests_on,
                difference=body.carried.difference,
                actor=actor,
            )
        else:
            document = registry.validate(
                named,
                pipeline,
                passed=body.passed,
                metrics=body.metrics,
                outcomes=outcomes,
                run=body.run.model_dump(exclude_unset=True) if body.run is not None else None,
                data=data,
                watched=watched,
                elsewhere=body.elsewhere,
                profile=profile,
                dry_run=body.dry_run,
                actor=actor,
            )
        return 201, document, {}

    if body.dry_run:
        return answer(act(state.seen_by(call.principal))[1])
    return once(state.registry, call, act)


@router.get(
    PROFILE,
    response_model=responses.Answer,
    responses=READ,
    summary="What the data looked like on which a version was validated last",
)
def profile(
    model: ModelPath,
    n: VersionPath,
    state: State,
    caller: Annotated[Principal, needs(Scope.READ, (*OF_VERSIONS, Scope.OBSERVE))],
    pipeline: Annotated[
        str | None,
        Query(max_length=200, description="The pipeline version that it was validated with."),
    ] = None,
    digest: Annotated[
        str | None, Query(max_length=200, description="The profile's own digest.")
    ] = None,
) -> Response:
    """The profile of the newest validation that has one, or the one of a digest."""
    named = Reference.from_selector(model, n)
    return answer(state.seen_by(caller).profile(named, pipeline=pipeline, digest=digest))


@router.get(
    APPROVALS,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="Every approval of a version, the oldest first",
)
def approvals(
    model: ModelPath,
    n: VersionPath,
    state: State,
    caller: Reader,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """By whom, for which environment, on which pipeline version."""
    rows = state.seen_by(caller).approvals(Reference.from_selector(model, n))
    return answer(paging.sliced("approvals", rows, cursor, limit))


@router.post(
    APPROVALS,
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Approve a version for an environment",
)
def approve(
    model: ModelPath,
    n: VersionPath,
    body: requests.ApprovalBody,
    state: State,
    call: Annotated[Call, call_of(Scope.APPROVE)],
) -> Response:
    """In the name of the token's holder, who must not be who registered it."""
    named = Reference.from_selector(model, n)

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        document = registry.approve(
            named, body.environment, pipeline=body.pipeline, actor=call.principal.name
        )
        return 201, document, {}

    return once(state.registry, call, act)


@router.get(
    ATTESTATIONS,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="Every signed statement on a version, the newest first",
)
def attestations(
    model: ModelPath,
    n: VersionPath,
    state: State,
    caller: Reader,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """With the envelope and the public key, so that whoever reads it verifies it.

    A page has fewer than `limit` where they are large: 16 MiB of envelopes at the most.
    """
    page = state.seen_by(caller).attestations(
        Reference.from_selector(model, n), limit=limit, after=cursor
    )
    return answer({"items": list(page), "next": page.next})


@router.post(
    ATTESTATIONS,
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Record a signed statement on a version",
)
def record_attestation(
    model: ModelPath,
    n: VersionPath,
    body: requests.AttestationBody,
    state: State,
    call: Annotated[Call, call_of(Scope.VALIDATE)],
) -> Response:
    """It is verified here: one that does not hold, or is about something else, is refused."""
    named = Reference.from_selector(model, n)

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        document = registry.record_attestation(
            named,
            body.document,
            body.public_key,
            signed_by=body.signed_by,
            actor=call.principal.name,
        )
        return 201, document, {}

    return once(state.registry, call, act)
