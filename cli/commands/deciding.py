"""What may serve: ask the guard, and approve it.

`guard`, `approve`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from lineage.workflows.actor import actor

from .. import decisions, output
from ..options import Env, Json, Ref, State, Verbose, project_and_registry
from ..remedies import typed_decision


def guard(
    ref: Ref,
    env: Env,
    form: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="text, json, github, junit or sarif."),
    ] = "text",
    working_tree: Annotated[
        bool,
        typer.Option(
            "--working-tree",
            help="Decide as if the pipeline in this checkout ran there: what a pull request asks.",
        ),
    ] = False,
    if_serving: Annotated[
        bool,
        typer.Option(
            "--if-serving",
            help="Exit 0, and say so, where nothing serves there yet: the first pull request.",
        ),
    ] = False,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Decide whether a version may serve in an environment; change nothing.

    Exit 0 where it may, 3 where it may not; anything but 0 blocks. With --working-tree it says what
    the pipeline version here would be, NAME@DIGEST. The format github prints annotations and
    appends a summary to $GITHUB_STEP_SUMMARY.

    Example: `lineage guard churn@7 --env production`
    """
    from lineage.errors import UsageError
    from lineage.guard.decision import GuardRefused, NothingServes
    from lineage.workflows import guard

    from .. import reports

    State.verbose = verbose
    if form not in reports.FORMATS:
        raise UsageError(
            f"{form[:40]!r} is not a format.", remedy=f"Use one of {', '.join(reports.FORMATS)}."
        )
    State.form = form
    with project_and_registry() as (project, registry):
        nothing = guard.nothing_serves(project, registry, ref, env) if if_serving else None
        made = nothing or typed_decision(
            guard.guard(project, registry, ref, env, working_tree=working_tree)
        )
    if as_json or form != "text":
        text = reports.render("json" if as_json else form, made)
        output.raw(text, commands=form == "github" and not as_json)
    elif isinstance(made, NothingServes):
        output.say(made.sentence)
    else:
        decisions.show(made, here=working_tree)
    if not made.allowed:
        raise typer.Exit(GuardRefused.exit_code)


def approve(
    ref: Ref,
    env: Env,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            metavar="NAME@DIGEST",
            help="The pipeline version that it is to run with, as a release will deploy it; "
            "default: what runs there now.",
        ),
    ] = None,
    working_tree: Annotated[
        bool,
        typer.Option(
            "--working-tree", help="With the pipeline in this checkout; it must be recorded."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Approve a version for an environment, with the pipeline that runs there or is to run.

    It counts where the version moves with that pipeline version, and in a release that replaces
    that pipeline version.

    Example: `lineage approve churn@7 --env production`
    """
    from lineage.workflows import approve

    with project_and_registry() as (project, registry):
        done = approve.approve(
            project,
            registry,
            ref,
            env,
            pipeline=pipeline,
            working_tree=working_tree,
            actor=actor(project),
        )
    if as_json:
        output.emit(done)
        return
    demanded = f"{done['approvals']} of {done['needed']}" if done["needed"] else "none is demanded"
    who = done.get("person", done["approved_by"])  # a server of before says no more
    claimed = ", a name that no token proves" if done.get("claimed") else ""
    runs = done["pipeline"]
    pair = (
        f" with {runs['name']}@{output.short(runs['digest'])}" if pipeline or working_tree else ""
    )
    output.say(f"{done['ref']}{pair} approved for {env} by {who}{claimed} ({demanded})")
