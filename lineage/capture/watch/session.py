"""A watched run: its private folder and environment, and what is made of its records at the end.

The folder (only this user may look into it; removed afterwards) holds ``hook/``, which stands
first in the command's ``PYTHONPATH``, and ``records/``, where each Python of the run writes.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage.capture import command as execution
from lineage.capture.command import Usage
from lineage.capture.watch import processes
from lineage.capture.watch.distributions import distributions
from lineage.capture.watch.files import UsedFiles, folded
from lineage.capture.watch.observed import Observed
from lineage.capture.watch.records import Program, read_all
from lineage.capture.watch.sampling import Sample, Sampler, is_zombie, running_with
from lineage.identity.watched import MOST_DISTRIBUTIONS, MOST_MODULES, Interpreter, Module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.capture.command import Place, Run

HOOK: Final = Path(__file__).parent / "hook"
_MOST_NAMES: Final = 1_000
_TICKS: Final = 20


def watch(
    command: Sequence[str],
    root: Path,
    *,
    quiet_stdout: bool,
    place: Place | None = None,
    apart: Path | None = None,
) -> tuple[Run, Observed]:
    """Run a command as :func:`lineage.capture.command.run` does, and record what it reads.

    The command's output, signals and exit status are its own. What goes wrong in the watching
    stands in the observation, and nowhere else.

    Args:
        command: the program and its arguments.
        root: the top of the repository whose files count.
        quiet_stdout: what it prints goes to stderr.
        place: where it is run, and how long at the most.
        apart: another checkout, whose code is none of the run's.

    Raises:
        UsageError: there is no such program.
        TimeoutExpired: it ran longer than it may.
    """
    try:
        session = Session(root, apart)
    except OSError as error:
        run = execution.run(command, quiet_stdout=quiet_stdout, place=place)
        failure = f"no folder for the records could be made ({error.strerror})"
        return run, Observed(run.exit_status, failures=(failure,))
    try:
        return session.run(command, quiet_stdout=quiet_stdout, place=place)
    finally:
        session.remove()


class Session:
    """The watching of one run.

    Raises:
        OSError: its folder cannot be made.
    """

    def __init__(self, root: Path, apart: Path | None = None) -> None:
        self._root = os.path.realpath(root)
        self._apart = os.path.realpath(apart) if apart is not None else None
        self._folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="lineage-watch-")))
        try:
            if os.pathsep in str(self._folder):
                raise OSError(errno.EINVAL, f"its path holds a {os.pathsep}")
            shutil.copytree(HOOK, self.hook, ignore=shutil.ignore_patterns("__pycache__"))
            self._records.mkdir(mode=0o700)
            mark = self.hook / "root"
            mark.symlink_to(self._root)
            self._started = mark.lstat().st_mtime_ns
            self._wait_for_the_clock()
        except OSError:
            self.remove()
            raise

    @property
    def hook(self) -> Path:
        """The folder that stands in ``PYTHONPATH``."""
        return self._folder / "hook"

    @property
    def _records(self) -> Path:
        return self._folder / "records"

    def environment(self) -> dict[str, str]:
        """This process's environment, with the hook in it."""
        before = self._moved(os.environ.get("PYTHONPATH"))
        path = os.pathsep.join((str(self.hook), before)) if before else str(self.hook)
        return os.environ | {"PYTHONPATH": path}

    def _moved(self, path: str | None) -> str | None:
        """A search path in which folders of the other checkout are those of the root."""
        if path is None or self._apart is None:
            return path
        parts = path.split(os.pathsep)
        return os.pathsep.join(_seen_from(part, self._apart, self._root) for part in parts)

    def run(
        self, command: Sequence[str], *, quiet_stdout: bool, place: Place | None = None
    ) -> tuple[Run, Observed]:
        """Run the command; see :func:`watch`."""
        sampler = Sampler(self._root)
        pids: list[int] = []

        def on_start(pid: int) -> None:
            pids.append(pid)
            sampler.start(pid)

        try:
            run = execution.run(
                command,
                quiet_stdout=quiet_stdout,
                environment=self.environment(),
                on_start=on_start,
                place=place,
            )
        finally:
            sample = sampler.stop()
        if run.usage is not None and run.usage.is_bound and sample.peak_memory_bytes:
            run = replace(run, usage=Usage(run.usage.cpu_seconds, sample.peak_memory_bytes))
        try:
            return run, self._observed(run, pids[0], sample)
        except Exception as error:  # a run is never lost to its watching
            failure = f"{type(error).__name__} while the records were read"
            return run, Observed(run.exit_status, failures=(failure,))

    def remove(self) -> None:
        """Remove the folder, and what Python cached of it elsewhere."""
        shutil.rmtree(self._folder, ignore_errors=True)
        cache = os.environ.get("PYTHONPYCACHEPREFIX")
        if cache:
            shutil.rmtree(f"{cache}{self._folder}", ignore_errors=True)

    def _wait_for_the_clock(self) -> None:
        """Wait some milliseconds, until what changes is told from what changed before."""
        probe = self._folder / "probe"
        for _ in range(_TICKS):
            probe.touch()
            if probe.stat().st_mtime_ns > self._started:
                break
            time.sleep(0.001)

    def _observed(self, run: Run, pid: int, sample: Sample) -> Observed:
        late = running_with(str(self.hook))  # before their records are read: these may say more
        programs, is_cut = read_all(self._records)
        entries = processes.entries(programs)
        used = UsedFiles(self._root, self._started)
        for program, entry in zip(programs, entries, strict=True):
            used.add_program(program, entry)
        used.add_held(sample.held.values())
        files, folders, is_folded = folded(used.files())
        modules = _modules(programs)
        known, unknown = distributions(
            [
                (name, file, entry)
                for program, entry in zip(programs, entries, strict=True)
                for name, file in program.packages.items()
            ],
            {path for program in programs for path in program.paths},
        )
        name = Path(run.command[0]).name
        unobserved = processes.unobserved(programs, sample.processes, (pid, name))
        running = {one for program in programs for one in program.pids if _is_running(one)}
        running |= late
        running -= {one for program in programs for one in program.ended | program.resting}
        return Observed(
            exit_status=run.exit_status,
            files=files,
            folders=folders,
            modules=modules[:MOST_MODULES],
            distributions=known[:MOST_DISTRIBUTIONS],
            unknown_modules=unknown[:_MOST_NAMES],
            interpreters=_interpreters(programs),
            processes=len({one for program in programs for one in program.pids}),
            unobserved=unobserved[:_MOST_NAMES],
            unfinished=len(processes.unfinished(programs) - running),
            still_running=len(running),
            lost=sum(program.lost + program.damaged for program in programs),
            is_truncated=is_cut
            or is_folded
            or bool(folders)
            or sample.is_cut
            or len(modules) > MOST_MODULES
            or any(program.is_full for program in programs),
            failures=_failures(programs, sample),
            from_apart=self._from_apart(programs),
        )

    def _from_apart(self, programs: Sequence[Program]) -> tuple[str, ...]:
        """The files of the other checkout that modules came from, but for installed packages."""
        if self._apart is None:
            return ()
        files = {os.path.realpath(file) for one in programs for file in one.packages.values()}
        inside = {
            os.path.relpath(file, self._apart)
            for file in files
            if file.startswith(f"{self._apart}{os.sep}")
        }
        return tuple(sorted(file for file in inside if "-packages/" not in file))[:_MOST_NAMES]


def _seen_from(folder: str, old: str, new: str) -> str:
    """A folder in one place as the same in another; what lies elsewhere, or is relative, stays."""
    real = Path(os.path.realpath(folder))
    if not (Path(folder).is_absolute() and real.is_relative_to(old)):
        return folder
    return str(Path(new) / real.relative_to(old))


def _modules(programs: Sequence[Program]) -> tuple[Module, ...]:
    found = {(name, path) for one in programs for name, (path, _) in one.modules.items()}
    return tuple(Module(name, path) for name, path in sorted(found))


def _interpreters(programs: Sequence[Program]) -> tuple[Interpreter, ...]:
    seen = {
        (one.pid, (one.implementation, one.version, one.platform))
        for one in programs
        if one.implementation
    }
    counted = Counter(kind for _, kind in seen)
    return tuple(Interpreter(*kind, counted[kind]) for kind in sorted(counted))[:_MOST_NAMES]


def _failures(programs: Sequence[Program], sample: Sample) -> tuple[str, ...]:
    found = {f"{name} in a watched process" for one in programs for name in one.failures}
    found |= {
        f"{one.reason} at the start of a Python {one.version}"
        for one in programs
        if one.reason not in (None, "NotImplementedError")
    }
    if sample.failure is not None:
        found.add(sample.failure)
    return tuple(sorted(found))[:10]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not is_zombie(pid)
