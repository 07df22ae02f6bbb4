"""`retire`: take a model out of an environment, for a reason."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lineage.workflows.actor import actor

from .. import decisions
from ..options import (
    Env,
    Expect,
    Json,
    Model,
    State,
    Verbose,
    Waive,
    project_and_registry,
    waivers,
)


def retire(
    model: Model,
    env: Env,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason", metavar="TEXT", help="Why; kept in the history. Always asked for."
        ),
    ] = None,
    waive: Waive = None,
    expect_revision: Expect = None,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Take a model out of an environment: nothing serves there, and there is no backup.

    Refused (3) where the environment demands a backup, unless that is waived.

    Example: `lineage retire churn --env production --reason "uplift replaced it"`
    """
    State.verbose = verbose
    why = (reason or "").strip() or _asked_why(model, env)
    asked = waivers(waive, why, None) if waive else None
    with project_and_registry() as (project, registry):
        done = registry.retire(
            model,
            env,
            reason=why,
            expect_revision=expect_revision,
            waive=asked,
            actor=actor(project),
        )
    decisions.slot_moved(done, f"{model} retired from {env}", as_json)


def _asked_why(model: str, env: str) -> str:
    """Why a slot is emptied, as a person at a terminal says it.

    Raises:
        UsageError: nobody is there to say it.
    """
    from lineage.errors import UsageError

    why = ""
    if sys.stdin.isatty() and not State.as_json:
        why = str(typer.prompt(f"Why is {model} retired from {env}?", prompt_suffix=" ", err=True))
    if not why.strip():
        raise UsageError(
            "What is retired is kept in the history with the reason.",
            remedy=f"Say why: lineage retire {model} --env {env} --reason TEXT",
        )
    return why
