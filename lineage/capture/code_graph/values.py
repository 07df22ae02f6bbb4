"""What a stage runs, and what of it could not be followed: the values that the walk hands back."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_TEXT: Final = 160
"""Characters of a source line or a command that are shown."""

LONGEST_WAY: Final = 20
"""Steps back that are shown of how a file came in."""


class UnseenKind(StrEnum):
    """Why something could not be followed."""

    COMPUTED_IMPORT = "computed import"
    CODE_FROM_TEXT = "exec or eval"
    SEARCH_PATH = "sys.path entry"
    COMMAND = "command"
    OTHER_LANGUAGE = "other language"
    BINARY = "binary"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too large"
    MISSING = "missing"
    MADE = "made by a stage"
    SUBMODULE = "submodule"
    OUTSIDE = "outside the repository"


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands: in the stage's command (``path`` is None), in a file, in a cell.

    >>> str(Place("src/featurize.py", 3)), str(Place("notes.ipynb", 2, cell=4)), str(Place(None))
    ('src/featurize.py:3', 'notes.ipynb cell 4:2', 'the command')
    """

    path: str | None
    line: int | None = None
    cell: int | None = None

    def __str__(self) -> str:
        name = self.path or "the command"
        if self.cell is not None:
            name += f" cell {self.cell}"
        return f"{name}:{self.line}" if self.path and self.line else name


@dataclass(frozen=True)
class Unseen:
    """Something that runs, or may run, and was not followed."""

    place: Place
    kind: UnseenKind
    text: str

    def to_json(self) -> dict[str, Any]:
        """The entry as the capture's JSON lists it."""
        return {"where": str(self.place), "what": self.kind.value, "text": self.text}


@dataclass(frozen=True)
class StageToFollow:
    """A stage as the walk needs it; paths are relative to the top of the repository.

    Attributes:
        cmd: its commands, as a shell would get them.
        wdir: the folder that they run in.
        declared: its dependencies that are code.
        inputs: its other dependencies.
        parameters: its parameter files: what a command names of them is in ``params`` already.
        project: the folder of the project.
    """

    cmd: tuple[str, ...]
    wdir: str = ""
    declared: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    project: str = ""


@dataclass(frozen=True)
class StageCode:
    """The code that a stage runs.

    ``files`` maps each file to where it was named or imported; None is a declared dependency.
    """

    files: Mapping[str, Place | None] = field(default_factory=dict)
    unseen: tuple[Unseen, ...] = ()

    def way(self, path: str) -> tuple[Place, ...]:
        """How a file came in: the places from its importer back to the command or a declaration."""
        return tuple(self._way(path))

    def why(self, path: str) -> str:
        """The same as a person reads it.

        >>> files = {"src/a.py": Place(None), "src/b.py": Place("src/a.py", 3)}
        >>> StageCode(files).why("src/b.py")
        'src/b.py ← src/a.py:3 ← the command'
        """
        way = list(islice(self._way(path), LONGEST_WAY + 1))
        if len(way) > LONGEST_WAY:
            return " ← ".join([path, *map(str, way[:LONGEST_WAY]), "…"])
        last = way[-1].path if way else path
        declared = last is not None and self.files.get(last) is None
        return " ← ".join([path, *map(str, way), *(["declared"] if declared else [])])

    def seen_from(self, folder: str) -> StageCode:
        """The same with paths relative to a folder, as a manifest has them.

        >>> code = StageCode({"one/a.py": None, "lib/b.py": Place("one/a.py", 3)}).seen_from("one")
        >>> code.why("../lib/b.py")
        '../lib/b.py ← a.py:3 ← declared'
        """
        if not folder:
            return self

        def at(place: Place) -> Place:
            path = place.path and posixpath.relpath(place.path, folder)
            return replace(place, path=path)

        files = {
            posixpath.relpath(path, folder): place and at(place)
            for path, place in self.files.items()
        }
        return StageCode(files, tuple(replace(one, place=at(one.place)) for one in self.unseen))

    def _way(self, path: str) -> Iterator[Place]:
        passed: set[str] = set()
        place = self.files.get(path)
        while place is not None:
            yield place
            if place.path is None or place.path in passed:
                return
            passed.add(place.path)
            place = self.files.get(place.path)


def shown(text: str) -> str:
    """A line of a source as one short printable line."""
    line = " ".join(text.split())
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return printable if len(printable) <= LONGEST_TEXT else printable[: LONGEST_TEXT - 1] + "…"
