"""Which programs took part in a run, and which of them were not observed.

Three things are held against each other: the programs that reported themselves, those that a
reporting program says it started, and those that were seen in ``/proc``. What one of the latter
two knows and did not report was not observed.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from lineage.capture.watch.observed import ProgramKind, Unobserved
from lineage.capture.watch.records import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.capture.watch.records import Program
    from lineage.capture.watch.sampling import Sampled

_PYTHON: Final = re.compile(r"(?:python|pypy|graalpy)[\d.]*t?")
_LAUNCHERS: Final = frozenset(
    (
        *("ash", "bash", "busybox", "dash", "fish", "ksh", "sh", "zsh"),
        *("conda", "make", "mamba", "micromamba", "pdm", "pixi", "poetry", "pyenv", "rye", "uv"),
        *("chrt", "env", "flock", "ionice", "nice", "nohup", "numactl", "script", "setsid"),
        *("stdbuf", "sudo", "taskset", "time", "timeout", "tini", "uvx", "xargs"),
    )
)


def kind_of(program: str) -> ProgramKind:
    """What a program is, by its name."""
    if _PYTHON.fullmatch(program):
        return ProgramKind.PYTHON
    return ProgramKind.LAUNCHER if program in _LAUNCHERS else ProgramKind.OTHER


def unobserved(
    programs: Sequence[Program],
    sampled: Mapping[int, Sampled],
    first: tuple[int, str],
) -> tuple[Unobserved, ...]:
    """The programs that took part and were not observed, by name.

    Args:
        programs: those that reported.
        sampled: the processes that were seen meanwhile, by number.
        first: number and name of the command's own process.
    """
    reported = {pid for program in programs for pid in program.pids}
    sampled = _without_daemons(programs, sampled, reported)
    missing = _missing(programs)
    names = [
        _seen_as(sampled, program.pid) or f"python{program.version}"
        for program in programs
        if not program.is_watched
    ]
    for pid, process in sampled.items():
        if pid not in reported and pid != first[0] and process.program is not None:
            names.append(_paired(missing[process.parent], process.program))
    if first[0] not in reported:
        names.append(_seen_as(sampled, first[0]) or first[1])
    names += [name for left in missing.values() for name in left]
    counted = Counter(map(printable, names))
    return tuple(Unobserved(name, kind_of(name), counted[name]) for name in sorted(counted))


def unfinished(programs: Sequence[Program]) -> set[int]:
    """The processes that ended without saying so; a fork need not say so."""
    ended = {pid for program in programs for pid in program.ended}
    return {
        program.pid
        for program in programs
        if program.is_watched and program.pid not in ended and program.pid not in program.replaced
    }


def entries(programs: Sequence[Program]) -> list[str]:
    """For each program the script that its doings are put down to.

    It is its own script, or its parent's where it runs none itself: ``multiprocessing`` and the
    like start their workers with ``-c``.
    """
    owner = {pid: place for place, program in enumerate(programs) for pid in program.pids}
    found = []
    for place, program in enumerate(programs):
        current, passed = place, {place}
        while _is_worker(programs[current].entry):
            above = owner.get(programs[current].parent)
            if above is None or above in passed:
                break
            passed.add(above)
            current = above
        found.append(programs[current].entry or program.entry)
    return found


def _without_daemons(
    programs: Sequence[Program], sampled: Mapping[int, Sampled], reported: set[int]
) -> dict[int, Sampled]:
    """The processes that were seen, but for DVC's own daemons and what these started."""
    left = Counter[int]()
    for program in programs:
        left.update(program.daemons)
    daemons: set[int] = set()
    others: dict[int, Sampled] = {}
    for pid, process in sampled.items():  # parents come first
        name = process.program or ""
        is_daemon = left[process.parent] > 0 and kind_of(name) is ProgramKind.PYTHON
        if pid not in reported and (is_daemon or process.parent in daemons):
            daemons.add(pid)
            left[process.parent] -= is_daemon
        else:
            others[pid] = process
    return others


def _is_worker(entry: str) -> bool:
    return entry in ("", "-c") or entry.startswith(("-m joblib.externals.loky", "-m multiprocess"))


def _missing(programs: Sequence[Program]) -> defaultdict[int, list[str]]:
    """For each process that reported, the names of what it started and that did not."""
    started: defaultdict[int, list[str]] = defaultdict(list)
    missing: defaultdict[int, list[str]] = defaultdict(list)
    replaced: defaultdict[int, list[str]] = defaultdict(list)
    for program in programs:
        for pid, name in program.launches:
            started[pid].append(name)
        for pid, name in program.deaf:
            missing[pid].append(name)
        for pid, name in program.replaced.items():
            replaced[pid].append(name)
    forks = {pid for program in programs for pid in program.parents if pid in replaced}
    images = Counter(program.pid for program in programs)
    children = Counter(
        {program.pid: program.parent for program in programs if program.pid not in forks}.values()
    )
    for pid, names in started.items():
        # Pythons first: what a shell became cannot be told from what else was started
        names.sort(key=lambda name: kind_of(name) is not ProgramKind.PYTHON)
        missing[pid] += names[children[pid] :]
    for pid, names in replaced.items():
        missing[pid] += names[images[pid] - (pid not in forks) :]
    return missing


def _seen_as(sampled: Mapping[int, Sampled], pid: int) -> str | None:
    """The name of the program that a process was seen to be."""
    process = sampled.get(pid)
    return process.program if process is not None else None


def _paired(missing: list[str], name: str) -> str:
    """A process's name, taken off the list of those that its parent said it started."""
    if name in missing:
        missing.remove(name)
    elif missing:
        missing.pop()
    return name
