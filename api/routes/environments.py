"""Environments: create, declare and show them, and record which pipelines run in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Response

from lineage.contract import addresses, codec
from lineage.contract.addresses import (
    ABORT,
    DEPLOYED_PIPELINE,
    ENVIRONMENT,
    ENVIRONMENTS,
    FINISH,
    RELEASES,
)
from lineage.contract.policies import policy_of
from lineage.contract.requests import DeclaredEnvironment
from lineage.contract.results import MoveResult
from lineage.errors import NotPermitted
from lineage.identity.components import EnvironmentKind
from lineage.registry.access import OF_SERVING, Principal, Scope
from lineage.registry.registry import Registry

from .. import paging
from ..dependencies import State, call_of, needs, waiver_of
from ..problems import MOVE, READ, WRITE
from ..responses import answer
from ..schemas import requests, responses
from ..schemas.parameters import EnvPath, PipelinePath
from ..strict_bodies import StrictRoute
from ..writes import Call, Written, foreseen, move, once

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.registry.slots.foresight import Foresight

router = APIRouter(tags=["environments"], route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ, OF_SERVING)]
Administers = Annotated[Call, call_of(Scope.ADMIN)]
Deploys = Annotated[Call, call_of(Scope.DEPLOY)]


@router.get(
    ENVIRONMENTS,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="The environments by name",
)
def environments(
    state: State, caller: Reader, limit: paging.Limit = 100, cursor: paging.Cursor = None
) -> Response:
    """Each with its policy, its deployments and its slots. A bound token sees only its own."""
    shown = state.seen_by(caller).environments()
    return answer(paging.sliced("environments", shown, cursor, limit))


@router.post(
    ENVIRONMENTS,
    status_code=201,
    response_model=responses.EnvironmentAnswer,
    responses=WRITE
    | {200: {"model": responses.EnvironmentAnswer, "description": "It was there already."}},
    summary="Create an environment",
)
def create(body: requests.EnvironmentBody, state: State, call: Administers) -> Response:
    """Its kind never changes. For tokens that are bound to nothing."""
    call.principal.require_unbound()

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        created = registry.create_environment(
            body.name, EnvironmentKind(body.kind), actor=call.principal.name
        )
        document = registry.environment(body.name) | {"created": created}
        return 201 if created else 200, document, {"Location": addresses.environment(body.name)}

    return once(state.registry, call, act)


@router.put(
    ENVIRONMENTS,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Make environments what they are declared to be",
)
def apply(body: requests.ApplyBody, state: State, call: Administers) -> Response:
    """With `dry_run`, only the plan.

    A policy is of every model, so a token that is bound to models declares none; one that is bound
    to environments declares those, and makes no others.
    """
    declared = [
        DeclaredEnvironment(
            declaration.name,
            policy_of(declaration.policy.model_dump()),
            EnvironmentKind(declaration.kind) if declaration.kind is not None else None,
        )
        for declaration in body.environments
    ]

    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        plan = registry.apply_environments(
            declared, dry_run=body.dry_run, actor=call.principal.name
        )
        return 200, {"plan": [change.to_json() for change in plan]}, {}

    if body.dry_run:
        return answer(act(state.seen_by(call.principal))[1])
    return once(state.registry, call, act)


@router.get(
    ENVIRONMENT,
    response_model=responses.EnvironmentAnswer,
    responses=READ,
    summary="Every slot and pipeline deployment of an environment",
)
def environment(env: EnvPath, state: State, caller: Reader) -> Response:
    """With its policy. A token that is bound to models sees only their slots."""
    return answer(state.seen_by(caller).environment(env))


@router.get(
    DEPLOYED_PIPELINE,
    response_model=responses.PipelineVersionAnswer,
    responses=READ,
    summary="The version of a pipeline that runs in an environment",
)
def deployed(env: EnvPath, pipeline: PipelinePath, state: State, caller: Reader) -> Response:
    """With its manifest."""
    return answer(state.seen_by(caller).deployed_pipeline(env, pipeline).to_json())


@router.put(
    DEPLOYED_PIPELINE,
    response_model=responses.MovedAnswer,
    responses=MOVE,
    summary="Record that a pipeline version now runs in an environment",
)
def deploy(
    env: EnvPath,
    pipeline: PipelinePath,
    body: requests.DeploymentBody,
    state: State,
    call: Deploys,
) -> Response:
    """Refused where a serving model would be left without a passing validation on it."""
    return _release(env, pipeline, body, (), state, call)


@router.post(
    RELEASES,
    response_model=responses.MovedAnswer,
    responses=MOVE,
    summary="Move a pipeline and models that ride on it in one step, or not at all",
)
def release(env: EnvPath, body: requests.ReleaseBody, state: State, call: Deploys) -> Response:
    """With `dry_run`, only the plan; its `revisions` can be given back as `seen`.

    With `stage` it is declared alone: hosts with that pipeline may load it, and nothing serves by
    it until it is finished.
    """
    return _release(env, None, body, body.versions, state, call, stage=body.stage)


@router.post(
    FINISH,
    response_model=responses.MovedAnswer,
    responses=MOVE,
    summary="Make a staged release serve, if the guard still allows it",
)
def finish(
    env: EnvPath,
    pipeline: PipelinePath,
    state: State,
    call: Deploys,
    body: requests.FinishBody | None = None,
) -> Response:
    """With `dry_run`, only the plan; its `revisions` can be given back as `seen`."""
    asked = body or requests.FinishBody()
    waive = waiver_of(asked.waiver)
    seen = state.seen_by(call.principal)
    foresight = foreseen(lambda: seen.foresee_finish(env, pipeline, reason=asked.reason))

    def act(registry: Registry) -> MoveResult:
        return registry.finish_release(
            env,
            pipeline,
            reason=asked.reason,
            waive=waive,
            seen=asked.seen,
            dry_run=asked.dry_run,
            actor=call.principal.name,
        )

    return _moved(state, call, act, foresight, dry_run=asked.dry_run)


@router.post(
    ABORT,
    response_model=responses.MovedAnswer,
    responses=WRITE,
    summary="Withdraw a staged release",
)
def abort(
    env: EnvPath,
    pipeline: PipelinePath,
    state: State,
    call: Deploys,
    body: requests.AbortBody | None = None,
) -> Response:
    """What serves goes on; what was staged is to serve no more."""
    reason = body.reason if body is not None else None

    def act(registry: Registry) -> MoveResult:
        return registry.abort_release(env, pipeline, reason=reason, actor=call.principal.name)

    return _moved(state, call, act, None, dry_run=False)


def _release(
    env: str,
    name: str | None,
    body: requests.DeploymentBody,
    references: tuple[str, ...] | list[str],
    state: State,
    call: Call,
    *,
    stage: bool = False,
) -> Response:
    target = codec.pipeline_from_json(body.pipeline.model_dump(), name)
    if name is not None and target.name != name:
        raise NotPermitted(
            f"The body is of pipeline {target.name}, the address of {name}.",
            remedy="Name one pipeline.",
        )
    asked = waiver_of(body.waiver)
    seen = state.seen_by(call.principal)
    foresight = foreseen(lambda: seen.foresee_release(env, target, references, reason=body.reason))

    def act(registry: Registry) -> MoveResult:
        return registry.release(
            env,
            target,
            references,
            reason=body.reason,
            waive=asked,
            seen=body.seen,
            stage=stage,
            dry_run=body.dry_run,
            actor=call.principal.name,
        )

    return _moved(state, call, act, foresight, dry_run=body.dry_run)


def _moved(
    state: State,
    call: Call,
    act: Callable[[Registry], MoveResult],
    foresight: Foresight | None,
    *,
    dry_run: bool,
) -> Response:
    """The answer to a move of several slots."""

    def shown(moved: MoveResult) -> Written:
        return 200, moved.to_whole_json() | {"dry_run": dry_run}, {}

    if dry_run:
        return answer(shown(act(state.seen_by(call.principal)))[1])
    return move(
        state.registry,
        state.metrics,
        state.recent_answers,
        state.refusals,
        call,
        act,
        shown,
        foresight,
    )
