"""`pipeline share`: let tokens that are bound to a model use a pipeline of another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.contract.results.environments import PipelineShare

from typing import Annotated

import typer

from lineage.errors import UsageError
from lineage.workflows.actor import actor

from .. import output
from ..options import Json, project_and_registry


def share(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Share it with this model.")
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Stop sharing it.")] = False,
    as_json: Json = False,
) -> None:
    """Let tokens that are bound to a model use a pipeline of another name than the model's.

    Without --model, list the models that it is shared with. Whoever is bound to no models shares a
    pipeline by registering a version with it.

    Example: `lineage pipeline share features --model churn`
    """
    if withdraw and model is None:
        raise UsageError("--withdraw is of one model.", remedy="Name it: --model")
    rows: Sequence[PipelineShare]
    with project_and_registry() as (project, registry):
        if model is not None:
            done = registry.share_pipeline(name, model, withdraw=withdraw, actor=actor(project))
            changed, rows = done.changed, done.shares
        else:
            changed, rows = False, registry.pipeline_shares(name)
    if as_json:
        output.emit({"pipeline": name, "changed": changed, "shares": rows})
        return
    output.table(
        ("model", "shared", "by"),
        [(row["model"], output.moment(row["shared_at"]), row["shared_by"]) for row in rows],
    )
