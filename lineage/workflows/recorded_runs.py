"""Validations and trainings that can be believed: watched commands, run between two captures."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.capture import metrics
from lineage.capture.command import Stamp, stamps
from lineage.capture.origin import OwnRun
from lineage.capture.version import VersionCapture
from lineage.capture.watch import watch
from lineage.contract.captured import CapturedVersion, CaptureRequest
from lineage.errors import CaptureError
from lineage.guard import requirements
from lineage.identity.components import Kind
from lineage.identity.digest import Digest, names
from lineage.identity.references import Reference
from lineage.workflows.own_parts import require_own_weights
from lineage.workflows.watched_runs import read_by_programs, watched_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.capture.dvc import DvcProject
    from lineage.capture.project import Project
    from lineage.capture.watch import Observed
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.identity.components import DataVersion, Weights
    from lineage.identity.watched import WatchedRun
    from lineage.workflows.validate import Validating


def run_and_validate(
    project: Project,
    registry: AnyRegistry,
    reference: str,
    wanted: Validating,
    command: Sequence[str],
    *,
    quiet_stdout: bool,
    actor: str,
) -> dict[str, Any]:
    """Run a validation and record its verdict: passed where it exits 0 and each requirement holds.

    Args:
        project: whose pipeline, data and weights are captured before and after.
        registry: where the verdict is recorded.
        reference: the version.
        wanted: what the caller said besides.
        command: the program and its arguments.
        quiet_stdout: what it prints goes to stderr.
        actor: who validates.

    Returns:
        JSON of the verdict.

    Raises:
        CaptureError: what is here is not the version's own, changed while the command ran, or the
            metrics were not written. Nothing is recorded then.
    """
    model = Reference.parse(reference).model
    version = registry.show(reference)
    before = _State.of(project, version, wanted)
    before.require_own(version, wanted.pipeline)
    path = project.metrics_path(model, wanted.metrics)
    path = path.absolute() if path is not None else None
    stamp = Stamp.of(path) if path is not None else None
    ran, observed = watch(command, project.top, quiet_stdout=quiet_stdout)
    before.require_same(_State.of(project, version, wanted))
    succeeded = ran.exit_status == 0
    values = None
    if path is not None and Stamp.of(path) != stamp and path.exists():
        values = metrics.read(path)
    elif path is not None and succeeded:
        raise CaptureError(
            f"The command did not write the metrics {path}.",
            remedy="Let it write them there, or name the file of metrics that it writes.",
        )
    outcomes = requirements.evaluate_all(project.config.model(model).requirements, values or {})
    stated = wanted.stated if succeeded else False
    if stated is None and all(outcome.holds is None for outcome in outcomes):
        stated = succeeded
    return registry.validate(
        version["ref"],
        before.pipeline,
        passed=requirements.verdict(outcomes, stated),
        metrics=values,
        outcomes=outcomes,
        run=ran.to_json(),
        data=before.validation_data,
        watched=[
            watched_run(
                project,
                before.pipeline.name,
                before.pipeline.version,
                ran,
                observed,
                data=[*before.data, *_digests(before.validation_data)],
            )
        ],
        actor=actor,
    )


def run_and_capture(
    project: Project,
    model: str,
    wanted: CaptureRequest,
    command: Sequence[str],
    *,
    quiet_stdout: bool,
) -> tuple[VersionCapture, CapturedVersion, WatchedRun]:
    """Run a training and capture what it made; what it was made from must not have changed.

    The code is what was there when the training began: what it writes into the tree itself (a
    ``dvc.lock``, metrics) makes no dirty version.

    Returns:
        What captured them, the captured components, and what was observed of the run.

    Raises:
        CaptureError: the tree is dirty, the command failed, or something changed while it ran.
    """
    capture = VersionCapture(project, model, wanted)
    before = capture.before_training()
    weights, _ = capture.weights_source
    old_stamps = stamps(weights)
    ran, observed = watch(command, project.top, quiet_stdout=quiet_stdout)
    if ran.exit_status != 0:
        raise CaptureError(
            f"The training ended with exit status {ran.exit_status}, so nothing is registered.",
            remedy="Mend what it reports and run it again.",
        )
    old = before.components
    after = VersionCapture(project, model, wanted)
    wrote = stamps(weights) != old_stamps
    captured = after.capture(old.code)
    new = captured.components
    if old.code is not None and project.git is not None and project.git.head != old.code.commit:
        raise _changed("another commit was checked out")
    if old.pipeline and new.pipeline and old.pipeline.blake3 != new.pipeline.blake3:
        raise _changed("the pipeline changed")
    moved = _differing(_digests(old.data), _digests(new.data))
    if moved:
        raise _changed(f"the data changed ({', '.join(moved[:3])})")
    captured = replace(captured, origin=after.origin(_own_run(observed, wrote=wrote)))
    watched = watched_run(
        project, captured.pipeline_name, new.pipeline, ran, observed, data=_digests(new.data)
    )
    return after, captured, watched


def _own_run(observed: Observed, *, wrote: bool) -> OwnRun | None:
    if observed.failures and not wrote:
        return None
    scripts = {script for file in observed.files for script in file.by}
    links = {file.path for file in observed.files if file.target in file.by}
    read = read_by_programs(observed)
    return OwnRun(read, frozenset(scripts | links), wrote=wrote, is_blind=bool(observed.failures))


@dataclass(frozen=True)
class _State:
    """What a validation rests on, as it is here at one moment."""

    pipeline: CapturedPipelineVersion
    data: Mapping[str, str]
    elsewhere: frozenset[str]
    """The version's data items that are no files of this project: they cannot be looked at."""
    weights: Weights | None
    validation_data: DataVersion | None

    @classmethod
    def of(cls, project: Project, version: dict[str, Any], wanted: Validating) -> _State:
        model = version["model"]
        weights = version["components"]["weights"]["path"]
        dvc = project.dvc(project.source())
        elsewhere = _elsewhere(project, dvc, version)
        here = CaptureRequest(
            Kind.EXPERIMENT,
            os.path.relpath(project.root / weights) if weights is not None else None,
            _data_here(project, version, elsewhere),
            with_blake3=True,
        )
        capture = VersionCapture(project, model, here, dvc)
        pipeline = capture.pipeline_version
        parts = capture.capture().components
        return cls(
            pipeline,
            _digests(parts.data),
            elsewhere,
            parts.weights,
            capture.validation_data(wanted.data),
        )

    def require_own(self, version: dict[str, Any], named: str | None) -> None:
        """Refuse what is not the version's own.

        Raises:
            CaptureError: the pipeline, the data or the weights are others.
        """
        ref, parts = version["ref"], version["components"]
        blake3, xxh3 = self.pipeline.version.blake3, self.pipeline.version.xxh3
        if named is not None:
            if not names(named, blake3, xxh3):
                raise CaptureError(
                    f"The pipeline here is {xxh3.short}, not {named[:80]}.",
                    remedy="Check out the one that you mean, or name none.",
                )
        elif parts["pipeline"]["blake3"] not in (None, blake3):
            raise CaptureError(
                f"The pipeline here ({xxh3.short}) is not the one that {ref} was registered with "
                f"({Digest(version['pipeline']).short}).",
                remedy="Check that one out, or validate it with the one here: "
                f"{act('validate', ref, '--', 'COMMAND', pipeline=xxh3.short)}",
            )
        own = {item["name"]: item["digest"] for item in parts["data"]}
        others = [name for name in _differing(own, self.data) if name not in self.elsewhere]
        if others:
            raise CaptureError(
                f"The data here is not that of {ref}: {', '.join(others[:3])}.",
                remedy="Bring the version's own data back and try again: check out its commit, "
                "then dvc checkout --force.",
            )
        require_own_weights(version, self.weights)

    def require_same(self, later: _State) -> None:
        """Refuse a verdict on what changed while the command ran.

        Raises:
            CaptureError: the pipeline, the data, the weights or the validation data changed.
        """
        if self.pipeline.version.blake3 != later.pipeline.version.blake3:
            raise _changed("the pipeline changed")
        pairs = (
            ("the data", self.data, later.data),
            (
                "the validation data",
                _digests(self.validation_data),
                _digests(later.validation_data),
            ),
        )
        for what, old, new in pairs:
            moved = sorted({*_differing(old, new), *_differing(new, old)})
            if moved:
                raise _changed(f"{what} changed ({', '.join(moved[:3])})")
        if self.weights != later.weights:
            raise _changed("the weights changed")


def _data_here(
    project: Project, version: dict[str, Any], elsewhere: frozenset[str]
) -> tuple[str, ...]:
    """A version's data items as they can be captured again, named from the current folder."""
    outside = _outside(project, version)
    names = [item["name"] for item in version["components"]["data"]]
    return tuple(
        outside[name] if name in outside else os.path.relpath(project.root / name)
        for name in names
        if name not in elsewhere
    )


def _outside(project: Project, version: dict[str, Any]) -> dict[str, str]:
    """The configured outside sources, ``name=uri@version``, by their name."""
    items = project.config.model(version["model"]).data
    return {text.partition("=")[0]: text for text in items if "://" in text}


def _elsewhere(project: Project, dvc: DvcProject, version: dict[str, Any]) -> frozenset[str]:
    """The data items that a flag stated and that neither the project nor DVC has a file of."""
    known = _outside(project, version)
    return frozenset(
        item["name"]
        for item in version["components"]["data"]
        if item["known"] == "asserted"
        and item["name"] not in known
        and not (project.root / item["name"]).exists()
        and dvc.covering(posixpath.normpath(posixpath.join(project.folder, item["name"]))) is None
    )


def _digests(data: DataVersion | None) -> dict[str, str]:
    return {item.name: item.digest for item in data.items} if data is not None else {}


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The names of the old whose digest is not the same in the new."""
    return sorted(name for name, digest in old.items() if new.get(name) != digest)


def _changed(what: str) -> CaptureError:
    return CaptureError(
        f"While the command ran, {what}: nothing is recorded.",
        remedy="Let nothing else write there meanwhile, and run it again.",
    )
