"""Rows of the table: what was measured, against what, over how many turns, and the goal.

One shape for all benchmarks, one way to print it, and the same as JSON, of which `benchmarks.page`
makes the tables of docs/benchmarks.md.
"""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Sign = Literal["≤", "≥"]


class LeftOut(Exception):
    """A benchmark that cannot run here, and why."""


@dataclass(frozen=True)
class Goal:
    """What a figure is to reach."""

    sign: Sign
    value: float

    def met(self, value: float) -> bool:
        """Whether a figure reaches it."""
        return value <= self.value if self.sign == "≤" else value >= self.value

    def __str__(self) -> str:
        return f"{self.sign} {shown(self.value)}"


def at_most(value: float) -> Goal:
    """The figure is to be this, or less."""
    return Goal("≤", value)


def at_least(value: float) -> Goal:
    """The figure is to be this, or more."""
    return Goal("≥", value)


@dataclass(frozen=True)
class Row:
    """One measured thing.

    ``values`` holds one figure for each turn. Without ``unit`` they are ratios to what ``against``
    names, taken within a turn. ``figures`` are what they come from, in words, ``constants`` what
    `benchmarks.model` takes from here, in its units. The median decides whether the goal is met:
    the best of three ratios of noisy times flatters.
    """

    work: str
    values: tuple[float, ...]
    against: str = ""
    unit: str = ""
    goal: Goal | None = None
    figures: dict[str, str] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The median of the turns."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        return self.goal.met(self.value) if self.goal else None

    @property
    def spread(self) -> str:
        """The best and the worst turn, where they can be told apart."""
        best, worst = min(self.values), max(self.values)
        if shown(best) == shown(worst):
            return ""
        if self.goal is not None and self.goal.sign == "≥":
            best, worst = worst, best
        return f"{shown(best)} to {shown(worst)}"

    def to_json(self) -> dict[str, Any]:
        """Everything, and what follows from it."""
        said = asdict(self) | {"value": self.value, "spread": self.spread, "met": self.met}
        return said | {"goal": str(self.goal) if self.goal else None}

    def __str__(self) -> str:
        return shown_row(self.to_json())


def ratios(
    turns: Sequence[dict[str, float]], name: str, base: str, *, rate: bool = False
) -> tuple[float, ...]:
    """Each turn's figure of one candidate by that of another; of rates and of times alike."""
    del rate
    return tuple(turn[name] / turn[base] for turn in turns)


def shown(value: float) -> str:
    """A figure with three digits that count."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def milliseconds(times: Sequence[float]) -> str:
    """The median of some seconds, in milliseconds."""
    return f"{shown(statistics.median(times) * 1000)} ms"


def verdict(row: dict[str, Any]) -> str:
    """What became of a row's goal."""
    return {True: "met", False: "MISSED", None: ""}[row["met"]]


def figure(row: dict[str, Any]) -> str:
    """A row's figure with its unit."""
    return f"{shown(row['value'])} {row['unit']}".strip() + ("" if row["unit"] else " ×")


def shown_row(row: dict[str, Any]) -> str:
    """A row as `make bench` prints it, from its JSON."""
    spread = f" ({row['spread']})" if row["spread"] else ""
    goal = f"   goal {row['goal']}: {verdict(row)}" if row["goal"] else ""
    against = f" against {row['against']}" if row["against"] else ""
    lines = [f"  {row['work']}{against}: {figure(row)}{spread}{goal}"]
    lines += [f"      {name}: {said}" for name, said in row["figures"].items()]
    return "\n".join(lines)
