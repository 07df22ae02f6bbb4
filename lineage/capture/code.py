"""The code component: the commit, and what differs from it."""

from __future__ import annotations

import posixpath
from contextlib import closing
from typing import TYPE_CHECKING

from lineage.capture.git import SUBMODULE_MODE, GitRepository
from lineage.capture.source import WorkingTree
from lineage.errors import CaptureError, DirtyTree
from lineage.identity.components import CodeVersion
from lineage.identity.digest import hash_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHOWN = 5


def capture_code(
    git: GitRepository, folder: str, named: Iterable[str], *, clean: bool
) -> CodeVersion | None:
    """The commit that is checked out, and the digest of the working tree's difference from it.

    Args:
        git: the repository.
        folder: the project's folder in it.
        named: paths that the pipeline or the data name: untracked ones among them count as changes.
        clean: refuse a tree with changes.

    Returns:
        None where the repository has no commit and ``clean`` is false.

    Raises:
        CaptureError: there is no commit.
        DirtyTree: there are changes.
    """
    commit = git.head
    if commit is None:
        if not clean:
            return None
        raise CaptureError(
            f"The repository {git.top} has no commit.", remedy="Commit the code first: git commit"
        )
    changed = sorted(changed_paths(git, named))
    if changed and clean:
        raise _dirty(git, changed)
    return CodeVersion(
        commit,
        hash_object("lineage-difference/1", _contents(git, changed)) if changed else None,
        git.remote,
        git.branch,
        folder,
    )


def code_at(git: GitRepository, folder: str, commit: str) -> CodeVersion:
    """The code of a revision, which is clean by its nature."""
    return CodeVersion(commit, None, git.remote, None, folder)


def changed_paths(git: GitRepository, named: Iterable[str]) -> set[str]:
    """Tracked changes, changed submodules, and untracked files that ``named`` lists or holds."""
    wanted = frozenset(named)
    fresh = {path for path in git.untracked if any(above in wanted for above in _upward(path))}
    return {*git.modified, *fresh, *_changed_submodules(git)}


def _upward(path: str) -> Iterator[str]:
    """A path and the folders above it."""
    while path:
        yield path
        path = posixpath.dirname(path)


def _changed_submodules(git: GitRepository) -> set[str]:
    found = set()
    for path, entry in git.index.items():
        if entry.mode == SUBMODULE_MODE and (git.top / path / ".git").exists():
            with closing(GitRepository(git.top / path)) as inner:
                if inner.modified:
                    found.add(path)
    return found


def _contents(git: GitRepository, paths: list[str]) -> dict[str, str | None]:
    tree = WorkingTree(git.top, git)
    return {
        path.encode("utf-8", "backslashreplace").decode(): (
            tree.code_digest(path) if tree.is_file(path) or tree.submodule_of(path) else None
        )
        for path in paths
    }


def _dirty(git: GitRepository, changed: list[str]) -> DirtyTree:
    listed = ", ".join(changed[:_SHOWN])
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    remedy = "Commit or stash them, or register it as an experiment (kind experiment)"
    if git.filters_left_out:
        names = ", ".join(git.filters_left_out)
        remedy += f". (Filters that only .git/config defines are not run: {names})"
    return DirtyTree(
        f"The working tree has changes that no commit holds: {listed}{more}.", remedy=remedy
    )
