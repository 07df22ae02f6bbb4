"""Running a command between two captures, so that what it measured or made can be believed."""

from __future__ import annotations

import math
import os
import re
import resource
import shutil
import signal
import socket
import subprocess  # nosec B404 # words without a shell
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError
from lineage.timestamps import now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HIDDEN: Final = "…"
_LEAVE: Final = 0.25
_SHORTEST_REST: Final = 0.0005
_LONGEST_REST: Final = 0.05
_SECRET_OPTION: Final = re.compile(
    r"(?i)^(-{1,2}|)[\w-]*(password|passwd|secret|token|credential|api[-_]?key)[\w-]*"
)
_SECRET_URL: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True)
class Usage:
    """What a command took, with the processes that it started and waited for.

    Attributes:
        cpu_seconds: of processors, in it and in the system for it.
        peak_memory_bytes: the most that one of its processes held at a time.
        is_bound: the memory is at most that: a process that this one starts counts this one's own
            until it is another program.
    """

    cpu_seconds: float
    peak_memory_bytes: int
    is_bound: bool = False

    @classmethod
    def of(cls, used: resource.struct_rusage, floor: int) -> Usage:
        """What the system counted, where this process itself held ``floor`` bytes before."""
        peak = _peak_bytes(used)
        return cls(used.ru_utime + used.ru_stime, peak, peak <= floor)


@dataclass(frozen=True)
class Run:
    """A command that was run: what, where, when, how long (in seconds) and how it ended.

    ``usage`` is None where the system did not tell.
    """

    command: tuple[str, ...]
    folder: str
    host: str
    started_at: str
    seconds: float
    exit_status: int
    usage: Usage | None = None

    def measured(self) -> dict[str, float | int]:
        """What it took, as metrics have it under the name :data:`.metrics.COMMAND`."""
        took: dict[str, float | int] = {"seconds": round(self.seconds, 3)}
        if self.usage is not None:
            took["cpu_seconds"] = round(self.usage.cpu_seconds, 3)
            took["peak_memory_bytes"] = self.usage.peak_memory_bytes
        return took

    def to_json(self) -> dict[str, Any]:
        """The run as the registry keeps it; what looks like a secret is left out."""
        return {
            "command": without_secrets(self.command),
            "folder": self.folder,
            "host": self.host,
            "started_at": self.started_at,
            "seconds": round(self.seconds, 3),
            "exit_status": self.exit_status,
        }


@dataclass(frozen=True)
class Place:
    """Where a command is run apart from this process: its folder, and for how many seconds.

    It has a group of processes of its own, which ends with it.
    """

    folder: Path
    seconds: float

    def program(self, name: str) -> str | None:
        """The program of a name: seen from the folder where it has one, else looked up."""
        found = shutil.which(os.fspath(self.folder / name) if os.sep in name else name)
        return os.path.abspath(found) if found is not None else None  # noqa: PTH100 - links stay


def run(
    command: Sequence[str],
    *,
    quiet_stdout: bool,
    environment: Mapping[str, str] | None = None,
    on_start: Callable[[int], None] | None = None,
    place: Place | None = None,
) -> Run:
    """Run a command, without a shell, and wait for it.

    Args:
        command: the program and its arguments.
        quiet_stdout: what it prints goes to stderr, so that stdout stays a program's.
        environment: what it finds in its environment; by default what this process does.
        on_start: is told the number of its process.
        place: where it is run, and how long at the most; by default in the current folder, as long
            as it takes.

    Raises:
        UsageError: there is no such program.
        TimeoutExpired: it ran longer than it may, and was killed with all that it started.
    """
    program = shutil.which(command[0]) if place is None else place.program(command[0])
    if program is None:
        raise UsageError(
            f"There is no program {command[0][:80]!r}.",
            remedy="Name one that can be run here, for example: -- python evaluate.py",
        )
    sys.stdout.flush()
    own = peak_of(os.getpid()) or _peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
    started_at, began = now(), time.monotonic()
    try:
        process = subprocess.Popen(  # nosec B603 # noqa: S603 - the user's own command, no shell
            [program, *command[1:]],
            stdout=sys.stderr if quiet_stdout else None,
            env=environment,
            cwd=place.folder if place is not None else None,
            start_new_session=place is not None,
        )
    except OSError as error:
        raise UsageError(
            f"{command[0][:80]} cannot be run: {error.strerror}.", remedy="Make it a program."
        ) from None
    used = _wait(process, on_start, place)
    seconds = time.monotonic() - began
    folder = os.fspath(place.folder if place is not None else Path.cwd())
    return Run(
        tuple(command),
        folder,
        socket.gethostname(),
        started_at,
        seconds,
        process.returncode,
        Usage.of(used, own) if used is not None else None,
    )


def _wait(
    process: subprocess.Popen[bytes],
    on_start: Callable[[int], None] | None,
    place: Place | None,
) -> resource.struct_rusage | None:
    """What a process took, once it ended; it does not outlive this one's interruption.

    In a place of its own nothing that it started does, unless it left the group.
    """
    with process:
        try:
            if on_start is not None:
                on_start(process.pid)
            return _ended(process, place.seconds if place is not None else None)
        except KeyboardInterrupt:  # which it hears too: it may end by itself
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LEAVE)
            raise
        finally:
            if process.returncode is None:
                process.kill()
            if place is not None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)


def _ended(
    process: subprocess.Popen[bytes], seconds: float | None
) -> resource.struct_rusage | None:
    """Wait as :meth:`Popen.wait` does, and keep what the system counted.

    Raises:
        TimeoutExpired: it did not end in time.
    """
    until = time.monotonic() + seconds if seconds is not None else math.inf
    rest = _SHORTEST_REST
    while True:
        try:
            pid, status, used = os.wait4(process.pid, os.WNOHANG if seconds is not None else 0)
        except ChildProcessError:  # who started us has its children ended unheard
            process.wait()
            return None
        if pid == process.pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return used
        left = until - time.monotonic()
        if seconds is not None and left <= 0:
            raise subprocess.TimeoutExpired(process.args, seconds)
        rest = min(2 * rest, left, _LONGEST_REST)
        time.sleep(rest)


def peak_of(pid: int) -> int:
    """The most bytes of memory that a process held at a time; 0 where that is not shown.

    The program alone: what the system counts of a process holds what the one that started it held.
    """
    try:
        with Path(f"/proc/{pid}/status").open("rb") as file:
            for line in file:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        return 0
    return 0


def _peak_bytes(used: resource.struct_rusage) -> int:
    """The most memory at a time, which macOS counts in bytes and others in KiB."""
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def without_secrets(command: Sequence[str]) -> list[str]:
    """A command line without the values that look like secrets."""
    shown: list[str] = []
    hide_next = False
    for word in command:
        named = _SECRET_OPTION.match(word)
        if hide_next and not word.startswith("-"):
            shown.append(HIDDEN)
        elif named and "=" in word:
            shown.append(f"{word.partition('=')[0]}={HIDDEN}")
        else:
            shown.append(_SECRET_URL.sub(HIDDEN, word))
        hide_next = bool(named) and word.startswith("-") and "=" not in word
    return shown


def stamps(path: Path) -> dict[str, Stamp]:
    """The stamps of a file, or of every file in a folder, by their paths."""
    files = [path] if not path.is_dir() else (f for f in path.rglob("*") if f.is_file())
    return {os.fspath(file): Stamp.of(file) for file in files}


@dataclass(frozen=True)
class Stamp:
    """A file's state by which a new one is told from an old one; None where there is none."""

    state: tuple[int, int, int, int] | None

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The stamp of a file as it is now."""
        try:
            status = path.stat()
        except OSError:
            return cls(None)
        return cls((status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
