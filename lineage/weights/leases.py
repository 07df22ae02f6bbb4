"""Leases on weights in the cache: who uses some says so, and they are not taken away meanwhile.

A lease is a shared lock of the operating system's on a file of the weights: it ends with the
process that has it, however that ends. The file's own time is when they were last used.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Lease:
    """Weights that this process uses, until it releases them or ends.

    A cache that cannot be written to is taken nothing away from, so it needs no lease.
    """

    def __init__(self, file: Path) -> None:
        self._descriptor: int | None = None
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = _locked(file)
            os.utime(self._descriptor)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()

    def release(self) -> None:
        """Use them no more."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def unused(file: Path) -> Iterator[bool]:
    """Whether nobody uses some weights; nobody begins to before the block ends."""
    descriptor = None
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(file, alone=True)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(file: Path, *, alone: bool = False) -> int:
    """A descriptor of the file that has this name, locked: it may be taken away until it is.

    Raises:
        BlockingIOError: it is to be locked by this process alone, and others have.
    """
    import fcntl

    kind = fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH
    while True:
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except PermissionError:  # of another user, with whom the cache is shared
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, kind)
            if os.path.samestat(os.fstat(descriptor), os.stat(file)):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
