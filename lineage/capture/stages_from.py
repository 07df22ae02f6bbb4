"""The stages of DVC's by way of which a file leads to what other stages make."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from lineage.capture.dvc import overlap
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.capture.dvc import DvcProject, DvcStage


def stages_from(dvc: DvcProject, path: str, stages: Iterable[DvcStage]) -> list[DvcStage]:
    """The stages between a path and the named ones, with these, each before what reads of it.

    Args:
        dvc: whose stages.
        path: a file or a folder, relative to the top of the repository; what makes it is left out.
        stages: where the way ends; they are there also where the path does not lead to them.

    Raises:
        CaptureError: the stages are made from each other in a circle.
    """
    ends = {(stage.file, stage.name): stage for stage in stages}
    known = dict(ends)
    before: dict[tuple[str, str], list[tuple[str, str]]] = {}
    pending = list(ends.values())
    for stage in pending:  # which grows
        makers = [
            made
            for dep in stage.deps
            for made in dvc.making(dep)
            if not any(overlap(out, path) for out in made.outs)
        ]
        before[stage.file, stage.name] = [(made.file, made.name) for made in makers]
        for made in makers:
            if (made.file, made.name) not in known:
                known[made.file, made.name] = made
                pending.append(made)
    found: dict[tuple[str, str], DvcStage] = {}
    try:
        for key in TopologicalSorter(before).static_order():
            if key in ends or reads(known[key], path) or any(one in found for one in before[key]):
                found[key] = known[key]
    except CycleError:
        raise CaptureError(
            "Stages in dvc.yaml are made from each other in a circle.",
            remedy="See which ones: dvc dag",
        ) from None
    return list(found.values())


def reads(stage: DvcStage, path: str) -> bool:
    """Whether a stage declares that it reads a path, something in it, or a folder around it."""
    return any(overlap(dep, path) for dep in stage.deps)
