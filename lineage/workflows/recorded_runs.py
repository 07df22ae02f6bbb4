"""Validations and trainings that can be believed: watched commands, run between two captures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lineage.capture import metrics
from lineage.capture.command import Stamp, stamps
from lineage.capture.origin import OwnRun
from lineage.capture.version import VersionCapture
from lineage.capture.watch import watch
from lineage.contract import codec
from lineage.contract.results.records import Validation
from lineage.errors import CaptureError, StoreUnreachable
from lineage.guard import requirements
from lineage.identity.references import Reference
from lineage.workflows import unsent
from lineage.workflows.asked import require_validatable
from lineage.workflows.data_profile import profile_here
from lineage.workflows.measured_files import note_measured
from lineage.workflows.own_metrics import require_own_metrics, require_own_run
from lineage.workflows.own_parts import weights_place
from lineage.workflows.own_pipeline import require_own_inputs
from lineage.workflows.registered_files import mean_registered_files
from lineage.workflows.run_state import State, changed, differing, digests
from lineage.workflows.validation_evidence import (
    ValidationEvidence,
    attributions_named,
    besides_named,
)
from lineage.workflows.watched_runs import read_by_programs, watched_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lineage.capture.command import Run
    from lineage.capture.project import Project
    from lineage.capture.watch import Observed
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedVersion, CaptureRequest
    from lineage.hashing.files import Copies
    from lineage.identity.watched import WatchedRun
    from lineage.workflows.validating import Validating


def run_and_validate(
    project: Project,
    registry: AnyRegistry,
    reference: str,
    wanted: Validating,
    command: Sequence[str],
    *,
    quiet_stdout: bool = False,
    actor: str,
) -> Validation:
    """Run a validation and record its verdict: passed where it exits 0 and each requirement holds.

    Whether it would be recorded is asked before, and what was captured is kept until it is.

    Args:
        project: whose pipeline, data and weights are captured before and after.
        registry: where the verdict is recorded.
        reference: the version.
        wanted: what the caller said besides.
        command: the program and its arguments.
        quiet_stdout: what it prints goes to stderr.
        actor: who validates.

    Returns:
        The verdict.

    Raises:
        CaptureError: what is here is not the version's own, changed while the command ran, or the
            metrics were not written. Nothing is recorded then.
    """
    model = Reference.parse(reference).model
    version = registry.show(reference)
    mean_registered_files(project, registry, version)
    before = State.of(project, version, wanted)
    before.require_own(version, wanted.pipeline)
    keeper = unsent.Keeper.of(project, registry)
    require_validatable(
        registry, version, before.pipeline, command, before.validation_data, actor=actor
    )
    besides = ValidationEvidence.of(project, version, wanted, will_run=True)
    measuring = Measuring.of(project.metrics_path(model, wanted.metrics), besides)
    ran, observed = watch(command, project.top, quiet_stdout=quiet_stdout)
    before.require_same(State.of(project, version, wanted))
    further = besides_named(wanted)
    named = [*further, *filter(None, [attributions_named(wanted)])]
    note_measured(project, observed, measuring.written, before.weights, named=named)
    place = weights_place(project, version)
    with project.read_once():
        for path in (measuring.written, besides.written):
            require_own_run(project, version, path, place, ran, observed, pipeline=wanted.pipeline)
        wrote = filter(None, (measuring.written, besides.written, *named))
        here = str(before.pipeline.version.xxh3)
        older = require_own_inputs(project, version, here, ran, observed, wrote)
    for path in further:
        require_own_metrics(
            project, version, path, "Let the command write it, or name one of the version's own."
        )
    done = record(
        project, keeper, registry, version, before, measuring, ran, observed, wanted, actor=actor
    )
    return Validation(done | {"notes": [*done.get("notes", ()), *older]}) if older else done


@dataclass(frozen=True)
class Measuring:
    """The metrics that a command is to write: their file, and its stamp before the command ran.

    ``besides`` is what is measured when it has run.
    """

    path: Path | None
    before: Stamp
    besides: ValidationEvidence

    @classmethod
    def of(cls, path: Path | None, besides: ValidationEvidence) -> Measuring:
        """A file as it is now; None where nothing is to be measured."""
        path = path.absolute() if path is not None else None
        return cls(path, Stamp.of(path) if path is not None else Stamp(None), besides)

    @property
    def written(self) -> Path | None:
        """The file, where the command wrote it."""
        path = self.path
        is_new = path is not None and Stamp.of(path) != self.before and path.exists()
        return path if is_new else None

    def read(self, *, succeeded: bool) -> dict[str, Any] | None:
        """What the command wrote there; None where nothing is to be measured, or it failed.

        Raises:
            CaptureError: it did not write them, or what it wrote cannot be read.
        """
        if self.written is not None:
            return metrics.read(self.written)
        if self.path is not None and succeeded:
            raise CaptureError(
                f"The command did not write the metrics {self.path}.",
                remedy="Let it write them there, or name the file of metrics that it writes.",
            )
        return None


def record(
    project: Project,
    keeper: unsent.Keeper,
    registry: AnyRegistry,
    version: Mapping[str, Any],
    state: State,
    measuring: Measuring,
    ran: Run,
    observed: Observed,
    wanted: Validating,
    *,
    actor: str,
) -> Validation:
    """Record the verdict that a command's run comes to: its exit status and each requirement.

    Args:
        project: where it ran.
        keeper: keeps what was captured until it is recorded.
        registry: where the verdict is recorded.
        version: JSON of the version.
        state: what the run rests on.
        measuring: the metrics that it was to write.
        ran: the command.
        observed: what was observed of it.
        wanted: what the caller said besides.
        actor: who validates.

    Returns:
        The verdict.

    Raises:
        CaptureError: it succeeded, and did not write the metrics.
    """
    succeeded = ran.exit_status == 0
    written = measuring.read(succeeded=succeeded)
    measured = metrics.joined(written, wanted.besides)
    notes: tuple[str, ...] = ()
    if succeeded:
        measuring.besides.require_own(project, version, wanted)
        measured, notes = measuring.besides.joined(measured)
    values = metrics.with_command(measured, ran)
    required = project.config.model(version["model"]).requirements
    outcomes = requirements.evaluate_all(required, values)
    stated = wanted.stated if succeeded else False
    if stated is None and all(outcome.holds is None for outcome in outcomes):
        stated = succeeded
    pipeline, data = state.pipeline, state.validation_data
    watched = watched_run(
        project,
        pipeline.name,
        pipeline.version,
        ran,
        observed,
        data=[*state.data, *digests(data)],
    )
    profile = profile_here(project, version["model"], wanted.profile) if succeeded else None
    ref, run, passed = version["ref"], ran.to_json(), requirements.verdict(outcomes, stated)
    others = [
        row["id"]
        for row in version["validations"]
        if row["pipeline"]["digest"] == pipeline.version.xxh3
    ]
    request = {
        "pipeline": codec.pipeline_to_json(pipeline),
        "passed": passed,
        "metrics": values,
        "requirements": [outcome.requirement for outcome in outcomes],
        "run": run,
        "data": codec.data_to_json(data),
        "watched": codec.watched_to_json([watched]),
        "profile": None if profile is None else profile.to_dict(),
    }
    body = {"request": request, "tuple": version["tuple"], "after": max(others, default=0)}
    with keeper.kept(unsent.VALIDATE, ref, body):
        done = registry.validate(
            ref,
            pipeline,
            passed=passed,
            metrics=values,
            outcomes=outcomes,
            run=run,
            data=data,
            watched=[watched],
            profile=profile,
            actor=actor,
        )
    return Validation(done | {"notes": [*done.get("notes", ()), *notes]}) if notes else done


def run_and_capture(
    project: Project,
    model: str,
    wanted: CaptureRequest,
    command: Sequence[str],
    ask: Callable[[CapturedVersion], None],
    *,
    quiet_stdout: bool,
    copies: Copies | None = None,
) -> tuple[VersionCapture, CapturedVersion, WatchedRun, StoreUnreachable | None]:
    """Run a training and capture what it made; what it was made from must not have changed.

    The code is what was there when the training began: what it writes into the tree itself (a
    ``dvc.lock``, metrics) makes no dirty version. ``ask`` is told what is there before it, and
    raises what stands in the way of its end. ``copies`` makes copies of weights that are to be
    stored.

    Returns:
        What captured them, the captured components, what was observed of the run, and why the
        store took no copies, if it did not.

    Raises:
        CaptureError: the tree is dirty, the command failed, or something changed while it ran.
    """
    capture = VersionCapture(project, model, wanted)
    before = capture.before_training()
    weights, _ = capture.weights_source
    ask(before)
    old_stamps = stamps(weights)
    ran, observed = watch(command, project.top, quiet_stdout=quiet_stdout)
    note_measured(project, observed)
    if ran.exit_status != 0:
        raise CaptureError(
            f"The training ended with exit status {ran.exit_status}, so nothing is registered.",
            remedy="Mend what it reports and run it again.",
        )
    old = before.components
    after = VersionCapture(project, model, wanted)
    wrote = stamps(weights) != old_stamps
    unstored: StoreUnreachable | None = None
    try:
        captured = after.capture(old.code, copies=copies)
    except StoreUnreachable as error:  # what was made is known without a copy of it
        unstored = error
        after = VersionCapture(project, model, wanted)
        captured = after.capture(old.code)
    new = captured.components
    if old.code is not None and project.git is not None and project.git.head != old.code.commit:
        raise changed("another commit was checked out")
    if old.pipeline and new.pipeline and old.pipeline.blake3 != new.pipeline.blake3:
        raise changed("the pipeline changed")
    moved = differing(digests(old.data), digests(new.data))
    if moved:
        raise changed(f"the data changed ({', '.join(moved[:3])})")
    captured = replace(captured, origin=after.origin(_own_run(observed, wrote=wrote)))
    watched = watched_run(
        project, captured.pipeline_name, new.pipeline, ran, observed, data=digests(new.data)
    )
    return after, captured, watched, unstored


def _own_run(observed: Observed, *, wrote: bool) -> OwnRun | None:
    if observed.failures and not wrote:
        return None
    scripts = {script for file in observed.files for script in file.by}
    links = {file.path for file in observed.files if file.target in file.by}
    read = read_by_programs(observed)
    return OwnRun(read, frozenset(scripts | links), wrote=wrote, is_blind=bool(observed.failures))
