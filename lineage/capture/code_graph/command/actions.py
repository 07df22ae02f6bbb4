"""What reading a command finds, and what the reading of single programs may ask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from lineage.capture.code_graph.values import Place, Unseen, UnseenKind, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.capture.code_graph.command.language import Language
    from lineage.capture.code_graph.command.shell import Simple, Word
    from lineage.capture.code_graph.tracked import TrackedFiles


@dataclass(frozen=True)
class Surroundings:
    """Where a command runs: its folder, and the literal entries of its ``PYTHONPATH``."""

    folder: str = ""
    python_path: tuple[str, ...] = ()


class RunFile(NamedTuple):
    """A file that a command names.

    ``program``: it is what is run, not an argument. ``targets`` are those of a makefile.
    ``language`` is what the program that was named before it reads, whatever the file is called.
    """

    path: str
    place: Place
    around: Surroundings
    program: bool
    targets: tuple[str, ...] = ()
    language: Language | None = None


class RunModule(NamedTuple):
    """``python -m name`` (``main``), or a console script of the project's own."""

    name: str
    place: Place
    around: Surroundings
    main: bool


class RunText(NamedTuple):
    """``python -c text``, or a here-document that Python reads."""

    text: str
    place: Place
    around: Surroundings


Action = RunFile | RunModule | RunText | Unseen


class Argument(NamedTuple):
    """A word with its variables put in; ``known`` is false where some are not."""

    text: str
    known: bool
    raw: str


class Reading(ABC):
    """A command being read: where it stands, where it runs, what was found so far."""

    def __init__(
        self, tracked: TrackedFiles, place: Place, around: Surroundings, own_folder: str | None
    ) -> None:
        self.tracked = tracked
        self.place = place
        self.around = around
        self.own_folder = own_folder
        self.actions: list[Action] = []

    def unseen(self, kind: UnseenKind, text: str) -> None:
        """Name something that cannot be followed."""
        self.actions.append(Unseen(self.place, kind, shown(text)))

    def run_module(self, name: str, *, main: bool = True) -> None:
        """Follow a module."""
        self.actions.append(RunModule(name, self.place, self.around, main))

    def run_text(self, text: str) -> None:
        """Follow a text that Python reads."""
        self.actions.append(RunText(text, self.place, self.around))

    def run_file(
        self,
        path: str,
        targets: tuple[str, ...] = (),
        *,
        program: bool = True,
        language: Language | None = None,
    ) -> None:
        """Follow a file."""
        self.actions.append(RunFile(path, self.place, self.around, program, targets, language))

    def move(self, folder: str) -> None:
        """Run what follows in another folder."""
        self.around = replace(self.around, folder=folder)

    @abstractmethod
    def here(self, text: str) -> str:
        """A path as seen from where the command runs."""

    @abstractmethod
    def expand(self, word: Word) -> Argument:
        """A word with its variables put in."""

    @abstractmethod
    def word(
        self, argument: Argument, *, program: bool = False, language: Language | None = None
    ) -> bool:
        """Take a word as a file, where it is one."""

    @abstractmethod
    def words(self, arguments: Iterable[Argument]) -> None:
        """Take each word that is a file."""

    @abstractmethod
    def nested(self, argument: Argument) -> None:
        """Read a text that is a command itself."""

    @abstractmethod
    def assign(self, argument: Argument) -> bool:
        """Take ``NAME=value``; false where it is no assignment."""

    @abstractmethod
    def program(self, arguments: list[Argument], simple: Simple) -> None:
        """Read a program and its arguments."""

    @abstractmethod
    def starts_program(self, argument: Argument) -> bool:
        """Whether a word, behind one like ``env`` or ``uv run``, is the program that is run."""


def line(arguments: Iterable[Argument]) -> str:
    """Words as they are written."""
    return " ".join(argument.raw for argument in arguments)
