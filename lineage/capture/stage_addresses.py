"""Which of DVC's stages are meant, and how DVC addresses them from the project's folder."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from lineage.capture.dvc import is_outside
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.capture.dvc import DvcProject, DvcStage


def choose(
    project: DvcProject, folder: str, names: list[str] | None
) -> Iterator[tuple[str, DvcStage]]:
    """The chosen stages by the names that the manifest gives them."""
    available = {address(stage, folder): stage for stage in project.stages}
    if names is None:
        here = posixpath.join(folder, "dvc.yaml")
        own = {name: stage for name, stage in available.items() if stage.file == here}
        inside = {n: s for n, s in available.items() if not n.startswith("../")}
        yield from (own or inside).items()
        return
    for wanted in names:
        found = [(n, s) for n, s in available.items() if wanted in (n, group_address(s, folder))]
        if not found:
            known = ", ".join(sorted(available)) or "none"
            raise CaptureError(
                f"There is no stage {wanted!r} in the DVC project.",
                remedy=f"Name one of its stages in lineage.toml: {known[:500]}.",
            )
        yield from found


def address(stage: DvcStage, folder: str) -> str:
    """A stage's name as DVC addresses it from the project's folder."""
    return _addressed(stage, stage.name, folder)


def group_address(stage: DvcStage, folder: str) -> str:
    """The name that chooses a stage with all its instances."""
    return _addressed(stage, stage.group, folder)


def _addressed(stage: DvcStage, name: str, folder: str) -> str:
    file = relative(stage.file, folder)
    if file == "dvc.yaml":
        return name
    return f"{file}:{name}" if posixpath.basename(file) == "dvc.yaml" else file


def relative(path: str, folder: str) -> str:
    """A path relative to the project's folder; what lies outside stays as written."""
    if is_outside(path) or not folder:
        return path or "."
    return posixpath.relpath(path, folder)
