"""Hashing files and folders as DVC does, through DVC's own code.

A link is followed only inside the repository, or to an object of a DVC cache.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Final

from lineage.errors import CaptureError
from lineage.hashing.cache import moving
from lineage.hashing.tree import unreadable
from lineage.identity.digest import Digest

if TYPE_CHECKING:
    from pathlib import Path

    from lineage.capture.source import WorkingTree
    from lineage.hashing.blocks import Progress
    from lineage.hashing.cache import StatCache
    from lineage.hashing.tree import Follow

ALGORITHMS: Final = ("md5", "md5-dos2unix")
"""What can be taken anew of bytes that are here; an ``etag`` or a version id cannot."""


class DvcHasher:
    """DVC's own hash of files and directories, through DVC's own code.

    ``root`` is the DVC project, relative to the top of the repository: its ignore files count.
    ``follow`` is asked before a path is read; by default it is :func:`link_policy`.
    """

    def __init__(
        self,
        source: WorkingTree,
        root: str,
        cache: StatCache | None,
        progress: Progress | None,
        *,
        follow: Follow | None = None,
    ) -> None:
        self._source = source
        self._root = source.top / root
        self._cache = cache
        self._progress = progress
        self._follow = follow or link_policy(source.top)

    def digest(self, path: str, algorithm: str) -> tuple[Digest, int]:
        """The digest as DVC writes it, and the size in bytes.

        Args:
            path: a file or a folder, relative to the top of the repository.
            algorithm: one of :data:`ALGORITHMS`.

        Raises:
            CaptureError: the path cannot be read.
        """
        full = self._source.top / path
        self._follow(full)
        try:
            if full.is_dir():
                value, size = self._directory(full, algorithm)
            else:
                value, size = self._file(full, algorithm)
        except OSError as error:
            raise unreadable(full, error) from None
        return Digest(f"{algorithm}:{value}"), size

    def _file(self, full: Path, algorithm: str) -> tuple[str, int]:
        from dvc_data.hashfile.hash import file_md5

        if full.is_symlink():
            self._follow(full)
        status = full.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CaptureError(
                f"{full} is no file, but a pipe, a socket or a device.",
                remedy="Restore what DVC recorded (dvc checkout), or remove it.",
            )
        value = self._cache.look_up(status, algorithm) if self._cache else None
        if value is None:
            value = file_md5(os.fspath(full), name=algorithm)
            if moving(full.stat()) != moving(status):
                raise CaptureError(
                    f"{full} changed while it was read.",
                    remedy="Wait until nothing writes to it and try again.",
                )
            if self._cache is not None:
                self._cache.remember(algorithm, [(status, value)])
        if self._progress is not None:
            self._progress(status.st_size)
        return value, status.st_size

    def _directory(self, folder: Path, algorithm: str) -> tuple[str, int]:
        from dvc.fs import LocalFileSystem
        from dvc.ignore import DvcIgnoreFilter
        from dvc_data.hashfile.hash_info import HashInfo
        from dvc_data.hashfile.tree import Tree

        files = LocalFileSystem()
        ignore = DvcIgnoreFilter(files, os.fspath(self._root))
        tree = Tree()
        total = 0
        for root, _, names in ignore.walk(files, os.fspath(folder)):
            prefix = os.path.relpath(root, folder)
            parts = () if prefix == "." else tuple(prefix.split(os.sep))
            for name in names:
                value, size = self._file(folder.joinpath(*parts, name), algorithm)
                tree.add((*parts, name), None, HashInfo(algorithm, value))
                total += size
        tree.digest()
        return str(tree.oid), total


def link_policy(top: Path) -> Follow:
    """Links may lead to what is inside the repository, and to an object of a DVC cache."""

    def follow(path: Path) -> None:
        real = _resolved(path)
        cached = re.fullmatch(r"[0-9a-f]{30}", real.name) and re.fullmatch(
            r"[0-9a-f]{2}", real.parent.name
        )
        if not real.is_relative_to(top) and not cached:
            raise CaptureError(
                f"The symbolic link {path} leads out of the repository.",
                remedy="Copy the file into the repository, or track it with DVC.",
            )

    return follow


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        raise CaptureError(
            f"The symbolic link {path} points to itself.", remedy="Repair or remove the link."
        ) from None
