"""Environments: every slot at a glance, those first that need somebody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Query, Response

from lineage.registry.access import OF_SERVING, Scope

from . import addresses, site, words
from .site import Visit, visit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


router = site.router()

MOST: Final = 100
"""Slots of a page."""


@dataclass(frozen=True)
class Glance:
    """A slot at a glance."""

    slot: Mapping[str, Any]
    kind: str
    observed: Mapping[str, Any] | None
    matters: Sequence[words.Matter]

    @property
    def urgency(self) -> words.Urgency:
        """How much it needs somebody."""
        return words.urgency(list(self.matters))


@router.get(addresses.HOME)
def environments(
    visit: Annotated[Visit, visit(Scope.READ, OF_SERVING)],
    environment: Annotated[str, Query(max_length=200)] = "",
    skip: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """Every slot that is open, the most urgent first; one environment's, where one is named."""
    observed = visit.registry.observed(environment or None)  # refuses one that there is not
    shown = visit.environments
    only = [known for known in shown if environment in ("", known["name"])]
    glances = at_a_glance(only, observed)
    here = addresses.with_query(addresses.HOME, environment=environment, skip=skip or None)
    return visit.page(
        "environments.html",
        live=visit.live(here, environment),
        environments=shown,
        only=environment,
        glances=glances[skip : skip + MOST],
        count=len(glances),
        needing=sum(glance.urgency >= words.Urgency.WARN for glance in glances),
        skip=skip,
        more=skip + MOST if skip + MOST < len(glances) else None,
    )


def at_a_glance(
    environments: Sequence[Mapping[str, Any]], observed: Sequence[Mapping[str, Any]]
) -> list[Glance]:
    """The slots of some environments: the most urgent first, then production, then by name."""
    reported = {(said["environment"], said["model"]): said for said in observed}
    glances = []
    for environment in environments:
        for slot in environment["slots"]:
            said = reported.get((slot["environment"], slot["model"]))
            glances.append(Glance(slot, environment["kind"], said, words.matters(slot, said)))
    return sorted(
        glances,
        key=lambda glance: (
            -glance.urgency,
            glance.kind != "production",
            glance.slot["environment"],
            glance.slot["model"],
        ),
    )
