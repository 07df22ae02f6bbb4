"""When to retrain a model: a metric over age, and what schedules cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query, Response

from lineage.errors import UsageError
from lineage.guard.flat_metrics import tells_no_worth
from lineage.registry.access import OF_VERSIONS, Scope

from ..schemas.parameters import ModelPath
from . import addresses, site
from .models import CHARTED, metrics_of
from .site import Visit, visit

if TYPE_CHECKING:
    from lineage.contract.results.retraining import Retraining

router = site.router()

Text = Annotated[str, Query(max_length=200)]


@router.get(addresses.RETRAINING)
def retraining(
    model: ModelPath,
    visit: Annotated[Visit, visit(Scope.READ, OF_VERSIONS)],
    metric: Text = "",
    per_point: Text = "",
    retrain_cost: Text = "",
) -> Response:
    """How a metric changes with age; with what it is worth and a retraining costs, what pays."""
    from .charts import aged

    registry = visit.registry
    name: str = registry.model(model)["name"]
    recorded = metrics_of(registry.versions(name, limit=CHARTED, columns=("metrics",)))
    metrics = [one for one in recorded if not tells_no_worth(one)]
    chosen = metric or next(iter(metrics), None)
    told: Retraining | None = None
    wrong: UsageError | None = None
    try:
        money = [_money(text) for text in (per_point, retrain_cost)]
        told = registry.retrain(name, metric=chosen, per_point=money[0], retrain_cost=money[1])
        chosen = told.metric
    except UsageError as error:
        wrong = error if chosen or per_point or retrain_cost else None  # nothing was measured
    return visit.page(
        "retraining.html",
        status=200 if wrong is None else wrong.http_status,
        name=name,
        metrics=metrics,
        chosen=chosen,
        per_point=per_point,
        retrain_cost=retrain_cost,
        told=told,
        wrong=wrong,
        chart=aged(told) if told is not None else None,
    )


def _money(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"{text[:40]!r} is no amount of money.", remedy="Write it as 900 or 12.5."
        ) from None
