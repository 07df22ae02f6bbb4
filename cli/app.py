"""The commands, in the groups that `lineage --help` shows."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from .help import Command, Group
from .options import State

COMMANDS = {
    "init": ("Start", "start", "Write lineage.toml, create the registry and its environments."),
    "doctor": (
        "Start",
        "checkup",
        "Tell of everything that is half set up, and what to do about it; change nothing.",
    ),
    "demo": (
        "Start",
        "start",
        "Play the whole story on real flight data: train, guard, promote, release, roll back.",
    ),
    "explain": (
        "Start",
        "explaining",
        "Explain the code of an error, a rule or an exit: what it means, why, and what to do.",
    ),
    "run": ("Versions", "runs", "Run DVC's stages by `dvc repro`, and watch what they read."),
    "register": (
        "Versions",
        "registering",
        "Capture code, data, pipeline and weights, and record them as a version.",
    ),
    "validate": (
        "Versions",
        "validations",
        "Record that a version passed or failed its evaluation, and with which pipeline version.",
    ),
    "verify": (
        "Versions",
        "models",
        "Check the weights of a version in every store, and record what was found.",
    ),
    "pull": ("Versions", "stores", "Fetch the weights of a version, and print where they are."),
    "models": (
        "Versions",
        "lists",
        "List the models by name, each with its newest version and what serves of it.",
    ),
    "versions": ("Versions", "lists", "List a model's versions, the newest first."),
    "show": ("Versions", "models", "Show all that is recorded of a version."),
    "diff": (
        "Versions",
        "models",
        "Show what differs between two versions, component by component.",
    ),
    "export": (
        "Versions",
        "exports",
        "Export a version for other programs: what made it, and what was measured.",
    ),
    "trace": (
        "Versions",
        "lineage",
        "Show all that made a version, back to where its data came from.",
    ),
    "impact": (
        "Versions",
        "lineage",
        "Show which versions something reaches, and where they serve.",
    ),
    "leak": ("Versions", "lineage", "Show what a version was both trained on and validated on."),
    "leakage": (
        "Versions",
        "leakage",
        "Look for what of the validation data the training knew; record nothing.",
    ),
    "profile": (
        "Versions",
        "profiles",
        "Count what data looks like: what is missing, and how its values are distributed.",
    ),
    "retrain": (
        "Versions",
        "retraining",
        "Show how a metric changes with a model's age, and which schedule of retraining pays.",
    ),
    "guard": (
        "Serving",
        "deciding",
        "Decide whether a version may serve in an environment; change nothing.",
    ),
    "promote": (
        "Serving",
        "serving",
        "Promote a version: it serves in the environment, if the guard allows it.",
    ),
    "rollback": (
        "Serving",
        "serving",
        "Roll back to the backup, and its pipeline with it where that has to move.",
    ),
    "retire": (
        "Serving",
        "retirements",
        "Take a model out of an environment: nothing serves there, and there is no backup.",
    ),
    "release": (
        "Serving",
        "releases",
        "Move a pipeline and models that use it in one step, or not at all.",
    ),
    "approve": (
        "Serving",
        "deciding",
        "Approve a version for an environment, with the pipeline that runs there or is to run.",
    ),
    "serving": (
        "Serving",
        "serving",
        "Show what serves, its backup, and what the serving hosts report that they have loaded.",
    ),
    "observe": (
        "Serving",
        "observing",
        "Count what production saw, and record it beside the version that served it.",
    ),
    "outcomes": (
        "Serving",
        "observing",
        "Record what came true of a model's scores, and show its metrics by windows.",
    ),
    "drift": (
        "Serving",
        "drifting",
        "Tell what changed in what production sees, beside what the version was validated on.",
    ),
    "backup": (
        "Serving",
        "backups",
        "The backup of what serves: a version that could take over at once.",
    ),
    "attest": (
        "Versions",
        "attestations",
        "Signed statements on versions, which others verify: OpenSSF, in-toto, SLSA.",
    ),
    "model": (
        "Versions",
        "labels",
        "Names, descriptions and tags of models and versions.",
    ),
    "unsent": (
        "Versions",
        "unsent",
        "Registrations and validations that could not be sent yet.",
    ),
    "pipeline": ("Serving", "pipelines", "What prepares the inputs: capture, compare, deploy."),
    "env": ("Serving", "environments", "Places where models serve."),
    "login": ("Registry", "logins", "Keep a token for a server, in a file that only you can read."),
    "logout": (
        "Registry",
        "logins",
        "Forget the token for a server. It stays valid: revoke it with `token revoke`.",
    ),
    "serve": (
        "Registry",
        "server",
        "Serve the registry over HTTP. TLS is the work of a proxy in front of it.",
    ),
    "ui": (
        "Registry",
        "pages",
        "Show the registry in a browser, to this machine alone; nothing can be changed there.",
    ),
    "gc": (
        "Registry",
        "stores",
        "List the stored weights that nothing needs any more; with --apply, delete them.",
    ),
    "log": ("Registry", "history", "Show the history, the newest event first."),
    "cache": ("Registry", "caches", "The weights that this host fetched and keeps."),
    "token": ("Registry", "tokens", "Tokens: who may use a registry's server."),
    "webhook": (
        "Registry",
        "webhooks",
        "Webhooks: which programs are told of promotions, refusals and the like.",
    ),
    "store": ("Registry", "stores", "Stores: where the weights are kept."),
    "audit": ("Registry", "history", "Prove that nobody changed the history."),
    "db": ("Registry", "database", "The registry's database."),
}
"""Each command's group in `lineage --help`, the module that has it, and what it does.

The summaries are the first sentences of the commands' own help, so that `lineage --help` loads none
of them; a test holds them against each other. Commands come before groups of commands.
"""

_ONLY_OPTIONS = {"--help", "-h", "--version"}


def build(words: Sequence[str] = ()) -> typer.Typer:
    """The application: with the one command that ``words`` name, or else with all of them.

    Building all takes longer than running most. Where ``words`` can run none, there are their
    summaries alone.
    """
    app = typer.Typer(
        name="lineage",
        cls=Group,
        help="Know what made each model, what serves, and whether it may.",
        epilog="A pipeline is what prepares a model's inputs; a version of it is written "
        "NAME@DIGEST. A slot is the place of one model in one environment: what serves there, and "
        "its backup. The guard lets a version into a slot of production only where a validation "
        "says that it passed with the pipeline version that runs there."
        "\n\n"
        "Exit codes: 0 done or allowed, 1 unexpected failure, 2 wrong usage, 3 refused by the "
        "guard, 4 not found, 5 conflict, 6 integrity failure, 7 registry unreachable, 8 not "
        "permitted, 9 nothing valid to capture. `lineage explain CODE` tells more of one, of an "
        "error's code, a rule and a word of the glossary.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    named = _command(words)
    for name, (panel, module, summary) in COMMANDS.items():
        if words and _ONLY_OPTIONS.issuperset(words):
            app.command(name, cls=Command, help=summary, rich_help_panel=panel)(_not_loaded)
        elif named in (None, name):
            command = getattr(import_module(f".commands.{module}", __package__), name)
            if isinstance(command, typer.Typer):
                for one in command.registered_commands:
                    one.cls = Command
                kind = command.info.cls if isinstance(command.info.cls, type) else Group
                app.add_typer(command, name=name, cls=kind, rich_help_panel=panel)
            else:
                app.command(name, cls=Command, rich_help_panel=panel)(command)
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


def _not_loaded() -> None:
    """What stands for a command in `lineage --help`."""


def _version(value: bool) -> None:
    if value:
        from lineage.installed import distribution

        typer.echo(" ".join(distribution()))
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
