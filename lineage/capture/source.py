"""The files of a project, in its working tree or at a git revision, behind one surface.

Paths are relative to the top of the repository, with ``/``; ``""`` is the top itself. A symbolic
link is followed only inside the repository.
"""

from __future__ import annotations

import os
import posixpath
import stat
from abc import ABC, abstractmethod
from bisect import bisect_left
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from lineage import bounded_file
from lineage.capture.disk import DiskFiles
from lineage.capture.git import LINK_MODE, SUBMODULE_MODE, Entry, GitRepository
from lineage.errors import CaptureError
from lineage.hashing.files import hash_path
from lineage.identity.digest import Digest, blake3_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

MOST_LINKS: Final = 40
_REMEDY: Final = "Put a readable file of text there, or bring back the one that git holds."
NOT_WALKED: Final = frozenset({".git", ".dvc", ".lineage", ".venv", "node_modules", "__pycache__"})


class Source(ABC):
    """What capture reads a project from."""

    tracked: dict[str, Entry]
    """The paths that git tracks."""

    @abstractmethod
    def is_file(self, path: str) -> bool:
        """Whether a file is there (links inside the repository followed)."""

    @abstractmethod
    def is_dir(self, path: str) -> bool:
        """Whether a folder is there."""

    @abstractmethod
    def is_there(self, path: str) -> bool:
        """Whether something has this name, if only a link to nothing or a pipe."""

    @abstractmethod
    def read(self, path: str, limit: int) -> bytes:
        """A file's bytes.

        Raises:
            CaptureError: it is missing, unreadable, longer than ``limit`` bytes, or leaves the
                repository.
        """

    @abstractmethod
    def code_digest(self, path: str) -> Digest:
        """BLAKE3 of a code file, as git would store what lies there.

        A submodule's content is the line that git shows for it, ``Subproject commit <id>``, and
        the digests of what in it, at any depth, differs from that commit or is new.
        """

    @abstractmethod
    def untracked_below(self, folder: str) -> list[str]:
        """Files in a folder that git neither tracks nor ignores."""

    @abstractmethod
    def dvc_files(self) -> list[str]:
        """Every ``dvc.yaml``, ``dvc.lock``, ``*.dvc`` and ``Dvcfile``."""

    def files_of_submodule(self, path: str) -> list[str]:
        """The files of a submodule that is checked out, relative to it; of its own too."""
        return []

    def is_tracked(self, path: str) -> bool:
        """Whether git tracks a file."""
        return path in self.tracked and self.tracked[path].mode != SUBMODULE_MODE

    def tracked_below(self, folder: str) -> list[str]:
        """The files and submodules that git tracks in a folder."""
        return paths_below(self._sorted, folder)

    def submodule_of(self, path: str) -> str | None:
        """The submodule that a path lies in, if any."""
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            entry = self.tracked.get("/".join(parts[:end]))
            if entry is not None and entry.mode == SUBMODULE_MODE:
                return "/".join(parts[:end])
        return None

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.tracked)


class WorkingTree(Source):
    """The files on disk; ``git`` is None for a folder outside any repository."""

    def __init__(self, top: Path, git: GitRepository | None) -> None:
        self.top = top
        self.git = git
        self.tracked = git.index if git is not None else {}
        self.disk = DiskFiles(git) if git is not None else None

    @override
    def is_file(self, path: str) -> bool:
        return self._mode(path, stat.S_ISREG) or self._left_out(path) is not None

    @override
    def is_dir(self, path: str) -> bool:
        return self._mode(path, stat.S_ISDIR) or path in self._left_out_folders

    @override
    def is_there(self, path: str) -> bool:
        return os.path.lexists(self.top / path) or self._left_out(path) is not None

    @override
    def read(self, path: str, limit: int) -> bytes:
        if self.git is not None and (oid := self._left_out(path)) is not None:
            return _bounded(self.git.blob(oid), path, limit)
        full = self.locate(path)
        try:
            return bounded_file.read(full, limit)
        except bounded_file.Unfit as reason:
            raise CaptureError(f"{path} {reason}.", remedy=_REMEDY) from None

    @override
    def code_digest(self, path: str) -> Digest:
        if path in self.tracked and not self.is_tracked(path):
            return self._submodule_digest(path)
        real = self.locate(path).resolve()
        target = real.relative_to(self.top).as_posix()
        if self.disk is not None:
            _, data = next(self.disk.contents([target]))
            if data is not None:
                return blake3_of(data)
        digest = hash_path(real, with_blake3=True).blake3
        assert digest is not None  # nosec B101 # noqa: S101 - with_blake3=True takes it
        return digest

    @override
    def files_of_submodule(self, path: str) -> list[str]:
        if not (self.top / path / ".git").exists():
            return []
        with closing(GitRepository(self.top / path)) as inner:
            tree = WorkingTree(inner.top, inner)
            found = []
            for name, entry in tree.tracked.items():
                if entry.mode == SUBMODULE_MODE:
                    found += [f"{name}/{file}" for file in tree.files_of_submodule(name)]
                elif tree.is_file(name):
                    found.append(name)
            return sorted(found)

    @override
    def untracked_below(self, folder: str) -> list[str]:
        if self.git is None:
            return sorted(_walk(self.top, folder))
        return paths_below(self._untracked, folder)

    @cached_property
    def _untracked(self) -> list[str]:
        """What is new here; git names a repository that lies in another one by its folder alone."""
        found: list[str] = []
        for path in self.git.untracked if self.git is not None else ():
            found += _walk(self.top, path.rstrip("/")) if path.endswith("/") else [path]
        return sorted(found)

    @override
    def dvc_files(self) -> list[str]:
        paths = [*self.tracked, *self.git.untracked] if self.git else _walk(self.top, "")
        return sorted(path for path in paths if is_dvc_file(path) and self.is_there(path))

    def _left_out(self, path: str) -> str | None:
        """The object of a file that a sparse checkout leaves out; None for any other."""
        if self.git is None or path not in self.git.left_out or os.path.lexists(self.top / path):
            return None
        return self.tracked[path].oid

    @cached_property
    def _left_out_folders(self) -> frozenset[str]:
        return _folders(self.git.left_out if self.git is not None else ())

    def locate(self, path: str) -> Path:
        """The place on disk that a path leads to.

        Raises:
            CaptureError: a symbolic link leads out of the repository.
        """
        full = self.top / path
        try:
            real = full.resolve()
        except (OSError, RuntimeError):
            raise CaptureError(
                f"The symbolic link {path} points to itself.", remedy="Repair or remove the link."
            ) from None
        if not real.is_relative_to(self.top):
            raise _outside(path)
        return full

    def _submodule_digest(self, path: str, *, new: bool = True) -> Digest:
        if not (self.top / path / ".git").exists():
            return blake3_of(_submodule_line(self.tracked[path].oid))
        with closing(GitRepository(self.top / path)) as inner:
            tree = WorkingTree(inner.top, inner)
            lines = [_submodule_line(inner.head or "")]
            fresh = {
                one for one in tree.untracked_below("") if NOT_WALKED.isdisjoint(one.split("/"))
            }
            nested = tree.changed_submodules(new=new)
            for name in sorted({*inner.modified, *(fresh if new else ()), *nested}):
                there = tree.is_file(name) or tree.submodule_of(name) == name
                digest = tree.code_digest(name) if there else "deleted"
                lines.append(f"{name} {digest}\n".encode("utf-8", "surrogateescape"))
        return blake3_of(b"".join(lines))

    def changed_submodules(self, *, new: bool = True) -> set[str]:
        """The submodules that are checked out and hold something else than their commit.

        Args:
            new: files that are new in them count too, but for what Python compiled.
        """
        return {
            path
            for path, entry in self.tracked.items()
            if entry.mode == SUBMODULE_MODE
            and self._submodule_digest(path, new=new) != blake3_of(_submodule_line(entry.oid))
        }

    def _mode(self, path: str, test: object) -> bool:
        try:
            mode = self.locate(path).stat().st_mode
        except (OSError, CaptureError, ValueError):
            return False
        return bool(test(mode))  # type: ignore[operator]


class Revision(Source):
    """The files of a commit, without a checkout."""

    def __init__(self, git: GitRepository, commit: str) -> None:
        self.git = git
        self.commit = commit
        self.tracked = git.tree(commit)

    @override
    def is_file(self, path: str) -> bool:
        entry = self.tracked.get(self._follow(path) or "")
        return entry is not None and entry.mode != SUBMODULE_MODE

    @override
    def is_dir(self, path: str) -> bool:
        target = self._follow(path)
        return target is not None and (target == "" or target in self._folders)

    @override
    def is_there(self, path: str) -> bool:
        return path in self.tracked or self.is_dir(path)

    @override
    def read(self, path: str, limit: int) -> bytes:
        return _bounded(self._blob(path), path, limit)

    @override
    def code_digest(self, path: str) -> Digest:
        if path in self.tracked and not self.is_tracked(path):
            return blake3_of(_submodule_line(self.tracked[path].oid))
        return blake3_of(self._blob(path))

    @override
    def untracked_below(self, folder: str) -> list[str]:
        return []

    @override
    def dvc_files(self) -> list[str]:
        return sorted(path for path in self.tracked if is_dvc_file(path))

    def _blob(self, path: str) -> bytes:
        return self.git.blob(self.object_of(path), path)

    def object_of(self, path: str) -> str:
        """The id of the object that holds a file.

        Raises:
            CaptureError: it is not in the commit, or a link leads out of the repository.
        """
        target = self._follow(path)
        entry = self.tracked.get(target) if target is not None else None
        if entry is None or entry.mode == SUBMODULE_MODE:
            raise CaptureError(
                f"{path} is not in commit {self.commit[:12]}.",
                remedy="Name a file that the revision holds.",
            )
        return entry.oid

    def _follow(self, path: str) -> str | None:
        """The path that links lead to; None where they lead nowhere or in a circle."""
        done: list[str] = []
        left = [part for part in path.split("/") if part]
        for _ in range(MOST_LINKS * 25):
            if not left:
                return "/".join(done)
            here = "/".join([*done, left[0]])
            entry = self.tracked.get(here)
            if entry is None or entry.mode != LINK_MODE:
                done.append(left.pop(0))
                continue
            target = self.git.blob(entry.oid, here).decode("utf-8", "surrogateescape")
            joined = posixpath.normpath(posixpath.join("/".join(done), target, *left[1:]))
            if joined.startswith(("/", "../")) or joined == "..":
                raise _outside(path)
            done, left = [], [part for part in joined.split("/") if part not in ("", ".")]
        return None

    @cached_property
    def _folders(self) -> frozenset[str]:
        return _folders(self.tracked)


def _folders(paths: Iterable[str]) -> frozenset[str]:
    """The folders that files lie in, at every height."""
    folders: set[str] = set()
    for path in paths:
        while (path := posixpath.dirname(path)) and path not in folders:
            folders.add(path)
    return frozenset(folders)


def paths_below(paths: Sequence[str], folder: str) -> list[str]:
    """Those of some sorted paths that lie in a folder; all for ``""``.

    >>> paths_below(["a", "a-b", "a/c", "a/d", "b"], "a")
    ['a/c', 'a/d']
    """
    if not folder:
        return list(paths)
    after = chr(ord("/") + 1)
    return list(paths[bisect_left(paths, f"{folder}/") : bisect_left(paths, f"{folder}{after}")])


def is_dvc_file(path: str) -> bool:
    """Whether DVC reads a file of this name: a pipeline, its lock, a pointer or a 0.x stage."""
    name = posixpath.basename(path)
    return name in ("dvc.yaml", "dvc.lock", "Dvcfile") or (name.endswith(".dvc") and name != ".dvc")


def _submodule_line(commit: str) -> bytes:
    return f"Subproject commit {commit}\n".encode()


def _bounded(data: bytes, path: str, limit: int) -> bytes:
    if len(data) > limit:
        raise CaptureError(f"{path} is larger than {limit:,} bytes.", remedy=_REMEDY)
    return data


def _outside(path: str) -> CaptureError:
    return CaptureError(
        f"The symbolic link {path} leads out of the repository.",
        remedy="Only what is inside the repository is read: copy the file into it.",
    )


def _walk(top: Path, folder: str) -> Iterable[str]:
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            entries = list(os.scandir(top / here))
        except OSError:
            continue
        yield from _files(entries, here, pending)


def _files(entries: list[os.DirEntry[str]], here: str, pending: list[str]) -> Iterator[str]:
    for entry in entries:
        path = f"{here}/{entry.name}" if here else entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in NOT_WALKED:
                pending.append(path)
        elif entry.is_file():
            yield path
