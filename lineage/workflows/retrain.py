"""When to retrain a model, by the costs that the configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.results.retraining import Retraining


def retrain(
    project: Project,
    registry: AnyRegistry,
    model: str,
    *,
    metric: str | None = None,
    per_point: float | None = None,
    retrain_cost: float | None = None,
) -> Retraining:
    """How a metric of a model changes with age, and what pays; it triggers nothing.

    What is None is as ``[models.NAME.value]`` says. A metric that is named beside the configured
    one has no configured worth.

    Raises:
        NotFound: there is no such model.
        UsageError: the metric is not named, or one of the costs alone is said.
    """
    value = project.config.model(model).value
    if metric in (None, value.metric) or value.metric is None:
        metric = metric or value.metric
        if per_point is not None or value.per_point is not None:
            retrain_cost = value.retrain_cost if retrain_cost is None else retrain_cost
        per_point = value.per_point if per_point is None else per_point
    elif per_point is not None and retrain_cost is None:
        retrain_cost = value.retrain_cost
    return registry.retrain(model, metric=metric, per_point=per_point, retrain_cost=retrain_cost)
