"""`init` and `demo`: make a project ready, and play the story of the guard."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineage.acts import typed
from lineage.workflows.actor import actor

from .. import output
from ..options import Json, State

if TYPE_CHECKING:
    from lineage.workflows.proposed_config import Proposal


def init(
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Write the models that dvc.yaml proposes; create environments."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write lineage.toml, create the registry and its environments.

    Where dvc.yaml has stages and the configuration no model, it proposes the models that they make.
    They are written where you agree: on a terminal it asks, elsewhere --yes says so. So are the
    environments of a server that has none. What is there is kept: running it again changes nothing.

    Example: `lineage init`
    """
    from lineage.capture.project import opened
    from lineage.workflows.init import initialise

    with opened() as project:
        done = initialise(project, State.registry, _Asking(yes), actor=actor(project))
    if as_json:
        output.emit(done.to_json())
        return
    for line in done.lines():
        output.say(line)
    for what, remedy in done.notes:
        output.note(f"note: {what}")
        output.note(f"  {typed(remedy)}")


class _Asking:
    """Asks whoever sits at the terminal; elsewhere only what was said before counts."""

    def __init__(self, yes: bool) -> None:
        self._yes = yes

    def write_models(self, proposal: Proposal) -> bool:
        if not State.as_json:
            output.say("dvc.yaml proposes:")
            output.say()
            for line in proposal.text.splitlines():
                output.say(f"  {line}".rstrip())
        return self._agrees("Write this into the configuration?")

    def create_environments(self, names: tuple[str, ...], server: str) -> bool:
        if not State.as_json:
            output.say(f"{server} has no environments.")
        return self._agrees(f"Create {' and '.join(names)} there?")

    def _agrees(self, question: str) -> bool:
        terminal = sys.stdin.isatty() and sys.stdout.isatty() and not State.as_json
        return self._yes or (terminal and typer.confirm(question, default=True))


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Where to make it; default: a temporary folder."),
    ] = None,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Show what it leaves in a browser then, as `lineage ui`."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Play the whole story on real flight data: train, guard, promote, release, roll back.

    Example: `lineage demo`
    """
    from ..demo import play

    played = play(folder, as_json=as_json)
    if serve:
        from ..browsing import show

        show(f"sqlite:///{played / '.lineage' / 'registry.db'}", played)
