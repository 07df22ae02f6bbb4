"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

NEW_FILE: Final = 0o644


def write_whole(path: Path, data: bytes, *, mode: int = NEW_FILE) -> None:
    """Write a file beside its place and put it there: a reader finds the old one or the new one.

    Args:
        path: the file; what a symbolic link leads to is replaced, and not the link.
        data: what it is to hold.
        mode: the permissions of a file that is new; one that is there keeps its own.

    Raises:
        OSError: it cannot be written; it is as it was.
    """
    Staged(path, data, mode=mode).place()


class Staged:
    """A file that is written, and waits beside its place until it is put there, or dropped.

    Arguments and errors are those of :func:`write_whole`.
    """

    def __init__(self, path: Path, data: bytes, *, mode: int = NEW_FILE) -> None:
        self._place = place = Path(os.path.realpath(path))
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        with suppress(OSError):
            mode = stat.S_IMODE(place.stat().st_mode)
        descriptor, self._name = tempfile.mkstemp(prefix=f".{place.name[:40]}.", dir=place.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if hasattr(os, "fchmod"):  # Windows knows no modes
                    os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
        except BaseException:
            self.drop()
            raise

    def place(self) -> None:
        """Put it where it belongs; where that fails, drop it."""
        try:
            os.replace(self._name, self._place)  # noqa: PTH105 - both are whole paths
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Take it away: the place is as it was."""
        with suppress(OSError):
            os.unlink(self._name)  # noqa: PTH108 - see above
