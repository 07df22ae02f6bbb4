"""Lineage: tell what made a version, what something reaches, and what leaked."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from lineage.contract.addresses import IMPACT, LEAK, LINEAGE, TRACE
from lineage.contract.requests import (
    MOST_IMPACTED,
    MOST_NEIGHBOURS,
    MOST_NODES,
    Direction,
)
from lineage.identity.references import Reference
from lineage.registry.access import OF_VERSIONS, Principal, Scope

from .. import paging
from ..dependencies import State, needs
from ..problems import READ
from ..responses import answer
from ..schemas.lineage import ImpactAnswer, LeakAnswer, LineageAnswer, TraceAnswer
from ..schemas.parameters import DigestPath, ModelPath, VersionPath
from ..strict_bodies import StrictRoute

router = APIRouter(tags=["lineage"], route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ)]
OfVersions = Annotated[Principal, needs(Scope.READ, OF_VERSIONS)]

_SEVERAL = READ | {412: {"description": "Several digests begin so: write more of the one."}}


@router.get(
    LINEAGE + "/{digest:path}",
    response_model=LineageAnswer,
    responses=_SEVERAL,
    summary="What made a digest, or what was made from it",
)
def lineage(
    digest: DigestPath,
    state: State,
    caller: Reader,
    direction: Annotated[Literal["up", "down"], Query()] = "up",
    limit: Annotated[
        int, Query(ge=1, le=MOST_NEIGHBOURS, description="Nodes at the most.")
    ] = MOST_NEIGHBOURS,
    cursor: paging.Cursor = None,
) -> Response:
    """Of a tuple, code, data, a data item, a pipeline or weights; for tokens bound to nothing.

    A page holds versions that the digest is of with all around them: the one that comes next and
    does not fit begins the next page, and one that fits on none is cut (`truncated`).
    """
    registry = state.seen_by(caller)
    return answer(registry.lineage(digest, Direction(direction), limit=limit, after=cursor))


@router.get(
    TRACE,
    response_model=TraceAnswer,
    responses=READ,
    summary="All that made a version",
)
def trace(
    model: ModelPath,
    n: VersionPath,
    state: State,
    caller: OfVersions,
    limit: Annotated[int, Query(ge=1, le=MOST_NODES, description="Nodes at the most.")] = 1_000,
) -> Response:
    """The runs that led to it, what they used, its code, data and pipeline, and its parents."""
    named = Reference.from_selector(model, n)
    return answer(state.seen_by(caller).trace(named, limit=limit).to_json())


@router.get(
    LEAK,
    response_model=LeakAnswer,
    responses=READ,
    summary="Contents that a version was both trained on and validated on",
)
def leak(
    model: ModelPath,
    n: VersionPath,
    state: State,
    caller: OfVersions,
    limit: Annotated[
        int, Query(ge=1, le=MOST_NODES, description="Nodes at the most that are walked to.")
    ] = MOST_NODES,
) -> Response:
    """By their digests; of a directory as a whole."""
    named = Reference.from_selector(model, n)
    return answer(state.seen_by(caller).leak(named, limit=limit).to_json())


@router.get(
    IMPACT,
    response_model=ImpactAnswer,
    responses=_SEVERAL,
    summary="Which versions something reaches, and where they serve",
)
def impact(
    state: State,
    caller: Reader,
    of: Annotated[
        str,
        Query(
            min_length=1,
            max_length=1_000,
            description="A path, a digest or a beginning of one, a commit, `NAME@DIGEST` of a "
            "pipeline version, `package==version`, or a reference to a version.",
            examples=["data/raw.csv"],
        ),
    ],
    limit: Annotated[int, Query(ge=1, le=MOST_IMPACTED, description="How many at the most.")] = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """The newest first; of the models and environments that the token is bound to.

    A token that is bound names digests whole.
    """
    return answer(state.seen_by(caller).impact(of, limit=limit, after=cursor).to_json())
