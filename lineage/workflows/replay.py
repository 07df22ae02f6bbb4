"""Replay: a version's weights, evaluated with the pipeline that is deployed, as its commit has it.

A verdict on what production runs needs that pipeline, and the checkout at hand is on another one.
So the commit that the deployed version was captured at is checked out beside it, DVC's data and the
weights are put in place, the evaluation is run and watched, and all is removed again.
"""

from __future__ import annotations

import os
import subprocess  # nosec B404 # words without a shell
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.acts import act
from lineage.capture.checkout_state import CheckoutState
from lineage.capture.command import Place
from lineage.capture.dvc_checkout import fetch_tracked
from lineage.capture.git_worktree import temporary_worktree
from lineage.capture.stage_addresses import address
from lineage.capture.version import VersionCapture
from lineage.capture.watch import watch
from lineage.contract.captured import CaptureRequest
from lineage.contract.results import NamedPipeline
from lineage.contract.results.records import Validation
from lineage.errors import CaptureError, UsageError
from lineage.identity.components import Kind
from lineage.workflows import unsent
from lineage.workflows.asked import require_validatable
from lineage.workflows.deployed_commit import (
    commit_here,
    deployed_for,
    moved_notes,
    require_deployed,
)
from lineage.workflows.own_metrics import require_own_run
from lineage.workflows.own_parts import require_own_weights
from lineage.workflows.own_pipeline import outdated
from lineage.workflows.recorded_runs import Measuring, record
from lineage.workflows.replay_weights import put_own_weights
from lineage.workflows.run import ran_something
from lineage.workflows.run_state import State, digests
from lineage.workflows.validation_evidence import ValidationEvidence
from lineage.workflows.worktree_project import WorktreeProject, relative

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lineage.capture.command import Run
    from lineage.capture.dvc import DvcProject
    from lineage.capture.project import Project
    from lineage.capture.watch import Observed
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.results import FoundPipeline
    from lineage.workflows.validating import Validating
    from lineage.workflows.worktree_project import Evaluation

TIMEOUT: Final = "1h"
"""How long a command may run where nobody says otherwise."""

_HINTS: Final = (
    "DVC ran in a temporary worktree, which is gone: what it says of git and of `dvc push` is not "
    "for this checkout."
)
"""DVC has no option that leaves out its hints and not its errors."""


@dataclass(frozen=True)
class Replay:
    """Where the pipeline is deployed, what is run with it, and how long it may take.

    ``command`` is empty for what the configuration says, ``timeout`` a span such as ``30m``.
    """

    environment: str
    command: tuple[str, ...] = ()
    timeout: str = TIMEOUT


def replay(
    project: Project,
    registry: AnyRegistry,
    reference: str,
    wanted: Validating,
    how: Replay,
    *,
    quiet_stdout: bool = False,
    actor: str,
) -> Validation:
    """Run the evaluation of a version with the deployed pipeline, and record what it comes to.

    Args:
        project: in whose repository the commit is, and whose cache and remotes have the data.
        registry: where the verdict is recorded.
        reference: the version.
        wanted: what the caller says besides.
        how: where the pipeline is deployed, and what is run.
        quiet_stdout: what the command prints goes to stderr.
        actor: who validates.

    Returns:
        The verdict, with ``replayed``: the environment and the commit.

    Raises:
        NotFound: no version of the pipeline is deployed there, or the weights are nowhere.
        CaptureError: no commit holds the pipeline, it is not here, something that it needs is
            missing, something changed while the command ran, or it took too long. Nothing is
            recorded.
        UsageError: no command is configured, or there is no such program.
        IntegrityFailure: no store has the weights as they were registered.
        StoreUnreachable: data or weights are where nobody answers.
    """
    _refuse_others(wanted)
    seconds = timestamps.span(how.timeout).total_seconds()
    version = registry.show(reference)
    deployed = deployed_for(registry, version, how.environment)
    commit = commit_here(project.repository, deployed, how.environment)
    keeper = unsent.Keeper.of(project, registry)
    running = NamedPipeline(deployed.name, deployed.version.blake3)
    require_validatable(registry, version, running, how.command or ("evaluate",), actor=actor)
    before = CheckoutState.of(project)
    with _checked_out(project, version["model"], commit) as there:

        def run(what: Evaluation) -> tuple[Run, Observed]:
            place = Place(what.folder, seconds)
            try:
                return watch(
                    what.command,
                    there.top,
                    quiet_stdout=quiet_stdout,
                    place=place,
                    apart=project.top,
                )
            except subprocess.TimeoutExpired:
                raise _too_long(version, how) from None

        pipeline = require_deployed(there, deployed, commit)
        dvc = there.dvc_here()
        weights = there.weights_place(version)
        evaluation = there.evaluation(dvc, how.command, weights)
        anew = _made_anew(there, dvc, evaluation, weights)
        needless = (relative(there, weights), *evaluation.makes, *anew.makes)
        fetch_tracked(dvc, there.top, project.top, needless, commit=commit)
        put_own_weights(project, registry, version, weights)
        if anew.stages:
            ran, observed = run(anew)
            _require_apart(project, before, observed)
            _require_made(anew, ran, deployed)
        state = _state(there, version, pipeline, weights, wanted)
        require_own_weights(version, state.weights)
        metrics = there.metrics_there(wanted.metrics)
        if metrics is not None:  # a folder that git ignores is not in a checkout
            metrics.parent.mkdir(parents=True, exist_ok=True)
        besides = ValidationEvidence.of(there, version, wanted, will_run=True)
        if besides.attributions is not None:
            besides.attributions.parent.mkdir(parents=True, exist_ok=True)
        measuring = Measuring.of(metrics, besides)
        ran, observed = run(evaluation)
        _require_still_there(there.top, {"metrics": metrics, "attributions": besides.attributions})
        _require_apart(project, before, observed)
        _require_run(evaluation, ran, observed)
        pipeline = there.capture_pipeline(deployed.name)
        state.require_same(_state(there, version, pipeline, weights, wanted))
        where = how.environment
        for path in (measuring.written, besides.written):
            require_own_run(there, version, path, weights, ran, observed, environment=where)
        done = record(
            there, keeper, registry, version, state, measuring, ran, observed, wanted, actor=actor
        )
    notes = list(moved_notes(registry, deployed, how.environment))
    if anew.stages:
        made = ", ".join(anew.stages)
        notes.append(f"made anew before, for an older pipeline had made it: what {made} makes")
    if (evaluation.stages or anew.stages) and ran.exit_status == 0:
        notes.append(_HINTS)
    return Validation(
        done
        | {
            "notes": [*notes, *done.get("notes", ())],
            "replayed": {"environment": how.environment, "commit": commit},
        }
    )


def _refuse_others(wanted: Validating) -> None:
    """Refuse what says something else than the run will show.

    Raises:
        UsageError: it is said.
    """
    if wanted.pipeline is not None or wanted.elsewhere or wanted.values is not None:
        raise UsageError(
            "A replay is made with the pipeline that is deployed, and on the metrics that the "
            "command writes.",
            remedy="Name no other pipeline, state no metrics, and do not say that it was made "
            "elsewhere.",
        )
    if wanted.profile is not None or wanted.attributions is not None:
        raise UsageError(
            "A replay is made on data in a worktree of its own, not on data that is named here.",
            remedy="Name it in lineage.toml: [models.NAME.evidence] data, or attributions.",
        )


@contextmanager
def _checked_out(project: Project, model: str, commit: str) -> Iterator[WorktreeProject]:
    with temporary_worktree(project.repository, commit) as top:
        there = WorktreeProject(top, project, model)
        try:
            yield there
        finally:
            if "git" in there.__dict__ and there.git is not None:
                there.git.close()


def _state(
    there: WorktreeProject,
    version: Mapping[str, Any],
    pipeline: CapturedPipelineVersion,
    weights: Path,
    wanted: Validating,
) -> State:
    """What the verdict rests on, as it lies in the worktree now.

    Raises:
        CaptureError: something is missing, or does not match what DVC recorded.
    """
    request = CaptureRequest(Kind.EXPERIMENT, os.fspath(weights), with_blake3=True)
    capture = VersionCapture(there, version["model"], request)
    parts = capture.capture().components
    named = [one if "://" in one else os.fspath(there.folder_here / one) for one in wanted.data]
    return State(
        pipeline, digests(parts.data), frozenset(), parts.weights, capture.validation_data(named)
    )


def _require_still_there(top: Path, written: Mapping[str, Path | None]) -> None:
    """Refuse a run that took its own folder away, or whose files are links to somewhere else.

    Raises:
        CaptureError: it did.
    """
    if not top.is_dir():
        raise CaptureError(
            "The command removed the folder that it ran in: nothing is recorded.",
            remedy="Let it leave what it did not make.",
        )
    for what, path in written.items():
        real = path.resolve() if path is not None else None
        if path is not None and real is not None and not real.is_relative_to(top.resolve()):
            raise CaptureError(
                f"The {what} {os.path.relpath(path, top)} are a link to {real}, outside the folder "
                "that the command ran in: nothing is recorded.",
                remedy="Let the command write them there itself.",
            )


def _too_long(version: Mapping[str, Any], how: Replay) -> CaptureError:
    longer = act("validate", version["ref"], in_=how.environment, timeout="SPAN")
    return CaptureError(
        f"The command did not end within {how.timeout} and was killed: nothing is recorded.",
        remedy=f"Mend what it waits for, or give it longer: {longer}",
    )


def _require_apart(project: Project, before: CheckoutState, observed: Observed) -> None:
    """Refuse a run that wrote into the user's own checkout, or ran code of it.

    Raises:
        CaptureError: it did.
    """
    if observed.from_apart:
        raise CaptureError(
            f"The command imported {observed.from_apart[0]} of {project.top}, not of the commit: "
            "nothing is recorded.",
            remedy="An editable install leads here. Let it look in its own folder first: set a "
            "relative PYTHONPATH, as PYTHONPATH=src, in front of this command.",
        )
    changed = before.changed(CheckoutState.of(project))
    if changed:
        more = f" and {len(changed) - 1} more" if changed[1:] else ""
        raise CaptureError(
            f"While the command ran, {changed[0]}{more} changed in {project.top}: nothing is "
            "recorded.",
            remedy="Let the command write in its own folder alone, by relative paths, and leave "
            "the checkout as it is meanwhile.",
        )


def _made_anew(
    there: WorktreeProject, dvc: DvcProject, evaluation: Evaluation, weights: Path
) -> Evaluation:
    """What runs stages that were recorded with something else than the commit holds.

    Of those on the way to the stages that evaluate; of all, where a command does, for nobody knows
    what it will read.
    """
    stages = {address(stage, there.folder): stage for stage in dvc.stages}
    paths = [dep for name in evaluation.stages for dep in stages[name].deps]
    found = outdated(there, there.model, paths if evaluation.stages else None, weights)
    return there.running({n: stages[n] for n in found.stages if n not in evaluation.stages})


def _require_made(anew: Evaluation, ran: Run, deployed: FoundPipeline) -> None:
    """Refuse where a stage of the deployed pipeline fails: nothing could be evaluated.

    Raises:
        CaptureError: one did.
    """
    if ran.exit_status != 0:
        raise CaptureError(
            f"What the deployed pipeline {deployed.version.xxh3.short} makes could not be made "
            f"anew ({', '.join(anew.stages)}): exit status {ran.exit_status}. Nothing is recorded.",
            remedy="Mend what it reports above.",
        )


def _require_run(evaluation: Evaluation, ran: Run, observed: Observed) -> None:
    """Refuse where DVC itself failed, before it ran anything: that says nothing of the version.

    Raises:
        CaptureError: it did.
    """
    if evaluation.stages and ran.exit_status != 0 and not ran_something(observed):
        raise CaptureError(
            f"DVC did not run {', '.join(evaluation.stages)}: it ended with exit status "
            f"{ran.exit_status}.",
            remedy="Mend what it reports above.",
        )
