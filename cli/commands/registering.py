"""`register`: capture what a model is made of, and record it as a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineage.workflows.actor import actor

from .. import options, output
from ..options import (
    AnotherRegistry,
    AsLatest,
    Command,
    Json,
    Resume,
    Revision,
    behind_dashes,
    project_and_registry,
    require_alone,
    require_resumed,
    required,
)
from . import external
from .unsent import note_waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.contract.captured import CapturedVersion
    from lineage.contract.results import Registered
    from lineage.identity.watched import WatchedRun


def register(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="The model's name.", show_default=False),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights", metavar="PATH", help="A file or a folder; default: as lineage.toml says."
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="ITEM",
            help="A path, or name=uri@version; default: as lineage.toml says. Repeatable.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="production or experiment; default: production (an --external model of which too "
            "little is known: experiment).",
        ),
    ] = None,
    parent: Annotated[
        str | None,
        typer.Option(
            "--parent",
            metavar="REF[:RELATION]",
            help="The version this one was made from, and how: fine-tuned-from, if nothing is "
            "said.",
        ),
    ] = None,
    rev: Revision = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            metavar="NAME@DIGEST",
            help="A pipeline that lives elsewhere, by its id, e.g. churn@sha256:… of an image; or "
            "a recorded version, which the pipeline here must be.",
        ),
    ] = None,
    pipeline_version: Annotated[
        str | None, typer.Option("--pipeline-version", metavar="DIGEST", hidden=True)
    ] = None,
    store: Annotated[
        bool,
        typer.Option("--store", help="Store an experiment's weights too, as those for production."),
    ] = False,
    stale_ok: Annotated[
        str | None,
        typer.Option(
            "--stale-ok",
            metavar="REASON",
            help="Take weights although their stages' code changed since they were made; say why.",
        ),
    ] = None,
    resume: Resume = False,
    another_registry: AnotherRegistry = False,
    as_latest: AsLatest = False,
    source: external.External = None,
    code: external.Code = None,
    pipeline_file: external.PipelineFiles = None,
    include: external.Include = None,
    command: Command = None,
    as_json: Json = False,
) -> None:
    """Capture code, data, pipeline and weights, and record them as a version.

    The weights go to the DVC remote that [artifacts] of lineage.toml names, else to DVC's default
    one, else to .lineage/store. The version is recorded when they are there and were read back.

    Where a DVC stage makes the weights, they must be the output of its last run, on the files that
    are here.

    With a command behind --, the training is run here first. What it reads is watched, and kept
    with the version; nothing is registered where its code, data or parameters changed meanwhile.
    Whether the version would be recorded is asked before; where it cannot be afterwards, what was
    captured is kept, and --resume sends it: of MODEL, or of all.

    An --external model needs neither DVC nor git: a hub's revision stands for its code, and for its
    data where no --data names it; for a folder, say both. It is read, stored and never loaded.

    Example: `lineage register churn`
    """
    from lineage.contract.captured import CaptureRequest, ExternalRequest
    from lineage.identity.components import Kind, check_kind
    from lineage.identity.references import check_name
    from lineage.workflows import register

    require_resumed(resume, another_registry, as_latest)
    if resume:
        made_here = weights, data, kind, parent, rev, pipeline_version, store, stale_ok, command
        require_alone(*made_here, source, code, pipeline, pipeline_file, include)
        _resume(model, another_registry=another_registry, as_latest=as_latest, as_json=as_json)
        return
    model = required(model, "model", "churn")
    check_name("model", model)
    words = behind_dashes(command)
    said_twice = "--pipeline-version", "--pipeline NAME@DIGEST"
    version = options.pipeline_version(pipeline or None, pipeline_version or None, *said_twice)
    named = "@".join(filter(None, version)) or None
    items, chosen = tuple(data or ()), check_kind(kind) if kind is not None else None
    files, patterns = tuple(pipeline_file or ()), tuple(include or ())
    said = any((code, files, patterns))
    external.refuse_beside(source, said, here=any((weights, rev, stale_ok, words)))
    if source is not None:
        request = ExternalRequest(source, chosen, code, items, named, files, patterns)
        _registered(model, *external.register(model, request, parent, store=store), (), as_json)
        return
    wanted = CaptureRequest(
        chosen or Kind.PRODUCTION, weights, items, named, rev, stale_ok=stale_ok
    )
    with project_and_registry() as (project, registry):
        done, captured, watched = register.register(
            project,
            registry,
            model,
            wanted,
            parent=parent,
            store=store,
            command=words,
            quiet_stdout=as_json,
            show_progress=output.progress,
            actor=actor(project),
        )
    for path in captured.loose:
        output.note(f"note: {path} is versioned by neither git nor DVC; its digest joins the data.")
    origin = captured.origin
    if stale_ok is not None and (origin is None or origin.reason is None):
        output.note("note: the weights are not stale, so the reason is not recorded.")
    note_waiting(project)
    _registered(model, done, captured, watched, as_json)


def _registered(
    model: str,
    done: Registered,
    captured: CapturedVersion,
    watched: Sequence[WatchedRun],
    as_json: bool,
) -> None:
    """Show a version that was registered, and what is to be known of it."""
    for note in captured.notes:
        output.note(f"note: {note}.")
    output.watched_notes(watched)
    if as_json:
        output.emit(done.to_json())
        return
    if done.model != model:
        output.note(f"note: {model} is called {done.model} now.")
    _show_registered(done, captured)


def _resume(model: str | None, *, another_registry: bool, as_latest: bool, as_json: bool) -> None:
    """Register what was captured before."""
    from lineage.workflows import resume, unsent

    rows: list[dict[str, Any]] = []

    def sent(one: resume.Sent) -> None:
        if one.version is not None and one.captured is not None:
            rows.append(one.version.to_json())
            if not as_json:
                _show_registered(one.version, one.captured)

    with project_and_registry() as (project, registry):
        resume.resume(
            project, registry, unsent.REGISTER, model,
            another_registry=another_registry, as_latest=as_latest, sent=sent, actor=actor(project),
        )  # fmt: skip
    if as_json:
        output.emit(rows)
    elif not rows:
        output.say("Nothing waits to be registered.")


def _show_registered(done: Registered, captured: CapturedVersion) -> None:
    word = "registered" if done.created else "already registered"
    output.say(f"{done.ref} {word} ({done.kind})")
    for name in ("code", "data", "pipeline", "weights"):
        output.say(f"  {name.ljust(8)}  {getattr(done, name) or '-'}")
    if captured.origin is not None:
        output.say(f"  made      the weights {captured.origin.sentence}")
    for copy in captured.stored:
        output.say(f"  stored    {copy.store.name}  {copy.store.url}")
