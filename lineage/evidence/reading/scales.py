"""The scale of a reference: kinds, edges and frequent categories, from at most a million rows.

Of more rows a fixed part is taken, evenly over the whole (every row's number times the golden
ratio), so that the same rows in the same order give the same scale from any source. What is on
the scale is then counted over all rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError
from lineage.evidence.columns import (
    HOURS,
    LENGTH_BINS,
    NUMBER_BINS,
    SCORE_BINS,
    BinaryTarget,
    CategoryColumn,
    Column,
    NumberColumn,
    Score,
    TextColumn,
    TimeColumn,
)
from lineage.evidence.counts import Counts
from lineage.evidence.reader import LONGEST_TEXT, MOST_VALUES, is_kept
from lineage.evidence.reading import expressions
from lineage.evidence.reading.source import quoted

if TYPE_CHECKING:
    from lineage.evidence.profile import Roles
    from lineage.evidence.reading.source import Source

MOST_ROWS: Final = 1_000_000
_MOST_CELLS: Final = 50_000_000
_NEARLY_ALL: Final = 0.9
"""The part of written values that must be numbers, or times, for the column to be of them."""
_HALF: Final = 0.5
"""The part of the texts that the frequent ones must be for a column to be of categories."""

_NONE: Final = {"rows": 0, "null": 0, "wrong_type": 0}
_GOLDEN: Final = 2_654_435_769
"""The golden part of 2³²."""


def scale_of(source: Source, roles: Roles) -> Counts:
    """The columns, the score and the target of a reference, with nothing counted.

    Raises:
        UsageError: it has no rows.
    """
    _sample(source)
    apart = (roles.score, roles.target)
    return Counts(
        rows=0,
        columns={name: _column(source, name) for name in source.columns if name not in apart},
        score=None if roles.score is None else _score(source, roles.score),
        target=None if roles.target is None else _target(source, roles.target),
    )


def frequent(source: Source, name: str) -> list[str]:
    """The most frequent labels of a column, by which its groups are named."""
    value = expressions.label(name, source.columns[name])
    return [one for one, _ in _most_frequent(source, value)]


def _sample(source: Source) -> None:
    connection = source.connection
    ((rows,),) = connection.execute("SELECT count(*) FROM source").fetchall()
    if not rows:
        raise UsageError(
            f"{source.label} has no rows.",
            remedy="Name data with rows; an empty window is counted against a reference.",
        )
    most = min(MOST_ROWS, _MOST_CELLS // len(source.columns))
    if rows <= most:
        connection.execute("CREATE TEMP TABLE sample AS FROM source")
        return
    number = next(
        one
        for i in range(len(source.columns) + 1)
        if (one := f"row{i}") not in {name.lower() for name in source.columns}
    )
    connection.execute(
        f"CREATE TEMP TABLE sample AS SELECT * EXCLUDE ({number}) FROM "  # nosec B608  # noqa: S608
        f"(SELECT *, row_number() OVER () AS {number} FROM source) "
        f"WHERE ({number} * {_GOLDEN}) % {2**32} < {2**32 * most // rows}"
    )


def _column(source: Source, name: str) -> Column:
    form = source.columns[name]
    values, numbers, times, texts = source.connection.execute(
        f"SELECT count({quoted(name)}), count({expressions.number(name, form)}), "  # nosec B608  # noqa: S608
        f"count({expressions.time(name, form)}), count({expressions.text(name, form)}) FROM sample"
    ).fetchall()[0]
    if values and numbers >= _NEARLY_ALL * values:
        return _number(source, name)
    if values and times >= _NEARLY_ALL * values:
        return TimeColumn(**_NONE, hours=(0,) * HOURS)
    return _words(source, name, texts)


def _number(source: Source, name: str) -> NumberColumn:
    edges = _edges(source, name, NUMBER_BINS)
    return NumberColumn(
        **_NONE, nan=0, infinite=0, edges=edges, low=None, high=None,
        bins=(0,) * (len(edges) + 1), below=0, above=0,
    )  # fmt: skip


def _words(source: Source, name: str, texts: int) -> Column:
    value = expressions.text(name, source.columns[name])
    found = _most_frequent(source, value)
    if sum(number for _, number in found) < _HALF * texts:
        return TextColumn(**_NONE, lengths=(0,) * LENGTH_BINS, characters=(0,) * 5)
    values = tuple(one for one, _ in found)
    return CategoryColumn(
        **_NONE, values=values, complete=False, counts=(0,) * len(values), other=0, new=0
    )


def _score(source: Source, name: str) -> Score:
    edges = _edges(source, name, SCORE_BINS)
    return Score(**_NONE, edges=edges, bins=(0,) * (len(edges) + 1), positives=None)


def _target(source: Source, name: str) -> Column:
    value = expressions.outcome(name, source.columns[name])
    values, outcomes = source.connection.execute(
        f"SELECT count({quoted(name)}), count({value}) FROM sample"  # nosec B608  # noqa: S608
    ).fetchall()[0]
    if values and values == outcomes:
        return BinaryTarget(**_NONE, positive=0, negative=0)
    return _column(source, name)


def _edges(source: Source, name: str, bins: int) -> tuple[float, ...]:
    """The edges between bins: each value where there are fewer than bins, else quantiles."""
    value = expressions.number(name, source.columns[name])
    finite = f"(SELECT {value} AS x FROM sample) WHERE isfinite(x)"  # nosec B608  # noqa: S608
    few = source.connection.execute(
        f"SELECT DISTINCT x FROM {finite} LIMIT {bins + 1}"  # nosec B608  # noqa: S608
    ).fetchall()
    if len(few) <= bins:
        return tuple(sorted({one + 0.0 for (one,) in few}))[:-1]
    found: list[Any] = source.connection.execute(
        f"SELECT quantile_disc(x, ?), max(x) FROM {finite}",  # nosec B608  # noqa: S608
        [[i / bins for i in range(1, bins)]],
    ).fetchall()
    ((quantiles, greatest),) = found
    return tuple(sorted({one + 0.0 for one in quantiles} - {greatest}))


def _most_frequent(source: Source, value: str) -> list[tuple[str, int]]:
    """The most frequent texts and how often each is there; those of one number by name."""
    found = source.connection.execute(
        f"SELECT x, count(*) AS n FROM (SELECT {value} AS x FROM sample) "  # nosec B608  # noqa: S608
        f"WHERE x IS NOT NULL AND length(x) <= {LONGEST_TEXT} "
        f"GROUP BY x ORDER BY n DESC, x LIMIT {MOST_VALUES}"
    ).fetchall()
    return [(one, number) for one, number in found if is_kept(one)]
