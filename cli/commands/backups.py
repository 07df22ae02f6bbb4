"""`backup check / candidates / set`: check what stands by, propose and set it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lineage.acts import act, typed
from lineage.workflows.actor import actor

from .. import decisions, output
from ..options import (
    Env,
    Expect,
    Json,
    Model,
    Reason,
    Ref,
    State,
    Verbose,
    opened_registry,
    project_and_registry,
)

if TYPE_CHECKING:
    from lineage.contract.results import Serving

backup = typer.Typer(
    help="The backup of what serves: a version that could take over at once.", no_args_is_help=True
)


@backup.command()
def check(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A model; default: all of them.")
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            metavar="ENVIRONMENT",
            help="The environment; default: production for one model, else all.",
        ),
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every byte, also of large weights.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check in the stores whether each backup could take over now, and record what was found.

    Exit 6 where a model that serves in a production environment has no backup that is ready.

    Example: `lineage backup check churn`
    """
    from lineage.errors import IntegrityFailure
    from lineage.workflows import weights

    with project_and_registry() as (project, registry):
        slots = weights.check_backups(registry, env, model, deep=deep, actor=actor(project))
        lacking = weights.without_backup(registry, slots)
    if as_json:
        output.emit([slot.to_json() for slot in slots])
    elif not slots:
        output.say("Nothing serves yet.")
    else:
        for slot in slots:
            output.serving(slot)
    if not lacking:
        return
    for slot in lacking:
        where = f"{slot.model} in {slot.environment}"
        output.note(
            f"{output.paint_error('error:')} {where} has no backup that is ready: {_why(slot)}."
        )
        look = typed(act("backup candidates", slot.model, env=slot.environment))
        output.note(f"  See what could stand by: {look}")
    raise typer.Exit(IntegrityFailure.exit_code)


def _why(slot: Serving) -> str:
    """Why what stands by could not take over."""
    if slot.backup is None:
        return "nothing stands by"
    reasons = slot.readiness.reasons if slot.readiness is not None else ()
    return "; ".join(reasons) or f"{slot.backup.ref} was never looked at"


@backup.command()
def candidates(model: Model, env: Env, as_json: Json = False) -> None:
    """Show which version would make the best backup, and why not the others.

    Example: `lineage backup candidates churn --env production`
    """
    with opened_registry() as registry:
        rows = registry.backup_candidates(model, env)
    best = next((row for row in rows if row.best), None)
    if as_json:
        listed = [row.to_json() for row in rows]
        named = best.ref if best is not None else None
        output.emit({"model": model, "environment": env, "best": named, "candidates": listed})
        return
    output.table(
        ("version", "pipeline", "", "served", "validated", "stores", "why not"),
        [
            (
                row.ref,
                output.short(row.pipeline) + (" (moves)" if row.moves_pipeline else ""),
                "best" if row.best else row.stands or ("ready" if row.ready else ""),
                output.moment(row.served_at) if row.served_at else "-",
                output.moment(row.validated_at) if row.validated_at else "-",
                ", ".join(copy.store for copy in row.copies if copy.intact) or "-",
                "; ".join(row.reasons),
            )
            for row in rows
        ],
    )
    if best is not None:
        other = f" --pipeline {output.short(best.pipeline)}" if best.moves_pipeline else ""
        output.say(f"Let it stand by: lineage backup set {model} {best.ref} --env {env}{other}")


@backup.command("set")
def set_(
    model: Model,
    ref: Ref,
    env: Env,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            metavar="NAME@DIGEST",
            help="The pipeline version that it takes over with; default: the one that runs.",
        ),
    ] = None,
    expect_revision: Expect = None,
    reason: Reason = None,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Make a version the backup of what serves, if it could take over at once.

    Example: `lineage backup set churn churn@6 --env production`
    """
    from lineage.workflows import promote

    State.verbose = verbose
    with project_and_registry() as (project, registry):
        done = promote.set_backup(
            project,
            registry,
            model,
            ref,
            env,
            pipeline=pipeline,
            expect_revision=expect_revision,
            reason=reason,
            actor=actor(project),
        )
    stands = done.slots[0].backup
    word = "now stands" if done.changed else "already stands"
    decisions.slot_moved(done, f"{stands.ref if stands else ref} {word} by in {env}", as_json)
