"""When to retrain a model, by the costs that the configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.config.models import ValueTable
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
    metric, per_point, retrain_cost = with_configured(value, metric, per_point, retrain_cost)
    return registry.retrain(model, metric=metric, per_point=per_point, retrain_cost=retrain_cost)


def with_configured(
    value: ValueTable, metric: str | None, per_point: float | None, retrain_cost: float | None
) -> tuple[str | None, float | None, float | None]:
    """The metric, the worth of a point and the cost of a retraining, as said or configured."""
    if per_point is None and (metric is None or value.metric in (None, metric)):
        per_point = value.per_point
    if per_point is not None and retrain_cost is None:
        retrain_cost = value.retrain_cost
    return metric or value.metric, per_point, retrain_cost
