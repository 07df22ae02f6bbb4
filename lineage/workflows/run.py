"""Running DVC's stages, as DVC runs them, and keeping what they were observed to read."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineage.capture.watch import ProgramKind, watch
from lineage.errors import CaptureError
from lineage.workflows.measured_files import note_measured
from lineage.workflows.watched_runs import is_dvc, keep, watched_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.capture.project import Project
    from lineage.capture.watch import Observed
    from lineage.identity.pipeline import PipelineVersion
    from lineage.identity.watched import WatchedRun


@dataclass(frozen=True)
class StageRun:
    """Stages that were run: what was observed, by the pipeline that it was held against.

    ``kept`` tells that a registration or validation finds it: it is not where no stage ran.
    """

    watched: Mapping[str, tuple[PipelineVersion, WatchedRun]]
    kept: bool

    def to_json(self) -> dict[str, Any]:
        """JSON of `run`."""
        return {
            "kept": self.kept,
            "pipelines": [
                {"name": name, "digest": version.xxh3, "watched": run.to_json()}
                for name, (version, run) in self.watched.items()
            ],
        }


def run(
    project: Project, stages: Sequence[str], *, force: bool = False, quiet_stdout: bool = False
) -> StageRun:
    """Run stages of the project by ``dvc repro``, and keep what they were observed to read.

    Args:
        project: whose stages.
        stages: their names; all where there are none.
        force: run those too that DVC finds unchanged.
        quiet_stdout: what they print goes to stderr.

    Raises:
        CaptureError: there is no pipeline, DVC failed, or the pipeline changed meanwhile.
        UsageError: the project's own folder cannot be made.
    """
    before = _pipelines(project)
    if not before:
        raise CaptureError(
            f"{project.root} has no dvc.yaml whose stages could be run.",
            remedy="Describe them in dvc.yaml: dvc stage add.",
        )
    words = ["--cd", str(project.root), "repro", *(["--force"] if force else []), *stages]
    ran, observed = watch([*dvc_program(), *words], project.top, quiet_stdout=quiet_stdout)
    if ran.exit_status != 0:
        raise CaptureError(
            f"dvc repro ended with exit status {ran.exit_status}, so nothing is kept.",
            remedy="Mend what it reports and run it again.",
        )
    note_measured(project, observed)
    after = _pipelines(project)
    changed = [name for name, version in before.items() if after.get(name) != version]
    if changed:
        raise CaptureError(
            f"While the stages ran, pipeline {changed[0]} changed: nothing is kept.",
            remedy="Let nothing else write there meanwhile, and run it again.",
        )
    watched = {
        name: (version, watched_run(project, name, version, ran, observed))
        for name, version in before.items()
    }
    kept = list(watched.values()) if ran_something(observed) else []
    kept = [(version, one) for version, one in kept if _ran_of(version, one)]
    for version, one in kept:
        try:
            keep(project, version, one)
        except OSError as error:
            raise CaptureError(
                f"What was observed cannot be kept in {project.root}/.lineage: {error.strerror}.",
                remedy="Make the folder writable.",
            ) from None
    return StageRun(watched, bool(kept))


def dvc_program() -> list[str]:
    """The words by which DVC is run: its command, else the module that is installed with us."""
    found = shutil.which("dvc")
    return [found] if found is not None else [sys.executable, "-m", "dvc"]


def _pipelines(project: Project) -> dict[str, PipelineVersion]:
    """The pipelines that the project describes, as they are here."""
    if project.git is not None:
        project.git.refresh()
    names = sorted(project.config.pipelines()) or [project.root.name]
    dvc = project.dvc_here()
    found = ((name, project.pipeline_in(dvc, project.config, name)) for name in names)
    return {name: captured.version for name, captured in found if captured is not None}


def _ran_of(version: PipelineVersion, run: WatchedRun) -> bool:
    """Whether something of a pipeline ran; of one without code, whatever did."""
    stages = version.manifest.stages.values() if version.manifest is not None else ()
    return bool(run.code or run.undeclared) or not any(stage.code for stage in stages)


def ran_something(observed: Observed) -> bool:
    """Whether a program other than DVC took part: DVC passes over what is up to date."""
    programs = {one for file in observed.files for one in file.by}
    others = any(one.kind is not ProgramKind.LAUNCHER for one in observed.unobserved)
    return others or not all(map(is_dvc, programs))
