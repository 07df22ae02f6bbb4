"""Which files are a DVC project's own: what ``.dvcignore`` and projects nested in it leave out.

DVC's own filter reads the patterns, through a source instead of the disk, so that a working tree
and a revision are read alike.
"""

from __future__ import annotations

import io
import posixpath
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.bounded_yaml import invalid
from lineage.capture.dvc_filesystem import refused
from lineage.capture.git import SUBMODULE_MODE
from lineage.capture.source import WorkingTree
from lineage.errors import LineageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lineage.capture.source import Source

NAME: Final = ".dvcignore"
LARGEST: Final = 1 << 16
"""Bytes of one that are read at the most: DVC takes ever longer for more patterns."""

_TOP: Final = "/top"
"""Where the top of the repository is to DVC's filter, which wants absolute paths."""


class OwnFiles:
    """Tells which files are those of the DVC project at ``root``, each folder looked at once."""

    def __init__(self, source: Source, root: str) -> None:
        self._source = source
        self._root = root
        self._files = _IgnoreFiles(source)
        self._nested: dict[str, bool] = {root: False}

    def among(self, paths: Iterable[str]) -> list[str]:
        """The project's own among files and submodules, in their order.

        Raises:
            CaptureError: a ``.dvcignore`` cannot be read.
        """
        wanted = [path for path in paths if not self._root or path.startswith(f"{self._root}/")]
        folders: dict[str, list[str]] = {}
        for path in wanted:
            folders.setdefault(posixpath.dirname(path), []).append(path)
        own = {
            path
            for folder, listed in folders.items()
            if not self._in_nested(folder)
            for path in self._kept(folder, listed)
        }
        return [path for path in wanted if path in own]

    @property
    def read(self) -> frozenset[str]:
        """The ``.dvcignore`` files that were read so far."""
        return frozenset(self._files.read)

    @property
    def unheld(self) -> list[str]:
        """Folders met so far that are DVC projects here, of which git tracks nothing."""
        projects = [folder for folder, nested in self._nested.items() if nested]
        if self._root and self._is_project(self._root):
            projects.append(self._root)
        if not isinstance(self._source, WorkingTree) or self._source.git is None:
            return []
        return sorted(
            folder
            for folder in projects
            if self._is_project(folder) and not self._source.tracked_below(f"{folder}/.dvc")
        )

    def _in_nested(self, folder: str) -> bool:
        if folder not in self._nested:
            above = self._in_nested(posixpath.dirname(folder))
            self._nested[folder] = above or self._is_project(folder)
        return self._nested[folder]

    def _is_project(self, folder: str) -> bool:
        return self._source.is_dir(posixpath.join(folder, ".dvc"))

    def _kept(self, folder: str, paths: Iterable[str]) -> Iterator[str]:
        """Those of the files and submodules of one folder that DVC does not ignore."""
        if not self._has_patterns(folder):
            yield from paths
            return
        names: dict[bool, list[str]] = {False: [], True: []}
        for path in paths:
            names[self._source.tracked.get(path, ("",))[0] == SUBMODULE_MODE].append(
                posixpath.basename(path)
            )
        for kept in self._filtered(folder, names[True], names[False]):
            yield from (posixpath.join(folder, name) for name in kept)

    def _filtered(self, folder: str, *names: list[str]) -> tuple[list[str], list[str]]:
        """What DVC does not ignore of the folders and files in a folder."""
        place = self._files.absolute(folder)
        try:
            kept: tuple[list[str], list[str]] = self._filter(place, *names, ignore_subrepos=False)
        except LineageError:
            raise
        except Exception as error:
            raise refused(self._files.last or posixpath.join(folder, NAME), error) from None
        return kept

    def _has_patterns(self, folder: str) -> bool:
        """Whether a ``.dvcignore`` in a folder or above it, up to the root, has a pattern."""
        while not self._files.has_pattern(folder):
            if folder == self._root:
                return False
            folder = posixpath.dirname(folder)
        return True

    @cached_property
    def _filter(self) -> Any:  # noqa: ANN401 - DVC's
        from dvc.ignore import DvcIgnoreFilter

        return DvcIgnoreFilter(self._files, self._files.absolute(self._root))


class _IgnoreFiles:
    """The part of a DVC file system that its filter calls."""

    sep = "/"
    flavour = posixpath
    join = staticmethod(posixpath.join)
    split = staticmethod(posixpath.split)
    dirname = staticmethod(posixpath.dirname)
    normpath = staticmethod(posixpath.normpath)
    relpath = staticmethod(posixpath.relpath)
    isabs = staticmethod(posixpath.isabs)
    abspath = staticmethod(posixpath.normpath)

    def __init__(self, source: Source) -> None:
        self._source = source
        self._there: dict[str, bool] = {}
        self._patterns: dict[str, bool] = {}
        self.read: set[str] = set()
        self.last: str | None = None
        """The file that was read last."""

    def absolute(self, path: str) -> str:
        """A path as DVC's filter gets it."""
        return posixpath.join(_TOP, path) if path else _TOP

    def holds(self, folder: str) -> bool:
        """Whether a folder has a ``.dvcignore``.

        Raises:
            CaptureError: it is a link that leads out of the repository.
        """
        if folder not in self._there:
            path = posixpath.join(folder, NAME)
            if isinstance(self._source, WorkingTree):
                self._source.locate(path)
            self._there[folder] = self._source.is_file(path)
        return self._there[folder]

    def has_pattern(self, folder: str) -> bool:
        """Whether a folder has a ``.dvcignore`` with more than the comments of ``dvc init``.

        Raises:
            CaptureError: it cannot be read.
        """
        if folder not in self._patterns:
            lines: list[bytes] = []
            if self.holds(folder):
                path = posixpath.join(folder, NAME)
                lines = self._source.read(path, LARGEST).splitlines()
                self.read.add(path)
            self._patterns[folder] = any(one.strip() and not one.startswith(b"#") for one in lines)
        return self._patterns[folder]

    def exists(self, path: str) -> bool:
        """Whether a ``.dvcignore`` is there: the filter asks for no other file."""
        return self.holds(posixpath.dirname(_relative(path)))

    def open(self, path: str, *, encoding: str) -> io.StringIO:
        """A file's text."""
        self.last = _relative(path)
        data = self._source.read(self.last, LARGEST)
        self.read.add(self.last)
        try:
            return io.StringIO(data.decode(encoding), newline=None)
        except UnicodeDecodeError:
            raise invalid(self.last, "it is not UTF-8 text") from None

    def walk(self, path: str) -> Iterator[Any]:
        """Nothing: the filter looks for nested projects so, which are known here."""
        return iter(())

    def relparts(self, path: str, start: str) -> tuple[str, ...]:
        """The parts of a relative path."""
        return tuple(posixpath.relpath(path, start).split("/"))

    def isin_or_eq(self, path: str, folder: str) -> bool:
        """Whether a path is a folder, or lies in it."""
        return path == folder or path.startswith(f"{folder}/")


def _relative(path: str) -> str:
    return path[len(_TOP) + 1 :]
