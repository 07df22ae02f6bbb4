"""What lies in the user's own checkout at one moment, so that a later change of it is noticed.

Looked at is what git and DVC track there and what is new: by the state of each file, which any
writing changes, and by content where git says that a tracked file is what its index holds.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineage.capture.command import Stamp, stamps
from lineage.errors import LineageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lineage.capture.git import Entry
    from lineage.capture.project import Project


@dataclass(frozen=True)
class CheckoutState:
    """The commit, and of every file its stamp; ``clean`` are the files that git calls unmodified.

    Paths are relative to the top of the repository.
    """

    head: str | None
    branch: str | None
    clean: Mapping[str, Entry]
    stamps: Mapping[str, Stamp]

    @classmethod
    def of(cls, project: Project) -> CheckoutState:
        """The state of a project's checkout as it is now.

        Raises:
            CaptureError: it is in no git repository, or git says no.
        """
        git, top = project.repository, project.top
        git.refresh()
        found = {path: Stamp.of(top / path) for path in git.index}
        tracked = git.untracked
        with suppress(LineageError):  # a dvc.yaml that cannot be read here hinders nothing there
            tracked |= project.dvc_here().tracked.keys()
        for path in tracked:
            found |= _below(top, path)
        clean = {path: entry for path, entry in git.index.items() if path not in git.modified}
        return cls(git.head, git.branch, clean, found)

    def changed(self, later: CheckoutState) -> list[str]:
        """What is not as it was: the files, sorted; or the commit that is checked out."""
        if (self.head, self.branch) != (later.head, later.branch):
            return ["the commit that is checked out"]
        return sorted(
            path
            for path in {*self.stamps, *later.stamps}
            if self.stamps.get(path) != later.stamps.get(path)
            if path not in self.clean or later.clean.get(path) != self.clean[path]
        )


def _below(top: Path, path: str) -> dict[str, Stamp]:
    """The stamps of a file, or of the files of a folder."""
    return {os.path.relpath(file, top): stamp for file, stamp in stamps(top / path).items()}
