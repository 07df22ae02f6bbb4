"""Charts of a metric over versions, or over age, as the places of what is drawn. Pure.

Templates draw them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .templating import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.contract.results.retraining import Retraining
    from lineage.evidence.ageing import Observation

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
    """Points and a line, of versions or of ages; ``ticks`` are values with where they are drawn.

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
    of_versions: bool = True


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


def aged(told: Retraining, size: tuple[int, int] = (720, 240)) -> Chart | None:
    """A chart of a metric over age, all versions at one level; None where there is no line."""
    change, points = told.line, told.points
    what = "measurements" if told.basis == "measured" else "estimates"
    if change is None:
        return None
    ends = [change.fresh, change.at(change.oldest)]
    low = min(*ends, *(one.value for one in points))
    span = max(*ends, *(one.value for one in points)) - low or 1.0
    width, height = size

    def x(age: float) -> float:
        return round(LEFT + (width - LEFT - RIGHT) * age / (change.oldest or 1.0), 1)

    def y(value: float) -> float:
        return round(TOP + (height - TOP - BOTTOM) * (1 - (value - low) / span), 1)

    dots = tuple(Point(x(one.age), y(one.value), _at_age(one), (), ()) for one in points)
    return Chart(
        told.metric,
        width,
        height,
        f"M{x(0)} {y(ends[0])}L{x(change.oldest)} {y(ends[1])}",
        dots,
        tuple((y(value), number(value)) for value in (low, low + span / 2, low + span)),
        "new",
        f"{change.oldest:.0f} days old",
        f"{told.metric} over age: {len(dots)} {what}, each version drawn at the level of "
        f"all, and the line through them, from {number(ends[0])} to {number(ends[1])}.",
        of_versions=False,
    )


def _at_age(one: Observation) -> str:
    """What is told where somebody points at a measurement."""
    ref, _, *seen_in = one.line.split(" ")
    return f"{ref} at {one.age:.0f} days" + (f" in {seen_in[0]}" if seen_in else "")


def _title(one: Measured, serves: Sequence[str], served: Sequence[str]) -> str:
    """What is told where somebody points at a version."""
    said = [f"{one.ref}: {number(one.value)}"]
    if serves:
        said.append(f"serves in {', '.join(serves)}")
    once = [name for name in served if name not in serves]
    if once:
        said.append(f"served in {', '.join(once)}")
    return "; ".join(said)
