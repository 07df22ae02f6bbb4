"""Files and folders put where they are to be: cloned, written through, and seen when whole."""

from __future__ import annotations

import ctypes
import errno
import os
import queue
import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from lineage.hashing.blocks import write_block

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from lineage.hashing.blocks import Write

AT_ONCE: Final = 50
"""How often somebody else may put the same folder in place before us."""

MOST_SYNCED: Final = 100
"""Files that are written through to the disk one by one; more of them all at once."""

AHEAD: Final = 8 << 20
"""Bytes after which the disk is given what was written to a file."""

_BEGIN_WRITING: Final = 2
"""Linux's word for that (SYNC_FILE_RANGE_WRITE): it waits for nothing, and promises nothing."""

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
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


@contextmanager
def written_ahead(descriptor: int) -> Iterator[Write]:
    """What writes blocks to a new file; the disk begins with them while more come.

    So there is little to wait for when the file is written through. Another thread tells the disk,
    as it may have to wait until that takes more.
    """
    begin = _c_function("sync_file_range")
    ranges: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
    teller: threading.Thread | None = None
    size = told = 0

    def tell() -> None:
        while (part := ranges.get()) is not None:
            begin(descriptor, *map(ctypes.c_int64, part), _BEGIN_WRITING)

    def write(block: memoryview) -> None:
        nonlocal size, teller, told
        write_block(descriptor, block)
        size += len(block)
        if begin is None or size - told < AHEAD:
            return
        if teller is None:
            teller = threading.Thread(target=tell, name="lineage-write-ahead", daemon=True)
            teller.start()
        ranges.put((told, size - told))
        told = size

    try:
        yield write
    finally:
        if teller is not None:
            ranges.put(None)
            teller.join()


def write_through(folder: Path) -> None:
    """Let what was written below a folder survive a loss of power before it is seen."""
    sync([path for path in folder.rglob("*") if path.is_file()], folder)


def sync(paths: Collection[Path], below: Path) -> None:
    """Write files or folders that lie below one through to the disk."""
    if len(paths) > MOST_SYNCED:
        _sync_file_system(below)
        return
    for path in paths:
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
    syncfs = _c_function("syncfs")
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), os.fspath(folder))
    finally:
        os.close(descriptor)


@cache
def _c_function(name: str) -> Any:  # noqa: ANN401 - of the C library
    """A function that Python has no word for; None where the system has not either."""
    try:
        return getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError):
        return None
