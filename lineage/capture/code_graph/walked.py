"""What the walk over a process needs, begins with, and finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lineage.capture.code_graph.command.actions import Action
    from lineage.capture.code_graph.facts import Facts
    from lineage.capture.code_graph.resolve import Resolver
    from lineage.capture.code_graph.tracked import TrackedFiles
    from lineage.capture.code_graph.values import Place, Unseen


class Library(Protocol):
    """What a walk needs of the repository."""

    tracked: TrackedFiles
    resolver: Resolver

    def facts_of(self, paths: Iterable[str]) -> Mapping[str, Facts | None]:
        """What sources say; None for one that cannot be read."""


class Start(NamedTuple):
    """A source that a process begins with: a file, or (``path`` is None) a text's facts."""

    path: str | None
    place: Place | None
    facts: Facts | None = None


@dataclass
class Walked:
    """What a process imports: files, what is unseen, what else it runs.

    ``unresolved`` are the modules without dots that each file imports and that led nowhere.
    """

    files: dict[str, Place | None] = field(default_factory=dict)
    unseen: dict[Unseen, None] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    unresolved: dict[str, set[str]] = field(default_factory=dict)
    added: dict[str, None] = field(default_factory=dict)
