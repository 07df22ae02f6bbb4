"""Windows of counts, and the questions that are asked of them: k of n rows. Pure.

Every column is asked in the same way: how many rows break its contract (null, out of range, never
seen), and how many lie below each quartile of the reference, in each eighth of it, or in each
frequent category.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CATEGORIES: Final = 8
"""Of these, the most frequent, each is asked for; the others are asked for together."""


@dataclass(frozen=True)
class Cells:
    """What was counted of one column: rows, each in one cell."""

    values: tuple[int, ...]
    """Rows in each bin or category of the reference; categories: the most frequent first."""
    contract: Mapping[str, int] = field(default_factory=dict)
    """Rows that break the contract by how: ``null``, ``above``, ``new`` and so on."""
    ordered: bool = True
    """Whether the cells of ``values`` are bins in order."""

    @cached_property
    def rows(self) -> int:
        """All rows."""
        return sum(self.values) + sum(self.contract.values())

    @cached_property
    def all(self) -> tuple[int, ...]:
        """Every cell: those of the contract by name, then the values."""
        return (*(self.contract[name] for name in sorted(self.contract)), *self.values)

    @cached_property
    def questions(self) -> dict[str, tuple[int, int]]:
        """Each question's name, with k and n: so many of so many rows.

        ``contract:null`` and so on are of all rows; of those with a value are ``up to:8`` (in the
        first eight bins), ``in:8-12`` (in the next four) and ``category:0`` (the most frequent).
        """
        asked = {f"contract:{name}": (count, self.rows) for name, count in self.contract.items()}
        rows = sum(self.values)
        cells = len(self.values)
        if self.ordered:
            for cut in sorted({max(1, cells * part // 4) for part in (1, 2, 3)} - {cells}):
                asked[f"up to:{cut}"] = (sum(self.values[:cut]), rows)
            parts = min(CATEGORIES, cells)
            for part in range(parts if parts > 2 else 0):
                first, end = cells * part // parts, cells * (part + 1) // parts
                asked[f"in:{first}-{end}"] = (sum(self.values[first:end]), rows)
            return asked
        for place, count in enumerate(self.values[:CATEGORIES]):
            asked[f"category:{place}"] = (count, rows)
        return asked


@dataclass(frozen=True)
class Window:
    """What was counted of all columns between two moments.

    ``start`` is in seconds since 1970, UTC. ``hosts`` has the same counts host by host, or nothing.
    """

    start: float
    columns: Mapping[str, Cells]
    hosts: Mapping[str, Mapping[str, Cells]] = field(default_factory=dict)


def hour_of_week(start: float) -> int:
    """0 (Monday, 00:00 UTC) to 167."""
    return int(start // 3600 + 72) % 168


def pooled(cells: Sequence[Cells]) -> tuple[int, ...]:
    """The rows of several windows in every cell, as :attr:`Cells.all` has them.

    Raises:
        ValueError: they were not counted in the same cells.
    """
    return tuple(map(sum, zip(*(one.all for one in cells), strict=True)))
