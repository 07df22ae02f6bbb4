"""Retraining: tell how a metric of a model changes with age, and which schedule pays."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from lineage.contract.addresses import RETRAINING
from lineage.evidence.retrain import MOST_MONEY
from lineage.registry.access import OF_VERSIONS, Principal, Scope

from ..dependencies import State, needs
from ..problems import READ
from ..responses import answer
from ..schemas.parameters import ModelPath
from ..schemas.retraining import RetrainingAnswer
from ..strict_bodies import StrictRoute

router = APIRouter(tags=["versions"], route_class=StrictRoute)

Metric = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=200,
        description="The metric, as a search names it; may be left out where verdicts have one, or "
        "outcomes alone are known.",
        examples=["auc"],
    ),
]
PerPoint = Annotated[
    float | None,
    Query(
        ge=-MOST_MONEY,
        le=MOST_MONEY,
        allow_inf_nan=False,
        description="Money a day that 0.01 of the metric is worth; negative where less is better. "
        "Goes with `retrain_cost`.",
        examples=[40.0],
    ),
]
RetrainCost = Annotated[
    float | None,
    Query(
        ge=0,
        le=MOST_MONEY,
        allow_inf_nan=False,
        description="Money of one retraining.",
        examples=[900.0],
    ),
]


@router.get(
    RETRAINING,
    response_model=RetrainingAnswer,
    responses=READ,
    summary="When to retrain a model",
)
def retraining(
    model: ModelPath,
    state: State,
    caller: Annotated[Principal, needs(Scope.READ, OF_VERSIONS)],
    metric: Metric = None,
    per_point: PerPoint = None,
    retrain_cost: RetrainCost = None,
) -> Response:
    """How a metric changes with age, by verdicts on later data and outcomes, and what pays.

    It advises, and triggers nothing. With too little history `missing` says what is missing.
    """
    told = state.seen_by(caller).retrain(
        model, metric=metric, per_point=per_point, retrain_cost=retrain_cost
    )
    return answer(told.to_json())
