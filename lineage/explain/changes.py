"""Why two pipeline versions differ, as git shows it: diffs, the commits in between, the places.

A content counts only where its BLAKE3 is the recorded one: what git has at the commit, or what is
in the working tree. Where neither is, the change is told without a diff.
"""

from __future__ import annotations

import difflib
import posixpath
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from lineage.capture.code_graph.python.notebook import (
    LARGEST_NOTEBOOK,
    code_text,
    notebook_digest,
)
from lineage.errors import LineageError
from lineage.explain.equivalence import same_behaviour
from lineage.identity.change import ABSENT, Change, ChangeKind
from lineage.identity.digest import blake3_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lineage.capture.project import Project
    from lineage.capture.source import Source
    from lineage.identity.digest import Digest

LARGEST: Final = 1 << 20
"""Bytes of a file that is compared line by line; a notebook may have more, for its outputs."""

MOST_LINES: Final = 200
"""Lines of one file's diff."""

Names: TypeAlias = tuple[str, str]

SIDES: Final[Names] = ("validated", "deployed")
"""What the guard calls the two versions."""

MOST_FILES: Final = 50
MOST_COMMITS: Final = 20


@dataclass(frozen=True)
class FileDiff:
    """One file's changed lines, in the unified form; ``left_out`` counts those beyond the bound."""

    path: str
    lines: tuple[str, ...]
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        """One entry of ``diffs``."""
        return {"path": self.path, "lines": list(self.lines), "left_out": self.left_out}


@dataclass(frozen=True)
class Explanation:
    """What lies behind changes.

    ``harmless`` tells that nothing but formatting and comments differs, as far as can be proven.
    """

    diffs: tuple[FileDiff, ...] = ()
    commits: tuple[dict[str, str], ...] = ()
    more_commits: int = 0
    harmless: bool = False

    def to_json(self) -> dict[str, Any]:
        """The keys that explain changes in a decision, in `pipeline diff` and in `diff`."""
        return {
            "diffs": [diff.to_json() for diff in self.diffs],
            "commits": list(self.commits),
            "more_commits": self.more_commits,
        }


class Explainer:
    """Explains changes from the project's repository; what it cannot see it leaves out."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._sources: dict[str | None, Source | None] = {}

    def explain(
        self,
        changes: Sequence[Change],
        old_commit: str | None,
        new_commit: str | None,
        names: Names = SIDES,
    ) -> Explanation:
        """Explain changes between pipeline versions that were captured at two commits.

        Args:
            changes: what differs.
            old_commit: where the first version was captured; None where that is not known.
            new_commit: the same of the second.
            names: what the headers of the diffs call the two.
        """
        files = {change.name: change for change in changes if change.kind is ChangeKind.FILE}
        pairs = {path: self._contents(files[path], old_commit, new_commit) for path in files}
        diffs = [
            _diff(path, old, new, names)
            for path, (old, new) in pairs.items()
            if old is not None and new is not None
        ]
        commits, more = self.commits(old_commit, new_commit)
        return Explanation(
            tuple(diff for diff in diffs if diff.lines)[:MOST_FILES],
            commits,
            more,
            bool(changes)
            and all(change.kind is ChangeKind.FILE for change in changes)
            and all(self._harmless(files[path], *pairs[path]) for path in files),
        )

    def lines(
        self, change: Change, old_commit: str | None, new_commit: str | None
    ) -> FileDiff | None:
        """The lines of a file that differ; None where a side is not here, or is no text.

        Commits are as :meth:`explain` takes them.
        """
        old, new = self._contents(change, old_commit, new_commit)
        if old is None or new is None:
            return None
        found = _diff(change.name, old, new)
        return found if found.lines else None

    def commits(self, old: str | None, new: str | None) -> tuple[tuple[dict[str, str], ...], int]:
        """The commits between two, the newest first, and how many more there are."""
        git = self._git
        if git is None or old is None or new is None or old == new:
            return (), 0
        try:
            found = git.commits_between(old, new)
        except LineageError:
            return (), 0
        return tuple(found[:MOST_COMMITS]), max(0, len(found) - MOST_COMMITS)

    @cached_property
    def _git(self) -> Any:  # noqa: ANN401 - GitRepository, imported where there is one
        try:
            return self._project.git
        except LineageError:
            return None

    def _contents(
        self, change: Change, old_commit: str | None, new_commit: str | None
    ) -> tuple[bytes | None, bytes | None]:
        """Both contents of a changed file; an absent side is empty."""
        return (
            self.content(change.name, change.validated, (old_commit, new_commit, None)),
            self.content(change.name, change.deployed, (new_commit, None, old_commit)),
        )

    def content(self, path: str, digest: Any, where: Iterable[str | None]) -> bytes | None:  # noqa: ANN401
        """The bytes that a digest is taken of: from the commits, None being the working tree."""
        if digest is ABSENT:
            return b""
        top = posixpath.normpath(posixpath.join(self._project.folder, path))
        largest = LARGEST_NOTEBOOK if _is_notebook(path) else LARGEST
        for commit in where:
            source = self._source(commit)
            try:
                data = source.read(top, largest) if source is not None else None
            except LineageError:
                continue
            if data is not None and digest in _digests(path, data):
                return data
        return None

    def _harmless(self, change: Change, old: bytes | None, new: bytes | None) -> bool:
        if old is None or new is None or ABSENT in (change.validated, change.deployed):
            return False
        ordered = posixpath.normpath(change.name) not in self._unordered
        return same_behaviour(change.name, old, new, ordered=ordered)

    @cached_property
    def _unordered(self) -> frozenset[str]:
        """The files in which, as the project says, the order of keys means nothing."""
        try:
            tables = self._project.config.pipelines().values()
        except LineageError:
            return frozenset()
        return frozenset(posixpath.normpath(path) for table in tables for path in table.unordered)

    def _source(self, commit: str | None) -> Source | None:
        if commit not in self._sources:
            try:
                self._sources[commit] = self._project.source(commit)
            except LineageError:
                self._sources[commit] = None
        return self._sources[commit]


def _is_notebook(path: str) -> bool:
    return path.endswith(".ipynb")


def _digests(path: str, data: bytes) -> Iterator[Digest | None]:
    """What a manifest may hold of these bytes: of a notebook, its code cells."""
    yield blake3_of(data)
    if _is_notebook(path):
        yield notebook_digest(data)


def _text(path: str, data: bytes) -> str:
    """A content as it is compared line by line."""
    if _is_notebook(path):
        with suppress(ValueError):
            data = code_text(data)
    return data.decode()


def _diff(path: str, old: bytes, new: bytes, names: Names = SIDES) -> FileDiff:
    try:
        was, now = _text(path, old).splitlines(), _text(path, new).splitlines()
    except UnicodeDecodeError:
        return FileDiff(path, ())
    first, second = (f"{name}/{path}" for name in names)
    lines = list(difflib.unified_diff(was, now, first, second, lineterm=""))
    return FileDiff(path, tuple(lines[:MOST_LINES]), max(0, len(lines) - MOST_LINES))
