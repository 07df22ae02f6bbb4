"""`observe` and `outcomes`: what production saw, in counts, and what came true of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lineage.acts import act, typed

from .. import output
from ..options import Env, Json, Model, opened_registry, project_and_registry
from .profiles import named_profile

if TYPE_CHECKING:
    from lineage.workflows.observing import Batch, ObservedBatch

SHOWN: Final = 7
"""Windows of outcomes that are shown where no time is said, the newest."""

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DATA",
        help="A file (CSV, Parquet, JSON lines), a folder of them, or a DuckDB file with --query.",
        show_default=False,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="LABELS", help="Scores with their outcomes, read as `observe` reads."
    ),
]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="COLUMN", help="What came true; default: the validation's."),
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
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="The first window to show.")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Show windows before this time.")
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
    for name in found.served.missing:
        output.note(f"note: the data has no column {name!r}: none of its rows has a value there.")
    _say(found, as_json=as_json)


def outcomes(
    model: Model,
    env: Env,
    data: Labels = None,
    reference: Reference = None,
    query: Query = None,
    time: Time = None,
    score: Score = None,
    target: Target = None,
    at: At = None,
    batch: Name = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Record what came true of a model's scores, and show its metrics by windows.

    LABELS has a row for each prediction whose outcome is known by now: the score, the target, the
    time and the groups, called as in the validation's data. The registry keeps counts of scores and
    positives. Without --data, what is recorded is shown. Where no time is said, these are the
    newest windows.

    Example: `lineage outcomes churn --env production --data labels/march.parquet`
    """
    from lineage.workflows.observing import Batch

    found = None
    if data is not None:
        given = Batch(data, query, time, score, target, batch, at)
        found = _observed(model, env, given, reference, outcomes=True)
        if not as_json:
            _say(found, as_json=False)
    with opened_registry() as registry:
        rows = registry.outcomes(model, env, since=since, until=until)
    if as_json:
        recorded = {} if found is None else {"recorded": found.to_json()}
        output.emit({**recorded, "windows": [row.to_json() for row in rows]})
        return
    if not rows:
        when = " in that time" if since or until else ""
        output.say(f"No outcomes of {model} are recorded in {env}{when}.")
        record = typed(act("outcomes", model, env=env, data="LABELS"))
        output.say(f"  Record what came true of its scores: {record}")
        return
    shown = rows if since or until else rows[-SHOWN:]
    if len(shown) < len(rows):
        months = typed(act("drift", model, env=env))
        output.note(
            f"note: {len(rows) - len(shown):,} earlier windows are recorded: --since shows them; "
            f"by months: {months}"
        )
    lines = [
        (row["start"], f"{row.model}@{row.version}", name, *_shown(metrics))
        for row in shown
        for name, metrics in [("", row.metrics), *sorted(row.groups.items())]
    ]
    output.table(
        ("START", "VERSION", "GROUP", "ROWS", "POSITIVE", "EXPECTED", "CALIBRATION", "AUC"), lines
    )


def _shown(metrics: dict[str, Any]) -> tuple[str, ...]:
    """What a table shows of a window's metrics."""
    shares = [metrics[name] for name in ("rate", "expected_rate", "calibration_error")]
    auc = "-"
    if metrics["auc"] is not None:
        auc = f"{metrics['auc']:.3f} ({metrics['auc_low']:.3f} to {metrics['auc_high']:.3f})"
    return (
        f"{metrics['rows']:,}",
        *("-" if one is None else f"{100 * one:.1f}%" for one in shares),
        auc,
    )


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
    if left := found.unscored:
        output.note(f"note: {left:,} rows have no score with an outcome, and are in no metric.")
    if as_json:
        output.emit(found.to_json())
        return
    starts = [start for start, _ in found.windows]
    many = f"{len(starts)} windows" if len(starts) > 1 else "1 window"
    what = "is recorded already" if not found.recorded else "recorded"
    if found.recorded and found.repeated:
        what = f"recorded, {found.repeated:,} of them before"
    output.say(
        f"{found.rows:,} rows of {found.ref} in {found.environment}, {many} "
        f"from {starts[0]} to {starts[-1]}: {what}."
    )
