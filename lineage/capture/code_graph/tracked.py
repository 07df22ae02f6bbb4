"""The files that can run: those that git tracks, seen through symbolic links and submodules.

Names are compared letter by letter, as Python compares them on every platform.
"""

from __future__ import annotations

import posixpath
from enum import Enum, auto
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

LINK_MODE: Final = "120000"
SUBMODULE_MODE: Final = "160000"
CODE_SUFFIXES: Final = (".py", ".ipynb", ".sh", ".bash")
BINARY_SUFFIXES: Final = (".so", ".pyd", ".pyc", ".dll", ".dylib")
_MOST_LINKS: Final = 40


class CodeSource(Protocol):
    """What the walk reads a repository from: a working tree, or a revision."""

    @property
    def tracked(self) -> Mapping[str, tuple[str, str]]:
        """The mode and the object id of each path that git tracks."""

    def untracked_below(self, folder: str) -> list[str]:
        """Files in a folder that git neither tracks nor ignores."""

    def contents(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Files and their bytes, as git would store them.

        None stands for one that is missing, or too large to be read at all.
        """

    def content_ids(self, paths: Iterable[str]) -> Mapping[str, str]:
        """The object ids of the tracked ones among files, as they lie there."""

    def link_target(self, path: str) -> str | None:
        """What a symbolic link holds; None where something else is in its place."""


class Kind(Enum):
    """What is at a path."""

    FILE = auto()
    FOLDER = auto()
    SUBMODULE = auto()
    MADE = auto()
    OUTSIDE = auto()


class Found(NamedTuple):
    """What is at a path, and where it lies once links are followed."""

    kind: Kind
    path: str


class TrackedFiles:
    """Looks up paths among what git tracks.

    Args:
        source: the repository.
        made: files that a stage or DVC makes: they are inputs, never code.
    """

    def __init__(self, source: CodeSource, made: Collection[str] = ()) -> None:
        modes = {path: mode for path, (mode, _) in source.tracked.items()}
        self._source = source
        self._links = {path for path, mode in modes.items() if mode == LINK_MODE}
        self.submodules = {path for path, mode in modes.items() if mode == SUBMODULE_MODE}
        fresh = [path for path in source.untracked_below("") if path.endswith(CODE_SUFFIXES)]
        self._files = {*modes, *fresh} - self._links - self.submodules
        self._made = {path for path in made if path.endswith(".py")}
        self._folders = _folders([*modes, *fresh])
        self._real: dict[str, Found | None] = {}
        self.binaries = _binaries(self._files)

    def find(self, path: str) -> Found | None:
        """What is at a path (``""`` is the top); None for nothing that git tracks."""
        if not self._links and not self.submodules:
            return self._plain(path)
        return self._follow(path, _MOST_LINKS)

    def file(self, path: str) -> str | None:
        """Where a file lies; None where there is none."""
        found = self.find(path)
        return found.path if found is not None and found.kind is Kind.FILE else None

    def folder(self, path: str) -> str | None:
        """Where a folder lies; None where there is none."""
        found = self.find(path)
        return found.path if found is not None and found.kind is Kind.FOLDER else None

    def named(self, name: str) -> list[str]:
        """Every file of a name, the highest first."""
        paths = [path for path in self._files if posixpath.basename(path) == name]
        return sorted(paths, key=lambda path: (path.count("/"), path))

    def matching(self, pattern: str) -> Iterator[str]:
        """The files that a shell's pattern matches, sorted."""
        parts = pattern.split("/")
        for path in sorted(self._files):
            names = path.split("/")
            if len(names) == len(parts) and all(map(fnmatchcase, names, parts)):
                yield path

    def _plain(self, path: str) -> Found | None:
        if path in self._files:
            return Found(Kind.FILE, path)
        if path in self._folders:
            return Found(Kind.FOLDER, path)
        if path in self._made:
            return Found(Kind.MADE, path)
        return Found(Kind.OUTSIDE, path) if path.startswith(("/", "../")) or path == ".." else None

    def _follow(self, path: str, left: int) -> Found | None:
        """Follow the links on a path; None where they lead nowhere or in a circle."""
        folder, name = posixpath.split(path)
        if not folder or path.startswith(("/", "../")):
            here = path
        else:
            if folder not in self._real:
                self._real[folder] = None  # a circle ends here
                self._real[folder] = self._follow(folder, left)
            parent = self._real[folder]
            if parent is None or parent.kind in (Kind.SUBMODULE, Kind.OUTSIDE):
                return parent
            here = posixpath.join(parent.path, name) if parent.path else name
        if here in self.submodules:
            return Found(Kind.SUBMODULE, here)
        if here not in self._links:
            return self._plain(here)
        if not left:
            return None
        target = self._source.link_target(here)
        if target is None:
            return self._plain(here) or Found(Kind.FILE, here)
        clean = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        return self._follow("" if clean == "." else clean, left - 1)


def _folders(paths: Collection[str]) -> set[str]:
    folders = {""}
    for path in paths:
        folder = posixpath.dirname(path)
        while folder not in folders:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    return folders


def _binaries(paths: Collection[str]) -> dict[str, list[str]]:
    """Compiled modules, and sources of such, by the path that their module would have."""
    found: dict[str, list[str]] = {}
    for path in sorted(paths):
        if path.endswith((*BINARY_SUFFIXES, ".pyx")):
            folder, name = posixpath.split(path)
            found.setdefault(posixpath.join(folder, name.partition(".")[0]), []).append(path)
    return found
