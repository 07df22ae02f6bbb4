"""`run`."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import output
from ..options import Json


def run(
    stages: Annotated[
        list[str] | None,
        typer.Argument(metavar="STAGE…", help="Stages of dvc.yaml; default: all."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", "-f", help="Run those too that DVC finds unchanged."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run DVC's stages by `dvc repro`, and watch what they read.

    What was observed is kept in .lineage/runs. The `register` or `validate` that follows finds it,
    as long as the pipeline is the same.

    Example: `lineage run featurize train`
    """
    from lineage.capture.project import opened
    from lineage.workflows import run as running

    with opened() as project:
        done = running.run(project, stages or (), force=force, quiet_stdout=as_json)
    if as_json:
        output.emit(done.to_json())
        return
    if not done.kept:
        output.say("No stage ran: DVC found all unchanged (--force runs them), nothing is kept.")
        return
    for name, (version, watched) in done.watched.items():
        output.watched_run(f"{name} {version.xxh3.short}", watched)
    output.say("The next register or validate with this pipeline keeps it.")
