"""Models, their versions, and what is said about a version."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from lineage.contract import addresses, codec, decisions
from lineage.contract.addresses import MODEL, MODELS, VERSION, VERSIONS
from lineage.errors import NotPermitted
from lineage.guard import requirements
from lineage.identity.components import Kind
from lineage.identity.references import Reference
from lineage.registry.access import Principal, Scope
from lineage.registry.registry import Registry

from .. import paging
from ..dependencies import Call, Reads, Route, call_of, needs
from ..problems import READ, WRITE
from ..responses import answer
from ..schemas import requests, responses
from ..schemas.parameters import ModelPath, VersionPath

router = APIRouter(tags=["versions"], route_class=Route)

Reader = Annotated[Principal, needs(Scope.READ)]


@router.get(
    MODELS, response_model=responses.PageAnswer, responses=READ, summary="The models by name"
)
def models(
    parts: Reads, caller: Reader, limit: paging.Limit = 100, cursor: paging.Cursor = None
) -> Response:
    """Each with its newest version. A bound token sees only its own."""
    after = paging.decode("models", cursor) or ""
    found = parts.registry.models(after=after, limit=limit + 1, among=caller.models)
    return answer(paging.page("models", found, limit, lambda row: row["name"]))


@router.post(
    MODELS,
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE | {200: {"description": "It was there already."}},
    summary="Record a model without versions",
)
def add_model(
    body: requests.ModelBody, parts: Reads, call: Annotated[Call, call_of(Scope.REGISTER)]
) -> Response:
    """Registering a version records its model too: this is for those who want the name first."""
    call.principal.require(Scope.REGISTER, models=[body.name])

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        created = registry.add_model(body.name, actor=call.principal.name)
        document = {"name": body.name, "created": created}
        return 201 if created else 200, document, {"Location": MODEL.format(model=body.name)}

    return parts.once(call, act)


@router.get(
    VERSIONS,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="A model's versions, the newest first",
)
def versions(
    model: ModelPath,
    parts: Reads,
    _: Reader,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Each in the shape of a registration."""
    before = paging.number("versions", cursor)
    found = parts.registry.versions(model, before=before, limit=limit + 1)
    rows = [row.to_json() for row in found]
    return answer(paging.page("versions", rows, limit, lambda row: row["version"]))


@router.post(
    VERSIONS,
    status_code=201,
    response_model=responses.RegisteredAnswer,
    responses=WRITE
    | {200: {"model": responses.RegisteredAnswer, "description": "It was registered before."}},
    summary="Register a version",
)
def register(
    model: ModelPath,
    body: requests.VersionBody,
    parts: Reads,
    call: Annotated[Call, call_of(Scope.REGISTER)],
) -> Response:
    """The one that already holds this tuple, if there is one: `created` is false then.

    Every digest is taken anew from what it is of; a claim that differs is refused.
    """
    captured = codec.captured_from_json(model, body.model_dump())
    if body.parent is not None:
        call.principal.require(Scope.REGISTER, models=[Reference.parse(body.parent).model])

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        done = registry.register(
            model,
            captured,
            kind=Kind(body.kind),
            parent=body.parent,
            run=body.run,
            actor=call.principal.name,
        )
        place = addresses.version(Reference(model, number=done.version))
        return 201 if done.created else 200, done.to_json(), {"Location": place}

    return parts.once(call, act)


@router.get(
    VERSION,
    response_model=responses.RegisteredAnswer,
    responses=READ,
    summary="All that is recorded of a version",
)
def version(model: ModelPath, n: VersionPath, parts: Reads, caller: Reader) -> Response:
    """With its components and its validations."""
    return answer(parts.registry.show(version_reference(caller, model, n)))


@router.get(
    VERSION + "/pipeline",
    response_model=responses.PipelineVersionAnswer,
    responses=READ,
    summary="The pipeline version that a version was registered with",
)
def pipeline_of(model: ModelPath, n: VersionPath, parts: Reads, caller: Reader) -> Response:
    """With its manifest."""
    return answer(parts.registry.pipeline_of(version_reference(caller, model, n)).to_json())


@router.get(
    VERSION + "/verdicts",
    response_model=responses.Answer,
    responses=READ,
    summary="The newest verdict for each pipeline version",
)
def verdicts(model: ModelPath, n: VersionPath, parts: Reads, caller: Reader) -> Response:
    """The newest of them last: what the guard looks at."""
    found = parts.registry.verdicts(version_reference(caller, model, n))
    return answer({"items": [decisions.validation_to_json(validation) for validation in found]})


@router.get(
    VERSION + "/validations",
    response_model=responses.PageAnswer,
    responses=READ,
    summary="Every verdict on a version, the newest first",
)
def validations(
    model: ModelPath,
    n: VersionPath,
    parts: Reads,
    caller: Reader,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """With the metrics, and what each requirement came to."""
    found = parts.registry.validations(version_reference(caller, model, n))
    return answer(paging.sliced("validations", found, cursor, limit))


@router.post(
    VERSION + "/validations",
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Record a verdict on a version with a pipeline version",
)
def validate(
    model: ModelPath,
    n: VersionPath,
    body: requests.ValidationBody,
    parts: Reads,
    call: Annotated[Call, call_of(Scope.VALIDATE)],
) -> Response:
    """The requirements are evaluated here, on the metrics that come with them."""
    named = version_reference(call.principal, model, n)
    pipeline = codec.pipeline_from_json(body.pipeline.model_dump())
    outcomes = requirements.outcomes_of(body.requirements, body.metrics or {}, passed=body.passed)
    data = codec.data_from_json([item.model_dump() for item in body.data] if body.data else None)

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
                run=body.run,
                data=data,
                actor=actor,
            )
        return 201, document, {}

    return parts.once(call, act)


@router.get(
    VERSION + "/approvals",
    response_model=responses.PageAnswer,
    responses=READ,
    summary="Every approval of a version, the oldest first",
)
def approvals(
    model: ModelPath,
    n: VersionPath,
    parts: Reads,
    caller: Reader,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """By whom, for which environment, on which pipeline version."""
    found = parts.registry.approvals(version_reference(caller, model, n))
    return answer(paging.sliced("approvals", found, cursor, limit))


@router.post(
    VERSION + "/approvals",
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Approve a version for an environment",
)
def approve(
    model: ModelPath,
    n: VersionPath,
    body: requests.ApprovalBody,
    parts: Reads,
    call: Annotated[Call, call_of(Scope.APPROVE)],
) -> Response:
    """In the name of the token's holder, who must not be who registered it."""
    named = version_reference(call.principal, model, n)
    call.principal.require(Scope.APPROVE, environment=body.environment)

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        return 201, registry.approve(named, body.environment, actor=call.principal.name), {}

    return parts.once(call, act)


@router.post(
    VERSION + "/weights-checks",
    status_code=201,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Record what a look for the weights of a version found",
)
def record_weights(
    model: ModelPath,
    n: VersionPath,
    body: requests.WeightsCheckBody,
    parts: Reads,
    call: Annotated[Call, call_of(Scope.VALIDATE)],
) -> Response:
    """The newest look counts for the rule `weights-intact`."""
    named = version_reference(call.principal, model, n)

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        actor = call.principal.name
        ref = registry.record_weights(named, body.state, body.place, actor=actor)
        return 201, {"ref": ref, "state": body.state, "place": body.place}, {}

    return parts.once(call, act)


def version_reference(caller: Principal, model: str, selector: str) -> str:
    """A version by its selector, which may name an environment that must be open.

    Raises:
        NotPermitted: it is not.
    """
    named = Reference.from_selector(model, selector)
    environment = named.environment
    if environment is not None and not caller.sees_environment(environment):
        raise NotPermitted(
            f"{caller.name} is bound to other environments than {environment}.",
            remedy="Use a token that is open to this environment.",
        )
    return str(named)
