"""Whose weights a metrics file is of, as far as it is known; and how a version is evaluated here.

A stated verdict takes its metrics from a file, which whatever ran last has written. Two remember
what that read: ``dvc.lock`` of a stage, and ``.lineage/runs/measured.json`` of a run that was
watched. A file that neither knows is taken as the person says.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.capture.dvc import overlap
from lineage.capture.stage_addresses import address, choose
from lineage.capture.stages_from import reads, stages_from
from lineage.errors import CaptureError, LineageError
from lineage.hashing.files import hash_path
from lineage.workflows.dvc_records import is_in, locked, recorded, wrote
from lineage.workflows.measured_files import from_top, measured
from lineage.workflows.own_parts import is_own, weights_here, weights_place
from lineage.workflows.watched_runs import is_dvc, read_by_programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lineage.capture.command import Run
    from lineage.capture.dvc import DvcStage
    from lineage.capture.lock import Lock
    from lineage.capture.project import Project
    from lineage.capture.watch import Observed


def require_own_metrics(
    project: Project, version: Mapping[str, Any], metrics: Path, remedy: str
) -> None:
    """Refuse metrics that are known to be of other weights than a version's, which are here.

    Args:
        project: where they were written.
        version: JSON of the version.
        metrics: the file.
        remedy: what to do instead.

    Raises:
        CaptureError: a run wrote them that read other weights.
    """
    said = made_of_others(project, version, metrics, own_here=True)
    if said is not None:
        raise CaptureError(said, remedy=remedy)


def made_of_others(
    project: Project, version: Mapping[str, Any], metrics: Path, *, own_here: bool
) -> str | None:
    """That a file of metrics is known to be of other weights than a version's; None where not.

    Where the version's own weights are not here, it is known of what was made of those that are.
    """
    weights = weights_place(project, version)
    if version["weights"] is None:
        return None
    path = from_top(project, metrics)
    said = f"The metrics {path} are not of the weights of {version['ref']}"
    if weights is None:
        table = project.config.model(version["model"])
        lay = version["components"]["weights"]["path"], table.weights
        places = [from_top(project, project.root / one) for one in lay if one is not None]
        ways = (_told_by_a_run(project, version, path, place) for place in places)
        told = next(filter(None, ways), None)
        return f"{said}: {told}." if told is not None else None
    place = from_top(project, weights)
    told = (_told_by_dvc if own_here else _told_of_these)(project, path, place)
    told = told or _told_by_a_run(project, version, path, place)
    if told is not None:
        return f"{said}: {told}."
    told = _told_of_others(project, version, path, place)
    configured = _configured(project, version["model"], place)
    if told is None and configured is not None:
        told = _told_by_a_run(project, version, path, configured, instead=place)
    return f"{said}, which lie at {place}: {told}." if told is not None else None


def require_own_run(
    project: Project,
    version: Mapping[str, Any],
    metrics: Path | None,
    weights: Path | None,
    ran: Run,
    observed: Observed,
    *,
    pipeline: str | None = None,
    environment: str | None = None,
) -> None:
    """Refuse a run that measured other weights, or what stages of DVC's had made of others.

    Args:
        project: where it ran.
        version: JSON of the version.
        metrics: what it wrote; nothing is known where it wrote none.
        weights: where the version's own lie.
        ran: the command; of one that failed nothing is asked.
        observed: what was observed of it: whether DVC took part, whose lock tells.
        pipeline: the one that was named.
        environment: whose deployed pipeline ran.

    Raises:
        CaptureError: ``dvc.lock`` says that a stage on the way read others, or one that made what
            the command was seen to read; or it was seen to read the weights that are configured,
            and not the version's.
    """
    programs = {*ran.command, *(one for file in observed.files for one in file.by)}
    if metrics is None or weights is None or version["weights"] is None:
        return
    if ran.exit_status != 0:
        return
    path, place = from_top(project, metrics), from_top(project, weights)
    ref, is_by_dvc = version["ref"], any(map(is_dvc, programs))
    said = f"The command measured other weights than those of {ref} in {path}"

    def again() -> str:
        command = evaluation(project, version["model"], weights)
        return act("validate", ref, "--", *command, pipeline=pipeline, in_=environment)

    told = _told_by_dvc(project, path, place) if is_by_dvc else None
    told = told or _read_made_of_others(project, observed, place)
    if told is not None:
        raise CaptureError(
            f"{said}: {told}. Nothing is recorded.",
            remedy=f"Run each stage between the weights and the metrics: {again()}",
        )
    seen = read_by_programs(observed) | {folder.path for folder in observed.folders}
    if any(overlap(one, place) for one in seen):
        return
    if is_by_dvc:
        told = _told_of_others(project, version, path, place)
    elif observed.is_complete:
        configured = _configured(project, version["model"], place)
        if configured is not None and not _holds_own(project, version, version["model"]):
            read = any(overlap(one, configured) for one in seen)
            told = f"it read those at {configured}" if read else None
    if told is not None:
        raise CaptureError(
            f"{said}, which lie at {place}: {told}. Nothing is recorded.",
            remedy=f"Bring them to where it reads them, or check out their commit: {again()}",
        )


def evaluation(project: Project, model: str, weights: Path | None) -> tuple[str, ...]:
    """The words that evaluate a model here; ``COMMAND`` where nothing says.

    They are ``evaluate`` of the configuration, a command or a stage of DVC's, else the stage that
    writes the configured metrics. Before a stage come those on the way to it from the weights, else
    from where these are configured.
    """
    table = project.config.model(model)
    stages: list[DvcStage] = []
    with suppress(LineageError):
        dvc = project.dvc_here()
        if table.evaluate is not None:
            with suppress(LineageError):
                stages = [stage for _, stage in choose(dvc, project.folder, [table.evaluate])]
        elif table.metrics is not None:
            stages = dvc.making(from_top(project, project.root / table.metrics))
        configured = project.root / table.weights if table.weights is not None else None
        for place in filter(None, (weights, configured)):
            path = from_top(project, place)
            way = stages_from(dvc, path, stages)
            if any(reads(stage, path) for stage in way):
                stages = way
                break
    if stages:
        names = (address(stage, project.folder) for stage in stages)
        return ("dvc", "repro", "--single-item", "--force", *names)
    with suppress(ValueError):
        return tuple(shlex.split(table.evaluate or "")) or ("COMMAND",)
    return ("COMMAND",)


def _told_by_dvc(project: Project, metrics: str, weights: str) -> str | None:
    """That DVC's lock has other weights for the stages whose metrics these are."""
    return _told_of(project, [metrics], weights)


def _told_of_these(project: Project, metrics: str, weights: str) -> str | None:
    """That DVC's lock has the weights here, which are not the version's, for all on the way."""
    dvc = project.dvc_here()
    makers = dvc.making(metrics)
    if not makers:
        return None
    with locked(project, dvc) as lock:
        way = stages_from(dvc, weights, [one for one in makers if wrote(lock, one, metrics)])
        if any(_read_other(lock, stage, way, weights) is not None for stage in way):
            return None
        for stage in way:
            read = recorded(lock, stage, "deps")
            if any(overlap(path, weights) and digest is not None for path, digest in read):
                return f"dvc.lock records that {address(stage, project.folder)} read those here"
    return None


def _read_made_of_others(project: Project, observed: Observed, weights: str) -> str | None:
    """That a command was seen to read what a stage had made of other weights."""
    written = {file.path for file in observed.files if file.is_written}
    folders = {folder.path for folder in observed.folders if folder.is_input}
    read = {path for path in read_by_programs(observed) | folders if not overlap(path, weights)}
    told = _told_of(project, sorted(read - written), weights)
    return f"of what it read, {told}" if told is not None else None


def _told_of(project: Project, paths: Iterable[str], weights: str) -> str | None:
    """That DVC's lock has other weights for the stages that made files as they are here."""
    dvc = project.dvc_here()
    makers = [(path, stage) for path in paths for stage in dvc.making(path)]
    if not makers:
        return None
    with locked(project, dvc) as lock:
        made = [stage for path, stage in makers if wrote(lock, stage, path)]
        way = stages_from(dvc, weights, made)
        for stage in way:
            path = _read_other(lock, stage, way, weights)
            if path is not None:
                return (
                    f"dvc.lock records that {address(stage, project.folder)} read others at {path}"
                )
    return None


def _read_other(lock: Lock, stage: DvcStage, way: list[DvcStage], weights: str) -> str | None:
    """What a stage read otherwise: the weights than they are here, or what was made from them.

    What was made from them must be what the run that made it left, else what is here.
    """
    for path, digest in recorded(lock, stage, "deps"):
        if digest is None:
            continue
        makers = [one for one in way if any(overlap(out, path) for out in one.outs)]
        left = [one for made in makers for at, one in recorded(lock, made, "outs") if at == path]
        if overlap(path, weights) or (makers and not left):
            is_other = lock.is_as_recorded(path, digest) is False
        else:
            is_other = bool(left) and digest not in left
        if is_other:
            return weights if is_in(path, weights) else path
    return None


def _configured(project: Project, model: str, place: str) -> str | None:
    """The configured weights of a model, where these lie at another place and something is here."""
    configured = project.config.model(model).weights
    if configured is None:
        return None
    path = from_top(project, project.root / configured)
    return path if not overlap(path, place) and (project.top / path).exists() else None


def _holds_own(project: Project, version: Mapping[str, Any], model: str) -> bool:
    """Whether a model's configured weights are a version's own, too."""
    here = weights_here(project).get(project.config.model(model).weights or "")
    return here is not None and is_own(version, str(here.xxh3), here.blake3)


def _told_of_others(
    project: Project, version: Mapping[str, Any], metrics: str, weights: str
) -> str | None:
    """That a stage on the way to the metrics reads configured weights, and none the version's.

    The configured ones are those of its model, where its own lie elsewhere, and of other models.
    """
    dvc = project.dvc_here()
    with locked(project, dvc) as lock:
        made = [stage for stage in dvc.making(metrics) if wrote(lock, stage, metrics)]
    if not made or any(reads(stage, weights) for stage in stages_from(dvc, weights, made)):
        return None
    for model in sorted(project.config.models):
        configured = _configured(project, model, weights)
        way = stages_from(dvc, configured, made) if configured is not None else []
        for stage in way:
            if configured is None or not reads(stage, configured):
                continue
            if model == version["model"]:
                told = _told_by_dvc(project, metrics, configured)
                if told is not None:
                    return told
            if not _holds_own(project, version, model):
                return f"{address(stage, project.folder)} reads those at {configured}"
    return None


def _told_by_a_run(
    project: Project,
    version: Mapping[str, Any],
    metrics: str,
    weights: str,
    *,
    instead: str | None = None,
) -> str | None:
    """That other weights lay there as the watched run ended which wrote these metrics.

    ``instead`` is a place at which others would count.
    """
    known = measured(project).get(metrics)
    if known is None or weights not in known["weights"] or instead in known["weights"]:
        return None
    digest = hash_path(project.top / metrics, with_blake3=True).blake3
    if known["digest"] != str(digest) or is_own(version, *known["weights"][weights]):
        return None
    return f"the run that wrote them was watched, and had others at {weights}"
