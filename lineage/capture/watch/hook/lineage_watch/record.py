"""The file of records: what a program and its forks say, each record in one write.

A record is ``PID MICROSECONDS WORD TEXT`` and a NUL. What is written outlives a SIGKILL; forks go
on in the same file, whose writes never mix. That the descriptor is still this file's is made sure
of before each write: a program may close every descriptor that it finds, and open others.
"""

import os
from time import monotonic_ns

from .guard import is_the_users

LARGEST = 16 << 20
"""Bytes of records that a program and its forks write at most."""
LARGEST_DATA = 12 << 20
"""How much of it data may take: the rest is kept for code and parameters."""
_LARGEST_EVER = 17 << 20
"""How far what is said of processes and modules may go."""
_OUT_OF_THE_WAY = (1000, 500, 250, 120, 60)
"""Descriptors that no program counts on."""
_NAMES = 1000


class Record:
    """The file of records of this program and its forks."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.lost = 0
        self.is_full = False
        self.open()

    def open(self) -> None:
        """Make a new file, its descriptor out of the program's way."""
        pid = os.getpid()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        for number in range(_NAMES):
            try:
                low = os.open("%s/%d-%d" % (self.folder, pid, number), flags, 0o600)
                break
            except FileExistsError:
                continue
        else:
            raise OSError
        status = os.fstat(low)
        self.device, self.inode = status.st_dev, status.st_ino
        self.descriptor = _moved(low)
        self.pid = b"%d" % pid

    def after_fork(self) -> None:
        """Say that this process is a fork."""
        self.pid = b"%d" % os.getpid()
        self.lost = 0
        self.write(b"fork", b"%d" % os.getppid())

    def write(self, word: bytes, text: bytes = b"", limit: int = _LARGEST_EVER) -> None:
        """Append a record; one that does not fit, or cannot be written, is counted as lost."""
        try:
            try:
                status = os.fstat(self.descriptor)
            except OSError as error:
                if is_the_users(error):
                    raise
                status = None
            if status is None or status.st_ino != self.inode or status.st_dev != self.device:
                self.open()
            elif status.st_size > limit:
                self.lost += 1
                if self.is_full:
                    return
                self.is_full = True
                word, text = b"full", b""
            line = b"%b %d %b %b\0" % (self.pid, monotonic_ns() // 1000, word, text)
            if os.write(self.descriptor, line) != len(line):
                self.lost += 1
        except OSError as error:
            if is_the_users(error):
                raise
            self.lost += 1


def _moved(low: int) -> int:
    """A descriptor's copy under a number out of the program's way, where there is one."""
    for number in _OUT_OF_THE_WAY:
        try:
            os.fstat(number)
        except OSError:
            try:
                os.dup2(low, number, inheritable=False)
            except OSError:
                continue
            os.close(low)
            return number
    return low
