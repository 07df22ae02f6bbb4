"""Pipelines: show and list their recorded versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response

from lineage.contract.addresses import ANY_PIPELINE_VERSION, PIPELINE_VERSIONS
from lineage.contract.results import NamedPipeline
from lineage.registry.access import Principal, Scope

from .. import paging
from ..dependencies import State, needs
from ..problems import READ
from ..responses import answer
from ..schemas import responses
from ..schemas.parameters import DigestPath, PipelinePath
from ..strict_bodies import StrictRoute

router = APIRouter(tags=["pipelines"], route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ)]


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
    state.require_pipeline(caller, pipeline)
    rows = [version.to_json() for version in state.registry.pipeline_versions(pipeline)]
    return answer(paging.sliced("pipelines", rows, cursor, limit))


@router.get(
    PIPELINE_VERSIONS + "/{digest:path}",
    response_model=responses.PipelineVersionAnswer,
    responses=READ | {412: {"description": "The digest is not unique: give the BLAKE3."}},
    summary="A recorded pipeline version",
)
def version(pipeline: PipelinePath, digest: DigestPath, state: State, caller: Reader) -> Response:
    """By its digest, its BLAKE3, or a unique beginning of either."""
    state.require_pipeline(caller, pipeline)
    return answer(state.registry.pipeline(NamedPipeline(pipeline, digest)).to_json())


@router.get(
    ANY_PIPELINE_VERSION + "/{digest:path}",
    response_model=responses.PipelineVersionAnswer,
    responses=READ | {412: {"description": "The digest is not unique: give the BLAKE3."}},
    summary="A recorded pipeline version, of whatever pipeline",
)
def any_version(digest: DigestPath, state: State, caller: Reader) -> Response:
    """By its digest, its BLAKE3, or a unique beginning of either."""
    recorded = state.registry.pipeline(NamedPipeline(None, digest))
    state.require_pipeline(caller, recorded.name)
    return answer(recorded.to_json())
