"""`drift`: what changed in what production sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import output
from ..options import Env, Json, Model, opened_registry

if TYPE_CHECKING:
    from lineage.contract.results.drift import Drift, Interval

Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Look at windows from then on: a time, or a span such as 30d; default: all of what "
        "serves.",
    ),
]


def drift(model: Model, env: Env, since: Since = None, as_json: Json = False) -> None:
    """Tell what changed in what production sees, beside what the version was validated on.

    The recorded windows of what serves are held against its validation's profile. Each change is
    hard (upstream, at once), soft (here, or on some hosts alone) or drift (gradual), and of a tier:
    page (a contract broke, or it is estimated to cost), ticket (the scores moved) or explain. Its
    columns stand with it, what happened near it, what it is estimated to cost, and (over) where it
    has ended. It exits 0 whatever changed, and 4 where nobody can tell, which it says with what to
    do.

    Example: `lineage drift churn --env production --since 90d`
    """
    from lineage.acts import typed
    from lineage.errors import NotFound

    with opened_registry() as registry:
        found = registry.drift(model, env, since=since)
    document = found.to_json()
    if document["missing"]:
        document["missing"]["remedy"] = typed(document["missing"]["remedy"])
    if as_json:
        output.emit(document)
    elif document["missing"]:
        output.say(f"{found.ref or found.model} in {found.environment}: nobody can tell.")
        output.say(document["missing"]["what"])
        output.say(document["missing"]["remedy"])
    else:
        _say(found)
    if document["missing"]:
        raise typer.Exit(NotFound.exit_code)


def _say(found: Drift) -> None:
    state = found.state if found.tier is None else f"{found.state}, {found.tier}"
    output.say(f"{output.bold(found.ref or found.model)} in {found.environment}: {state}")
    first, last = found.windows[0]["start"][:10], found.windows[-1]["start"][:10]
    many = "1 window" if len(found.windows) == 1 else f"{len(found.windows)} windows"
    output.say(
        f"{many} from {first} to {last}, beside {found.reference_windows} of the validation; "
        f"false alarms granted in a year: {found.alarms_per_year:g}"
    )
    for change in found.changes:
        ended = "" if change.ended is None else " (over)"
        output.say(f"{change.kind}, {change.tier}{ended}: {change.sentence}", hang=2)
    if any(month.estimated is not None or month.realised is not None for month in found.months):
        _say_months(found)
    words = dict.fromkeys(word for one in found.changes for word in (one.kind, one.tier))
    if words:
        *first, last = words
        output.note(f"note: What {', '.join(first)} and {last} mean: lineage explain WORD")
    if any(change.loss is not None for change in found.changes):
        output.note(f"note: {found.cannot_see}")


def _interval(auc: Interval | None) -> str:
    return "-" if auc is None else f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})"


def _say_months(found: Drift) -> None:
    """The AUC of each month, estimated beside realised."""
    output.say(f"AUC at validation: {_interval(found.validated)}")
    output.table(
        ("month", "rows", "alarms", "moved", "estimated AUC", "realised AUC"),
        [
            (
                month["start"][:7],
                f"{month.rows:,}",
                str(month.alarms or "-"),
                ", ".join(month.columns) or "-",
                _interval(month.estimated),
                _interval(month.realised),
            )
            for month in found.months
        ],
    )
    beyond = [month["start"][:7] for month in found.months if month.beyond_estimate]
    if beyond:
        output.note(
            f"note: What was realised lies outside the estimate in {', '.join(beyond)}: the "
            "relation between inputs and target changed."
        )
