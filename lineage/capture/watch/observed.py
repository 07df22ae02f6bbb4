"""What was observed of a run, as values and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineage.identity.watched import Distribution, Interpreter, Module


class ProgramKind(StrEnum):
    """What a program is that was not observed: how much is missing without it."""

    PYTHON = "python"
    """An interpreter that should have reported: what it imported and read is missing."""
    LAUNCHER = "launcher"
    """A shell or the like: the Pythons that it starts report by themselves."""
    OTHER = "other"
    """Anything else: what it read is missing."""


@dataclass(frozen=True)
class File:
    """A file of the repository that the run used.

    ``path`` is its name as it was opened, relative to the root; ``target`` what that name's
    symlinks lead to, if to another file of the repository. ``by`` names the scripts (or ``-m
    module``) whose processes used it.
    """

    path: str
    is_input: bool
    """It was read, and not made by the run before."""
    is_written: bool
    target: str | None = None
    by: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The file as the registry keeps it."""
        return {
            "path": self.path,
            "target": self.target,
            "input": self.is_input,
            "written": self.is_written,
            "by": list(self.by),
        }


@dataclass(frozen=True)
class Folder:
    """Files of one folder that are too many to be named one by one."""

    path: str
    """The folder, relative to the root; ``""`` is the root."""
    files: int
    is_input: bool
    is_written: bool

    def to_json(self) -> dict[str, Any]:
        """The folder as the registry keeps it."""
        return {
            "path": self.path,
            "files": self.files,
            "input": self.is_input,
            "written": self.is_written,
        }


@dataclass(frozen=True)
class Unobserved:
    """A program that took part and was not observed; only its name is known."""

    program: str
    kind: ProgramKind
    count: int

    def to_json(self) -> dict[str, Any]:
        """The program as the registry keeps it."""
        return {"program": self.program, "kind": self.kind.value, "count": self.count}


@dataclass(frozen=True)
class Observed:
    """What was observed of a run.

    Paths outside the repository, values of the environment and command lines are no part of it.
    """

    exit_status: int
    files: tuple[File, ...] = ()
    folders: tuple[Folder, ...] = ()
    modules: tuple[Module, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    unknown_modules: tuple[str, ...] = ()
    """Packages that were imported from outside the repository and are of no distribution."""
    interpreters: tuple[Interpreter, ...] = ()
    processes: int = 0
    """How many processes were observed, forks among them."""
    unobserved: tuple[Unobserved, ...] = ()
    unfinished: int = 0
    """Observed processes that were killed, or left by ``os._exit``; a fork may, and is not one."""
    still_running: int = 0
    """Processes of the run that were still there when the command had ended."""
    lost: int = 0
    """Records that could not be written, or read."""
    is_truncated: bool = False
    """There was more than is kept."""
    failures: tuple[str, ...] = field(default=())
    """What went wrong in the watching itself; the run was not touched by it."""
    from_apart: tuple[str, ...] = ()
    """Files of another checkout that modules came from, for whoever asked; kept nowhere."""

    @property
    def inputs(self) -> tuple[File, ...]:
        """The files that were read and not made by the run before."""
        return tuple(file for file in self.files if file.is_input)

    @property
    def gaps(self) -> tuple[str, ...]:
        """What may be missing, a sentence each; empty where everything was seen."""
        found = [f"watching failed: {failure}" for failure in self.failures]
        for one in self.unobserved:
            times = f" ({one.count} times)" if one.count > 1 else ""
            found.append(f"{one.program}{times} was not observed")
        if self.unfinished:
            found.append(f"{_processes(self.unfinished)} ended without saying so")
        if self.still_running:
            found.append(f"{_processes(self.still_running)} ran on after the command had ended")
        if self.lost:
            found.append(f"{self.lost} records were lost")
        if self.is_truncated:
            found.append("there was more than is kept")
        if not self.processes and not self.unobserved:
            found.append("nothing was observed")
        return tuple(found)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is known to be missing."""
        return not self.gaps

    def to_json(self) -> dict[str, Any]:
        """The observation as the registry keeps it."""
        return {
            "complete": self.is_complete,
            "gaps": list(self.gaps),
            "exit_status": self.exit_status,
            "files": [file.to_json() for file in self.files],
            "folders": [folder.to_json() for folder in self.folders],
            "modules": [module.to_json() for module in self.modules],
            "distributions": [one.to_json() for one in self.distributions],
            "unknown_modules": list(self.unknown_modules),
            "interpreters": [one.to_json() for one in self.interpreters],
            "processes": self.processes,
            "unobserved": [one.to_json() for one in self.unobserved],
            "unfinished": self.unfinished,
            "still_running": self.still_running,
            "lost": self.lost,
            "truncated": self.is_truncated,
            "failures": list(self.failures),
        }


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"
