"""What was observed of a run, as it is kept with a version or a validation. Pure.

Paths are relative to the project's folder, as the pipeline's manifest writes them. Paths outside
the repository, values of the environment and secrets of the command line are no part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lineage.identity.digest import Digest, blake3_of, canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping


MOST_MODULES: Final = 5_000
MOST_DISTRIBUTIONS: Final = 1_000
MOST_UNDECLARED: Final = 1_000
"""What is kept of a run at the most; a run with more says so among its gaps."""
MOST_KEPT: Final = 20
"""Runs that are recorded at a time."""


class Role(StrEnum):
    """What an undeclared file is to the run."""

    CODE = "code"
    PARAMETERS = "parameters"
    DATA = "data"


@dataclass(frozen=True)
class Undeclared:
    """A file (or a folder, which ends with ``/``) that was read and is in no component."""

    path: str
    role: Role
    is_tracked: bool
    by: tuple[str, ...] = ()
    """The scripts (or ``-m module``) whose processes read it."""

    def to_json(self) -> dict[str, Any]:
        """The file as the registry keeps it."""
        return {
            "path": self.path,
            "role": self.role.value,
            "tracked": self.is_tracked,
            "by": list(self.by),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Undeclared:
        """Read back what :meth:`to_json` wrote."""
        return cls(body["path"], Role(body["role"]), body["tracked"], tuple(body["by"]))


@dataclass(frozen=True)
class Module:
    """A module of the repository that was imported, and its file."""

    name: str
    path: str

    def to_json(self) -> dict[str, Any]:
        """The module as the registry keeps it."""
        return {"name": self.name, "path": self.path}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Module:
        """Read back what :meth:`to_json` wrote."""
        return cls(body["name"], body["path"])


@dataclass(frozen=True)
class Distribution:
    """An installed distribution that something was imported of."""

    name: str
    version: str
    by: tuple[str, ...] = ()
    """The scripts whose processes imported it."""

    def to_json(self) -> dict[str, Any]:
        """The distribution as the registry keeps it."""
        return {"name": self.name, "version": self.version, "by": list(self.by)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Distribution:
        """Read back what :meth:`to_json` wrote."""
        return cls(body["name"], body["version"], tuple(body["by"]))


@dataclass(frozen=True)
class Interpreter:
    """A Python that took part, and how many processes of it (forks not counted)."""

    implementation: str
    version: str
    platform: str
    processes: int

    def to_json(self) -> dict[str, Any]:
        """The interpreter as the registry keeps it."""
        return {
            "implementation": self.implementation,
            "version": self.version,
            "platform": self.platform,
            "processes": self.processes,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Interpreter:
        """Read back what :meth:`to_json` wrote."""
        return cls(body["implementation"], body["version"], body["platform"], body["processes"])


@dataclass(frozen=True)
class WatchedRun:
    """A run that was watched: the command, and what it read that the components do not hold.

    ``run`` is JSON of the command, as :meth:`lineage.capture.command.Run.to_json` writes it.
    """

    run: Mapping[str, Any]
    undeclared: tuple[Undeclared, ...] = ()
    code: tuple[str, ...] = ()
    """The files of the pipeline's code that a program other than DVC read."""
    modules: tuple[Module, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    interpreters: tuple[Interpreter, ...] = ()
    gaps: tuple[str, ...] = field(default=())
    """What may be missing, a sentence each; empty where everything was seen."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is known to be missing."""
        return not self.gaps

    def to_json(self) -> dict[str, Any]:
        """The observation as the registry keeps it and `show` prints it."""
        return {
            "run": dict(self.run),
            "complete": self.is_complete,
            "gaps": list(self.gaps),
            "undeclared": [file.to_json() for file in self.undeclared],
            "code": list(self.code),
            "modules": [module.to_json() for module in self.modules],
            "distributions": [one.to_json() for one in self.distributions],
            "interpreters": [one.to_json() for one in self.interpreters],
        }

    @cached_property
    def canonical(self) -> bytes:
        """The canonical bytes of :meth:`to_json`, worked out once."""
        return canonical_bytes(self.to_json())

    @cached_property
    def blake3(self) -> Digest:
        """BLAKE3 of :attr:`canonical`."""
        return blake3_of(self.canonical)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> WatchedRun:
        """Read back what :meth:`to_json` wrote.

        Raises:
            KeyError: a key is missing.
            ValueError: a role is none.
        """
        return cls(
            run=body["run"],
            undeclared=tuple(Undeclared.from_json(one) for one in body["undeclared"]),
            code=tuple(body["code"]),
            modules=tuple(Module.from_json(one) for one in body["modules"]),
            distributions=tuple(Distribution.from_json(one) for one in body["distributions"]),
            interpreters=tuple(Interpreter.from_json(one) for one in body["interpreters"]),
            gaps=tuple(body["gaps"]),
        )


def is_of(script: str, path: str) -> bool:
    """Whether a script, or a ``-m module``, is a file of the repository.

    >>> is_of("src/train.py", "src/train.py"), is_of("-m app.train", "src/app/train.py")
    (True, True)
    """
    if not script.startswith("-m "):
        return script == path
    module = script[3:].replace(".", "/")
    return f"/{path}".endswith((f"/{module}.py", f"/{module}/__main__.py"))
