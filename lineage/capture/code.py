"""The code component: the commit, and what differs from it."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

from lineage.capture.disk import DiskFiles
from lineage.capture.git import SUBMODULE_MODE
from lineage.capture.source import WorkingTree
from lineage.errors import CaptureError, DirtyTree
from lineage.identity.components import CodeVersion
from lineage.identity.digest import hash_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lineage.capture.git import GitRepository

_SHOWN = 5


def capture_code(
    git: GitRepository,
    folder: str,
    named: Iterable[str],
    described: Iterable[str] = (),
    *,
    clean: bool,
) -> CodeVersion | None:
    """The commit that is checked out, and the digest of the working tree's difference from it.

    Args:
        git: the repository.
        folder: the project's folder in it.
        named: paths that the pipeline or the data name: untracked ones among them count as changes.
        described: files that describe the version, which the commit must hold as they are here.
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
    changed = sorted(changed_paths(git, named, described))
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


def changed_paths(
    git: GitRepository, named: Iterable[str], described: Iterable[str] = ()
) -> set[str]:
    """Tracked changes, changed submodules, and untracked files that ``named`` lists or holds.

    And of the files that ``described`` lists those that the commit does not hold as they are here,
    ignored or not, whatever the index says of them.
    """
    wanted = frozenset(named)
    fresh = {path for path in git.untracked if any(above in wanted for above in _upward(path))}
    tree = WorkingTree(git.top, git)
    above_named = {above for path in wanted for above in _upward(path)}
    new = {
        path
        for path in tree.changed_submodules()
        if path in above_named or any(above in wanted for above in _upward(path))
    }
    return {
        *git.modified,
        *fresh,
        *tree.changed_submodules(new=False),
        *new,
        *_unheld(git, described),
    }


def _unheld(git: GitRepository, described: Iterable[str]) -> set[str]:
    head = git.head
    if head is None:
        return set()
    tree, disk = git.tree(head), DiskFiles(git)
    lies = {path: _behind_links(git, path) for path in described}
    files = {path: real for path, real in lies.items() if (git.top / real).is_file()}
    ids = disk.ids(files.values())
    held = {path: entry.oid for path, entry in tree.items()}
    submodules = {path for path, entry in tree.items() if entry.mode == SUBMODULE_MODE}
    return {
        path
        for path, real in files.items()
        if held.get(real) != ids[real] and submodules.isdisjoint(_upward(real))
    }


def _behind_links(git: GitRepository, path: str) -> str:
    """Where a path lies once symbolic links are followed; as it is where they leave the tree."""
    real = os.path.realpath(git.top / path)
    return os.path.relpath(real, git.top).replace(os.sep, "/")


def _upward(path: str) -> Iterator[str]:
    """A path and the folders above it."""
    while path:
        yield path
        path = posixpath.dirname(path)


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
    remedy = "Commit or stash them, or register it as an experiment (kind experiment)."
    if git.filters_left_out:
        names = ", ".join(git.filters_left_out)
        remedy += f" (Filters that only .git/config defines are not run: {names})"
    return DirtyTree(
        f"The working tree has changes that no commit holds: {listed}{more}.", remedy=remedy
    )
