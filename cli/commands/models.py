"""`register`, `verify`, `show`, `diff`: record versions and show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lineage.guard.facts import Sample
from lineage.identity.origin import WeightsOrigin
from lineage.workflows.actor import actor

from .. import output
from ..cells import cell
from ..options import (
    Command,
    Json,
    Ref,
    Resume,
    Revision,
    behind_dashes,
    named_before,
    opened_registry,
    project_and_registry,
    require_alone,
    required,
)
from . import external
from .unsent import note_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lineage.contract.captured import CapturedVersion
    from lineage.contract.results import Registered
    from lineage.identity.watched import WatchedRun

_MOST_VALUES: Final = 8
"""Parameters, or metrics, that a line shows."""
_MOST_CHANGES: Final = 20
"""Changed metrics that `diff` shows."""


def register(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="The model's name.", show_default=False),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", metavar="PATH", help="The weights, a file or a folder."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="ITEM", help="A path, or name=uri@version. Repeatable."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="production or experiment; default: production, of an --external model where "
            "enough is known of it.",
        ),
    ] = None,
    parent: Annotated[
        str | None,
        typer.Option("--parent", metavar="REF", help="The version this one was made from."),
    ] = None,
    rev: Revision = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            metavar="NAME@DIGEST",
            help="A pipeline that lives elsewhere, by its id, e.g. churn@sha256:… of an image; of "
            "an --external model also a recorded version.",
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
    source: external.External = None,
    code: external.Code = None,
    pipeline_file: external.PipelineFiles = None,
    include: external.Include = None,
    command: Command = None,
    as_json: Json = False,
) -> None:
    """Capture code, data, pipeline and weights, and record them as a version.

    The weights go to the DVC remote that [artifacts] names, else to DVC's default one, else to
    .lineage/store. The version is recorded when they are there and were read back.

    Where a DVC stage makes the weights, they must be the output of its last run, on the files that
    are here.

    With a command behind --, the training is run here first. What it reads is watched, and kept
    with the version; nothing is registered where its code, data or parameters changed meanwhile.
    Whether the version would be recorded is asked before; where it cannot be afterwards, what was
    captured is kept, and --resume sends it: of MODEL, or of all.

    An --external model needs neither DVC nor git: a hub's revision stands for its code, and for its
    data where no --data names it; of a folder both are what is said. It is read, stored and never
    loaded.

    Example: `lineage register churn`
    """
    from lineage.contract.captured import CaptureRequest, ExternalRequest
    from lineage.contract.results import NamedPipeline
    from lineage.errors import UsageError
    from lineage.identity.components import Kind, check_kind
    from lineage.identity.digest import Digest
    from lineage.identity.references import check_name
    from lineage.workflows import register

    if resume:
        made_here = weights, data, parent, rev, pipeline_version, store, stale_ok, command
        require_alone(*made_here, source, code, pipeline, pipeline_file, include)
        _resume(model, as_json=as_json)
        return
    model = required(model, "model", "churn")
    check_name("model", model)
    words = behind_dashes(command)
    outside = pipeline or named_before(
        pipeline_version or None, "--pipeline-version", "--pipeline NAME@DIGEST"
    )
    items, chosen = tuple(data or ()), check_kind(kind) if kind is not None else None
    files, patterns = tuple(pipeline_file or ()), tuple(include or ())
    said = any((code, files, patterns))
    external.refuse_beside(source, said, here=any((weights, rev, stale_ok, words)))
    if source is not None:
        request = ExternalRequest(source, chosen, code, items, outside, None, files, patterns)
        _registered(model, *external.register(model, request, parent, store=store), (), as_json)
        return
    named = NamedPipeline.parse(outside) if outside else None
    stated = Digest(named.digest) if named is not None else None
    wanted = CaptureRequest(
        chosen or Kind.PRODUCTION, weights, items, stated, rev, stale_ok=stale_ok
    )
    with project_and_registry() as (project, registry):
        if named is not None and named.name not in (None, project.config.pipeline_of(model)):
            raise UsageError(
                f"{model} rides on pipeline {project.config.pipeline_of(model)}, not on "
                f"{named.name}.",
                remedy=f"Name it in {project.file.name}: [models.{model}.pipeline] name",
            )
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


def _resume(model: str | None, *, as_json: bool) -> None:
    """Register what was captured before."""
    from lineage.workflows import resume, unsent

    rows: list[dict[str, Any]] = []

    def sent(one: resume.Sent) -> None:
        if one.version is not None and one.captured is not None:
            rows.append(one.version.to_json())
            if not as_json:
                _show_registered(one.version, one.captured)

    with project_and_registry() as (project, registry):
        resume.resume(project, registry, unsent.REGISTER, model, sent=sent, actor=actor(project))
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


def verify(
    ref: Annotated[
        str | None, typer.Argument(metavar="REF", help="A version, such as churn@7.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every version whose weights are in a store.")
    ] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Look at the sizes; read only small weights whole."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the weights of a version in every store, and record what was found.

    Every byte is read, unless --quick is given. Weights that are in no store are looked for at the
    path where they were registered.

    Exit 6 where no store has them as they were registered, or where no branch or tag here leads to
    the commit of a pipeline that it serves with, or is the backup with; 7 where no store answers.

    Example: `lineage verify churn@7`
    """
    from lineage.errors import UsageError
    from lineage.workflows import verify

    if (ref is None) != all_:
        raise UsageError(
            "Either a version or --all is verified.", remedy="Write: lineage verify churn@7"
        )
    with project_and_registry() as (project, registry):
        refs = [ref] if ref is not None else verify.stored_refs(registry)
        who = actor(project)
        rows = []
        for one in refs:
            rows.append(verify.verify(project, registry, one, deep=not quick, actor=who))
            if not as_json:
                _verified(rows[-1])
    if as_json:
        output.emit(rows if all_ else rows[0])
    elif not rows:
        output.say("No weights are in a store.")
    failure = verify.failure(rows)
    if failure is not None:
        raise typer.Exit(failure.exit_code)


def show(ref: Ref, as_json: Json = False) -> None:
    """Show all that is recorded of a version.

    Example: `lineage show churn@7`
    """
    with opened_registry() as registry:
        row = registry.show(ref)
    if as_json:
        output.emit(row)
        return
    parts = row["components"]
    output.say(
        f"{row['ref']} ({row['kind']}), registered {output.moment(row['registered_at'])} by "
        f"{row['registered_by']}"
    )
    output.labels(row)
    output.say(f"  tuple     {row['tuple']}")
    dirty = " (dirty)" if parts["code"]["dirty"] else ""
    where = f"  {parts['code']['remote']}" if parts["code"]["remote"] else ""
    output.say(f"  code      {row['code'] or '-'}{dirty}{where}")
    output.say(f"  data      {row['data'] or '-'}")
    for item in parts["data"]:
        output.say(f"              {item['name']}  {item['digest']}  ({item['known']})")
    output.say(f"  pipeline  {row['pipeline'] or '-'}  {parts['pipeline']['name'] or ''}")
    output.say(f"  weights   {row['weights'] or '-'}  {parts['weights']['path'] or ''}")
    made = parts["weights"]["made"]
    if made is not None:
        output.say(f"  made      the weights {WeightsOrigin.from_json(made).sentence}")
    for copy in row["stored"]["copies"]:
        output.say(
            f"  stored    {copy['store']['name']}  {copy['state']} on "
            f"{output.moment(copy['checked_at'])}  {copy['store']['url']}"
        )
    if row["parent"]:
        output.say(f"  parent    {row['parent']}")
    if row["run"] is not None:
        output.say(f"  trained   {_command(row['run'])}")
    for file, values in row["parameters"].items():
        output.say(f"  with      {file}: {_listed(values)}")
    for run in row["watched"]:
        _watched(run, "  ")
    for verdict in row["validations"]:
        _verdict(verdict)


def _verdict(verdict: dict[str, Any]) -> None:
    """One verdict on a version: what it came to, its metrics, and where it was reached."""
    from lineage.guard.flat_metrics import flattened

    word = "passed" if verdict["passed"] else "failed"
    basis = {"carried": f", carried from {verdict['rests_on']}", "run": ", run here"}
    where = ", elsewhere" if verdict["elsewhere"] else ""
    output.say(
        f"  {word}    with {output.short(verdict['pipeline']['digest'])} "
        f"{output.moment(verdict['validated_at'])} by {verdict['validated_by']}"
        f"{basis.get(verdict['basis'], '')}{where}"
    )
    measured = flattened(verdict["metrics"] or {})
    if measured:
        output.say(f"    metrics   {_listed(measured)}")
    _environment(verdict.get("environment"), "    ")
    for run in verdict["watched"]:
        _watched(run, "    ")


def _command(run: dict[str, Any]) -> str:
    """A command that was run, where, and for how long, as far as a client told it."""
    words, seconds = run.get("command"), run.get("seconds")
    said = " ".join(map(str, words)) if isinstance(words, list) else "-"
    took = f", {seconds:,.0f} s" if isinstance(seconds, (int, float)) else ""
    return f"{said}  on {run.get('host') or '-'}{took}"


def _listed(values: Mapping[str, Any]) -> str:
    """Values by their names, on a line."""
    shown = [f"{name} {cell(value)}" for name, value in list(values.items())[:_MOST_VALUES]]
    more = f" and {len(values) - len(shown)} more (see --json)" if len(values) > len(shown) else ""
    return ", ".join(shown) + more


def _environment(known: dict[str, Any] | None, indent: str) -> None:
    """The environment that a verdict was reached in, and what changed of it."""
    if known is None:
        output.say(f"{indent}in        an environment that nobody observed")
        return
    where = f"{', '.join(known['interpreters'])} on {', '.join(known['platforms'])}"
    output.say(f"{indent}in        {where}, {len(known['packages'])} packages")
    since = known["since"]
    if since is not None and since["explanation"]:
        output.say(f"{indent}          other than in validation {since['validation']}:")
        output.environment_lines(since, f"{indent}            ")


def diff(
    first: Annotated[str, typer.Argument(metavar="REF", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="REF", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show what differs between two versions, component by component.

    And between their newest verdicts: their metrics, and the environments they were reached in.

    Example: `lineage diff churn@6 churn@7`
    """
    from lineage.explain.compare import compare_versions

    with project_and_registry() as (project, registry):
        changes = compare_versions(project, registry, first, second)
    if as_json:
        output.emit(changes)
        return
    for name in ("code", "data", "pipeline", "weights"):
        part = changes[name]
        if part["same"]:
            output.say(f"{name.ljust(8)}  same")
            continue
        output.say(f"{name.ljust(8)}  {part['first'] or '-'} → {part['second'] or '-'}")
        for line in part["explanation"]:
            output.say(f"            {line}")
        output.explanation(part, "            ")
    environment = changes["environment"]
    words = {True: "reached in the same environment", False: "reached in another environment"}
    output.say(f"verdict   {words.get(environment['same'], 'environments cannot be compared')}")
    output.environment_lines(environment, "            ")
    for line in _metrics_lines(changes["metrics"]):
        output.say(line)
    sides = changes["registered"]["first"], changes["registered"]["second"]
    when = [f"{output.moment(one['registered_at'])} by {one['registered_by']}" for one in sides]
    output.say(f"recorded  {' → '.join(when)}")
    runs = changes["trained"]["first"], changes["trained"]["second"]
    if any(runs):
        output.say(f"trained   {' → '.join(_command(run) if run else '-' for run in runs)}")


def _metrics_lines(found: dict[str, Any]) -> Iterator[str]:
    """What differs between the metrics of two newest verdicts."""
    words = {True: "same", None: "not known of both", False: "differ"}
    yield f"metrics   {words[found['same']]}"
    changes = found["changes"]
    for change in changes[:_MOST_CHANGES]:
        sides = cell(change["first"]), cell(change["second"])
        yield f"            {change['name']} {sides[0]} → {sides[1]}"
    if len(changes) > _MOST_CHANGES:
        yield f"            and {len(changes) - _MOST_CHANGES} more (see --json)"


def _watched(document: dict[str, Any], indent: str) -> None:
    from lineage.identity.watched import WatchedRun

    output.watched_run(
        output.moment(document["recorded_at"]), WatchedRun.from_json(document), indent
    )


def _verified(done: dict[str, Any]) -> None:
    output.say(f"{done['ref']}: the weights are {done['state']} at {done['place']}")
    for look in done["looks"]:
        if look["state"] != "intact":
            detail = f": {look['detail']}" if look["detail"] else ""
            output.say(f"  {look['store']}  {look['state']}{detail}")
        elif look["sample"] is not None:
            output.say(f"  {look['store']}  intact, {Sample.from_json(look['sample'])}")
    for lost in done.get("lost", []):
        output.say(
            f"  no branch or tag here leads to commit {lost['commit'][:12]}, which holds pipeline "
            f"{output.pipeline(lost['pipeline'], lost['digest'])}: git may drop it; tag it"
        )
