"""The commands, in the groups that `lineage --help` shows."""

from __future__ import annotations

from typing import Annotated

import typer

from . import database, environments, models, pipelines, serving, start
from .options import State

START = "Start"
VERSIONS = "Versions"
SERVING = "Serving"
UPKEEP = "Registry"

app = typer.Typer(
    name="lineage",
    help="Know what made each model, what serves, and whether it may.",
    epilog="Exit codes: 0 done or allowed, 2 wrong usage, 3 refused by the guard, 4 not found, "
    "5 conflict, 6 integrity failure, 7 registry unreachable, 8 not permitted, "
    "9 nothing valid to capture.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"lineage-guard {version('lineage-guard')}")
        raise typer.Exit


@app.callback()
def _root(
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry",
            metavar="URL",
            help="The registry, instead of LINEAGE_REGISTRY or lineage.toml's.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Know what made each model, what serves, and whether it may."""
    State.registry = registry


app.command("init", rich_help_panel=START)(start.init)
app.command("demo", rich_help_panel=START)(start.demo)
app.command("register", rich_help_panel=VERSIONS)(models.register)
app.command("validate", rich_help_panel=VERSIONS)(models.validate)
app.command("versions", rich_help_panel=VERSIONS)(models.versions)
app.command("show", rich_help_panel=VERSIONS)(models.show)
app.command("diff", rich_help_panel=VERSIONS)(models.diff)
app.command("guard", rich_help_panel=SERVING)(serving.guard)
app.command("promote", rich_help_panel=SERVING)(serving.promote)
app.command("rollback", rich_help_panel=SERVING)(serving.rollback)
app.command("retire", rich_help_panel=SERVING)(serving.retire)
app.command("release", rich_help_panel=SERVING)(serving.release)
app.command("serving", rich_help_panel=SERVING)(serving.serving)
app.add_typer(pipelines.app, name="pipeline", rich_help_panel=SERVING)
app.add_typer(environments.app, name="env", rich_help_panel=SERVING)
app.command("log", rich_help_panel=UPKEEP)(database.log)
app.add_typer(database.audit, name="audit", rich_help_panel=UPKEEP)
app.add_typer(database.app, name="db", rich_help_panel=UPKEEP)
