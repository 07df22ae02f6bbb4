"""Charts of a metric over versions, or over age, as the places of what is drawn. Pure.

Templates draw them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .templating import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.contract.results.retraining import Retraining
    from lineage.evidence.ageing import Observation

LEFT: Final = 66.0
RIGHT: Final = 22.0
TOP: Final = 26.0
BOTTOM: Final = 26.0
"""Room around the lines, for the numbers and the names; axes are longer, so that no mark lies over
a number."""

LETTER: Final = 8.0
"""The width of a letter of a name, about."""
LONGEST: Final = 60
"""Letters of the names above a version."""


@dataclass(frozen=True)
class Point:
    """A version in a chart: where it is drawn, and what its title says.

    ``serves`` are the environments in which it serves now, ``stands_by`` those in which it is the
    backup, and ``served`` those others in which it once served.
    """

    x: float
    y: float
    title: str
    serves: tuple[str, ...] = ()
    stands_by: tuple[str, ...] = ()
    served: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """Points and a line, of versions or of ages; ``ticks`` are values with where they are drawn.

    ``path`` is what SVG draws: interrupted where a version lacks the metric. ``labels`` are names
    of environments, with where they are drawn above what serves there.
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
    labels: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Measured:
    """A version and its value of a metric, None where it lacks it."""

    ref: str
    value: float | None


@dataclass(frozen=True)
class Places:
    """The environments in which versions serve now, stand by, and have served, by reference."""

    serves: Mapping[str, Sequence[str]] = field(default_factory=dict)
    stands_by: Mapping[str, Sequence[str]] = field(default_factory=dict)
    served: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def once(self, ref: str) -> tuple[str, ...]:
        """Those in which a version has served, and neither serves nor stands by now."""
        now = {*self.serves.get(ref, ()), *self.stands_by.get(ref, ())}
        return tuple(name for name in self.served.get(ref, ()) if name not in now)


def chart(
    name: str,
    versions: Sequence[Measured],
    places: Places,
    size: tuple[int, int] = (720, 240),
) -> Chart | None:
    """A chart of a metric over versions, the oldest first; None where fewer than two have it.

    Args:
        name: the metric's.
        versions: the versions with their values.
        places: where versions serve, stand by and served.
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
        here, by = tuple(places.serves.get(one.ref, ())), tuple(places.stands_by.get(one.ref, ()))
        once = places.once(one.ref)
        points.append(Point(x, y, _title(one, here, by, once), here, by, once))
    ticks = tuple((at(value), number(value)) for value in (low, low + span / 2, low + span))
    newest = next(one for one in reversed(versions) if one.value is not None)
    return Chart(
        name,
        width,
        height,
        " ".join(path),
        tuple(points),
        ticks,
        _numbered(versions[0].ref),
        _numbered(versions[-1].ref),
        f"{name} of {len(values)} versions, from {number(min(values))} to {number(max(values))}; "
        f"{newest.ref} has {number(newest.value)}.",
        labels=_labels(points, width),
    )


def _numbered(ref: str) -> str:
    """A version below the axis: the page says of which model, and a long name has no room."""
    return f"version {ref.rpartition('@')[2]}"


def _labels(points: Sequence[Point], width: int) -> tuple[tuple[float, str], ...]:
    """Where versions serve, above them: those that would lie over a newer one's are left out."""
    labels, end = [], float(width)
    for point in reversed(points):
        if not point.serves:
            continue
        text = ", ".join(point.serves)
        text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
        half = len(text) * LETTER / 2
        x = max(half, min(point.x, width - half))
        if x + half <= end:
            labels.append((round(x, 1), text))
            end = x - half - LETTER
    return tuple(labels)


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

    dots = tuple(Point(x(one.age), y(one.value), _at_age(one)) for one in points)
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


def _title(
    one: Measured, serves: Sequence[str], stands_by: Sequence[str], once: Sequence[str]
) -> str:
    """What is told where somebody points at a version."""
    said = [f"{one.ref}: {number(one.value)}"]
    if serves:
        said.append(f"serves in {', '.join(serves)}")
    if stands_by:
        said.append(f"stands by in {', '.join(stands_by)}")
    if once:
        said.append(f"served in {', '.join(once)}")
    return "; ".join(said)
