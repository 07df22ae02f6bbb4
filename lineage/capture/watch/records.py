"""Reading what watched processes wrote: strictly and bounded, for anybody may have written it.

A file of records is one program's (an interpreter from its start to its end) and its forks'. The
format is described where it is written: ``hook/lineage_watch/record.py``.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LARGEST: Final = 18 << 20
"""Bytes of one program's records."""
LARGEST_ALL: Final = 256 << 20
"""Bytes of all records that are read."""
MOST_FILES: Final = 10_000
_MOST_DAMAGED: Final = 1_000

_NAME: Final = re.compile(r"(\d{1,10})-(?:\d{1,4}|blind)", re.ASCII)
_RECORD: Final = re.compile(rb"(\d{1,10}) (\d{1,18}) ([a-z]{3,8}) (.*)", re.DOTALL)
_USES: Final = frozenset({"read", "fresh", "made", "updated"})
_MODULE: Final = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
_WORD: Final = re.compile(r"[\w.+-]{1,40}", re.ASCII)
_LONGEST_NAME: Final = 255
_MOST_DIGITS: Final = 20
_LONGEST_PATH: Final = 4096


@dataclass(slots=True)
class Use:
    """When a file was first used for what: microseconds of the machine's monotonic clock."""

    target: str | None = None
    read: int | None = None
    fresh: int | None = None
    made: int | None = None
    updated: int | None = None

    def note(self, word: str, at: int) -> None:
        """Keep the earliest moment."""
        before = getattr(self, word)
        if before is None or at < before:
            setattr(self, word, at)


@dataclass
class Program:
    """What one program and its forks said."""

    pid: int
    parent: int = 0
    implementation: str = ""
    version: str = ""
    platform: str = ""
    reason: str | None = None
    """Why it could not be watched, where it said so."""
    entry: str = ""
    pids: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    parents: dict[int, int] = field(default_factory=dict)
    """Of the forks."""
    launches: list[tuple[int, str]] = field(default_factory=list)
    deaf: list[tuple[int, str]] = field(default_factory=list)
    replaced: dict[int, str] = field(default_factory=dict)
    """Processes that became another program, and which."""
    daemons: dict[int, int] = field(default_factory=dict)
    """Processes that started daemons of DVC's, and how many."""
    resting: set[int] = field(default_factory=set)
    """Those of them that said nothing since."""
    uses: dict[str, Use] = field(default_factory=dict)
    modules: dict[str, tuple[str, int]] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    failures: set[str] = field(default_factory=set)
    lost: int = 0
    is_full: bool = False
    damaged: int = 0
    """Records that are none."""

    @property
    def has_started(self) -> bool:
        """Whether it said what it is."""
        return bool(self.implementation) or self.reason is not None

    @property
    def is_watched(self) -> bool:
        """Whether it is an interpreter whose audit events are known to be whole."""
        return self.reason is None and self.implementation == "cpython"


def read_all(folder: Path) -> tuple[list[Program], bool]:
    """Every program's records, and whether there were more than are read."""
    left, is_cut = LARGEST_ALL, False
    programs: dict[str, Program] = {}
    further: list[tuple[int, bytes]] = []
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return [], True
    for name in names[:MOST_FILES]:
        matched = _NAME.fullmatch(name)
        data = _contents(folder / name, min(left, LARGEST)) if matched is not None else None
        if matched is None or data is None:
            is_cut = True
            continue
        left -= len(data)
        program = Program(int(matched[1]))
        parse(data, program)
        if program.has_started:
            programs[name] = program
        else:
            further.append((program.pid, data))
    found = list(programs.values())
    for pid, data in further:  # of a process whose descriptor was closed
        owner = next((one for one in reversed(found) if pid in one.pids), None)
        if owner is not None:
            parse(data, owner)
        is_cut = is_cut or owner is None
    return found, is_cut or len(names) > MOST_FILES


def parse(data: bytes, program: Program) -> None:
    """Take in a file of records of a program; what is no record is counted, never believed."""
    for record in _split(data):
        matched = _RECORD.fullmatch(record)
        if matched is None:
            program.damaged += 1
            if program.damaged > _MOST_DAMAGED:
                break
            continue
        number, at, word, text = int(matched[1]), int(matched[2]), matched[3].decode(), matched[4]
        try:
            if word in _USES:
                _use(program, word, at, text)
            else:
                _TAKERS[word](program, number, at, text)
        except (KeyError, ValueError):
            program.damaged += 1
            continue
        program.pids.add(number)
        if word != "exec":
            program.replaced.pop(number, None)
        if word != "daemon":
            program.resting.discard(number)


def path_of(text: bytes) -> str:
    """A path relative to the root, as Python decodes it.

    Raises:
        ValueError: it is none, or leads out of the root.
    """
    parts = b"/%b/" % text
    if len(text) > _LONGEST_PATH or b"//" in parts or b"/./" in parts or b"/../" in parts:
        raise ValueError(text)
    return os.fsdecode(text)


def printable(name: str) -> str:
    """A name as it may be shown: no control characters, not too long."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:_LONGEST_NAME]


def _split(data: bytes) -> Iterator[bytes]:
    """The records one by one; a last one without its end is torn, and matches nothing."""
    begin = 0
    while (end := data.find(b"\0", begin)) >= 0:
        yield data[begin:end]
        begin = end + 1
    if begin < len(data):
        yield b""


def _use(program: Program, word: str, at: int, text: bytes) -> None:
    name, separator, rest = text.partition(b"//")
    path, target = path_of(name), path_of(rest) if separator else None
    use = program.uses.setdefault(path, Use())
    use.target = use.target or target
    use.note(word, at)


def _start(program: Program, pid: int, at: int, text: bytes) -> None:
    parent, implementation, version, platform = text.decode("ascii").split("//")
    if pid != program.pid or not all(map(_WORD.fullmatch, (implementation, version, platform))):
        raise ValueError(text)
    program.parent = _number(parent)
    program.implementation = implementation
    program.version = version
    program.platform = platform


def _blind(program: Program, pid: int, at: int, text: bytes) -> None:
    parent, version, reason = text.decode("ascii").split("//")
    if not all(map(_WORD.fullmatch, (version, reason))):
        raise ValueError(text)
    program.parent, program.version, program.reason = _number(parent), version, reason


def _fork(program: Program, pid: int, at: int, text: bytes) -> None:
    program.parents[pid] = _number(text.decode("ascii"))


def _entry(program: Program, pid: int, at: int, text: bytes) -> None:
    if not program.entry:
        program.entry = _shown(text)


def _launch(program: Program, pid: int, at: int, text: bytes) -> None:
    program.launches.append((pid, _shown(text)))


def _deaf(program: Program, pid: int, at: int, text: bytes) -> None:
    program.deaf.append((pid, _shown(text)))


def _daemon(program: Program, pid: int, at: int, text: bytes) -> None:
    program.daemons[pid] = program.daemons.get(pid, 0) + 1
    program.resting.add(pid)


def _exec(program: Program, pid: int, at: int, text: bytes) -> None:
    program.replaced[pid] = _shown(text)


def _module(program: Program, pid: int, at: int, text: bytes) -> None:
    name, path = _imported(text)
    program.modules.setdefault(name, (path_of(path), at))


def _package(program: Program, pid: int, at: int, text: bytes) -> None:
    name, path = _imported(text)
    program.packages.setdefault(name, os.fsdecode(path[:_LONGEST_PATH]))


def _path(program: Program, pid: int, at: int, text: bytes) -> None:
    program.paths.add(os.fsdecode(text[:_LONGEST_PATH]))


def _failed(program: Program, pid: int, at: int, text: bytes) -> None:
    program.failures.add(_shown(text))


def _full(program: Program, pid: int, at: int, text: bytes) -> None:
    program.is_full = True


def _end(program: Program, pid: int, at: int, text: bytes) -> None:
    program.lost += min(_number(text.decode("ascii")), 1 << 40)
    program.ended.add(pid)


def _number(text: str) -> int:
    if not text.isdigit() or len(text) > _MOST_DIGITS:
        raise ValueError(text)
    return int(text)


def _imported(text: bytes) -> tuple[str, bytes]:
    name, _, path = text.partition(b"//")
    module = name.decode()
    if len(module) > _LONGEST_NAME or _MODULE.fullmatch(module) is None or not path:
        raise ValueError(text)
    return module, path


def _shown(text: bytes) -> str:
    return printable(text.decode("utf-8", "backslashreplace"))


def _contents(path: Path, most: int) -> bytes | None:
    """A file's bytes; None where it is no plain file of this user's, or too large."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        is_own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if not is_own or status.st_size > most:
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)


_TAKERS: Final[dict[str, Callable[[Program, int, int, bytes], None]]] = {
    "start": _start,
    "blind": _blind,
    "fork": _fork,
    "entry": _entry,
    "launch": _launch,
    "deaf": _deaf,
    "daemon": _daemon,
    "exec": _exec,
    "module": _module,
    "package": _package,
    "path": _path,
    "failed": _failed,
    "full": _full,
    "end": _end,
}
