"""`guard`, `promote`, `rollback`, `retire`, `release`, `serving`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import output
from .options import (
    Env,
    Expect,
    Json,
    Model,
    Reason,
    Ref,
    actor,
    project_and_registry,
    registry,
)


def guard(
    ref: Ref,
    env: Env,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="text or json.")] = "text",
    working_tree: Annotated[
        bool,
        typer.Option(
            "--working-tree",
            help="Decide as if the pipeline in this checkout ran there: what a pull request asks.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide whether a version may serve in an environment; change nothing.

    Exit 0 where it may, 3 where it may not; anything but 0 blocks.
    """
    from lineage.errors import GuardRefused, UsageError
    from lineage.workflow import guard_working_tree

    if form not in ("text", "json"):
        raise UsageError(f"{form[:40]!r} is not a format.", remedy="Use --format text or json.")
    with project_and_registry() as (project, found):
        made = (
            guard_working_tree(project, found, ref, env) if working_tree else found.guard(ref, env)
        )
    if as_json or form == "json":
        output.emit(made.to_json())
    else:
        output.decision(made)
    if not made.allowed:
        raise typer.Exit(GuardRefused.exit_code)


def promote(ref: Ref, env: Env, expect_revision: Expect = None, as_json: Json = False) -> None:
    """Let a version serve in an environment, if the guard allows it.

    What served before becomes the backup.
    """
    with project_and_registry() as (project, found):
        done = found.promote(ref, env, expect_revision=expect_revision, actor=actor(project))
    word = "now serves" if done.changed else "already serves"
    _moved(done, f"{ref} {word} in {env}", as_json)


def rollback(
    model: Model,
    env: Env,
    reason: Reason = None,
    expect_revision: Expect = None,
    as_json: Json = False,
) -> None:
    """Let the backup serve again, if the guard allows it."""
    with project_and_registry() as (project, found):
        done = found.rollback(
            model, env, reason=reason, expect_revision=expect_revision, actor=actor(project)
        )
    _moved(done, f"{model} rolled back in {env}", as_json)


def retire(
    model: Model,
    env: Env,
    reason: Reason = None,
    expect_revision: Expect = None,
    as_json: Json = False,
) -> None:
    """Empty a slot: nothing serves, nothing stands by."""
    with project_and_registry() as (project, found):
        done = found.retire(
            model, env, reason=reason, expect_revision=expect_revision, actor=actor(project)
        )
    _moved(done, f"{model} retired from {env}", as_json)


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
        list[str],
        typer.Option(
            "--model", metavar="REF", help="A version to promote. Repeatable.", show_default=False
        ),
    ],
    as_json: Json = False,
) -> None:
    """Move a pipeline and models that ride on it in one step, or not at all."""
    from lineage.workflow import pipeline_target

    name, at, digest = pipeline.partition("@")
    with project_and_registry() as (project, found):
        target = pipeline_target(project, name, digest if at else None)
        done = found.release(env, target, model, actor=actor(project))
    named = done.pipeline
    _released(done, f"{named['name']} {output.short(named['digest'])} released to {env}", as_json)


def serving(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="A model; default: all of them.")
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            metavar="ENVIRONMENT",
            help="The environment; default: production for one model, else all.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="A past moment, e.g. 2026-11-21T08:00:00Z."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what serves, and its backup."""
    from lineage.errors import UsageError

    if at is not None and model is None:
        raise UsageError("--at needs a model.", remedy="Name it: lineage serving MODEL --at TIME")
    with registry() as found:
        if model is not None:
            slots = [found.serving(model, env or "production", at=at)]
        else:
            slots = found.all_serving(env)
    if as_json:
        rows: Any = [slot.to_json() for slot in slots]
        output.emit(rows[0] if model is not None else rows)
        return
    if not slots:
        output.say("Nothing serves yet.")
    for slot in slots:
        output.serving(slot)


def _moved(done: Any, what: str, as_json: bool) -> None:  # noqa: ANN401 - Moved
    if as_json:
        output.emit(done.slots[0].to_json() | {"changed": done.changed})
    else:
        output.moved(what, done)


def _released(done: Any, what: str, as_json: bool) -> None:  # noqa: ANN401 - Moved
    if as_json:
        output.emit(done.to_json())
    else:
        output.moved(what, done)
