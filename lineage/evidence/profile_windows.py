"""The windows of a profile, as the time line reads them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage import timestamps

from .columns import CategoryColumn, NumberColumn, Score, TextColumn, TimeColumn
from .performance import Calibration
from .timeline import SCORE
from .windows import Cells, Window

if TYPE_CHECKING:
    from .columns import Column
    from .profile import Counts, Profile


def windows_of(profile: Profile) -> list[Window]:
    """A profile's windows in the order of their starts; none where it was not counted by time."""
    return sorted(
        (
            Window(timestamps.moment(start).timestamp(), cells_of(counts))
            for start, counts in profile.windows.items()
        ),
        key=lambda window: window.start,
    )


def cells_of(counts: Counts) -> dict[str, Cells]:
    """The cells of every column, and of the score under its name."""
    cells = {name: _cells(column) for name, column in counts.columns.items()}
    if counts.score is not None:
        cells[SCORE] = _cells(counts.score)
    return cells


def calibration_of(counts: Counts) -> Calibration | None:
    """How often the rows of each score bin were positive; None where no target is known."""
    score = counts.score
    if score is None or score.positives is None:
        return None
    return Calibration(score.bins, score.positives)


def _cells(column: Column) -> Cells:
    broken = {"null": column.null, "wrong_type": column.wrong_type}
    if isinstance(column, NumberColumn):
        broken |= {
            "nan": column.nan,
            "infinite": column.infinite,
            "below": column.below,
            "above": column.above,
        }
        return Cells(column.bins, broken)
    if isinstance(column, CategoryColumn):
        if not column.complete:  # what is new cannot be told from what is rare
            return Cells((*column.counts, column.other), broken, ordered=False)
        return Cells(column.counts, broken | {"new": column.new}, ordered=False)
    if isinstance(column, TextColumn):
        return Cells(column.lengths, broken)
    if isinstance(column, TimeColumn):  # the window's own hours say nothing of its rows
        return Cells((sum(column.hours),), broken)
    if isinstance(column, Score):
        return Cells(column.bins, broken)
    raise TypeError(f"no cells of {type(column).__name__}")
