"""`validate`: record a verdict on a version with a pipeline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineage.workflows.actor import actor

from .. import output
from ..options import (
    AnotherRegistry,
    Command,
    Json,
    Resume,
    behind_dashes,
    project_and_registry,
    require_alone,
    require_resumed,
    required,
)
from .unsent import note_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def validate(
    ref: Annotated[
        str | None,
        typer.Argument(
            metavar="REF",
            help="A version: churn@7, churn@latest, churn@production, churn@production/backup.",
            show_default=False,
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metrics",
            metavar="FILE",
            help="A JSON file with the metrics; default: as lineage.toml says. Repeatable: the "
            "first is what a command writes, the others have further metrics.",
        ),
    ] = None,
    passed: Annotated[
        bool | None,
        typer.Option(
            "--passed/--failed",
            help="How it went, where no requirement decides.",
            show_default=False,
        ),
    ] = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            metavar="NAME@DIGEST",
            help="A recorded pipeline version; default: the pipeline as captured here.",
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="ITEM",
            help="A data set that it was evaluated on: a path, or name=uri@version. Repeatable.",
        ),
    ] = None,
    carry_over: Annotated[
        bool,
        typer.Option(
            "--carry-over",
            help="Let a passing evaluation count for this pipeline too, where only comments and "
            "formatting differ.",
        ),
    ] = False,
    elsewhere: Annotated[
        bool,
        typer.Option(
            "--elsewhere",
            help="It was evaluated in another place: its weights and pipeline need not be here. "
            "Shown as such.",
        ),
    ] = False,
    replay_in: Annotated[
        str | None,
        typer.Option(
            "--in",
            metavar="ENVIRONMENT",
            help="Evaluate with the pipeline that is deployed there, in a temporary worktree.",
        ),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="SPAN",
            help="How long the evaluation --in an environment may take, e.g. 30m; default: 1h.",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="DATA",
            help="Data whose profile is kept with it, or a profile (.json); default: as "
            "lineage.toml says.",
        ),
    ] = None,
    attributions: Annotated[
        str | None,
        typer.Option(
            "--attributions",
            metavar="FILE",
            help="What each feature adds to predictions (SHAP values): a row for each, a column "
            "for each feature, or one value each; default: as lineage.toml says.",
        ),
    ] = None,
    leakage: Annotated[
        bool,
        typer.Option(
            "--leakage",
            help="Look for what of the data the training knew, as lineage.toml says what is "
            "compared; its metrics are recorded.",
        ),
    ] = False,
    resume: Resume = False,
    another_registry: AnotherRegistry = False,
    command: Command = None,
    as_json: Json = False,
) -> None:
    """Record that a version passed or failed its evaluation, and with which pipeline version.

    What is recorded is a verdict. It passed where every `require` of lineage.toml holds for the
    metrics; where none is configured, the command behind -- decides by how it ends, or you do, by
    --passed or --failed. --failed always wins. A failure is recorded too: exit 0.

    With a command behind --, the evaluation is run here: it must exit 0 and write the metrics. What
    it reads is watched, and kept. The version's own code, data and weights must be here, and stay
    as they are meanwhile. Whether the verdict would be recorded is asked before; where it cannot be
    afterwards, it is kept, and --resume sends it: of REF, or of all.

    Without one, the version's own weights must be here, and so must a pipeline that --pipeline
    names, unless it was evaluated --elsewhere.

    --attributions and --leakage, or lineage.toml, add to the metrics what it relies on and what of
    the data its training knew. A metrics file that is known to be of other weights is refused; of
    --failed, the configured one is left out.

    --in ENVIRONMENT evaluates it with the pipeline that is deployed there: that pipeline's commit
    is checked out in a temporary worktree, with DVC's data and the version's weights, and the
    command (else `evaluate` of lineage.toml, a command or a stage) is run in it.

    Example: `lineage validate churn@7 -- python evaluate.py`
    """
    from lineage.errors import UsageError
    from lineage.identity.references import Reference
    from lineage.identity.watched import WatchedRun
    from lineage.workflows import validate, verdict
    from lineage.workflows.validating import Validating

    require_resumed(resume, another_registry)
    if resume:
        require_alone(
            metrics, passed is not None, pipeline, data, carry_over, elsewhere, replay_in, timeout,
            profile, attributions, leakage, command,
        )  # fmt: skip
        _resume(ref, another_registry=another_registry, as_json=as_json)
        return
    ref = required(ref, "version", "churn@7")
    words = behind_dashes(command)
    first, *besides = metrics or (None,)
    wanted = Validating(
        first,
        passed,
        pipeline,
        tuple(data or ()),
        elsewhere=elsewhere,
        profile=profile,
        besides=tuple(besides),
        attributions=attributions,
        leakage=leakage,
    )
    said = metrics or data or profile or attributions or leakage or passed is not None
    if carry_over and (words or replay_in or said):
        raise UsageError(
            "--carry-over takes the verdict, the metrics and the data of another validation.",
            remedy="Leave --passed, --failed, --metrics, --data, --profile, --attributions, "
            "--leakage, --in and the command out.",
        )
    if timeout is not None and replay_in is None:
        raise UsageError(
            "--timeout is how long a command may run --in an environment.",
            remedy="Leave it out, or name the environment: --in production.",
        )
    if elsewhere and (words or carry_over):
        raise UsageError(
            "--elsewhere is said of a verdict that was reached before, in another place.",
            remedy="Leave it out: a command is run here, and --carry-over compares pipelines.",
        )
    with project_and_registry() as (project, registry):
        who = actor(project)
        if carry_over:
            done = validate.carry_over(project, registry, ref, pipeline, actor=who)
        else:
            done = verdict.reach(
                project, registry, ref, wanted, words, replay_in, timeout,
                quiet_stdout=as_json, actor=who,
            )  # fmt: skip
        read = project.metrics_path(Reference.parse(ref).model, first)
    output.watched_notes(map(WatchedRun.from_json, done["watched"]))
    note_waiting(project)
    if as_json:
        output.emit(done)
    else:
        was_run = bool(words or replay_in or carry_over)
        _verdict(done, None if was_run or elsewhere else _stated(done, read))
    for note in done.get("notes", ()):
        output.note(f"note: {note}")


def _resume(ref: str | None, *, another_registry: bool, as_json: bool) -> None:
    """Record the verdicts that were reached before."""
    from lineage.workflows import resume, unsent

    rows: list[Mapping[str, Any]] = []

    def sent(one: resume.Sent) -> None:
        if one.verdict is not None:
            rows.append(one.verdict)
            if not as_json:
                _verdict(one.verdict)
            for note in (*one.notes, *one.verdict.get("notes", ())):
                output.note(f"note: {note}")

    with project_and_registry() as (project, registry):
        resume.resume(
            project, registry, unsent.VALIDATE, ref,
            another_registry=another_registry, sent=sent, actor=actor(project),
        )  # fmt: skip
    if as_json:
        output.emit(rows)
    elif not rows:
        output.say("No verdict waits to be recorded.")


def _stated(done: Mapping[str, Any], metrics: Path | None) -> str:
    """That nothing was run for a verdict, and what it is of instead."""
    from lineage.acts import act, typed

    was_read = metrics is not None and done["metrics"] is not None
    read = f"{os.path.relpath(metrics)} was read, " if was_read and metrics is not None else ""
    run = typed(act("validate", done["ref"], "--", "COMMAND"))
    return f"{read}nothing was run ({run} runs it)"


def _origin(done: Mapping[str, Any], stated: str | None) -> Iterator[str]:
    """How a verdict came to be, where no command was run for it here."""
    if stated is not None:
        yield f"stated  {stated}"
    if done["elsewhere"]:
        yield "validated elsewhere: neither weights nor pipeline were looked at here"
    if done["rests_on"] is not None:
        yield f"carried over from validation {done['rests_on']}: {done['difference']}"
    if "replayed" in done:
        where = done["replayed"]
        yield f"replayed at commit {where['commit'][:12]}, which {where['environment']} runs"


def _verdict(done: Mapping[str, Any], stated: str | None = None) -> None:
    from lineage.evidence.attributions import in_words, relied_on
    from lineage.guard.requirements import Outcome

    word = "passed" if done["passed"] else "failed"
    named = done["pipeline"]
    output.say(
        f"{done['ref']} {word} with pipeline {output.pipeline(named['name'], named['digest'])}"
    )
    for line in _origin(done, stated):
        output.say(f"  {line}")
    run = done["run"]
    if run is not None:
        output.say(f"  ran     {' '.join(run['command'])}")
        output.say(f"          exit status {run['exit_status']} after {run['seconds']:.1f} s")
    for item in done["data"]:
        output.say(f"  data    {item['name']}  {output.short(item['digest'])}")
    if done["profile"] is not None:
        output.say(f"  profile {output.short(done['profile'])}")
    relied = relied_on(done["metrics"])
    if relied is not None:
        output.say(f"  relies on {in_words(relied.shares)}")
    if done["run"] is not None and done["passed"] and not done["requirements"]:
        output.say("  holds   nothing: no `require` is configured, so no metric decided it")
    for outcome in map(Outcome.from_json, done["requirements"]):
        word = {True: "holds ", False: "BROKEN", None: "later "}[outcome.holds]
        output.say(f"  {word}  {outcome.beside_a_mark}")
