"""Whether the rows of a validation are like those that production saw, as counts prove it. Pure.

The distance of a column is that of :mod:`.comparison`: the part of the rows that would have to
change. Two columns are counted in the same cells, or in cells whose edges lie elsewhere; how rows
lie within a cell nobody knows. So what is told is the *least* distance that the counts allow: for
numbers, how much more of one side surely lies up to some edge than could of the other.

From that goes what so few rows differ by chance at the most (Massart 1990 for cumulative shares,
Hoeffding 1963 for shares, all columns together wrong once in a thousand times). What is left is
sure, and grows towards the distance with the number of rows: rows of one source are never far from
each other, however many there are. It is a matter where it is more than :data:`LEAST`, and more
than parts of the validation's own rows, as long as what was seen, are from the others of them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps

from .columns import CategoryColumn, Column, NumberColumn, TextColumn
from .comparison import missing, variation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .counts import Counts
    from .profile import Profile

LEAST: Final = 0.1
"""A column of which fewer rows than that part are others is alike, however sure it is."""

DOUBT: Final = 0.001
"""How often rows of one source are said to be apart, at the most."""

_WEEK: Final = 7
"""Days of the validation's own parts at the most: longer ones differ less."""
_PARTS: Final = 3
"""With fewer parts nobody can tell how much they differ."""
_ORDINARY: Final = 0.9
"""So many of the parts are nearer than the floor."""
_STRAY: Final = 0.02
"""A part of fewer rows, as a share of the usual part's, is no part: rows of a mistaken date."""
_EVEN: Final = 0.5
"""The doubt at which chance is what parts of one source differ by usually, or less."""
_QUESTIONS: Final = 3
"""What is asked of a column at the most, each of two samples."""


@dataclass(frozen=True)
class Apart:
    """How far a column is apart: as counts have it, and without chance; parts of the rows.

    ``floor`` is what it has to be more than to be a matter.
    """

    column: str
    distance: float
    sure: float
    floor: float = LEAST

    @property
    def is_matter(self) -> bool:
        """Whether that is more than ordinary."""
        return self.sure > self.floor

    def to_json(self) -> dict[str, Any]:
        """The column in the details of `data-like-production`."""
        return {
            "column": self.column,
            "distance": round(self.distance, 6),
            "sure": round(self.sure, 6),
            "floor": round(self.floor, 6),
        }


@dataclass(frozen=True)
class Likeness:
    """What a comparison came to.

    ``compared`` are the columns that both have, what is surely furthest apart first; ``unlike``
    those that are of another kind in one, ``unseen`` those that were validated and that production
    did not count. ``chance`` is what rows of so small numbers differ by chance.
    """

    compared: tuple[Apart, ...]
    unlike: tuple[str, ...]
    unseen: tuple[str, ...]
    chance: float

    @property
    def moved(self) -> tuple[Apart, ...]:
        """The columns that are apart."""
        return tuple(one for one in self.compared if one.is_matter)

    @property
    def is_little(self) -> bool:
        """Whether there are too few rows to find what would be a matter."""
        return self.chance > LEAST


def likeness(validated: Profile, seen: Counts, days: int) -> Likeness:
    """Hold what production saw against the rows of a validation, column by column.

    Scores are left out, which are another model's, and so is when rows were: days are not alike.

    Args:
        validated: the profile of the validation's rows, on whatever scale.
        seen: what production saw, on a scale of its own.
        days: of how many days that is.
    """
    both = [name for name in validated.columns if name in seen.columns]
    same = [one for one in both if validated.columns[one].kind == seen.columns[one].kind]
    doubt = DOUBT / (2 * _QUESTIONS * max(1, len(same)))
    own = _Own(validated, days)
    compared = []
    for name in same:
        asked = list(_asked(validated.columns[name], seen.columns[name]))
        distance = max((one.distance for one in asked), default=0.0)
        sure = max((one.sure(doubt) for one in asked), default=0.0)
        floor = max(LEAST, own.apart(name)) if sure > LEAST else LEAST
        compared.append(Apart(name, distance, sure, floor))
    rows = (validated.rows, seen.rows)
    return Likeness(
        tuple(sorted(compared, key=lambda one: (not one.is_matter, -one.sure, one.column))),
        tuple(name for name in both if name not in same),
        tuple(name for name in validated.columns if name not in seen.columns),
        min(1.0, _chance(rows, math.log(2), doubt)),
    )


@dataclass(frozen=True)
class _Asked:
    """A distance of two samples; ``sets`` is the logarithm of how many shares it looked at."""

    distance: float
    sets: float
    rows: tuple[int, int]

    def sure(self, doubt: float) -> float:
        return max(0.0, self.distance - _chance(self.rows, self.sets, doubt))


def _chance(rows: tuple[int, int], sets: float, doubt: float) -> float:
    """How far two samples of one source are apart at the most, but for a doubt in each."""
    return sum(math.sqrt((sets - math.log(doubt)) / (2 * max(1, one))) for one in rows)


def _asked(first: Column, second: Column) -> Iterator[_Asked]:
    """What is asked of a column: who has a value, and where the values lie."""
    if not first.rows or not second.rows:
        return
    gone = (missing(first), missing(second))
    kinds = len(gone[0])
    whole = (first.rows, second.rows)
    yield _Asked(variation(*gone, *whole), kinds * math.log(2), whole)
    rows = (gone[0]["value"], gone[1]["value"])
    if not all(rows):
        return
    if isinstance(first, CategoryColumn) and isinstance(second, CategoryColumn):
        ours, theirs = _named(first, second), _named(second, first)
        names = sorted(ours.keys() | theirs.keys())
        yield _Asked(variation(ours, theirs, *rows), len(names) * math.log(2), rows)
        one = max(abs(ours.get(n, 0) / rows[0] - theirs.get(n, 0) / rows[1]) for n in names)
        yield _Asked(one, math.log(2 * len(names)), rows)
        return
    if isinstance(first, NumberColumn) and isinstance(second, NumberColumn):
        knots = (_knots(first), _knots(second))
    elif isinstance(first, TextColumn) and isinstance(second, TextColumn):
        knots = (_steps(first), _steps(second))
    else:
        return
    yield _Asked(max(_ahead(*knots), _ahead(*knots[::-1])), math.log(2), rows)


_OTHERS: Final = ""
"""The key of what is counted under no name of its own; names stand behind a mark."""


def _named(column: CategoryColumn, other: CategoryColumn) -> dict[str, int]:
    """Counts by name; among the others is what another may have counted among its others."""
    named = dict(zip(column.values, column.counts, strict=True))
    tells = other.other + other.new == 0
    kept = {f"={key}": n for key, n in named.items() if tells or key in other.values}
    return kept | {_OTHERS: column.counted() - sum(kept.values())}


def _knots(column: NumberColumn) -> list[tuple[float, float]]:
    """Values, with the part of the rows that is surely up to them, and not more."""
    total = sum(column.bins) + column.below + column.above
    knots = []
    if column.low is not None:
        knots.append((math.nextafter(column.low, -math.inf), column.below / total))
    ends = accumulate(column.bins, initial=column.below)
    next(ends)
    knots += [(edge, since / total) for edge, since in zip(column.edges, ends, strict=False)]
    if column.high is not None:
        knots.append((column.high, (total - column.above) / total))
    return knots


def _steps(column: TextColumn) -> list[tuple[float, float]]:
    total = sum(column.lengths)
    return [(place, since / total) for place, since in enumerate(accumulate(column.lengths))]


def _ahead(ours: Sequence[tuple[float, float]], theirs: Sequence[tuple[float, float]]) -> float:
    """How much more of our rows lies up to some value than could of theirs, at the most."""
    values = [value for value, _ in theirs]
    most = 0.0
    for value, part in ours:
        place = bisect_left(values, value)
        most = max(most, part - (theirs[place][1] if place < len(theirs) else 1.0))
    return most


class _Own:
    """The parts of a validation's rows, as long as what was seen, or a week."""

    def __init__(self, profile: Profile, days: int) -> None:
        self._profile, self._days = profile, min(days, _WEEK)
        self._parts: list[list[Counts]] | None = None

    def apart(self, name: str) -> float:
        """How far most parts of a column are from its other rows; 0 where nobody can tell."""
        if self._parts is None:
            self._parts = _by_time(self._profile, self._days)
        if len(self._parts) < _PARTS:
            return 0.0
        parts = [_sum([one.columns[name] for one in part]) for part in self._parts]
        whole = _sum(parts)
        found = sorted(_from_others(part, whole) for part in parts)
        return found[min(len(found) - 1, int(_ORDINARY * len(found)))]


def _from_others(part: Column, whole: Column) -> float:
    """How far a part is from the other rows of the whole, whose distance is a mean of both's.

    Without what so few rows differ by chance: a week of three rows says nothing of what is usual.
    """
    found = 0.0
    for asked in _asked(part, whole):
        mine, all_rows = asked.rows
        if mine < all_rows:
            apart = asked.distance / (1 - mine / all_rows)
            rows = (mine, all_rows - mine)
            found = max(found, apart - _chance(rows, asked.sets, _EVEN))
    return min(1.0, found)


def _sum(columns: Sequence[Column]) -> Column:
    first, *rest = columns
    for column in rest:
        first = first.merge(column)
    return first


def _by_time(profile: Profile, days: int) -> list[list[Counts]]:
    """The windows of a profile by the part of time that they lie in; whole parts alone."""
    seconds = profile.window_seconds
    windows = sorted(
        (
            (timestamps.moment(start).timestamp(), counts)
            for start, counts in profile.windows.items()
            if counts.rows and start >= str(timestamps.FIRST_YEAR)
        ),
        key=itemgetter(0),
    )
    if not windows or seconds is None:
        return []
    length = max(seconds, days * timestamps.DAY)
    begins, end = windows[0][0], windows[-1][0] + seconds
    parts: dict[int, list[Counts]] = {}
    for start, counts in windows:
        parts.setdefault(int((start - begins) // length), []).append(counts)
    whole = [part for place, part in parts.items() if begins + (place + 1) * length <= end]
    rows = [sum(one.rows for one in part) for part in whole]
    least = _STRAY * median(rows or [0])
    return [part for part, number in zip(whole, rows, strict=True) if number >= least]
