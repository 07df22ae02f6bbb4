"""Whether what a verdict rests on was made by the pipeline that the verdict is about.

A pipeline version says what runs from now on; what lies here may have been made by an older one.
DVC's lock tells what each stage was last run with, and the commit that recorded it its code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.capture.dvc import overlap
from lineage.capture.lock import Lock
from lineage.capture.origin import OriginReader
from lineage.capture.stage_addresses import address, choose
from lineage.capture.stages_from import reads, stages_behind
from lineage.errors import CaptureError
from lineage.workflows.dvc_records import hashing, recorded, wrote
from lineage.workflows.measured_files import from_top
from lineage.workflows.own_metrics import evaluation
from lineage.workflows.own_parts import weights_place
from lineage.workflows.watched_runs import kept, read_by_programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lineage.capture.command import Run
    from lineage.capture.dvc import DvcStage
    from lineage.capture.project import Project
    from lineage.capture.watch import Observed

_NOWHERE = "/"
"""Where weights are that lie outside: it overlaps with no path from the top of a repository."""


def require_own_pipeline(
    project: Project, version: Mapping[str, Any], metrics: Path, instead: str
) -> None:
    """Refuse metrics that are known to be measured on what an older pipeline made.

    Args:
        project: where they were written.
        version: JSON of the version.
        metrics: the file.
        instead: what else a person could do, for the remedy.

    Raises:
        CaptureError: ``dvc.lock`` says that a stage on the way ran with something else.
    """
    path = from_top(project, metrics)
    told = outdated(project, version["model"], [path], weights_place(project, version))
    if told:
        raise CaptureError(
            f"The metrics {path} were not measured with the pipeline as it is here: "
            f"{next(iter(told.values()))}.",
            remedy=f"{_made_anew(project, version, told)}; or {instead}",
        )


def require_own_inputs(
    project: Project, version: Mapping[str, Any], ran: Run, observed: Observed
) -> None:
    """Refuse a run that read what an older pipeline made.

    Args:
        project: where it ran.
        version: JSON of the version.
        ran: the command; of one that failed nothing is asked.
        observed: what was observed of it.

    Raises:
        CaptureError: it did.
    """
    written = {file.path for file in observed.files if file.is_written}
    read = read_by_programs(observed) | {one.path for one in observed.folders if one.is_input}
    if ran.exit_status != 0 or read <= written:
        return
    told = outdated(project, version["model"], read - written, weights_place(project, version))
    if told:
        raise CaptureError(
            "The command read what was not made by the pipeline as it is here: "
            f"{next(iter(told.values()))}. Nothing is recorded.",
            remedy=_made_anew(project, version, told),
        )


def outdated(
    project: Project, model: str, paths: Iterable[str] | None, weights: Path | None
) -> dict[str, str]:
    """The stages on the way to files that were last run with something else than what is here.

    Those of the model's pipeline, and what reads of them. What nobody recorded is not known. What
    makes the weights is left out: a version's own are measured, whatever its training is by now.

    Args:
        project: where the files lie.
        model: whose pipeline.
        paths: the files, relative to the top of the repository; None for all that the pipeline's
            stages make without the weights.
        weights: where the version's weights belong.

    Returns:
        What differs, by the stages as DVC addresses them, each before those that read of it.

    Raises:
        CaptureError: DVC's files cannot be read.
    """
    dvc, name = project.dvc_here(), project.config.pipeline_of(model)
    table = project.config.pipelines().get(name)
    place = from_top(project, weights) if weights is not None else _NOWHERE
    own = [one for _, one in choose(dvc, project.folder, table.stages if table else None)]
    if paths is None:
        ends = [(out, one) for one in own for out in one.outs if not _is_of(one, place)]
    else:
        made = [(path, one) for path in sorted(paths) for one in dvc.making(path)]
        ends = [(path, one) for path, one in made if not _makes(one, place)]
    if not ends:
        return {}
    with hashing(project, dvc) as hasher:
        lock = Lock(dvc, hasher)
        ways = [one for path, one in ends if paths is None or wrote(lock, one, path)]
        way = [one for one in stages_behind(dvc, place, ways) if lock.entry(one) is not None]
        mine = [one for one in way if one in own and not one.frozen]
        imports = table is None or table.imports
        reader = OriginReader(model, dvc, project.git, hasher, imports=imports)
        changed = reader.changed_code(lock, mine)
        run: set[str] = set()
        if any(changed.values()):
            version = project.capture_pipeline(name).version
            run = {path for one in kept(project, version) for path in one.code}
        found: dict[str, str] = {}
        for stage in way:
            called = address(stage, project.folder)
            makers = [] if stage.frozen else [one for dep in stage.deps for one in dvc.making(dep)]
            before = [found.get(address(one, project.folder)) for one in makers]
            if stage in mine:
                code = sorted(changed.get((stage.file, stage.name), set()) - run)
                own_said = [f"{path} changed after {called} ran" for path in code]
                said = [*lock.differences(stage), *own_said, *before]
            else:
                said = [*before, _reads_other(lock, stage, [one for one in makers if one in mine])]
            why = next(filter(None, said), None)
            if why is not None:
                found[called] = why
    return found


def _is_of(stage: DvcStage, weights: str) -> bool:
    return _makes(stage, weights) or reads(stage, weights)


def _makes(stage: DvcStage, path: str) -> bool:
    return any(overlap(out, path) for out in stage.outs)


def _reads_other(lock: Lock, stage: DvcStage, makers: list[DvcStage]) -> str | None:
    """That a stage read something else than stages of the pipeline have made since."""
    made = {at for one in makers for at, _ in recorded(lock, one, "outs")}
    for path, digest in recorded(lock, stage, "deps"):
        if path in made and digest is not None and lock.is_as_recorded(path, digest) is False:
            return f"{path} is not what {stage.name} was run with"
    return None


def _made_anew(project: Project, version: Mapping[str, Any], told: Mapping[str, str]) -> str:
    """What to do: make anew what is outdated, and evaluate that."""
    ref, model = version["ref"], version["model"]
    words = evaluation(project, model, weights_place(project, version))
    here = project.capture_pipeline(project.config.pipeline_of(model))
    is_own = str(here.version.xxh3) == version["pipeline"]
    named = None if is_own else f"{here.name}@{here.version.xxh3.short}"
    again = ("dvc", "repro", "--single-item", "--force")
    if words[: len(again)] == again:
        stages = dict.fromkeys([*told, *words[len(again) :]])
        run = act("validate", ref, "--", *again, *stages, pipeline=named)
        return f"Make it anew on the way: {run}"
    run = act("validate", ref, "--", *words, pipeline=named)
    return f"Make it anew ({act('run', *told, force=True)}), then evaluate it: {run}"
