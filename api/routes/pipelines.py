"""Pipelines: show and list their recorded versions, and share them with models."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from lineage.contract.addresses import (
    ANY_PIPELINE_VERSION,
    PIPELINE_SHARE,
    PIPELINE_SHARES,
    PIPELINE_VERSIONS,
)
from lineage.contract.results import NamedPipeline
from lineage.registry.access import OF_PIPELINES, Principal, Scope
from lineage.registry.registry import Registry

from .. import paging
from ..dependencies import State, call_of, needs
from ..problems import READ, WRITE
from ..responses import answer
from ..schemas import responses
from ..schemas.parameters import DigestPath, ModelPath, PipelinePath
from ..strict_bodies import StrictRoute
from ..writes import Call, once

router = APIRouter(tags=["pipelines"], route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ, OF_PIPELINES)]
Administers = Annotated[Call, call_of(Scope.ADMIN)]


@router.get(
    PIPELINE_VERSIONS,
    response_model=responses.PageAnswer,
    responses=READ,
    summary="Every recorded version of a pipeline, the newest first",
)
def versions(
    pipeline: PipelinePath,
    state: State,
    caller: Reader,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """With their manifests."""
    rows = [version.to_json() for version in state.seen_by(caller).pipeline_versions(pipeline)]
    return answer(paging.sliced("pipelines", rows, cursor, limit))


@router.get(
    PIPELINE_VERSIONS + "/{digest:path}",
    response_model=responses.PipelineVersionAnswer,
    responses=READ | {412: {"description": "The digest is not unique: give the BLAKE3."}},
    summary="A recorded pipeline version",
)
def version(pipeline: PipelinePath, digest: DigestPath, state: State, caller: Reader) -> Response:
    """By its digest, its BLAKE3, or a unique beginning of either."""
    return answer(state.seen_by(caller).pipeline(NamedPipeline(pipeline, digest)).to_json())


@router.get(
    ANY_PIPELINE_VERSION + "/{digest:path}",
    response_model=responses.PipelineVersionAnswer,
    responses=READ | {412: {"description": "The digest is not unique: give the BLAKE3."}},
    summary="A recorded pipeline version, of whatever pipeline",
)
def any_version(digest: DigestPath, state: State, caller: Reader) -> Response:
    """By its digest, its BLAKE3, or a unique beginning of either, among those that are open."""
    return answer(state.seen_by(caller).pipeline(NamedPipeline(None, digest)).to_json())


@router.get(
    PIPELINE_SHARES,
    response_model=responses.ItemsAnswer,
    responses=READ,
    summary="The models that a pipeline is shared with",
)
def shares(
    pipeline: PipelinePath, state: State, caller: Annotated[Principal, needs(Scope.READ)]
) -> Response:
    """By name; the model that is called like the pipeline needs no share."""
    return answer({"items": state.seen_by(caller).pipeline_shares(pipeline)})


@router.put(
    PIPELINE_SHARE,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Share a pipeline with a model",
)
def share(pipeline: PipelinePath, model: ModelPath, state: State, call: Administers) -> Response:
    """Tokens that are bound to the model see and deploy its versions then."""
    return _shared(pipeline, model, state, call, withdraw=False)


@router.delete(
    PIPELINE_SHARE,
    response_model=responses.Answer,
    responses=WRITE,
    summary="Share a pipeline with a model no more",
)
def withdraw(pipeline: PipelinePath, model: ModelPath, state: State, call: Administers) -> Response:
    """What serves goes on; tokens that are bound to the model move it no more."""
    return _shared(pipeline, model, state, call, withdraw=True)


def _shared(pipeline: str, model: str, state: State, call: Call, *, withdraw: bool) -> Response:
    def act(registry: Registry) -> tuple[int, Any, dict[str, str]]:
        actor = call.principal.name
        return 200, registry.share_pipeline(pipeline, model, withdraw=withdraw, actor=actor), {}

    return once(state.registry, call, act)
