"""The files of a working tree as git would store them, read from the disk.

What git says of a file (its index, its object store) is compared with what lies there, and is never
taken for it: times that were put back, a forged object or a flag in ``.git`` change nothing here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from lineage.capture.git_objects import BLOB, object_id
from lineage.errors import CaptureError
from lineage.hashing.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lineage.capture.git import GitRepository

LARGEST: Final = 64 << 20
"""Bytes of a file that are read into memory at the most."""

MOST_KEPT: Final = 64 << 20
"""Bytes of files that are kept from the reading for their ids to that of their contents."""


class DiskFiles:
    """Reads the files of one working tree; what a file's id is, is asked once."""

    def __init__(self, git: GitRepository) -> None:
        self._git = git
        self._top = os.fspath(git.top)
        self._ids: dict[str, str | None] = {}
        self._as_they_are: set[str] = set()
        self._kept: dict[str, bytes] = {}
        self._room = MOST_KEPT

    def ids(self, paths: Iterable[str]) -> Mapping[str, str | None]:
        """The ids that git would give to files: ends of lines, encodings and filters undone.

        None stands for one that is not there, or is no regular file. One that a sparse checkout
        leaves out counts as the index holds it.
        """
        fresh = [path for path in paths if path not in self._ids]
        converted = [path for path in fresh if not self._is_plain(path)]
        self._ids |= self._git.ids_on_disk(converted)
        large = [path for path in converted if self._is_large(path)]
        stored = self._git.ids_on_disk(large, filters=False)
        self._as_they_are |= {path for path in large if stored[path] == self._oid(path)}
        return self._ids

    def contents(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Files and their bytes as git would store them.

        None stands for one that is not there, or larger than :data:`LARGEST`. One that is not what
        the index holds, and that git would store otherwise than it lies there, is given as it lies.

        Raises:
            CaptureError: an object that is needed is not in this clone.
        """
        wanted = list(paths)
        ids = self.ids(wanted)
        for path in wanted:
            if ids[path] is None:
                yield path, None
            elif ids[path] == self._oid(path) and path not in self._as_they_are:
                data = self._git.blob(self._oid(path) or "", path)
                yield path, data if len(data) <= LARGEST else None
            else:
                kept = self._kept.pop(path, None)
                self._room += len(kept or b"")
                yield path, self._read(path) if kept is None else kept

    def lie_otherwise(self, paths: Iterable[str]) -> dict[str, str]:
        """The files that are what the index holds, and that git stores otherwise than they lie.

        Returns:
            The id of each one's object, by its path.
        """
        wanted = list(paths)
        ids = self.ids(wanted)
        found = {path: self._oid(path) for path in wanted if path not in self._as_they_are}
        return {path: oid for path, oid in found.items() if oid is not None and ids[path] == oid}

    def _is_plain(self, path: str) -> bool:
        """Find a file's id where git has nothing to undo; whether that was all."""
        if not os.path.lexists(f"{self._top}/{path}"):
            self._ids[path] = self._oid(path) if path in self._git.left_out else None
            return True
        try:
            data = self._read(path)
        except CaptureError:
            self._ids[path] = None
            return True
        if data is None or object_id(BLOB, data) != self._oid(path):
            return False
        self._ids[path] = self._oid(path)
        self._as_they_are.add(path)
        if len(data) <= self._room:
            self._room -= len(data)
            self._kept[path] = data
        return True

    def _is_large(self, path: str) -> bool:
        """Whether a file is too large to be held, and may all the same be stored as it lies."""
        oid = self._oid(path)
        size = os.stat(f"{self._top}/{path}").st_size
        if size <= LARGEST or oid is None:
            return False
        try:
            return self._git.size_of(oid) == size
        except CaptureError:  # its size is not in this clone
            return True

    def _oid(self, path: str) -> str | None:
        entry = self._git.index.get(path)
        return entry.oid if entry is not None else None

    def _read(self, path: str) -> bytes | None:
        """A file's bytes; None where they are too many.

        Raises:
            CaptureError: it is no regular file, or cannot be read.
        """
        descriptor, status = read_regular(f"{self._top}/{path}")
        with os.fdopen(descriptor, "rb") as file:
            if status.st_size > LARGEST:
                return None
            data = file.read(status.st_size + 1)  # room for 64 MiB is slow to be had each time
            if len(data) > status.st_size:  # it grew
                data += file.read(LARGEST)
            return data if len(data) <= LARGEST else None
