"""The course of drift over windows, as the places of what is drawn. Pure; a template draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .charts import BOTTOM, LEFT, RIGHT, TOP
from .templating import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.contract.results.drift import Drift

WIDTH, HEIGHT = 720, 220
LINE: Final = 14.0
"""The height of a line of text."""
STRIP: Final = 44.0
"""The height of the row of bars, one for each window."""

BARS: Final = {"quiet": 4.0, "drift": 16.0, "soft": 26.0, "hard": 36.0}
"""How high the bar of a window is, by what it says: kinds are told apart without colour."""


@dataclass(frozen=True)
class Bar:
    """A window: where its bar is drawn, and what its title says."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Course:
    """The windows as a row of bars, and above it the line of the estimated loss, if there is any.

    ``ticks`` are losses with where they are drawn; ``path`` is what SVG draws, interrupted where
    nobody can estimate.
    """

    width: int
    height: int
    bars: tuple[Bar, ...]
    path: str
    ticks: tuple[tuple[float, str], ...]
    first: str
    last: str
    summary: str


def course(found: Drift) -> Course | None:
    """The windows of a drift as they are drawn; None where there are none."""
    windows = found["windows"]
    if not windows:
        return None
    step = (WIDTH - LEFT - RIGHT) / len(windows)
    foot = HEIGHT - BOTTOM
    bars = tuple(
        Bar(
            one["kind"],
            round(LEFT + step * place, 2),
            foot - BARS[one["kind"]],
            round(max(0.5, step * 0.8), 2),
            BARS[one["kind"]],
            _title(one),
        )
        for place, one in enumerate(windows)
    )
    path, ticks = _losses([one["loss"] for one in windows], step)
    counts = {kind: sum(one["kind"] == kind for one in windows) for kind in BARS}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return Course(
        WIDTH,
        HEIGHT,
        bars,
        path,
        ticks,
        windows[0]["start"][:10],
        windows[-1]["start"][:10],
        f"{len(windows)} {'window' if len(windows) == 1 else 'windows'}: {told}.",
    )


def _losses(
    losses: Sequence[dict[str, float] | None], step: float
) -> tuple[str, tuple[tuple[float, str], ...]]:
    """The line of the estimated losses, and the values beside it."""
    values = [one["value"] for one in losses if one is not None]
    if not values:
        return "", ()
    low, high = min(0.0, *values), max(0.0, *values)
    span = high - low or 1.0
    down = HEIGHT - BOTTOM - STRIP - TOP

    def at(value: float) -> float:
        return round(TOP + down * (high - value) / span, 1)

    path, drawing = [], False
    for place, one in enumerate(losses):
        if one is not None:
            x = round(LEFT + step * (place + 0.4), 1)
            path.append(f"{'L' if drawing else 'M'}{x} {at(one['value'])}")
        drawing = one is not None
    ticks: dict[float, float] = {}  # by where they are drawn: none over another
    for value in (0.0, high, low):
        if all(abs(at(value) - place) >= LINE for place in ticks):
            ticks[at(value)] = value
    return " ".join(path), tuple((y, number(round(value, 4))) for y, value in ticks.items())


def _title(window: dict[str, Any]) -> str:
    said = f"{window['start'][:10]}: {window['kind']}, {window['rows']:,} rows"
    loss = window["loss"]
    return said if loss is None else f"{said}, estimated loss {loss['value']:.3f} of AUC"
