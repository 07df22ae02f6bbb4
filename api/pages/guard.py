"""The guard: asks it about any version in any environment; nothing is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query, Response

from lineage.errors import LineageError
from lineage.identity.change import Change
from lineage.identity.references import Reference
from lineage.registry.access import OF_SERVING, Scope

from . import addresses, repositories, site
from .side_by_side import side_by_side
from .site import Visit, visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.guard.decision import Decision

    from .side_by_side import SideBySide

router = site.router()

Text = Annotated[str, Query(max_length=300)]


@router.get(addresses.GUARD)
def guard(
    visit: Annotated[Visit, visit(Scope.READ, OF_SERVING)],
    version: Text = "",
    environment: Text = "",
) -> Response:
    """What the guard says, failures first, and the two pipelines where they differ."""
    names = [known["name"] for known in visit.environments]
    decision: Decision | None = None
    wrong: LineageError | None = None
    if version.strip() and environment.strip():
        try:
            decision = _decided(visit, version.strip(), environment.strip())
        except LineageError as error:
            wrong = error
    match = _match(decision) if decision is not None else {}
    return visit.page(
        "guard.html",
        status=wrong.http_status if wrong is not None else 200,
        version=version,
        environment=environment,
        environments=names,
        decision=decision,
        wrong=wrong,
        match=match,
        compared=_compared(match),
        elsewhere=_elsewhere(visit, decision, match),
    )


def _decided(visit: Visit, version: str, environment: str) -> Decision:
    named = Reference.parse(version)
    visit.principal.require_open(environment=environment, models=[named.model])
    decision = visit.registry.guard(named, environment)
    visit.state.metrics.decided([decision])
    checkout = visit.state.checkout
    return checkout.explained(visit.registry, decision) if checkout is not None else decision


def _elsewhere(visit: Visit, decision: Decision | None, match: Mapping[str, Any]) -> str | None:
    """Where the two commits are side by side, if their repository is one of a known host."""
    if decision is None or "changes" not in match:
        return None
    code = visit.registry.show(decision.ref)["components"]["code"]
    return repositories.compare_page(
        code["remote"], match["validated_commit"], match["deployed_commit"]
    )


def _match(decision: Decision) -> Mapping[str, Any]:
    """What the guard tells of the pipeline that was validated, and the one that runs."""
    return decision.check("pipeline-match").details


def _compared(match: Mapping[str, Any]) -> SideBySide | None:
    if "changes" not in match:
        return None
    return side_by_side([Change.from_json(change) for change in match["changes"]])
