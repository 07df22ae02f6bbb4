"""Reading files that people or a repository name: regular ones only, with a bound, without waiting.

What a checkout holds in the place of a file may be a pipe that nobody writes to, a device without
an end, or a sparse file of terabytes: none of them may cost more than a sentence.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""How such a file is opened: a pipe is not waited for."""


class Unfit(Exception):
    """A path has no file to read; its text says what is there, as the end of a sentence."""


class Missing(Unfit):
    """Nothing is there, a dangling link neither."""


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file, open for reading, and its size in bytes; links are followed.

    Raises:
        Missing: nothing is there.
        Unfit: it is no file, or cannot be opened.
    """
    try:
        # asked before it is opened: opening alone wakes some devices
        _require_regular(os.stat(path).st_mode)
        descriptor = os.open(path, FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        if Path(path).is_symlink():
            raise Unfit("is a link that points to nothing") from None
        raise Missing("cannot be read: no such file") from None
    except (OSError, ValueError) as error:
        raise _unreadable(error) from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _require_regular(status.st_mode)
        yield file, status.st_size


def read(path: str | os.PathLike[str], limit: int) -> bytes:
    """The bytes of a file.

    Raises:
        Missing: nothing is there.
        Unfit: it is no file, cannot be read, or is larger than ``limit`` bytes.
    """
    with opened(path) as (file, size):
        return bounded(file, size, limit)


def bounded(file: BinaryIO, size: int, limit: int) -> bytes:
    """The bytes of an open file of a size, which is not read where it is too large.

    Raises:
        Unfit: it cannot be read, or is larger than ``limit`` bytes.
    """
    try:
        data = file.read(limit + 1) if size <= limit else b""
    except OSError as error:
        raise _unreadable(error) from None
    if size > limit or len(data) > limit:
        raise Unfit(f"is larger than {limit:,} bytes")
    return data


def _require_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise Unfit("is no file, but a folder")
    if not stat.S_ISREG(mode):
        raise Unfit("is no file, but a pipe, a socket or a device")


def _unreadable(error: OSError | ValueError) -> Unfit:
    if getattr(error, "errno", None) == errno.ELOOP:
        return Unfit("is a link that points to itself")
    reason = getattr(error, "strerror", None) or str(error)
    return Unfit(f"cannot be read: {reason.lower()}")
