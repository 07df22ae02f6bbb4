"""`pipeline capture / show / diff / deploy`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lineage.workflows.actor import actor

from .. import output
from ..options import (
    DryRun,
    Env,
    Json,
    Reason,
    Revision,
    Until,
    Waive,
    project_and_registry,
    waivers,
)

pipeline = typer.Typer(
    help="What prepares the inputs: capture, compare, deploy.", no_args_is_help=True
)

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="The pipeline; it may be left out where there is only one."
    ),
]


@pipeline.command()
def capture(
    name: Name = None,
    rev: Revision = None,
    why: Annotated[
        bool, typer.Option("--why", help="Show for each code file how it came in.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Capture the pipeline as it is here, or at a revision; record nothing.

    The code of a stage is what it runs: declared files, those that its command names, and what
    they import. What cannot be followed is listed as unseen.
    """
    from lineage.capture.project import opened

    with opened() as project:
        captured = project.capture_pipeline(project.pipeline_name(name), rev)
    manifest = captured.version.manifest
    document = {
        "name": captured.name,
        "digest": captured.version.xxh3,
        "blake3": captured.version.blake3,
        "commit": captured.commit,
        "dirty": captured.dirty,
        "manifest": manifest.to_json() if manifest else None,
        "why": captured.why,
        "unseen": list(captured.unseen),
    }
    _show(document, as_json)
    if as_json:
        return
    for stage, reasons in captured.why.items() if why else ():
        for reason in reasons.values():
            output.say(f"  why     {stage}: {reason}")
    for thing in captured.unseen:
        output.say(
            f"  unseen  {thing['stage']}: {thing['where']}  {thing['what']}: {thing['text']}"
        )


@pipeline.command()
def show(
    which: Annotated[
        str,
        typer.Argument(
            metavar="NAME|NAME@DIGEST|DIGEST|REF",
            help="A pipeline's versions, one recorded version, or a model version's.",
            show_default=False,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show a recorded pipeline version, or list a pipeline's versions."""
    with project_and_registry() as (project, found):
        if "@" not in which and ":" not in which:
            rows = found.pipeline_versions(which)
        else:
            from lineage.explain.compare import recorded

            rows = []
            one = recorded(project, found, which)
    if not rows:
        _show(one.to_json(), as_json)
    elif as_json:
        output.emit([row.to_json() for row in rows])
    else:
        output.table(
            ("digest", "stages", "commit", "recorded", "by"),
            [
                (
                    row.version.xxh3,
                    str(len(row.version.manifest.stages)) if row.version.manifest else "-",
                    (row.commit or "-")[:12] + ("+" if row.dirty else ""),
                    output.moment(row.recorded_at),
                    row.recorded_by,
                )
                for row in rows
            ],
        )


@pipeline.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="B", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show what differs from pipeline version A to B, stage by stage.

    A and B are digests, NAME@DIGEST, model versions (churn@7), NAME@ENVIRONMENT for what is
    deployed, "." for the working tree, or git revisions.
    """
    from lineage.explain.compare import compare

    with project_and_registry() as (project, found):
        result = compare(project, found, first, second)
    if as_json:
        output.emit(result)
        return
    output.say(f"{output.short(result['validated'])} → {output.short(result['deployed'])}")
    for line in result["explanation"] or ["no difference"]:
        output.say(f"  {line}")
    output.explanation(result)


@pipeline.command()
def deploy(
    env: Env,
    name: Name = None,
    digest: Annotated[
        str | None,
        typer.Option(
            "--digest", metavar="DIGEST", help="A recorded version; default: as captured here."
        ),
    ] = None,
    dry_run: DryRun = False,
    waive: Waive = None,
    reason: Reason = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Record that a pipeline version now runs in an environment.

    Refused (3) where a serving model would be left without a passing validation on it.
    """
    from lineage.workflows import promote as moving

    asked = waivers(waive, reason, until)
    with project_and_registry() as (project, found):
        target = moving.pipeline_target(project, name, digest)
        done = moving.release(
            project,
            found,
            env,
            target,
            dry_run=dry_run,
            reason=reason,
            waive=asked,
            actor=actor(project),
        )
    if as_json:
        output.emit(done.to_json() | {"dry_run": dry_run})
        return
    if dry_run:
        output.plan(done)
        output.say("Nothing was changed: this is a dry run.")
        return
    word = "runs" if done.changed else "already runs"
    named = done.pipeline
    output.moved(f"{named['name']} {output.short(named['digest'])} {word} in {env}", done)
    if getattr(target, "dirty", False):
        output.note("note: it was captured from a tree with uncommitted changes.")


def _show(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.emit(document)
    else:
        _describe(document)


def _describe(document: dict[str, Any]) -> None:
    output.say(f"{document['name']}  {document['digest']}")
    dirty = " with uncommitted changes" if document["dirty"] else ""
    if document["commit"]:
        output.say(f"  commit  {document['commit']}{dirty}")
    manifest = document["manifest"]
    if manifest is None:
        output.say("  stated by its digest; its manifest is not recorded")
        return
    for name, stage in manifest["stages"].items():
        output.say(f"  stage   {name}: {' && '.join(stage['cmd'])}")
        for path, content in stage["code"].items():
            output.say(f"            code    {path}  {output.short(content)}")
        for file, values in stage["params"].items():
            for key, value in values.items():
                output.say(f"            param   {file}:{key} = {value}")
        for word in ("inputs", "outputs"):
            for path in stage[word]:
                output.say(f"            {word[:-1].ljust(6)}  {path}")
    for path, content in manifest["files"].items():
        output.say(f"  file    {path}  {output.short(content)}")
