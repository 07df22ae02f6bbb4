"""The checkout in which a server was started that only shows: what git has of what differs.

Of a registry come digests, commits and paths. None of them is taken for more: a content is shown
where it lies in this repository, under that path, and its digest is the recorded one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from lineage.capture.project import opened
from lineage.errors import LineageError
from lineage.explain.changes import Explainer, Explanation
from lineage.explain.decision import explained

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lineage.connection import AnyRegistry
    from lineage.explain.changes import Names
    from lineage.guard.decision import Decision
    from lineage.identity.change import Change

MOST: Final = 200
"""Changes that are looked for in the repository; of more, no lines are shown."""


class Checkout:
    """The project in a folder, opened anew for each question: somebody works in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

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
