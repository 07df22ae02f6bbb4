"""Release a pipeline and models on it at once: `release`."""

from __future__ import annotations

from typing import Annotated

import typer

from lineage.workflows.actor import actor

from .. import decisions, output
from ..options import (
    DryRun,
    Env,
    Json,
    Reason,
    State,
    Until,
    Verbose,
    Waive,
    project_and_registry,
    waivers,
)


def release(
    env: Env,
    pipeline: Annotated[
        str,
        typer.Option(
            "--pipeline",
            metavar="NAME[@DIGEST]",
            help="The pipeline as captured here, or a recorded version of it.",
            show_default=False,
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="REF", help="A version to promote. Repeatable.", show_default=False
        ),
    ] = None,
    stage: Annotated[
        bool,
        typer.Option(
            "--stage",
            help="Declare it only: hosts with that pipeline may load it, and nothing serves by it.",
        ),
    ] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="Make what is staged on the pipeline serve.")
    ] = False,
    abort: Annotated[
        bool, typer.Option("--abort", help="Withdraw what is staged on the pipeline.")
    ] = False,
    dry_run: DryRun = False,
    waive: Waive = None,
    reason: Reason = None,
    until: Until = None,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Move a pipeline and models that use it in one step, or not at all.

    The plan is printed first: what moves, and what becomes of each backup. With --stage, new hosts
    may load the release before it serves; with --finish it serves. So there is a host that serves
    at every moment.

    Example: `lineage release --env production --pipeline churn --model churn@7`
    """
    from lineage.errors import UsageError
    from lineage.identity.references import pipeline_named
    from lineage.workflows import promote

    State.verbose = verbose
    asked = waivers(waive, reason, until)
    name, digest = pipeline_named(pipeline)
    if name is None:
        raise UsageError(
            f"{pipeline[:60]!r} names no pipeline.", remedy="Write it as NAME, or NAME@DIGEST."
        )
    _check_steps(model or [], digest is not None, stage=stage, finish=finish, abort=abort)
    if abort and (dry_run or asked is not None):
        raise UsageError(
            "To withdraw a release asks no rule, and does nothing else.",
            remedy="Leave --dry-run and --waive out.",
        )
    with project_and_registry() as (project, registry):
        if abort:
            done = registry.abort_release(env, name, reason=reason, actor=actor(project))
        elif finish:
            done = promote.finish_release(
                project,
                registry,
                env,
                name,
                show_plan=output.plan,
                dry_run=dry_run,
                reason=reason,
                waive=asked,
                actor=actor(project),
            )
        else:
            done = promote.release(
                project,
                registry,
                env,
                promote.pipeline_target(project, registry, name, digest),
                model or [],
                show_plan=output.plan,
                stage=stage,
                dry_run=dry_run,
                reason=reason,
                waive=asked,
                actor=actor(project),
            )
    if as_json:
        output.emit(done.to_json() | {"dry_run": dry_run})
    elif dry_run:
        output.say("Nothing was changed: this is a dry run.")
    else:
        word = "staged in" if stage else "withdrawn from" if abort else "released to"
        named = done.pipeline
        decisions.moved(f"{output.pipeline(named['name'], named['digest'])} {word} {env}", done)


def _check_steps(models: list[str], named: bool, *, stage: bool, finish: bool, abort: bool) -> None:
    """Refuse what does not go together: a step says what there is to say of the release."""
    from lineage.errors import UsageError

    if stage + finish + abort > 1:
        raise UsageError(
            "--stage, --finish and --abort are steps of one release.", remedy="Name one of them."
        )
    if not (finish or abort) and not models:
        raise UsageError(
            "A release names the versions that are to serve.",
            remedy="Name them with --model; a pipeline alone: lineage pipeline deploy --env ENV",
        )
    if (finish or abort) and (models or named):
        raise UsageError(
            "What is staged is known: a release is finished or withdrawn by its pipeline's name.",
            remedy="Leave --model and the digest out.",
        )
