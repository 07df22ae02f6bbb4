"""Files that were read whole and found right since this machine started, and did not change since.

A file is known by device and inode, and is believed while size, mtime and ctime are as they were
when it was read: whoever writes to it moves its ctime, which no program can set back. A file that
changed within the last tick of the file system's clock is not remembered. Nor is anything over a
start of the machine: what was never written through may be other bytes after a loss of power.

While a pull is under way the program itself moves the ctime of what it has read, by links and new
names: :meth:`Verified.own_move` says when, and any other is somebody else's.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage.hashing.cache import SETTLED, StatCache, moving

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lineage.hashing.cache import Status
    from lineage.identity.digest import Digest

TICK: Final = 0.05
"""Seconds that a clock of nanoseconds may take to show the next change."""

OLD: Final = 30 * 86_400.0
"""Seconds after which what is known of an earlier start, or of another host's, is taken away."""

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Seen:
    """What of a file's status tells that it is the one that was read, under whatever name."""

    inode: tuple[int, int]
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Seen:
        """What a status tells."""
        inode = status.st_dev, status.st_ino
        return cls(inode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def moved(self, status: os.stat_result) -> Seen:
        """The same file once we have given it another name; what it was where it is another one."""
        now = Seen.of(status)
        return now if replace(now, ctime_ns=self.ctime_ns) == self else self


class Verified:
    """The files of one cache that are known to be right; ask and tell from one thread.

    Args:
        folder: the cache.
        again: believe nothing of what was read before: every file is read anew.
    """

    def __init__(self, folder: Path, *, again: bool = False) -> None:
        boot = _boot()
        self._cache = StatCache(folder / f"verified-{boot}.db") if boot is not None else None
        self._folder = folder
        self._again = again
        self._known: dict[tuple[int, int], tuple[Status, str]] = {}
        self._read: dict[Seen, Digest] = {}

    def load(self, statuses: Iterable[os.stat_result]) -> None:
        """Look up what is known of some files, in one go."""
        if self._cache is None or self._again:
            return
        by_device: dict[int, list[int]] = {}
        for status in statuses:
            by_device.setdefault(status.st_dev, []).append(status.st_ino)
        for device, inodes in by_device.items():
            for inode, entry in self._cache.known(device, inodes, "blake3").items():
                self._known[device, inode] = entry

    def holds(self, status: os.stat_result, digest: Digest) -> bool:
        """Whether a file of this status was read whole, had this digest, and has not changed."""
        if self._read.get(Seen.of(status)) == digest:
            return True
        known = self._known.get((status.st_dev, status.st_ino))
        if known is None or known != (moving(status), digest.value):
            return False
        self._read[Seen.of(status)] = digest
        return True

    def was_read(self, seen: Seen, digest: Digest) -> None:
        """Tell that a file was just read whole and had a digest; any thread may."""
        self._read[seen] = digest

    @contextmanager
    def own_move(self, descriptor: int) -> Iterator[None]:
        """Link or rename an open file within: what was known of it goes on to hold."""
        before = Seen.of(os.fstat(descriptor))
        yield
        digest = self._read.get(before)
        if digest is not None:
            self._read[before.moved(os.fstat(descriptor))] = digest

    def keep(self, statuses: Iterable[os.stat_result]) -> None:
        """Remember those of some files that are right, as they are now."""
        if self._cache is None:
            return
        for status in statuses:
            digest = self._read.get(Seen.of(status))
            if digest is None:
                continue
            known = self._known.get((status.st_dev, status.st_ino))
            if known != (moving(status), digest.value):
                fine = status.st_ctime_ns % 1_000_000 != 0
                row = [(status, digest.value)]
                self._cache.remember("blake3", row, after=TICK if fine else SETTLED)

    def close(self) -> None:
        """Write what is new, and take away what is too old to be of use."""
        if self._cache is None:
            return
        self._cache.close()
        with suppress(OSError):
            for file in self._folder.glob("verified-*.db"):
                if time.time() - file.stat().st_mtime > OLD:
                    file.unlink()


def _boot() -> str | None:
    """What this start of the machine is called; None where nobody says, so nothing is believed."""
    try:
        return _BOOT.read_text("ascii").strip()[:36] or None
    except (OSError, ValueError):
        return None
