"""Two pipeline versions side by side: each thing that differs, as the one and the other has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage.identity.change import ABSENT, Change, ChangeKind, short_value

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST: Final = 200
"""Differences of a page; how many more there are, it tells."""

LONGEST: Final = 400
"""Characters of one side."""


@dataclass(frozen=True)
class Differing:
    """One thing that differs; a side is None where it is not there at all."""

    where: str
    what: str
    first: str | None
    second: str | None


@dataclass(frozen=True)
class SideBySide:
    """What differs from the first of two pipeline versions to the second; ``more`` is left out."""

    rows: tuple[Differing, ...]
    more: int


def side_by_side(changes: Sequence[Change], most: int = MOST) -> SideBySide:
    """The changes between two pipeline versions, each with both its sides; at most so many."""
    rows = tuple(_differing(change) for change in changes[:most])
    return SideBySide(rows, max(0, len(changes) - most))


def _differing(change: Change) -> Differing:
    sides = [_written(change.kind, side) for side in (change.validated, change.deployed)]
    where = f"stage {change.stage}" if change.stage is not None else "the whole pipeline"
    name = change.kind.value
    if change.kind not in (ChangeKind.STAGE, ChangeKind.COMMAND) and change.name != name:
        name = f"{name} {change.name}"
    return Differing(where, name, *sides)


def _written(kind: ChangeKind, side: Any) -> str | None:  # noqa: ANN401 - a side of a change
    if side is ABSENT:
        return None
    if kind is ChangeKind.STAGE:
        return side if isinstance(side, str) else "there, as a whole"
    if kind is ChangeKind.COMMAND:
        return short_value("\n".join(side), LONGEST)
    return short_value(side, LONGEST)
