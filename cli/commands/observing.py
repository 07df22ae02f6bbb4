"""`observe` and `outcomes`: what production saw, in counts, and what came true of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import output
from ..options import Env, Json, Model, project_and_registry
from .profiles import named_profile

if TYPE_CHECKING:
    from lineage.workflows.observing import Batch, ObservedBatch

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DATA",
        help="A file (CSV, Parquet, JSON lines), a folder of them, or a DuckDB file with --query.",
        show_default=False,
    ),
]
Query = Annotated[
    str | None,
    typer.Option("--query", metavar="SELECT", help="The rows, where DATA is a DuckDB file."),
]
Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        metavar="COLUMN",
        help="Count by windows of it; default: the validation's, else one window, now.",
    ),
]
Score = Annotated[
    str | None,
    typer.Option(
        "--score", metavar="COLUMN", help="What the model answered; default: the validation's."
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference",
        metavar="PROFILE",
        help="Count on the scale of this profile, which the registry has of the version; default: "
        "that of its newest validation.",
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help="It was served by what served then; default: by what serves."
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--batch",
        metavar="NAME",
        help="The batch's name: one of the same name counts once; default: by its content.",
    ),
]


def observe(
    model: Model,
    env: Env,
    data: Data,
    reference: Reference = None,
    query: Query = None,
    time: Time = None,
    score: Score = None,
    at: At = None,
    batch: Name = None,
    as_json: Json = False,
) -> None:
    """Count what production saw, and record it beside the version that served it.

    The rows are counted on the bins and categories of what the version was validated on, by
    windows of its time; the registry keeps the counts, never the data. The same batch again changes
    nothing.

    Example: `lineage observe churn --env production --data batches/today.parquet`
    """
    from lineage.workflows.observing import Batch

    given = Batch(data, query, time, score, None, batch, at)
    found = _observed(model, env, given, reference, outcomes=False)
    for name in found.served.unknown:
        output.note(f"note: the validation's data has no column {name!r}; it is not counted.")
    _say(found, as_json=as_json)


def _observed(
    model: str, env: str, batch: Batch, reference: str | None, *, outcomes: bool
) -> ObservedBatch:
    from lineage.workflows.actor import actor
    from lineage.workflows.observing import observe

    scale = None if reference is None else named_profile(reference)
    with project_and_registry() as (project, registry):
        return observe(
            registry,
            model,
            env,
            batch,
            reference=scale,
            kind="outcomes" if outcomes else "inputs",
            actor=actor(project),
        )


def _say(found: ObservedBatch, *, as_json: bool) -> None:
    if found.untimed and found.served.windows:
        output.note(f"note: {found.untimed:,} rows have no time, and are in no window.")
    if as_json:
        output.emit(found.to_json())
        return
    starts = [start for start, _ in found.windows]
    many = f"{len(starts)} windows" if len(starts) > 1 else "1 window"
    what = "is recorded already" if not found.recorded else "recorded"
    output.say(
        f"{found.rows:,} rows of {found.ref} in {found.environment}, {many} "
        f"from {starts[0]} to {starts[-1]}: {what}."
    )
