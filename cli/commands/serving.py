"""What serves: move it, show it.

`promote`, `rollback`, `serving`.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineage.workflows.actor import actor

from .. import decisions, output
from ..options import (
    DryRun,
    Env,
    Expect,
    Json,
    LastKnown,
    Model,
    Reason,
    Ref,
    State,
    Until,
    Verbose,
    Waive,
    opened_registry,
    project_and_registry,
    waivers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.connection import AnyRegistry
    from lineage.contract.results import Serving


def promote(
    ref: Ref,
    env: Env,
    expect_revision: Expect = None,
    waive: Waive = None,
    reason: Reason = None,
    until: Until = None,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Promote a version: it serves in the environment, if the guard allows it.

    What served before becomes the backup, if it could take over at once.

    Example: `lineage promote churn@7 --env production`
    """
    from lineage.workflows import promote

    State.verbose = verbose
    asked = waivers(waive, reason, until)
    with project_and_registry() as (project, registry):
        done = promote.promote(
            project,
            registry,
            ref,
            env,
            expect_revision=expect_revision,
            reason=reason,
            waive=asked,
            actor=actor(project),
        )
    word = "now serves" if done.changed else "already serves"
    serves = done.slots[0].serving
    decisions.slot_moved(done, f"{serves.ref if serves else ref} {word} in {env}", as_json)


def rollback(
    model: Model,
    env: Env,
    with_pipeline: Annotated[
        bool,
        typer.Option(
            "--with-pipeline",
            help="Move the other models of the pipeline back too, where the backup needs another "
            "version of it.",
        ),
    ] = False,
    leave: Annotated[
        list[str] | None,
        typer.Option(
            "--leave",
            metavar="MODEL",
            help="Retire a model of that pipeline that has nothing to go back to. Repeatable.",
        ),
    ] = None,
    dry_run: DryRun = False,
    expect_revision: Expect = None,
    waive: Waive = None,
    reason: Reason = None,
    until: Until = None,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Roll back to the backup, and its pipeline with it where that has to move.

    What served before does not become the backup, and comes back only after a new validation. Where
    a pipeline moves, the plan is printed first.

    Example: `lineage rollback churn --env production --reason "worse at night"`
    """
    from lineage.workflows import promote

    State.verbose = verbose
    asked = waivers(waive, reason, until)
    with project_and_registry() as (project, registry):
        done = promote.rollback(
            project,
            registry,
            model,
            env,
            with_pipeline=with_pipeline,
            leave=leave or (),
            show_plan=output.plan,
            dry_run=dry_run,
            expect_revision=expect_revision,
            reason=reason,
            waive=asked,
            actor=actor(project),
        )
    if dry_run and not as_json:
        output.say("Nothing was changed: this is a dry run.")
        return
    more = {
        "proposed_backup": next(iter(done.proposed.values()), None),
        "plan": [step.to_json() for step in done.steps],
        "rolled_back": list(done.rolled_back),
        "dry_run": dry_run,
    }
    decisions.slot_moved(done, f"{model} rolled back in {env}", as_json, more)


def serving(
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
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="A past moment, e.g. 2026-11-21T08:00:00Z."),
    ] = None,
    last_known: LastKnown = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            metavar="NAME@DIGEST",
            help="What a host with this pipeline version serves; exit 3 where nothing fits.",
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and print whatever changes, until Ctrl-C.")
    ] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", help="How often --watch looks.")
    ] = 2.0,
    as_json: Json = False,
) -> None:
    """Show what serves, its backup, and what the serving hosts report that they have loaded.

    Example: `lineage serving churn --env production`
    """
    _check_asked(model, at=at, last_known=last_known, pipeline=pipeline, watch=watch)
    if watch:
        _watch(model, env, max(every, 0.1), as_json)
        return
    rows: list[tuple[Serving, Mapping[str, Any] | None]]
    if last_known is not None and model is not None:
        rows = [(_last_known(model, env or "production", last_known), None)]
    else:
        with project_and_registry() as (project, registry):
            url = project.registry_url(State.registry)
            rows = _look_and_keep(url, registry, model, env, at, pipeline)
    if as_json:
        shown = [slot.to_json() | {"observed": observed} for slot, observed in rows]
        output.emit(shown[0] if model is not None else shown)
        return
    if not rows:
        output.say("Nothing serves yet.")
    for slot, observed in rows:
        output.serving(slot, observed)


def _check_asked(
    model: str | None, *, at: str | None, last_known: str | None, pipeline: str | None, watch: bool
) -> None:
    """Refuse what cannot be asked together."""
    from lineage.errors import UsageError

    if watch and (at is not None or last_known is not None):
        raise UsageError("--watch looks at the present.", remedy="Leave --at and --last-known out.")
    if pipeline is not None and (model is None or watch or last_known is not None):
        raise UsageError(
            "--pipeline needs a model, and the registry's own answer.",
            remedy="Name the model, and leave --watch and --last-known out.",
        )
    if at is not None and model is None:
        raise UsageError("--at needs a model.", remedy="Name it: lineage serving MODEL --at TIME")
    if last_known is not None and (model is None or at is not None):
        raise UsageError(
            "--last-known needs a model, and the present.",
            remedy="Name the model, and leave --at out: lineage serving MODEL --last-known 12h",
        )


def _look_and_keep(
    url: str,
    registry: AnyRegistry,
    model: str | None,
    env: str | None,
    at: str | None,
    pipeline: str | None,
) -> list[tuple[Serving, Mapping[str, Any] | None]]:
    """The slots; what the registry says of one at present, a refusal too, is kept for later."""
    from lineage.registry_url import may_be_away

    if model is None or at is not None or not may_be_away(url):
        return _look(registry, model, env, at, pipeline)
    from lineage.host.last_known import keep_for_later, refusal_kept

    with refusal_kept(url, model, env or "production", pipeline):
        rows = _look(registry, model, env, at, pipeline)
    if pipeline is None:
        keep_for_later(url, rows[0][0])
    return rows


def _look(
    registry: AnyRegistry,
    model: str | None,
    env: str | None,
    at: str | None,
    pipeline: str | None = None,
) -> list[tuple[Serving, Mapping[str, Any] | None]]:
    """The slots, each with what is observed of it; nothing is of a past moment."""
    from lineage.contract.results import nothing_observed

    slots: Sequence[Serving]
    if model is None:
        slots = registry.all_serving(env)
    else:
        env = env or "production"
        slots = [registry.serving(model, env, at=at, pipeline=pipeline)]
    if at is not None:
        return [(slot, None) for slot in slots]
    known = {(row["environment"], row["model"]): row for row in registry.observed(env, model)}
    return [
        (
            slot,
            known.get((slot.environment, slot.model))
            or nothing_observed(slot.environment, slot.model),
        )
        for slot in slots
    ]


def _watch(model: str | None, env: str | None, every: float, as_json: bool) -> None:
    """Print each slot when it is not what it was; one JSON document a line under --json."""
    from lineage.timestamps import now

    seen: dict[tuple[str, str], str] = {}
    with opened_registry() as registry:
        while True:
            for slot, observed in _look(registry, model, env, None):
                document = slot.to_json() | {"observed": observed}
                key = (slot.environment, slot.model)
                if seen.get(key) == (told := _essence(document)):
                    continue
                seen[key] = told
                if as_json:
                    output.line(document)
                else:
                    output.say(output.moment(now()))
                    output.serving(slot, observed)
            time.sleep(every)


def _essence(document: dict[str, Any]) -> str:
    """What of a slot's document is worth telling: not that a report came or that time passes."""
    observed = {
        key: value
        for key, value in (document["observed"] or {}).items()
        if key not in ("lag_seconds", "last_report_at")
    }
    return json.dumps(document | {"observed": observed}, sort_keys=True)


def _last_known(model: str, environment: str, oldest: str) -> Serving:
    from lineage.capture.project import opened
    from lineage.host import last_known
    from lineage.timestamps import span

    with opened() as project:
        url = project.registry_url(State.registry)
    return last_known.serving(url, model, environment, oldest=span(oldest))
