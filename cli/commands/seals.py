"""`pipeline seal`: write down the files of a pipeline where a service's image is built."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import output
from ..options import Json, PipelineVersion, pipeline_version, project_and_registry

if TYPE_CHECKING:
    from lineage.identity.seal import Seal


def seal(
    version: PipelineVersion = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Where to write it; default: pipeline.seal.json."
        ),
    ] = None,
    stages: Annotated[
        str | None,
        typer.Option(
            "--stages", metavar="A,B", help="The stages that the service runs; default: all."
        ),
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            metavar="ENVIRONMENT",
            help="The version that is deployed there; not that here.",
        ),
    ] = None,
    digest: Annotated[str | None, typer.Option("--pipeline", metavar="DIGEST", hidden=True)] = None,
    original: Annotated[
        Path | None,
        typer.Option(
            "--original",
            metavar="FOLDER",
            help="A checkout of the pipeline's repository, for copies with other comments.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a seal: the digest of each file of the pipeline, where a service's image is built.

    `lineage.follow(…, pipeline="pipeline.seal.json")` compares the files of the host with it.

    Example: `lineage pipeline seal -o image/pipeline.seal.json`
    """
    from lineage.capture.project import opened
    from lineage.errors import UsageError
    from lineage.workflows import seal as workflow

    name, named = pipeline_version(version, digest, "--pipeline")
    if env is not None and named is not None:
        raise UsageError("--env and NAME@DIGEST both name a version.", remedy="Give one of them.")
    if original is not None and env is None and named is None:
        raise UsageError(
            "--original is for a recorded version.", remedy="Name it: --env, or NAME@DIGEST"
        )
    chosen = [text.strip() for text in (stages or "").split(",") if text.strip()]
    if env is None and named is None:
        with opened() as project:
            made = workflow.seal_here(project, name, chosen)
    else:
        with (
            project_and_registry() as (project, registry),
            opened(original) if original is not None else nullcontext() as training,
        ):
            made = workflow.seal_recorded(
                project,
                registry,
                name,
                digest=named,
                environment=env,
                stages=chosen,
                original=training,
            )
    path = workflow.write(made, out)
    if as_json:
        output.emit({"path": str(path), "dirty": made.dirty} | made.seal.to_json())
        return
    _sealed(made.seal, path)
    if made.dirty:
        output.note("note: the pipeline was captured from a tree with uncommitted changes.")


def _sealed(made: Seal, path: Path) -> None:
    output.say(f"{path}  {output.pipeline(made.pipeline, made.version.xxh3)}")
    for name, file in sorted(made.files.items()):
        tied = "" if file.of == name else f" = {file.of}"
        how = "" if file.tie.value == "bytes" else f" ({file.tie.value})"
        output.say(f"  file     {name}{tied}{how}")
    for name in sorted(made.own):
        output.say(f"  own      {name}")
    for name in made.without:
        output.say(f"  without  {name}")
