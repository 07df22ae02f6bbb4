"""A slot: what serves and stands by, how it came to that, and what the hosts have loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Query, Response

from lineage.errors import NotPermitted
from lineage.registry.access import OF_SERVING, Scope

from ..schemas.parameters import EnvPath, ModelPath
from . import addresses, site, words
from .site import Visit, visit
from .timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

router = site.router()

MOST_HOSTS: Final = 50
"""Reports of hosts that are shown, the worst first."""

DONE: Final = {
    "promote": "Promoted.",
    "rollback": "Rolled back.",
    "release": "Released.",
    "same": "Nothing had to be changed.",
}
"""What a page says of a move that was made just now."""


@router.get(addresses.SLOT)
def slot(
    env: EnvPath,
    model: ModelPath,
    visit: Annotated[Visit, visit(Scope.READ, OF_SERVING)],
    before: Annotated[int | None, Query(ge=1, le=1 << 31)] = None,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """What serves since when, what stands by, the moves with what differed, and the hosts."""
    registry = visit.registry
    serving = registry.serving(model, env).to_json()
    observed = next(iter(registry.observed(env, model)), None)
    reports = sorted(registry.observations(model, env), key=_worst_first) if observed else []
    try:
        moves, older = timeline(registry, serving["model"], env, before, visit.state.checkout)
    except NotPermitted:
        moves, older = None, None
    here = addresses.with_query(addresses.slot(env, model), before=before)
    return visit.page(
        "slot.html",
        live=visit.live(here, env, model),
        slot=serving,
        matters=words.matters(serving, observed),
        observed=observed,
        reports=reports[:MOST_HOSTS],
        more_reports=max(0, len(reports) - MOST_HOSTS),
        moves=moves,
        older=older,
        before=before,
        may_move=visit.principal.may(Scope.DEPLOY),
        done=DONE.get(done),
    )


def _worst_first(report: Mapping[str, Any]) -> tuple[int, str]:
    urgency, _, _ = words.HOSTS[report["state"].replace("-", "_")]
    return -urgency, report["instance"]
