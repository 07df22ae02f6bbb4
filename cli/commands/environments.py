"""`env create / list / show / apply`: make environments and say what they demand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineage.workflows.actor import actor

from .. import output
from ..options import DryRun, Json, opened_registry, project_and_registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.contract.results import PlannedChange

env = typer.Typer(help="Places where models serve.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@env.command()
def create(
    name: Name,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="production or experimental.")
    ] = "production",
    as_json: Json = False,
) -> None:
    """Create an environment.

    Example: `lineage env create canary --kind experimental`
    """
    from lineage.errors import UsageError
    from lineage.identity.components import EnvironmentKind

    if kind not in list(EnvironmentKind):
        raise UsageError(
            f"{kind[:40]!r} is not a kind of environment.",
            remedy="Use --kind production or --kind experimental.",
        )
    with project_and_registry() as (project, registry):
        created = registry.create_environment(name, EnvironmentKind(kind), actor=actor(project))
        document = registry.environment(name)
    if as_json:
        output.emit(document | {"created": created})
    else:
        output.say(f"{name} ({kind}) {'created' if created else 'exists'}")


@env.command("list")
def list_(as_json: Json = False) -> None:
    """List the environments.

    Example: `lineage env list`
    """
    with opened_registry() as registry:
        rows = registry.environments()
    if as_json:
        output.emit(rows)
        return
    output.table(
        ("environment", "kind", "models", "pipelines"),
        [(row["name"], row["kind"], _models(row), _pipelines(row)) for row in rows],
    )


@env.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show an environment: its policy, pipelines and slots.

    Example: `lineage env show production`
    """
    with opened_registry() as registry:
        document = registry.environment(name)
    if as_json:
        output.emit(document)
        return
    output.say(f"{document['name']} ({document['kind']})")
    for line in _policy(document["policy"]):
        output.say(f"  {line}")
    for row in document["pipelines"]:
        output.say(
            f"  pipeline  {output.pipeline(row['name'], row['digest'])}  since "
            f"{output.moment(row['deployed_at'])} by {row['deployed_by']}"
        )
    for slot in document["slots"]:
        sides = [slot[side]["ref"] if slot[side] else "-" for side in ("serving", "backup")]
        output.say(f"  model     {slot['model']}  serving {sides[0]}  backup {sides[1]}")


@env.command()
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="environments.toml")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Apply what a file declares of environments: their kind and their policy.

    Environments that the file does not name stay as they are.

    Example: `lineage env apply environments.toml --dry-run`
    """
    from lineage.config.environments import read

    declared = read(file)
    with project_and_registry() as (project, registry):
        who = actor(project)
        plan = registry.apply_environments(declared, dry_run=True, actor=who)
        if not as_json:
            _show_plan(plan)
        changes = any(change.lines for change in plan)
        if changes and not dry_run:
            plan = registry.apply_environments(declared, actor=who)
    if as_json:
        output.emit(
            {
                "applied": changes and not dry_run,
                "dry_run": dry_run,
                "plan": [change.to_json() for change in plan],
            }
        )
    elif not changes:
        output.say("Nothing to do.")
    else:
        output.say("Nothing was changed: this is a dry run." if dry_run else "Applied.")


def _show_plan(plan: Sequence[PlannedChange]) -> None:
    for change in plan:
        output.say(f"{change.action.ljust(6)}  {change.environment}")
        for line in change.lines:
            output.say(f"          {line}")
        for note in change.notes:
            output.note(note)
        if change.loosened:
            settings = ", ".join(change.loosened)
            output.note(
                f"{change.environment} no longer demands what it did: {settings}. "
                "What the file leaves out is not demanded."
            )


def _policy(policy: dict[str, Any]) -> list[str]:
    """What an environment demands, one line a demand."""
    lines = [f"require    {text}" for text in policy["require"]]
    for model, texts in policy["models"].items():
        lines += [f"require    {model}: {text}" for text in texts]
    if policy["promote_from"]:
        lines.append(f"path       from {policy['promote_from']}")
    if policy["approvals"]:
        without = ", ".join(policy["not_approvers"])
        lines.append(f"approvals  {policy['approvals']}" + (f", not {without}" if without else ""))
    if policy["backup"]:
        lines.append("backup     demanded")
    lines += _evidence(policy)
    lines += _weights(policy)
    if policy.get("pipeline_complete") == "warn":
        lines.append("complete   a pipeline that lacks what its runs read only warns")
    if policy.get("proof") == "sealed":
        lines.append("proof      hosts must be sealed")
    if policy.get("match_packages"):
        lines.append(f"packages   as validated: {', '.join(policy['match_packages'])}")
    if policy.get("alarms_per_year", 1.0) != 1.0:
        lines.append(f"alarms     {policy['alarms_per_year']:g} of drift a year and model")
    if policy.get("like_production", "off") != "off":
        demanded = "must be" if policy["like_production"] == "require" else "should be"
        lines.append(f"data       of a validation {demanded} like what production saw lately")
    lines += [f"waive      {code}: {', '.join(who)}" for code, who in policy["waive"].items()]
    return lines


def _evidence(policy: dict[str, Any]) -> list[str]:
    """Which verdicts count, where not all of them do."""
    from lineage.guard.evidence import BASES, Evidence
    from lineage.guard.policy import EnvironmentPolicy

    evidence = EnvironmentPolicy.from_json(policy).evidence
    if evidence == Evidence():
        return []
    parts = [f"of the basis {' or '.join(evidence.accept)}"] if evidence.accept != BASES else []
    if evidence.validators is not None:
        parts.append(f"of {', '.join(evidence.validators)}")
    if evidence.not_registrant:
        parts.append("of others than who registered")
    lines = [f"evidence   verdicts {', '.join(parts)}"] if parts else []
    if evidence.signed_by:
        what = " and ".join(thing.value for thing in evidence.signed)
        lines.append(f"signed     {what} by {' or '.join(evidence.signed_by)}")
    return lines


def _weights(policy: dict[str, Any]) -> list[str]:
    """What it demands of the copies of weights."""
    spans = {"look_within": "each copy", "deep_within": "every byte of a copy"}
    lines = [
        f"looks      at {what} within {policy[key]}"
        for key, what in spans.items()
        if policy.get(key)
    ]
    if policy.get("unstored_weights") == "warn":
        lines.append("stores     weights that are in none only warn")
    return lines


def _models(row: Mapping[str, Any]) -> str:
    serving = [slot["serving"]["ref"] for slot in row["slots"] if slot["serving"]]
    return ", ".join(serving) or "-"


def _pipelines(row: Mapping[str, Any]) -> str:
    deployed = [output.pipeline(item["name"], item["digest"]) for item in row["pipelines"]]
    return ", ".join(deployed) or "-"
