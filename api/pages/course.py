"""The course of drift over windows, as the places of what is drawn. Pure; a template draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .charts import BOTTOM, LEFT, RIGHT, TOP
from .templating import number

if TYPE_CHECKING:
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
class Level:
    """A month's realised loss: from where to where it is drawn, and what its title says."""

    x1: float
    x2: float
    y: float
    title: str


@dataclass(frozen=True)
class Course:
    """The windows as a row of bars, and above it the line of the estimated loss, if there is any.

    ``ticks`` are losses with where they are drawn; ``path`` is what SVG draws, interrupted where
    nobody can estimate. ``realised`` has a line over each month whose outcomes are known.
    """

    width: int
    height: int
    bars: tuple[Bar, ...]
    path: str
    realised: tuple[Level, ...]
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
    path, realised, ticks = _losses(found, step)
    counts = {kind: sum(one["kind"] == kind for one in windows) for kind in BARS}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return Course(
        WIDTH,
        HEIGHT,
        bars,
        path,
        realised,
        ticks,
        windows[0]["start"][:10],
        windows[-1]["start"][:10],
        f"{len(windows)} {'window' if len(windows) == 1 else 'windows'}: {told}.",
    )


def _losses(
    found: Drift, step: float
) -> tuple[str, tuple[Level, ...], tuple[tuple[float, str], ...]]:
    """The line of the estimated losses, those that were realised, and the values beside them."""
    windows, months = found["windows"], _realised(found)
    losses = [one["loss"] for one in windows]
    values: list[float] = [one["value"] for one in losses if one is not None]
    values += months.values()
    if not values:
        return "", (), ()
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
    levels = []
    for month, loss in months.items():
        places = [at for at, one in enumerate(windows) if one["start"][:7] == month]
        x1, x2 = LEFT + step * places[0], LEFT + step * (places[-1] + 0.8)
        title = f"{month}: realised loss {loss:.3f} of AUC"
        levels.append(Level(round(x1, 1), round(x2, 1), at(loss), title))
    ticks: dict[float, float] = {}  # by where they are drawn: none over another
    for value in (0.0, high, low):
        if all(abs(at(value) - place) >= LINE for place in ticks):
            ticks[at(value)] = value
    return (
        " ".join(path),
        tuple(levels),
        tuple((y, number(round(value, 4))) for y, value in ticks.items()),
    )


def _realised(found: Drift) -> dict[str, float]:
    """The realised loss of each month whose outcomes are known."""
    then = found["validated"]
    return {
        month["start"][:7]: then["value"] - month["realised"]["value"]
        for month in found["months"]
        if then is not None and month["realised"] is not None
    }


def _title(window: dict[str, Any]) -> str:
    said = f"{window['start'][:10]}: {window['kind']}, {window['rows']:,} rows"
    loss = window["loss"]
    return said if loss is None else f"{said}, estimated loss {loss['value']:.3f} of AUC"
