"""Drift of a slot: what changed in what production sees, drawn over its windows, and told."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from lineage.registry.access import OF_SERVING, Scope

from ..schemas.parameters import EnvPath, ModelPath
from . import addresses, site, words
from .site import Visit, visit

router = site.router()


@router.get(addresses.DRIFT)
def drift(
    env: EnvPath,
    model: ModelPath,
    visit: Annotated[Visit, visit(Scope.READ, OF_SERVING)],
    since: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """What changed in what production sees of a model, beside what serves was validated on."""
    from .course import course  # a server starts without templates

    found = visit.registry.drift(model, env, since=since.strip() or None)
    return visit.page(
        "drift.html",
        found=found.to_json(),
        matters=words.of_drift(found.to_json()),
        course=course(found),
        since=since.strip(),
    )
