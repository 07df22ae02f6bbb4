"""The part of `register` that is about a model from elsewhere: its options, and what is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from lineage.errors import UsageError
from lineage.workflows.actor import actor

from .. import output
from ..options import project_and_registry

if TYPE_CHECKING:
    from lineage.contract.captured import CapturedVersion, ExternalRequest
    from lineage.contract.results import Registered

_PANEL: Final = "A model from elsewhere"
"""Where `register --help` lists what is said of one."""

External = Annotated[
    str | None,
    typer.Option(
        "--external",
        metavar="SOURCE",
        help="A model from elsewhere: hf://ORG/NAME@REVISION, or a file or a folder.",
        rich_help_panel=_PANEL,
    ),
]
Code = Annotated[
    str | None,
    typer.Option(
        "--code",
        metavar="URL@COMMIT",
        help="The commit of the code that made it; of a hub's model by default its revision.",
        rich_help_panel=_PANEL,
    ),
]
PipelineFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--pipeline-file",
        metavar="PATH",
        help="A file (or a glob) that prepares its inputs, instead of lineage.toml's. Repeatable.",
        rich_help_panel=_PANEL,
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="PATTERN",
        help="Files of a hub that are the model, e.g. '*.safetensors'. Repeatable.",
        rich_help_panel=_PANEL,
    ),
]


def refuse_beside(external: str | None, elsewhere: bool, here: bool) -> None:
    """Refuse options of a model from elsewhere and of one that is made here beside each other.

    Args:
        external: where the model is; None for one that is made here.
        elsewhere: whether something is said that is said of a model from elsewhere alone.
        here: whether something is said that is said of one that is made here.
    """
    if external is None and elsewhere:
        raise UsageError(
            "--code, --pipeline-file and --include are said of a model from elsewhere.",
            remedy="Name where it is too: --external SOURCE; or leave them out.",
        )
    if external is not None and here:
        raise UsageError(
            "--weights, --rev, --stale-ok and a command are said of a model that is made here.",
            remedy="Leave them out: --external names the weights themselves.",
        )


def register(
    model: str, wanted: ExternalRequest, parent: str | None, *, store: bool
) -> tuple[Registered, CapturedVersion]:
    """Register a model from elsewhere; the version, and what was captured of it."""
    from lineage.workflows import external

    with project_and_registry() as (project, registry):
        return external.register(
            project,
            registry,
            model,
            wanted,
            parent=parent,
            store=store,
            show_progress=output.progress,
            actor=actor(project),
        )
