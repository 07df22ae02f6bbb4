"""The stages of DVC's by way of which a file leads to what other stages make."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from lineage.capture.dvc import overlap
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lineage.capture.dvc import DvcProject, DvcStage

    _Key = tuple[str, str]


def stages_from(dvc: DvcProject, path: str, stages: Iterable[DvcStage]) -> list[DvcStage]:
    """The stages between a path and the named ones, with these, each before what reads of it.

    Args:
        dvc: whose stages.
        path: a file or a folder, relative to the top of the repository; what makes it is left out.
        stages: where the way ends; they are there also where the path does not lead to them.

    Raises:
        CaptureError: the stages are made from each other in a circle.
    """
    ends = {_key(stage): stage for stage in stages}
    found: set[_Key] = set()
    way = []
    for stage, before in _in_order(dvc, path, ends.values(), through_frozen=True):
        if _key(stage) in ends or reads(stage, path) or found & before:
            found.add(_key(stage))
            way.append(stage)
    return way


def stages_behind(dvc: DvcProject, path: str, stages: Iterable[DvcStage]) -> list[DvcStage]:
    """The named stages and all that they are made from, each before what reads of it.

    Args:
        dvc: whose stages.
        path: what makes it, relative to the top of the repository, is left out.
        stages: where the way ends.

    Raises:
        CaptureError: the stages are made from each other in a circle.
    """
    return [stage for stage, _ in _in_order(dvc, path, stages, through_frozen=False)]


def _in_order(
    dvc: DvcProject, path: str, stages: Iterable[DvcStage], *, through_frozen: bool
) -> Iterator[tuple[DvcStage, set[_Key]]]:
    """Stages and what they are made from, but for what makes a path; each with those before it."""
    known = {_key(stage): stage for stage in stages}
    before: dict[_Key, set[_Key]] = {}
    pending = list(known.values())
    for stage in pending:  # which grows
        makers = {
            _key(made): made
            for dep in (stage.deps if through_frozen or not stage.frozen else ())
            for made in dvc.making(dep)
            if not any(overlap(out, path) for out in made.outs)
        }
        before[_key(stage)] = set(makers)
        pending += [made for key, made in makers.items() if key not in known]
        known |= makers
    try:
        for key in TopologicalSorter(before).static_order():
            yield known[key], before[key]
    except CycleError:
        raise CaptureError(
            "Stages in dvc.yaml are made from each other in a circle.",
            remedy="See which ones: dvc dag",
        ) from None


def _key(stage: DvcStage) -> _Key:
    return stage.file, stage.name


def reads(stage: DvcStage, path: str) -> bool:
    """Whether a stage declares that it reads a path, something in it, or a folder around it."""
    return any(overlap(dep, path) for dep in stage.deps)
