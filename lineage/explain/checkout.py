"""The checkout in which a server was started that only shows: what git has of what differs.

Of a registry come digests, commits and paths. None of them is taken for more: a content is shown
where it lies in this repository, under that path, and its digest is the recorded one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.project import opened
from lineage.errors import LineageError
from lineage.explain.changes import Explainer, Explanation
from lineage.explain.decision import explained

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lineage.connection import AnyRegistry
    from lineage.explain.changes import FileDiff, Names
    from lineage.guard.decision import Decision
    from lineage.identity.change import Change

MOST: Final = 200
"""Changes that are looked for in the repository; of more, no lines are shown."""


_KEPT: Final = 500
"""Diffs that are kept."""


class Checkout:
    """The project in a folder, opened anew for each question: somebody works in it.

    Only lines that were found are kept: both sides are what their digests say, so they stay so.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[tuple[Any, ...], FileDiff] = {}

    def lines(
        self, files: Sequence[Change], old_commit: str | None, new_commit: str | None
    ) -> tuple[FileDiff, ...]:
        """The lines of some files that differ, as far as they are here.

        Args:
            files: changes of files.
            old_commit: where the first version was captured; None where that is not known.
            new_commit: the same of the second.
        """
        keys = [(change.name, change.validated, change.deployed) for change in files]
        unknown = [change for change, key in zip(files, keys, strict=True) if key not in self._kept]
        found: dict[tuple[Any, ...], FileDiff] = {}
        if unknown:
            with suppress(LineageError), opened(self._folder) as project:
                explainer = Explainer(project)
                for change in unknown:
                    diff = explainer.lines(change, old_commit, new_commit)
                    if diff is not None:
                        found[change.name, change.validated, change.deployed] = diff
        known = self._kept | found
        if found:
            self._kept = dict([*known.items()][-_KEPT:])
        return tuple(known[key] for key in keys if key in known)

    def explanation(
        self,
        changes: Sequence[Change],
        old_commit: str | None,
        new_commit: str | None,
        names: Names,
    ) -> Explanation:
        """What git has of some changes, as :meth:`Explainer.explain` tells it."""
        with suppress(LineageError), opened(self._folder) as project:
            return Explainer(project).explain(changes[:MOST], old_commit, new_commit, names)
        return Explanation()

    def explained(self, registry: AnyRegistry, decision: Decision) -> Decision:
        """A decision with what git has of its causes."""
        with suppress(LineageError), opened(self._folder) as project:
            return explained(project, registry, decision)
        return decision
