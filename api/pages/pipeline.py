"""A pipeline: its versions, what runs where, and any two of them side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Query, Response

from lineage.contract.results import FoundPipeline, NamedPipeline
from lineage.errors import LineageError
from lineage.identity.pipeline_diff import changes_between
from lineage.registry.access import OF_PIPELINES, Scope

from ..schemas.parameters import PipelinePath
from . import addresses, site
from .side_by_side import side_by_side
from .site import Visit, visit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.identity.change import Change
    from lineage.registry.registry import Registry

router = site.router()

VERSIONS: Final = 50
"""Versions of a page."""

Chosen = Annotated[str, Query(max_length=300)]


@router.get(addresses.PIPELINE)
def pipeline(
    pipeline: PipelinePath,
    visit: Annotated[Visit, visit(Scope.READ, OF_PIPELINES)],
    first: Chosen = "",
    second: Chosen = "",
    skip: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """Its versions, the newest first; what differs from the first to the second that are chosen."""
    registry = visit.registry
    versions = registry.pipeline_versions(pipeline)
    two: tuple[FoundPipeline, FoundPipeline] | None = None
    wrong: LineageError | None = None
    if first.strip() and second.strip():
        try:
            two = _named(registry, pipeline, first), _named(registry, pipeline, second)
        except LineageError as error:
            wrong = error
    changes = changes_between(two[0].version, two[1].version) if two else ()
    environments = visit.environments
    return visit.page(
        "pipeline.html",
        status=wrong.http_status if wrong is not None else 200,
        name=pipeline,
        versions=versions[skip : skip + VERSIONS],
        count=len(versions),
        skip=skip,
        more=skip + VERSIONS if skip + VERSIONS < len(versions) else None,
        chosen=[str(one.version.blake3) for one in two or versions[1::-1]],
        two=two,
        compared=side_by_side(changes) if two else None,
        code=_code(visit, changes, two),
        wrong=wrong,
        runs=_runs(environments, pipeline),
        slots=_slots(environments, pipeline),
        shares=[row["model"] for row in registry.pipeline_shares(pipeline)],
    )


def _code(
    visit: Visit, changes: Sequence[Change], two: tuple[FoundPipeline, FoundPipeline] | None
) -> dict[str, Any]:
    """The lines that differ and the commits in between, where the server stands in a checkout."""
    checkout = visit.state.checkout
    if checkout is None or two is None:
        return {}
    first, second = (one.commit for one in two)
    return checkout.explanation(changes, first, second, ("first", "second")).to_json()


def _named(registry: Registry, pipeline: str, digest: str) -> FoundPipeline:
    return registry.pipeline(NamedPipeline(pipeline, digest.strip()))


def _runs(
    environments: Sequence[Mapping[str, Any]], pipeline: str
) -> dict[str, list[Mapping[str, Any]]]:
    """Where versions of it run, by their digests: the environment, since when, and by whom."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for environment in environments:
        for deployed in environment["pipelines"]:
            if deployed["name"] == pipeline:
                told = {**deployed, "environment": environment["name"]}
                found.setdefault(str(deployed["digest"]), []).append(told)
    return found


def _slots(
    environments: Sequence[Mapping[str, Any]], pipeline: str
) -> list[tuple[str, str, str | None]]:
    """The slots that ride on it: the environment, the model, and what serves."""
    return [
        (slot["environment"], slot["model"], slot["serving"] and slot["serving"]["ref"])
        for environment in environments
        for slot in environment["slots"]
        if slot["pipeline"]["name"] == pipeline
    ]
