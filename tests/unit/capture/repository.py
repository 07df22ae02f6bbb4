"""A repository made of a dictionary, for the walk over what a stage runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.capture.code_graph.graph import CodeGraph
from lineage.capture.code_graph.tracked import LINK_MODE, SUBMODULE_MODE
from lineage.capture.code_graph.values import StageCode, StageToFollow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Files = dict[str, str | bytes]


class Link(str):
    """A symbolic link's target."""


class Submodule(str):
    """A submodule's commit."""


class Repository:
    """A ``CodeSource``; ``untracked`` files are there, ``gone`` ones are tracked but not there."""

    def __init__(
        self, files: Files, untracked: Files | None = None, gone: Iterable[str] = ()
    ) -> None:
        self._files = {**files, **(untracked or {})}
        self._untracked = sorted(untracked or ())
        self._gone = set(gone)
        modes = {Link: LINK_MODE, Submodule: SUBMODULE_MODE}
        self.tracked = {
            path: (modes.get(type(content), "100644"), path)
            for path, content in [*files.items(), *((path, "") for path in self._gone)]
        }
        self.read: list[str] = []

    def untracked_below(self, folder: str) -> list[str]:
        return self._untracked

    def contents(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        for path in paths:
            self.read.append(path)
            content = self._files.get(path)
            yield path, content.encode() if isinstance(content, str) else content

    def content_ids(self, paths: Iterable[str]) -> dict[str, str]:
        tracked = [path for path in paths if path in self.tracked]
        return {path: f"{path}@{id(self._files.get(path))}" for path in tracked}

    def link_target(self, path: str) -> str:
        return str(self._files[path])


def follow(files: Files, *cmd: str, made: Iterable[str] = (), **stage: object) -> StageCode:
    """What a stage with these commands runs."""
    declared = tuple(stage.pop("declared", ()))  # type: ignore[arg-type,call-overload]
    graph = CodeGraph(Repository(files), tuple(made))
    return graph.follow(StageToFollow(tuple(cmd), declared=declared, **stage))  # type: ignore[arg-type]


def found(files: Files, *cmd: str, **stage: object) -> set[str]:
    """The files that it runs."""
    return set(follow(files, *cmd, **stage).files)  # type: ignore[arg-type]


def unseen(files: Files, *cmd: str, **stage: object) -> list[tuple[str, str, str]]:
    """What of it could not be followed."""
    code = follow(files, *cmd, **stage)  # type: ignore[arg-type]
    return [(str(one.place), one.kind.value, one.text) for one in code.unseen]
