"""The search: what a name, a digest, a commit, a path, a person or a tag leads to, kind by kind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Query, Response

from lineage.errors import Conflict, NotFound, NotPermitted, UsageError
from lineage.identity.references import NAME
from lineage.registry.access import OF_VERSIONS, Scope

from . import addresses, site
from .site import Visit, visit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.contract.results.graph import Impact
    from lineage.registry.registry import Registry

router = site.router()

MOST: Final = 20
"""Things of each kind that are shown."""

MODELS_LOOKED_AT: Final = 1_000
"""Models whose names, descriptions and tags are looked through."""

MODELS_ASKED: Final = 50
"""Models of which the versions with a tag are looked for."""

_NAME: Final = re.compile(NAME, re.ASCII)
_TAG: Final = re.compile(r"([^=<>!]{1,100})=([^=<>!]{1,300})")


@router.get(addresses.SEARCH)
def search(
    visit: Annotated[Visit, visit(Scope.READ, OF_VERSIONS)],
    q: Annotated[str, Query(max_length=500)] = "",
    after: Annotated[str | None, Query(max_length=8000)] = None,
) -> Response:
    """All that it may mean, as far as it is open to the one who looks."""
    registry, asked = visit.registry, q.strip()
    if not asked:
        return visit.page("search.html", asked="")
    listed = registry.models(limit=MODELS_LOOKED_AT, archived=True)
    reached, several = _reached(registry, asked, after)
    return visit.page(
        "search.html",
        asked=asked,
        after=after,
        several=several,
        reached=reached,
        models=[model for model in listed if _is_meant(model, asked)][:MOST],
        all_models=len(listed) < MODELS_LOOKED_AT,
        environments=[one["name"] for one in visit.environments if asked.lower() in one["name"]][
            :MOST
        ],
        pipeline=_is_pipeline(registry, asked),
        tagged=_tagged(registry, [model["name"] for model in listed], asked),
        did=_did(registry, asked),
    )


def _is_meant(model: Mapping[str, Any], asked: str) -> bool:
    """Whether a model's name, its description or a tag of it holds what is asked."""
    tags = (f"{name}={text}" for name, text in model["tags"].items())
    return any(
        asked.lower() in text.lower() for text in (model["name"], model["description"] or "", *tags)
    )


def _reached(
    registry: Registry, asked: str, after: str | None
) -> tuple[Impact | None, Conflict | None]:
    """The versions that a digest, a commit, a path, a package or a version reaches."""
    try:
        return registry.impact(asked, limit=MOST, after=after), None
    except Conflict as several:
        return None, several
    except UsageError:
        if after is not None:  # no cursor of this list
            raise
        return None, None
    except (NotFound, NotPermitted):
        return None, None


def _is_pipeline(registry: Registry, asked: str) -> bool:
    if _NAME.fullmatch(asked) is None:
        return False
    try:
        return bool(registry.pipeline_versions(asked))
    except (NotFound, NotPermitted):
        return False


def _tagged(registry: Registry, models: Sequence[str], asked: str) -> list[str]:
    """The versions that have the tag ``NAME=TEXT``, by their references."""
    tag = _TAG.fullmatch(asked)
    if tag is None:
        return []
    name, text = (part.strip() for part in tag.groups())
    where = f'''tag."{name.replace('"', '""')}" = '{text.replace("'", "''")}' '''
    found: list[str] = []
    for model in models[:MODELS_ASKED]:
        if len(found) >= MOST:
            break
        try:
            found += [one.ref for one in registry.versions(model, where=where, limit=MOST)]
        except UsageError:  # no version of it has a tag of this name
            continue
    return found[:MOST]


def _did(registry: Registry, asked: str) -> Sequence[Mapping[str, Any]]:
    """The newest events that somebody of this name made; none to who is bound."""
    try:
        return registry.history(who=asked, limit=MOST)
    except (NotFound, NotPermitted, UsageError):
        return ()
