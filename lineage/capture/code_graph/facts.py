"""What one source says of other code: values that depend on its bytes alone, so they can be kept.

Places inside are ``(line, cell)``, ``cell`` being 0 outside notebooks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lineage.capture.code_graph.values import UnseenKind  # noqa: TC001 - read at run time


class Spot(NamedTuple):
    """A line, and the cell it is in (0 outside notebooks)."""

    line: int
    cell: int = 0


class Import(NamedTuple):
    """``import module`` (no ``names``) or ``from module import names``; ``level`` counts the dots.

    ``guarded``: the code goes on without it. ``loose``: the module is the longest part of the
    dotted name that leads to a file, as in ``pydoc.locate("package.module.Class")``.
    """

    spot: Spot
    module: str
    names: tuple[str, ...] = ()
    level: int = 0
    guarded: bool = False
    loose: bool = False


class PathUse(NamedTuple):
    """A path that the source names; it is relative to its own folder or to where it runs."""

    spot: Spot
    path: str
    beside: bool


class Command(NamedTuple):
    """A command that the source runs: its words (None: computed), or one text for a shell.

    ``folder`` and ``beside`` are the path that it runs in, as in :class:`PathUse`.
    """

    spot: Spot
    words: tuple[str | None, ...]
    shell: bool
    folder: str = "."
    beside: bool = False


class Blind(NamedTuple):
    """Something that reading the source alone cannot follow."""

    spot: Spot
    kind: UnseenKind
    text: str


@dataclass(frozen=True)
class Facts:
    """What a source says.

    Attributes:
        imports: what it imports.
        searched: folders that it adds to ``sys.path``.
        runs: scripts that it runs in its own process.
        loads: files that it loads as modules of their own.
        commands: commands that it runs.
        exported: the names in ``__all__``; None where that is computed.
        lazy: names that its computed imports may mean.
        blind: what cannot be followed.
        hollow: it defines no name at all.
        broken: it is no valid Python of this interpreter.
    """

    imports: tuple[Import, ...] = ()
    searched: tuple[PathUse, ...] = ()
    runs: tuple[PathUse, ...] = ()
    loads: tuple[PathUse, ...] = ()
    commands: tuple[Command, ...] = ()
    exported: tuple[str, ...] | None = ()
    lazy: tuple[str, ...] = ()
    blind: tuple[Blind, ...] = ()
    hollow: bool = False
    broken: bool = False
