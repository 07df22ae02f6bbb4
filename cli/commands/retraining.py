"""`retrain`: when to retrain a model, and what other schedules cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lineage.acts import typed

from .. import output
from ..options import Json, project_and_registry

if TYPE_CHECKING:
    from lineage.contract.results.retraining import Retraining


def retrain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="METRIC",
            help="The metric, as a search names it: auc, slices.new.auc.",
        ),
    ] = None,
    per_point: Annotated[
        float | None,
        typer.Option(
            "--per-point",
            metavar="MONEY",
            help="What 0.01 of the metric is worth a day; negative where less of it is better.",
        ),
    ] = None,
    retrain_cost: Annotated[
        float | None,
        typer.Option("--retrain-cost", metavar="MONEY", help="What one retraining costs."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how a metric changes with a model's age, and which schedule of retraining pays.

    Verdicts on later data count, and of the AUC what came true (lineage outcomes); what the scores
    alone say is told beside, as an estimate. What the metric is worth and what a retraining costs
    is as [models.NAME.value] of lineage.toml says, where it is not said here. It advises, and
    triggers nothing; exit code 0 also where there is not enough history.

    Example: `lineage retrain churn --metric auc --per-point 40 --retrain-cost 900`
    """
    from lineage.workflows.retrain import retrain as asked

    with project_and_registry() as (project, registry):
        told = asked(
            project,
            registry,
            model,
            metric=metric,
            per_point=per_point,
            retrain_cost=retrain_cost,
        )
    if as_json:
        output.emit(told.to_json())
        return
    _say(told)
    for why, many in told.left_out.items():
        output.note(f"note: Does not count: {many} {'verdict' if many == 1 else 'verdicts'} {why}.")
    for note in told.notes:
        output.note(f"note: {note}")


def _say(told: Retraining) -> None:
    output.say(told.sentence)
    if told.change is None:
        output.note(f"note: {typed(told.remedy or '')}")
    if told.line is None:
        return
    from ..reports.retraining import plot

    output.say()
    for line in plot(told.points, told.line, "●" if told.basis == "measured" else "○"):
        output.say(line)
    output.say()
    if told.advice is None:
        output.note(
            "note: What pays follows of what a point (0.01) is worth a day and what a retraining "
            f"costs: per_point and retrain_cost in [models.{told.model}.value] of lineage.toml."
        )
        return
    output.say(told.advised or "")
    output.table(
        ("schedule", "every", "retrainings", "cost of them", "of staleness", "a year", "regret"),
        [
            (
                one.name,
                "-" if one.days is None else f"{one.days:.0f} days",
                str(one.retrainings),
                *(f"{money:,.0f}" for money in (one.retraining, one.staleness, one.cost)),
                f"{one.regret:,.0f}" if one.regret else "-",
            )
            for one in told.advice.schedules
        ],
    )
