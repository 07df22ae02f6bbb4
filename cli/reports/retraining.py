"""A metric over age as a picture of text: what was measured, and the line through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lineage.evidence.ageing import Change, Observation

WIDTH: Final = 56
HEIGHT: Final = 12
"""Characters of the picture, without its axes."""


def plot(points: Sequence[Observation], change: Change, dot: str = "●") -> Iterator[str]:
    """The lines of the picture; ``dot`` is a measurement, ``·`` the line."""
    oldest = change.oldest or 1.0
    line = [change.at(oldest * column / (WIDTH - 1)) for column in range(WIDTH)]
    values = [*line, *(one.value for one in points)]
    low, high = min(values), max(values)
    span = high - low or 1.0
    cells = [[" "] * WIDTH for _ in range(HEIGHT)]

    def row(value: float) -> int:
        return round((high - value) / span * (HEIGHT - 1))

    for column, value in enumerate(line):
        cells[row(value)][column] = "·"
    for one in points:
        cells[row(one.value)][round(one.age / oldest * (WIDTH - 1))] = dot
    labels = {0: f"{high:.5g}", HEIGHT // 2: f"{high - span * (HEIGHT // 2) / (HEIGHT - 1):.5g}"}
    labels[HEIGHT - 1] = f"{low:.5g}"
    room = max(map(len, labels.values()))
    for number, cell in enumerate(cells):
        mark = "┤" if number in labels else "│"
        yield f"{labels.get(number, ''):>{room}} {mark}{''.join(cell)}".rstrip()
    yield f"{'':>{room}} └{'─' * WIDTH}"
    first, last = "new", f"{oldest:.0f} days old"
    yield f"{'':>{room}}  {first}{last:>{WIDTH - len(first)}}"
