"""A :class:`~lineage.capture.source.Source` as the walk reads it.

Where a file of a working tree is unmodified its bytes are the ones git stores, so that a checkout,
a revision and another platform give the same answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.capture.source import Revision, Source, WorkingTree
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LARGEST: Final = 64 << 20
"""Bytes of a file that are read at the most; a larger one is named, not followed."""


class SourceFiles:
    """The files of a working tree or a revision, as a ``CodeSource``."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._git = source.git if isinstance(source, (WorkingTree, Revision)) else None
        modified = self._git.modified if isinstance(source, WorkingTree) and self._git else ()
        self._modified = frozenset(modified)

    @property
    def tracked(self) -> Mapping[str, tuple[str, str]]:
        """The mode and the object id of each path that git tracks."""
        return self._source.tracked

    def untracked_below(self, folder: str) -> list[str]:
        """Files in a folder that git neither tracks nor ignores."""
        return self._source.untracked_below(folder)

    def contents(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Files and their bytes, as git stores them where they are unmodified.

        None stands for one that is missing, or larger than :data:`LARGEST`.
        """
        stored: dict[str, list[str]] = {}
        for path in paths:
            name = self.content_id(path)
            if name is None:
                yield path, self._from_disk(path)
            else:
                stored.setdefault(name, []).append(path)
        blobs = self._git.blobs(stored) if self._git is not None else ()
        for name, data in blobs:
            yield from ((path, data) for path in stored[name])

    def _from_disk(self, path: str) -> bytes | None:
        try:
            return self._source.read(path, LARGEST)
        except CaptureError:
            return None

    def content_id(self, path: str) -> str | None:
        """The object id of exactly these bytes; None where they are not git's."""
        entry = self._source.tracked.get(path)
        return entry[1] if entry is not None and path not in self._modified else None

    def is_stored(self, path: str) -> bool:
        """Whether a regular file's bytes are the ones that git stores."""
        mode = self._source.tracked.get(path, ("", ""))[0]
        return mode.startswith("100") and path not in self._modified

    def link_target(self, path: str) -> str | None:
        """What a symbolic link holds; None where something else is in its place."""
        name = self.content_id(path)
        if name is not None and self._git is not None:
            return self._git.blob(name).decode("utf-8", "surrogateescape")
        if not isinstance(self._source, WorkingTree):
            return None
        try:
            return (self._source.top / path).readlink().as_posix()
        except OSError:
            return None
