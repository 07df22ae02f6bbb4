"""`env create / list / show`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import output
from .options import Json, actor, project_and_registry, registry

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
    """Create an environment."""
    from lineage.components import EnvironmentKind
    from lineage.errors import UsageError

    if kind not in list(EnvironmentKind):
        raise UsageError(
            f"{kind[:40]!r} is not a kind of environment.",
            remedy="Use --kind production or --kind experimental.",
        )
    with project_and_registry() as (project, found):
        created = found.create_environment(name, EnvironmentKind(kind), actor=actor(project))
        document = found.environment(name)
    if as_json:
        output.emit(document | {"created": created})
    else:
        output.say(f"{name} ({kind}) {'created' if created else 'exists'}")


@env.command("list")
def list_(as_json: Json = False) -> None:
    """List the environments."""
    with registry() as found:
        rows = found.environments()
    if as_json:
        output.emit(rows)
        return
    output.table(
        ("environment", "kind", "models", "pipelines"),
        [(row["name"], row["kind"], _models(row), _pipelines(row)) for row in rows],
    )


@env.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show an environment: its pipelines and slots."""
    with registry() as found:
        document = found.environment(name)
    if as_json:
        output.emit(document)
        return
    output.say(f"{document['name']} ({document['kind']})")
    for row in document["pipelines"]:
        output.say(
            f"  pipeline  {row['name']}  {output.short(row['digest'])}  since "
            f"{output.moment(row['deployed_at'])} by {row['deployed_by']}"
        )
    for slot in document["slots"]:
        sides = [slot[side]["ref"] if slot[side] else "-" for side in ("serving", "backup")]
        output.say(f"  model     {slot['model']}  serving {sides[0]}  backup {sides[1]}")


def _models(row: dict[str, Any]) -> str:
    serving = [slot["serving"]["ref"] for slot in row["slots"] if slot["serving"]]
    return ", ".join(serving) or "-"


def _pipelines(row: dict[str, Any]) -> str:
    deployed = [f"{item['name']} {output.short(item['digest'])}" for item in row["pipelines"]]
    return ", ".join(deployed) or "-"
