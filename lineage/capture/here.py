"""The working tree as it is when it is asked of, and what DVC knows of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lineage.capture.dvc import DvcProject
from lineage.capture.source import WorkingTree

if TYPE_CHECKING:
    from pathlib import Path

    from lineage.capture.git import GitRepository


class Here:
    """What git and DVC say of a project's folder, each asked once."""

    def __init__(self, top: Path, git: GitRepository | None, folder: str) -> None:
        self._top, self._git, self._folder = top, git, folder

    @cached_property
    def source(self) -> WorkingTree:
        """The files."""
        if self._git is not None:
            self._git.refresh()
        return WorkingTree(self._top, self._git)

    @cached_property
    def dvc(self) -> DvcProject:
        """The stages, and the paths that DVC tracks."""
        return DvcProject(self.source, self._folder)
