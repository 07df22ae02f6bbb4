"""Files and folders put where they are to be: cloned, written through, and seen when whole."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

AT_ONCE: Final = 50
"""How often somebody else may put the same folder in place before us."""

MOST_SYNCED: Final = 100
"""Files that are written through to the disk one by one; more of them all at once."""

_FICLONE: Final = 0x40049409
"""Linux's request to let a file have the blocks of another (reflink): btrfs, XFS, and others."""

_MOVED_MEANWHILE: Final = (
    errno.ENOTEMPTY,
    errno.EEXIST,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EPERM,
)


def clone(source: int, target: int) -> bool:
    """Let an empty file have the blocks of another, which stay its own once one is written to.

    Args:
        source: a descriptor that is open for reading.
        target: a descriptor that is open for writing.

    Returns:
        Whether the file system can: nothing is written where it cannot.
    """
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def write_through(folder: Path) -> None:
    """Let what was written below a folder survive a loss of power before it is seen."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    if len(files) > MOST_SYNCED:
        _sync_file_system(folder)
        return
    for path in files:
        _sync(path)


def put_in_place(whole: Path, target: Path) -> None:
    """Let a whole file or folder appear under its name; others may be doing the same."""
    for number in range(AT_ONCE):
        try:
            if target.is_dir() and not target.is_symlink():
                target.rename(whole.with_name(f".former-{number}"))
            elif whole.is_dir():
                target.unlink(missing_ok=True)
            whole.replace(target)
            break
        except OSError as error:
            if error.errno not in _MOVED_MEANWHILE or number == AT_ONCE - 1:
                raise
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file_system(folder: Path) -> None:
    """Write one file system through; all of them where the system has no word for one."""
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError):
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), os.fspath(folder))
    finally:
        os.close(descriptor)
