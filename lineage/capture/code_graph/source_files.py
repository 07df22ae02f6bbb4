"""A :class:`~lineage.capture.source.Source` as the walk reads it.

A file's bytes are those that git would store of what lies there, so that a checkout, a revision and
another platform give the same answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.capture.disk import LARGEST
from lineage.capture.git import REGULAR_MODES
from lineage.capture.git_objects import BLOB, object_id
from lineage.capture.source import Revision, Source, WorkingTree
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class SourceFiles:
    """The files of a working tree or a revision, as a ``CodeSource``."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._git = source.git if isinstance(source, (WorkingTree, Revision)) else None
        self._disk = source.disk if isinstance(source, WorkingTree) else None

    @property
    def tracked(self) -> Mapping[str, tuple[str, str]]:
        """The mode and the object id of each path that git tracks."""
        return self._source.tracked

    def untracked_below(self, folder: str) -> list[str]:
        """Files in a folder that git neither tracks nor ignores."""
        return self._source.untracked_below(folder)

    def contents(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Files and their bytes, as git would store them.

        None stands for one that is missing, or larger than :data:`LARGEST`.
        """
        stored: dict[str, list[str]] = {}
        for path in paths:
            if self._disk is not None and self._is_regular(path):
                yield from self._disk.contents([path])
            elif self._disk is None and path in self.tracked:
                stored.setdefault(self.tracked[path][1], []).append(path)
            else:
                yield path, self._from_disk(path)
        blobs = self._git.blobs(stored) if self._git is not None else ()
        for name, data in blobs:
            yield from ((path, data) for path in stored[name])

    def _from_disk(self, path: str) -> bytes | None:
        try:
            return self._source.read(path, LARGEST)
        except CaptureError:
            return None

    def content_ids(self, paths: Iterable[str]) -> Mapping[str, str]:
        """The object ids of the tracked ones among files, as they lie there."""
        wanted = [path for path in paths if self._is_regular(path)]
        if self._disk is None:
            return {path: self.tracked[path][1] for path in wanted}
        ids = self._disk.ids(wanted)
        return {path: oid for path in wanted if (oid := ids[path]) is not None}

    def is_there(self, path: str) -> bool:
        """Whether a file is tracked, and lies there as a regular file."""
        return path in self.content_ids([path])

    def link_target(self, path: str) -> str | None:
        """What a symbolic link holds; None where something else is in its place."""
        if self._git is None or path not in self.tracked:
            return None
        oid = self.tracked[path][1]
        if not isinstance(self._source, WorkingTree):
            return self._git.blob(oid, path).decode("utf-8", "surrogateescape")
        try:
            return (self._source.top / path).readlink().as_posix()
        except OSError:  # where links cannot be made git writes a file that holds the target
            data = self._from_disk(path)
        held = data is not None and object_id(BLOB, data) == oid
        return data.decode("utf-8", "surrogateescape") if held and data is not None else None

    def _is_regular(self, path: str) -> bool:
        return self.tracked.get(path, ("", ""))[0] in REGULAR_MODES
