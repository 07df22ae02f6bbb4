"""The scale of a reference: kinds, edges and frequent categories, of a sample of its rows.

DuckDB's sample is of at most a million rows. Of more a fixed part is taken, evenly over the whole
(every row's number times the golden ratio), so that the same rows in the same order give the same
scale from any source. What is on the scale is then counted over all rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

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
    from collections.abc import Iterable

    from lineage.evidence.profile import Roles
    from lineage.evidence.reading.source import Form, Source

MOST_ROWS: Final = 1_000_000
_MOST_CELLS: Final = 50_000_000
NEARLY_ALL: Final = 0.9
"""The part of written values that must be numbers, or times, for the column to be of them."""
_HALF: Final = 0.5
"""The part of the texts that the frequent ones must be for a column to be of categories."""

_NONE: Final = {"rows": 0, "null": 0, "wrong_type": 0}
_GOLDEN: Final = 2_654_435_769
"""The golden part of 2³²."""


class Sample(Protocol):
    """The rows that a scale is taken of, and what is asked of them, by column."""

    columns: dict[str, Form]

    def kinds(self, name: str) -> tuple[int, int, int, int]:
        """How many values there are; how many are numbers, times and texts."""

    def outcomes(self, name: str) -> tuple[int, int]:
        """How many values there are, and how many of them are 0 or 1, false or true."""

    def some_numbers(self, name: str, most: int) -> list[float]:
        """Finite numbers, each once: all of them where there are fewer than ``most``."""

    def quantiles(self, name: str, parts: int) -> tuple[Iterable[float], float]:
        """The numbers that end a part of so many parts, each as it stands; and the greatest."""

    def most_frequent(self, name: str, *, as_label: bool = False) -> list[tuple[str, int]]:
        """The 64 most frequent texts of at most 256 characters, and how often each is there.

        Those of one number go by their code points.
        """


def scale_of(sample: Sample, roles: Roles) -> Counts:
    """The columns, the score and the target of a reference, with nothing counted."""
    apart = (roles.score, roles.target)
    return Counts(
        rows=0,
        columns={name: _column(sample, name) for name in sample.columns if name not in apart},
        score=None if roles.score is None else _score(sample, roles.score),
        target=None if roles.target is None else _target(sample, roles.target),
    )


def frequent(sample: Sample, name: str) -> list[str]:
    """The most frequent labels of a column, by which its groups are named."""
    return [one for one, _ in sample.most_frequent(name, as_label=True) if is_kept(one)]


def _column(sample: Sample, name: str) -> Column:
    values, numbers, times, texts = sample.kinds(name)
    if values and numbers >= NEARLY_ALL * values:
        return _number(sample, name)
    if values and times >= NEARLY_ALL * values:
        return TimeColumn(**_NONE, hours=(0,) * HOURS)
    return _words(sample, name, texts)


def _number(sample: Sample, name: str) -> NumberColumn:
    edges = _edges(sample, name, NUMBER_BINS)
    return NumberColumn(
        **_NONE, nan=0, infinite=0, edges=edges, low=None, high=None,
        bins=(0,) * (len(edges) + 1), below=0, above=0,
    )  # fmt: skip


def _words(sample: Sample, name: str, texts: int) -> Column:
    found = [(one, number) for one, number in sample.most_frequent(name) if is_kept(one)]
    if sum(number for _, number in found) < _HALF * texts:
        return TextColumn(**_NONE, lengths=(0,) * LENGTH_BINS, characters=(0,) * 5)
    values = tuple(one for one, _ in found)
    return CategoryColumn(
        **_NONE, values=values, complete=False, counts=(0,) * len(values), other=0, new=0
    )


def _score(sample: Sample, name: str) -> Score:
    edges = _edges(sample, name, SCORE_BINS)
    return Score(**_NONE, edges=edges, bins=(0,) * (len(edges) + 1), positives=None)


def _target(sample: Sample, name: str) -> Column:
    values, outcomes = sample.outcomes(name)
    if values and values == outcomes:
        return BinaryTarget(**_NONE, positive=0, negative=0)
    return _column(sample, name)


def _edges(sample: Sample, name: str, bins: int) -> tuple[float, ...]:
    """The edges between bins: each value where there are fewer than bins, else quantiles."""
    few = sample.some_numbers(name, bins + 1)
    if len(few) <= bins:
        return tuple(sorted({one + 0.0 for one in few}))[:-1]
    quantiles, greatest = sample.quantiles(name, bins)
    return tuple(sorted({one + 0.0 for one in quantiles} - {greatest}))


def no_rows(label: str) -> UsageError:
    """The error for a reference without rows."""
    return UsageError(
        f"{label} has no rows.",
        remedy="Name data with rows; an empty window is counted against a reference.",
    )


class Embedded:
    """The sample of a source: a table ``sample`` in its DuckDB."""

    def __init__(self, source: Source) -> None:
        """Take it.

        Raises:
            UsageError: the source has no rows.
        """
        self.columns = source.columns
        self._source = source
        _take(source)

    def kinds(self, name: str) -> tuple[int, int, int, int]:
        """How many values there are; how many are numbers, times and texts."""
        form = self.columns[name]
        values, numbers, times, texts = self._asked(
            f"SELECT count({quoted(name)}), count({expressions.number(name, form)}), "  # nosec B608  # noqa: S608
            f"count({expressions.time(name, form)}), count({expressions.text(name, form)}) "
            "FROM sample"
        )[0]
        return values, numbers, times, texts

    def outcomes(self, name: str) -> tuple[int, int]:
        """How many values there are, and how many of them are 0 or 1, false or true."""
        value = expressions.outcome(name, self.columns[name])
        values, outcomes = self._asked(
            f"SELECT count({quoted(name)}), count({value}) FROM sample"  # nosec B608  # noqa: S608
        )[0]
        return values, outcomes

    def some_numbers(self, name: str, most: int) -> list[float]:
        """Finite numbers, each once: all of them where there are fewer than ``most``."""
        found = self._asked(f"SELECT DISTINCT x FROM {self._finite(name)} LIMIT {most}")  # nosec B608  # noqa: S608
        return [one for (one,) in found]

    def quantiles(self, name: str, parts: int) -> tuple[Iterable[float], float]:
        """The numbers that end a part of so many parts, each as it stands; and the greatest."""
        quantiles, greatest = self._asked(
            f"SELECT quantile_disc(x, ?), max(x) FROM {self._finite(name)}",  # nosec B608  # noqa: S608
            [[i / parts for i in range(1, parts)]],
        )[0]
        return quantiles, greatest

    def most_frequent(self, name: str, *, as_label: bool = False) -> list[tuple[str, int]]:
        """The most frequent texts and how often each is there."""
        read = expressions.label if as_label else expressions.text
        return self._asked(
            f"SELECT x, count(*) AS n FROM (SELECT {read(name, self.columns[name])} AS x "  # nosec B608  # noqa: S608
            f"FROM sample) WHERE x IS NOT NULL AND length(x) <= {LONGEST_TEXT} "
            f"GROUP BY x ORDER BY n DESC, x LIMIT {MOST_VALUES}"
        )

    def _finite(self, name: str) -> str:
        value = expressions.number(name, self.columns[name])
        return f"(SELECT {value} AS x FROM sample) WHERE isfinite(x)"  # nosec B608  # noqa: S608

    def _asked(self, query: str, values: list[Any] | None = None) -> list[Any]:
        found: list[Any] = self._source.connection.execute(query, values).fetchall()
        return found


def _take(source: Source) -> None:
    connection = source.connection
    ((rows,),) = connection.execute("SELECT count(*) FROM source").fetchall()
    if not rows:
        raise no_rows(source.label)
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
