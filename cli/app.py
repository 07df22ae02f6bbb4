"""The commands, in the groups that `lineage --help` shows."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from .options import State

COMMANDS = {
    "init": ("Start", "start"),
    "demo": ("Start", "start"),
    "run": ("Versions", "runs"),
    "register": ("Versions", "models"),
    "validate": ("Versions", "validations"),
    "verify": ("Versions", "models"),
    "pull": ("Versions", "stores"),
    "versions": ("Versions", "models"),
    "show": ("Versions", "models"),
    "diff": ("Versions", "models"),
    "guard": ("Serving", "serving"),
    "promote": ("Serving", "serving"),
    "rollback": ("Serving", "serving"),
    "retire": ("Serving", "serving"),
    "release": ("Serving", "releases"),
    "approve": ("Serving", "serving"),
    "serving": ("Serving", "serving"),
    "backup": ("Serving", "backups"),
    "pipeline": ("Serving", "pipelines"),
    "env": ("Serving", "environments"),
    "login": ("Registry", "logins"),
    "logout": ("Registry", "logins"),
    "serve": ("Registry", "server"),
    "token": ("Registry", "tokens"),
    "store": ("Registry", "stores"),
    "gc": ("Registry", "stores"),
    "log": ("Registry", "history"),
    "audit": ("Registry", "history"),
    "db": ("Registry", "database"),
}
"""Each command's group in `lineage --help`, and the module that has it."""


def build(words: Sequence[str] = ()) -> typer.Typer:
    """The application: with the one command that ``words`` name, or else with all of them.

    Building all takes longer than running most.
    """
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
    app.callback()(_root)
    named = _command(words)
    for name, (panel, module) in COMMANDS.items():
        if named in (None, name):
            command = getattr(import_module(f".commands.{module}", __package__), name)
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=name, rich_help_panel=panel)
            else:
                app.command(name, rich_help_panel=panel)(command)
    return app


def _command(words: Sequence[str]) -> str | None:
    """The command that a command line names, if its first words name one of ours."""
    rest = iter(words)
    for word in rest:
        if word == "--registry":
            next(rest, None)
        elif not word.startswith("-"):
            return word if word in COMMANDS else None
        elif not word.startswith("--registry="):
            return None
    return None


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"lineage-guard {version('lineage-guard')}")
        raise typer.Exit


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
