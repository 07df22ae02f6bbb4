"""`init` and `demo`: make a project ready, and play the story of the guard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineage.workflows.actor import actor

from .. import output
from ..options import Json, State


def init(as_json: Json = False) -> None:
    """Write lineage.toml, create the registry and its environments.

    What is there is kept: running it again changes nothing.

    Example: `lineage init`
    """
    from lineage.capture.project import opened
    from lineage.workflows.init import initialise

    with opened() as project:
        done = initialise(project, State.registry, actor=actor(project))
    if as_json:
        output.emit(done.to_json())
        return
    for line in done.lines():
        output.say(line)


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Where to make it; default: a temporary folder."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Play the whole story on real flight data: train, guard, promote, release, roll back.

    Example: `lineage demo`
    """
    from ..demo import play

    play(folder, as_json=as_json)
