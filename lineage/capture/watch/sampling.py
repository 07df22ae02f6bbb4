"""Looking at the processes of a run while it runs, where Linux shows them in ``/proc``.

It finds programs that do not report (a shell, ``python -I``, another language) and the files of
the repository that any process of the tree holds open at the moment, which is the only trace of
files that are opened by native code. It is a look now and then: what is shorter stays unseen. It
takes at most a hundredth of one processor.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from lineage.capture.command import peak_of

_PROC: Final = "/proc"
_SHORTEST: Final = 0.005
_LONGEST: Final = 0.1
_SHARE: Final = 50
"""A look is followed by so many times the processor's time that it took, of rest."""
_HELD_EVERY: Final = 0.25
_MOST_PROCESSES: Final = 20_000
_MOST_DESCRIPTORS: Final = 256
_MOST_HELD: Final = 20_000
_ROUNDS: Final = 20
_LARGEST_ENVIRONMENT: Final = 4 << 20


@dataclass
class Sampled:
    """A process of the tree."""

    pid: int
    parent: int
    stack: int
    """Where its stack begins: a fork's is its parent's, a new program's is not."""
    program: str | None = None
    """The program's name; None for a fork that became no other program."""


@dataclass(frozen=True)
class Held:
    """A file under the root that was open: its path, when (microseconds), and for writing."""

    path: str
    at: int
    is_written: bool


@dataclass
class Sample:
    """What was seen in all looks."""

    processes: dict[int, Sampled] = field(default_factory=dict)
    held: dict[tuple[str, bool], Held] = field(default_factory=dict)
    is_cut: bool = False
    failure: str | None = None
    peak_memory_bytes: int = 0
    """The most that one process of the tree had held at a time when it was looked at last."""


class Sampler:
    """A thread that looks at a process and what descends from it."""

    def __init__(self, root: str) -> None:
        self.sample = Sample()
        self._inside = root.rstrip("/") + "/"
        self._newest: bytes | None = None
        self._present: set[int] = set()
        self._strangers: set[int] = set()
        self._descriptors: set[tuple[int, str, str]] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, pid: int) -> None:
        """Look at a process from now on; nothing happens where there is no ``/proc``."""
        if not os.path.exists(f"{_PROC}/{pid}/stat"):
            return
        self.sample.processes[pid] = Sampled(pid, os.getpid(), 0)
        self._present.add(pid)
        thread = threading.Thread(target=self._run, name="watch", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self.sample.failure = str(error)
            return
        self._thread = thread

    def stop(self) -> Sample:
        """Look no longer; what was seen."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        return self.sample

    def _run(self) -> None:
        looked_at_files = 0.0
        try:
            while not self._stopped.is_set():
                began = time.thread_time()
                self._look()
                if time.monotonic() - looked_at_files > _HELD_EVERY:
                    looked_at_files = time.monotonic()
                    self._look_at_files()
                took = time.thread_time() - began
                self._stopped.wait(min(max(_SHORTEST, _SHARE * took), _LONGEST))
        except Exception as error:  # the run goes on; the report says so
            self.sample.failure = f"{type(error).__name__} while looking at processes"

    def _look(self) -> None:
        """Find new processes of the tree, and which programs the known ones became."""
        newest = _newest()
        if newest is None or newest != self._newest:
            self._newest = newest
            present = {int(name) for name in os.listdir(_PROC) if name.isdecimal()}
            self._strangers &= present
            for pid in sorted(present - self._strangers - self.sample.processes.keys()):
                self._adopt(pid)
        self._present = {pid for pid in self._present if self._see(self.sample.processes[pid])}

    def _adopt(self, pid: int) -> None:
        status = _status(pid)
        if status is None:
            return
        parent, stack = status
        if parent not in self.sample.processes:
            self._strangers.add(pid)
        elif len(self.sample.processes) >= _MOST_PROCESSES:
            self.sample.is_cut = True
        else:
            self.sample.processes[pid] = Sampled(pid, parent, stack)
            self._present.add(pid)

    def _see(self, process: Sampled) -> bool:
        """Note which program a process is now; whether it is there at all."""
        status = _status(process.pid)
        if status is None:
            return False
        process.stack = status[1]
        parent = self.sample.processes.get(process.parent)
        if parent is None or process.stack == 0 or process.stack != parent.stack:
            process.program = _program(process.pid) or process.program
        self.sample.peak_memory_bytes = max(self.sample.peak_memory_bytes, peak_of(process.pid))
        return True

    def _look_at_files(self) -> None:
        """Note what the tree holds open under the root."""
        for pid in self._present:
            folder = f"{_PROC}/{pid}/fd"
            try:
                numbers = os.listdir(folder)[:_MOST_DESCRIPTORS]
            except OSError:
                continue
            for number in numbers:
                self._note(pid, folder, number)

    def _note(self, pid: int, folder: str, number: str) -> None:
        try:
            path = os.readlink(f"{folder}/{number}")
        except OSError:
            return
        key = (pid, number, path)
        if not path.startswith(self._inside) or key in self._descriptors:
            return
        if len(self._descriptors) >= _MOST_HELD:
            self.sample.is_cut = True
            return
        self._descriptors.add(key)
        flags = _flags(pid, number)
        if flags is None or not os.path.isfile(path):
            return
        at = time.monotonic_ns() // 1000
        access = flags & os.O_ACCMODE
        for is_written in {access != os.O_RDONLY, access == os.O_WRONLY}:
            held = Held(path[len(self._inside) :], at, is_written)
            self.sample.held.setdefault((held.path, is_written), held)


def _newest() -> bytes | None:
    """The number of the newest process or thread of the machine: no other, nothing new."""
    try:
        with open(f"{_PROC}/loadavg", "rb") as file:
            return file.read().split()[-1]
    except (OSError, IndexError):
        return None


def _status(pid: int) -> tuple[int, int] | None:
    """A process's parent, and where its stack begins; None where it is no more."""
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
        return (int(fields[1]), int(fields[25])) if fields[0] not in (b"Z", b"X") else None
    except (OSError, IndexError, ValueError):
        return None


def running_with(text: str) -> set[int]:
    """The processes in whose environment a text stands, whoever their parent is by now.

    A process may fork and end while this looks, so it looks until nothing is new.
    """
    wanted, found = os.fsencode(text), set[int]()
    seen = {os.getpid()}
    for _ in range(_ROUNDS):
        try:
            new = {int(name) for name in os.listdir(_PROC) if name.isdecimal()} - seen
        except OSError:
            break
        if not new:
            break
        seen |= new
        found |= {pid for pid in new if wanted in _environment(pid)}
    return found


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits for its parent to hear of it."""
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] in (b"Z", b"X")
    except OSError:
        return False


def _environment(pid: int) -> bytes:
    """A process's environment as it was started with; empty where that may not be read."""
    try:
        with open(f"{_PROC}/{pid}/environ", "rb") as file:
            return file.read(_LARGEST_ENVIRONMENT)
    except OSError:
        return b""


def _program(pid: int) -> str | None:
    """The name of the program that a process is."""
    try:
        path = os.readlink(f"{_PROC}/{pid}/exe")
    except OSError:
        return None
    return PurePath(path.removesuffix(" (deleted)")).name[:64]


def _flags(pid: int, number: str) -> int | None:
    """How a descriptor was opened."""
    try:
        with open(f"{_PROC}/{pid}/fdinfo/{number}", "rb") as file:
            for line in file.read(4096).splitlines():
                if line.startswith(b"flags:"):
                    return int(line.split()[1], 8)
    except (OSError, IndexError, ValueError):
        return None
    return None
