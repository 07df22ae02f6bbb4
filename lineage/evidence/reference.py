"""What is ordinary for a model's data, learned from the windows of the reference. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from .distances import without_scatter
from .expected import learn
from .windows import Cells, Window, hour_of_week, pooled

LEAST_DISTANCE: Final = 0.05
"""A Jensen-Shannon distance of less is no matter, however sure it is."""
_SHRINK: Final = 2.0
"""A season's cells are drawn towards those of all seasons as if by so many windows."""

Seen = Sequence[tuple[float, Cells]]
"""Windows of one column, with their starts."""


class Reference:
    """What is ordinary, learned from the windows of the reference."""

    def __init__(self, windows: Sequence[Window]) -> None:
        """Learn it.

        Args:
            windows: of the validated data; one at least. Few of them make the floors wide.

        Raises:
            ValueError: there is no window, or one has other cells than the first.
        """
        if not windows:
            raise ValueError("there is no window of the reference")
        ordered = sorted(windows, key=lambda window: window.start)
        self.columns: dict[str, Column] = {}
        for name in ordered[0].columns:
            seen = [
                (window.start, window.columns[name])
                for window in ordered
                if name in window.columns and window.columns[name].rows
            ]
            if seen:
                self.columns[name] = Column(seen)


class Column:
    """What is ordinary for one column."""

    def __init__(self, seen: Sequence[tuple[float, Cells]]) -> None:
        points: dict[str, list[tuple[float, int, int]]] = defaultdict(list)
        for start, cells in seen:
            for name, (k, n) in cells.questions.items():
                points[name].append((start, k, n))
        self.expected = {
            name: learn(asked, contract=name.startswith("contract:"))
            for name, asked in points.items()
            if any(n for _, _, n in asked)
        }
        self.width = len(seen[0][1].all)
        self._temper()
        self._sum = [0.0] * self.width
        self._slots: dict[int, tuple[list[float], int]] = {}
        self._number = len(seen)
        self._known: dict[int, list[float]] = {}
        for start, cells in seen:
            self._add(start, cells)
        self.floor = self._floor([[one] for one in seen], 0.75)
        self._week = self._week_floor(seen)

    def _temper(self) -> None:
        """Give questions of one form the least weight of them: they move together."""
        least: dict[str, float] = defaultdict(lambda: 1.0)
        for name, one in self.expected.items():
            form = name.partition(":")[0]
            least[form] = min(least[form], one.weight)
        for name, one in self.expected.items():
            if not one.contract:
                self.expected[name] = replace(one, weight=least[name.partition(":")[0]])

    def _add(self, start: float, cells: Cells) -> None:
        shares = [count / cells.rows for count in cells.all]
        if len(shares) != self.width:
            raise ValueError("the windows of the reference were counted in other cells")
        self._sum = [a + b for a, b in zip(self._sum, shares, strict=True)]
        slot = hour_of_week(start)
        so_far, number = self._slots.get(slot, ([0.0] * len(shares), 0))
        self._slots[slot] = [a + b for a, b in zip(so_far, shares, strict=True)], number + 1

    def cells(self, start: float, without: Seen = ()) -> list[float]:
        """The share of every cell that is expected of a window, without some of the reference."""
        if without:
            return self._cells(start, without)
        slot = hour_of_week(start)
        if slot not in self._known:
            self._known[slot] = self._cells(start, ())
        return self._known[slot]

    def _cells(self, start: float, without: Seen) -> list[float]:
        sums, number = self._slots.get(hour_of_week(start), ([0.0] * len(self._sum), 0))
        whole, count = self._sum, self._number
        if len(without) < count:
            slot = hour_of_week(start)
            for other, cells in without:
                shares = [one / cells.rows for one in cells.all]
                whole = [a - b for a, b in zip(whole, shares, strict=True)]
                count -= 1
                if hour_of_week(other) == slot:
                    sums = [a - b for a, b in zip(sums, shares, strict=True)]
                    number -= 1
        return [
            max(0.0, (one + _SHRINK * mean / count) / (number + _SHRINK))
            for one, mean in zip(sums, whole, strict=True)
        ]

    def floor_of(self, windows: int) -> float:
        """The distance that so many windows in a row are to exceed."""
        part = min(1.0, (windows - 1) / 6)
        return self.floor + part * (self._week - self.floor)

    def foretold(self, seen: Seen, *, without: bool = False) -> list[float]:
        """The rows of every cell that are expected of some windows.

        Args:
            seen: the windows, with their rows.
            without: whether they are of the reference, and foretold by its others.
        """
        sums = [0.0] * self.width
        for start, cells in seen:
            shares = self.cells(start, seen if without else ())
            sums = [a + cells.rows * b for a, b in zip(sums, shares, strict=True)]
        return sums

    def _floor(self, groups: Sequence[Seen], part: float) -> float:
        """How far groups of windows of the reference are from what the others foretell of them.

        Args:
            groups: such as each window, or each week.
            part: of the groups that are nearer. With few groups the floor is wide.
        """
        apart = sorted(
            without_scatter(
                pooled([cells for _, cells in seen]),
                self.foretold(seen, without=True),
                ordered=False,
            )[0]
            for seen in groups[:: max(1, len(groups) // 200)]
        )
        at = apart[min(len(apart) - 1, int(part * len(apart)))]
        return max(LEAST_DISTANCE, at * (1 + 2 / len(groups)))

    def _week_floor(self, seen: Seen) -> float:
        weeks: dict[int, list[tuple[float, Cells]]] = defaultdict(list)
        for start, cells in seen:
            weeks[int((start + 3 * 86400) // (7 * 86400))].append((start, cells))
        if len(weeks) < 3:
            return self.floor
        return min(self.floor, self._floor(list(weeks.values()), 0.9))
