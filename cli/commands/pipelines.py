"""`pipeline capture / show / diff / share / …`: show and share pipelines, record what runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineage.errors import UsageError
from lineage.workflows.actor import actor

from .. import decisions, output
from ..options import (
    DryRun,
    Env,
    Json,
    PipelineVersion,
    Reason,
    Revision,
    State,
    Until,
    Verbose,
    Waive,
    pipeline_version,
    project_and_registry,
    waivers,
)
from .seals import seal
from .sharing import share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.contract.results import FoundPipeline


pipeline = typer.Typer(
    help="What prepares the inputs: capture, compare, deploy.", no_args_is_help=True
)

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", help="The pipeline; it may be left out where there is only one."
    ),
]


Why = Annotated[
    bool,
    typer.Option(
        "--why", help="Show why each code file is part of it, and where each unseen thing stands."
    ),
]


@pipeline.command()
def capture(
    name: Name = None, rev: Revision = None, why: Why = False, as_json: Json = False
) -> None:
    """Capture the pipeline as it is here, or at a revision; record nothing.

    The code of a stage is what it runs: declared files, those that its command names, and what
    they import. What cannot be followed is listed as unseen.

    Example: `lineage pipeline capture`
    """
    from lineage.capture.project import opened

    with opened() as project:
        captured = project.capture_pipeline(project.pipeline_name(name), rev)
    for note in captured.notes:
        output.note(f"note: {note}.")
    _show(captured.to_json(), as_json, why=why)


@pipeline.command()
def show(
    which: Annotated[
        str,
        typer.Argument(
            metavar="NAME|NAME@DIGEST|DIGEST|REF",
            help="A pipeline's versions, one recorded version, or a model version's; "
            "default: the only pipeline as it is here.",
            show_default=False,
        ),
    ] = ".",
    why: Why = False,
    as_json: Json = False,
) -> None:
    """Show a recorded pipeline version, or list a pipeline's versions.

    With --why, the reasons are read from the commit that it was captured at, or from the working
    tree where that is the same version.

    Example: `lineage pipeline show churn@7 --why`
    """
    if which == ".":
        capture(None, None, why, as_json)
        return
    rows: Sequence[FoundPipeline]
    with project_and_registry() as (project, registry):
        if "@" not in which and ":" not in which:
            rows = registry.pipeline_versions(which)
        else:
            from lineage.explain.compare import recorded
            from lineage.explain.reasons import with_reasons

            rows = []
            one = recorded(project, registry, which)
            reasons = with_reasons(project, one).reasons() if why else {}
    if not rows:
        _show(one.to_json() | reasons, as_json, why=why)
    elif why:
        raise UsageError(
            f"--why is of one version, and {which} is a pipeline with {len(rows)}.",
            remedy="Name one by its digest, or a model version (churn@7).",
        )
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

    Example: `lineage pipeline diff churn@production .`
    """
    from lineage.explain.compare import compare

    with project_and_registry() as (project, registry):
        result = compare(project, registry, first, second)
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
    version: PipelineVersion = None,
    digest: Annotated[str | None, typer.Option("--digest", metavar="DIGEST", hidden=True)] = None,
    dry_run: DryRun = False,
    waive: Waive = None,
    reason: Reason = None,
    until: Until = None,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Record that a pipeline version now runs in an environment.

    Refused (3) where a serving model would be left without a passing validation on it.

    Example: `lineage pipeline deploy churn --env production`
    """
    from lineage.workflows import promote

    State.verbose = verbose
    asked = waivers(waive, reason, until)
    name, named = pipeline_version(version, digest, "--digest")
    with project_and_registry() as (project, registry):
        target = promote.pipeline_target(project, registry, name, named)
        done = promote.release(
            project,
            registry,
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
    runs = done.pipeline
    decisions.moved(f"{output.pipeline(runs['name'], runs['digest'])} {word} in {env}", done)
    if getattr(target, "dirty", False):
        output.note("note: it was captured from a tree with uncommitted changes.")


@pipeline.command()
def suggest(
    name: Name = None,
    write: Annotated[bool, typer.Option("--write", help="Change the files as suggested.")] = False,
    as_json: Json = False,
) -> None:
    """Suggest changes to dvc.yaml, so that the pipeline holds what its watched runs read.

    The runs are those of `lineage run`, and those kept with the newest version of each model.

    Example: `lineage pipeline suggest --write`
    """
    from lineage.workflows import suggest as workflow

    with project_and_registry() as (project, registry):
        done = workflow.suggest(project, registry, project.pipeline_name(name))
        if write:
            workflow.write(project, done)
    if as_json:
        output.emit(done.to_json() | {"written": write and bool(done.changes)})
        return
    for text in done.diffs.values():
        output.diff(text)
    for addition in done.unplaced:
        output.say(f"Add {addition}.")
    if not done.changes and not done.unplaced:
        output.say("Nothing was observed to be read that the pipeline does not hold.")
    elif done.changes:
        output.say(f"{', '.join(done.changes)} changed." if write else "--write changes it so.")


pipeline.command()(seal)
pipeline.command()(share)


def _show(document: dict[str, Any], as_json: bool, *, why: bool = False) -> None:
    if as_json:
        output.emit(document)
    else:
        _describe(document, document.get("why", {}) if why else {})


def _describe(document: dict[str, Any], why: Mapping[str, Mapping[str, str]]) -> None:
    output.say(f"{document['name']}  {document['digest']}")
    dirty = " with uncommitted changes" if document["dirty"] else ""
    if document["commit"]:
        output.say(f"  commit  {document['commit']}{dirty}")
    manifest = document["manifest"]
    if manifest is None:
        output.say("  stated by its digest; its manifest is not recorded")
        return
    if manifest["stages"] and (reason := _why_declared_alone(manifest)):
        output.say(f"  code    declared dependencies alone: {reason}")
    for name, value in manifest.get("settings", {}).items():
        output.say(f"  setting {name} = {value}")
    for name, stage in manifest["stages"].items():
        _describe_stage(name, stage, why.get(name, {}))
    for path, content in manifest["files"].items():
        output.say(f"  file    {path}  {output.short(content)}")
    for thing in document.get("unseen", ()):
        said = f"{thing['stage']}: {thing['where']}  {thing['what']}: {thing['text']}"
        output.say(f"  unseen  {said}")


def _why_declared_alone(manifest: Mapping[str, Any]) -> str | None:
    if manifest.get("code") == "declared":
        return "imports = false"
    before = "code" not in manifest and "encoding" not in manifest
    return "recorded before what runs was followed" if before else None


def _describe_stage(name: str, stage: Mapping[str, Any], why: Mapping[str, str]) -> None:
    output.say(f"  stage   {name}: {' && '.join(stage['cmd'])}")
    for path, content in stage["code"].items():
        output.say(f"            code    {why.get(path, path)}  {output.short(content)}")
    for line in _parameters(stage["params"]):
        output.say(f"            param   {line}")
    for word in ("inputs", "outputs"):
        for path in stage[word]:
            output.say(f"            {word[:-1].ljust(6)}  {path}")


def _parameters(params: dict[str, dict[str, Any]]) -> Iterator[str]:
    """A line for each parameter; for each key of a file that is tracked as a whole."""
    from lineage.identity.change import entries, short_value  # other commands start without
    from lineage.identity.parameters import WHOLE

    for file, values in params.items():
        whole = entries(values[WHOLE]) if WHOLE in values else None
        for key, value in (values if whole is None else whole).items():
            yield f"{file}:{key} = {short_value(value, 200)}"
