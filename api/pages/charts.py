"""Charts of a metric over versions, as the places of what is drawn. Pure; templates draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .templating import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEFT: Final = 56.0
RIGHT: Final = 12.0
TOP: Final = 26.0
BOTTOM: Final = 26.0
"""Room around the lines, for the numbers and the names."""


@dataclass(frozen=True)
class Point:
    """A version in a chart: where it is drawn, and what its title says.

    ``serves`` are the environments in which it serves now, ``served`` those in which it once did.
    """

    x: float
    y: float
    title: str
    serves: tuple[str, ...]
    served: tuple[str, ...]


@dataclass(frozen=True)
class Chart:
    """A line of versions; ``ticks`` are values with where they are drawn.

    ``path`` is what SVG draws: interrupted where a version lacks the metric.
    """

    name: str
    width: int
    height: int
    path: str
    points: tuple[Point, ...]
    ticks: tuple[tuple[float, str], ...]
    first: str
    last: str
    summary: str


@dataclass(frozen=True)
class Measured:
    """A version and its value of a metric, None where it lacks it."""

    ref: str
    value: float | None


def chart(
    name: str,
    versions: Sequence[Measured],
    serves: Mapping[str, Sequence[str]],
    served: Mapping[str, Sequence[str]],
    size: tuple[int, int] = (720, 240),
) -> Chart | None:
    """A chart of a metric over versions, the oldest first; None where fewer than two have it.

    Args:
        name: the metric's.
        versions: the versions with their values.
        serves: the environments in which versions serve now, by reference.
        served: the same of those that served once.
        size: width and height, in units of the drawing.
    """
    values = [one.value for one in versions if one.value is not None]
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    span = high - low or abs(high) or 1.0
    if low == high:
        low -= span / 2
    width, height = size
    across = (width - LEFT - RIGHT) / max(1, len(versions) - 1)
    down = height - TOP - BOTTOM

    def at(value: float) -> float:
        return round(TOP + down * (1 - (value - low) / span), 1)

    points, path, drawing = [], [], False
    for place, one in enumerate(versions):
        if one.value is None:
            drawing = False
            continue
        x, y = round(LEFT + across * place, 1), at(one.value)
        path.append(f"{'L' if drawing else 'M'}{x} {y}")
        drawing = True
        here, once = tuple(serves.get(one.ref, ())), tuple(served.get(one.ref, ()))
        points.append(Point(x, y, _title(one, here, once), here, once))
    ticks = tuple((at(value), number(value)) for value in (low, low + span / 2, low + span))
    newest = next(one for one in reversed(versions) if one.value is not None)
    return Chart(
        name,
        width,
        height,
        " ".join(path),
        tuple(points),
        ticks,
        versions[0].ref,
        versions[-1].ref,
        f"{name} of {len(values)} versions, from {number(min(values))} to {number(max(values))}; "
        f"{newest.ref} has {number(newest.value)}.",
    )


def _title(one: Measured, serves: Sequence[str], served: Sequence[str]) -> str:
    """What is told where somebody points at a version."""
    said = [f"{one.ref}: {number(one.value)}"]
    if serves:
        said.append(f"serves in {', '.join(serves)}")
    once = [name for name in served if name not in serves]
    if once:
        said.append(f"served in {', '.join(once)}")
    return "; ".join(said)
