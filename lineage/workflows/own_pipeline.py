"""Whether what a verdict rests on was made by the pipeline that the verdict is about.

A pipeline version says what runs from now on; what lies here may have been made by an older one.
DVC's lock tells what each stage was last run with, and the commit that recorded it its code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.dvc import overlap
from lineage.capture.lock import Lock
from lineage.capture.origin import OriginReader
from lineage.capture.stage_addresses import address, choose
from lineage.capture.stages_from import reads, stages_behind
from lineage.errors import CaptureError
from lineage.hashing.files import hash_path
from lineage.workflows.dvc_records import hashing, recorded, wrote
from lineage.workflows.measured_files import from_top, measured, note_older
from lineage.workflows.own_parts import weights_place
from lineage.workflows.watched_runs import read_by_programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from lineage.capture.command import Run
    from lineage.capture.dvc import DvcProject, DvcStage
    from lineage.capture.project import Project
    from lineage.capture.watch import Observed

_NOWHERE: Final = "/"
"""Where weights are that lie outside: it overlaps with no path from the top of a repository."""


@dataclass
class Outdated:
    """The stages that were last run with something else than what is here, each with what differs.

    They are named as DVC addresses them, each before those that read of it: by what DVC knows, and
    by the code that they import, of which it does not know; ``stages`` are all of them.
    """

    by_dvc: dict[str, str] = field(default_factory=dict)
    by_code: dict[str, str] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)


def require_own_pipeline(
    project: Project, version: Mapping[str, Any], metrics: Path, pipeline: str, instead: str
) -> list[str]:
    """Refuse metrics that are known to be measured on what an older pipeline made.

    Args:
        project: where they were written.
        version: JSON of the version.
        metrics: the file.
        pipeline: the digest of the pipeline version that is here.
        instead: what else a person could do, for the remedy.

    Returns:
        What a person should know of them.

    Raises:
        CaptureError: ``dvc.lock`` says that a stage on the way ran with something else, or said so
            when a run was refused that wrote them.
    """
    path = from_top(project, metrics)
    said = f"The metrics {path} were not measured with the pipeline as it is here"
    why = _of_a_refused_run(project, path, pipeline)
    if why is not None:
        raise CaptureError(
            f"{said}: {why}.", remedy=f"Run what wrote them once more, and watched; or {instead}"
        )
    found = outdated(project, version["model"], [path], weights_place(project, version))
    if found.by_dvc:
        raise CaptureError(
            f"{said}: {next(iter(found.by_dvc.values()))}.",
            remedy=f"Make them anew ({_repro(found)}), and validate again; or {instead}",
        )
    return list(_code_notes(found))


def _of_a_refused_run(project: Project, path: str, pipeline: str) -> str | None:
    """Why a run was refused that wrote a file as it is, with that pipeline version here."""
    known = measured(project).get(path)
    if known is None or pipeline not in known["older"]:
        return None
    digest = hash_path(project.top / path, with_blake3=True).blake3
    why: str | None = known["older"][pipeline] if known["digest"] == str(digest) else None
    return why


def require_own_inputs(
    project: Project,
    version: Mapping[str, Any],
    pipeline: str,
    ran: Run,
    observed: Observed,
    files: Iterable[Path],
) -> list[str]:
    """Refuse a run that read what DVC knows that an older pipeline made.

    Args:
        project: where it ran.
        version: JSON of the version.
        pipeline: the digest of the pipeline version that is here.
        ran: the command; of one that failed nothing is asked.
        observed: what was observed of it.
        files: what it wrote, and a verdict could be stated of.

    Returns:
        What a person should know of what it read.

    Raises:
        CaptureError: it did.
    """
    read = read_by_programs(observed) | {one.path for one in observed.folders if one.is_input}
    if ran.exit_status != 0 or not read:
        return []
    found = outdated(project, version["model"], read, weights_place(project, version))
    if found.by_dvc:
        why = next(iter(found.by_dvc.values()))
        note_older(project, files, pipeline, why)
        raise CaptureError(
            f"The command read what was not made by the pipeline as it is here: {why}. Nothing is "
            "recorded.",
            remedy=f"Make it anew ({_repro(found)}), and run this again.",
        )
    return list(_code_notes(found))


def _repro(found: Outdated) -> str:
    """What runs those stages that DVC finds changed, in order, and nothing else."""
    return f"dvc repro --single-item {' '.join(found.by_dvc)}"


def _code_notes(found: Outdated) -> Iterator[str]:
    """That code changed which DVC does not know of: what it made may be the same."""
    for said in list(found.by_code.values())[:1]:
        yield (
            f"{said}, and DVC does not know it: the verdict may be on what older code made; "
            f"make it anew: dvc repro --single-item --force {' '.join(found.by_code)}"
        )


def outdated(
    project: Project, model: str, paths: Iterable[str] | None, weights: Path | None
) -> Outdated:
    """The stages on the way to files that were last run with something else than what is here.

    Those of the model's pipeline, and what reads of them. What nobody recorded is not known. What
    makes the weights is left out: a version's own are measured, whatever its training is by now.

    Args:
        project: where the files lie.
        model: whose pipeline.
        paths: the files, relative to the top of the repository; None for all that is made of what
            the pipeline's stages make, but by way of a model's weights.
        weights: where the version's weights belong.

    Raises:
        CaptureError: DVC's files cannot be read.
    """
    dvc, found = project.dvc_here(), Outdated()
    table = project.config.pipelines().get(project.config.pipeline_of(model))
    place = from_top(project, weights) if weights is not None else _NOWHERE
    own = [one for _, one in choose(dvc, project.folder, table.stages if table else None)]
    ends = _without_weights(project, dvc, place) if paths is None else []
    makers = [(path, one) for path in sorted(paths or ()) for one in dvc.making(path)]
    makers = [(path, one) for path, one in makers if not _makes(one, place)]
    if not (ends or makers):
        return found
    with hashing(project, dvc) as hasher:
        lock = Lock(dvc, hasher)
        ends += [one for path, one in makers if wrote(lock, one, path)]
        way = [one for one in stages_behind(dvc, place, ends) if lock.entry(one) is not None]
        mine = [one for one in way if one in own and not one.frozen]
        imports = table is None or table.imports
        code = OriginReader(model, dvc, project.git, hasher, imports=imports).changed_code(
            lock, mine
        )
        for stage in way:
            name = address(stage, project.folder)
            before = [] if stage.frozen else [one for dep in stage.deps for one in dvc.making(dep)]
            names = [address(one, project.folder) for one in before]
            if stage in mine:
                said = lock.differences(stage)
            else:
                said = [*_read_other(lock, stage, [one for one in before if one in mine])]
            changed = [f"{path} changed after {name} ran" for path in code.get(_key(stage), ())]
            for told, own_said in ((found.by_dvc, said), (found.by_code, changed)):
                whys = [*own_said, *(told[one] for one in names if one in told)]
                if whys:
                    told[name] = whys[0]
            if name in found.by_dvc or name in found.by_code:
                found.stages.append(name)
    return found


def _key(stage: DvcStage) -> tuple[str, str]:
    return stage.file, stage.name


def _without_weights(project: Project, dvc: DvcProject, own: str) -> list[DvcStage]:
    """The stages that neither make nor read a model's weights, nor what is made of such."""
    configured = (table.weights for table in project.config.models.values())
    places = {own, *(from_top(project, project.root / one) for one in configured if one)}
    left_out: set[tuple[str, str]] = set()
    kept = []
    for stage in stages_behind(dvc, _NOWHERE, dvc.stages):
        made_of = {_key(one) for dep in stage.deps for one in dvc.making(dep)}
        if made_of & left_out or any(_makes(stage, at) or reads(stage, at) for at in places):
            left_out.add(_key(stage))
        else:
            kept.append(stage)
    return kept


def _makes(stage: DvcStage, path: str) -> bool:
    return any(overlap(out, path) for out in stage.outs)


def _read_other(lock: Lock, stage: DvcStage, makers: list[DvcStage]) -> Iterator[str]:
    """What a stage read otherwise than stages of the pipeline have made it since."""
    made = {at for one in makers for at, _ in recorded(lock, one, "outs")}
    for path, digest in recorded(lock, stage, "deps"):
        if path in made and digest is not None and lock.is_as_recorded(path, digest) is False:
            yield f"{path} is not what {stage.name} was run with"
