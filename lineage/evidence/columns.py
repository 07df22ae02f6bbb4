"""What is counted of one column: integers that add, on a scale that the reference set. Pure.

A column has two parts. Its *scale* is the reference's: edges of bins, frequent categories. Its
*counts* are what was seen. Two columns merge exactly where their scales are equal; the counts
then add. The reference's own counts are on its own scale.

Nothing beyond the standard library is loaded here: serving hosts count with these types.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from lineage.evidence.reader import Reader, refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NUMBER_BINS: Final = 32
SCORE_BINS: Final = 50
LENGTH_BINS: Final = 24
"""Lengths of texts: 0, 1, 2 to 3, 4 to 7, …; the last bin takes all longer ones."""
HOURS: Final = 168
CHARACTERS: Final = ("letter", "digit", "space", "punctuation", "other")


@dataclass(frozen=True, kw_only=True)
class Column:
    """What is counted of any column: its rows, those with no value, those of another type."""

    kind: ClassVar[str]
    scale: ClassVar[tuple[str, ...]] = ()
    """The fields that the reference sets; all others are counts, which add."""

    rows: int
    null: int
    wrong_type: int

    @classmethod
    def read(cls, reader: Reader, like: Self | None = None) -> Self:
        """Read the counts, and the scale unless it is that of ``like``.

        Raises:
            UsageError: a key is missing, unknown, or not of its form; or counts do not add up.
        """
        scale = cls._read_scale(reader) if like is None else like.get_scale()
        common = {key: reader.count(key) for key in ("rows", "null", "wrong_type")}
        column = cls(**common, **scale, **cls._read_counts(reader, scale))
        reader.close()
        if column.rows != column.null + column.wrong_type + column.counted():
            raise refused(reader.where, "has counts that do not add up to its rows")
        return column

    @classmethod
    def _read_scale(cls, reader: Reader) -> dict[str, Any]:
        return {}

    @classmethod
    def _read_counts(cls, reader: Reader, scale: Mapping[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def counted(self) -> int:
        """The rows that have a value of the column's type."""
        raise NotImplementedError

    def get_scale(self) -> dict[str, Any]:
        """The scale, by name of field."""
        return {name: getattr(self, name) for name in self.scale}

    def to_dict(self, *, with_scale: bool = True) -> dict[str, Any]:
        """The column as JSON; without its kind and scale where those stand elsewhere."""
        names = [f.name for f in fields(self) if with_scale or f.name not in self.scale]
        body = {name: _plain(getattr(self, name)) for name in names}
        return {"kind": self.kind} | body if with_scale else body

    def why_not(self, other: Column) -> str | None:
        """Why two columns cannot be merged, as the end of a sentence; None where they can."""
        if self.kind != other.kind:
            return f"is {self.kind} in one and {other.kind} in the other"
        differ = [one for one in self.scale if getattr(self, one) != getattr(other, one)]
        return f"has other {differ[0]}" if differ else None

    def merge(self, other: Self) -> Self:
        """The counts of both together; their scales are equal (:meth:`why_not`)."""
        counts = [f.name for f in fields(self) if f.name not in self.scale]
        return replace(
            self, **{name: _added(getattr(self, name), getattr(other, name)) for name in counts}
        )


@dataclass(frozen=True, kw_only=True)
class NumberColumn(Column):
    """Numbers: bin i counts ``edges[i-1] < x <= edges[i]``, the first and the last as far as
    ``low`` and ``high``, the least and the greatest value of the reference.

    What lies beyond those is ``below`` or ``above``, and in no bin. Both are None where the
    reference had no number, or may not tell (``--private``): then everything is in a bin.
    """  # noqa: D205

    kind = "number"
    scale = ("edges", "low", "high")

    nan: int
    infinite: int
    edges: tuple[float, ...]
    low: float | None
    high: float | None
    bins: tuple[int, ...]
    below: int
    above: int

    @classmethod
    def _read_scale(cls, reader: Reader) -> dict[str, Any]:
        low, high = reader.optional_number("low"), reader.optional_number("high")
        edges = reader.edges(NUMBER_BINS - 1)
        ascending = [one for one in (low, *edges, high) if one is not None]
        if (low is None) != (high is None) or ascending != sorted(ascending):
            raise refused(reader.where, "has a 'low' and a 'high' that are no range of its edges")
        return {"edges": edges, "low": low, "high": high}

    @classmethod
    def _read_counts(cls, reader: Reader, scale: Mapping[str, Any]) -> dict[str, Any]:
        counts = {key: reader.count(key) for key in ("nan", "infinite", "below", "above")}
        return counts | {"bins": reader.counts("bins", len(scale["edges"]) + 1)}

    def counted(self) -> int:
        """The rows with a number, NaN and infinities among them."""
        return self.nan + self.infinite + self.below + self.above + sum(self.bins)


@dataclass(frozen=True, kw_only=True)
class CategoryColumn(Column):
    """Categories: the reference's most frequent ones by name, and the rest in two counts.

    Where the reference had no others (``complete``), everything else is ``new``; where it had,
    it cannot be told apart from those, and everything else is ``other``.
    """

    kind = "category"
    scale = ("values", "complete")

    values: tuple[str, ...]
    complete: bool
    counts: tuple[int, ...]
    other: int
    new: int

    @classmethod
    def _read_scale(cls, reader: Reader) -> dict[str, Any]:
        return {"values": reader.values(), "complete": reader.flag("complete")}

    @classmethod
    def _read_counts(cls, reader: Reader, scale: Mapping[str, Any]) -> dict[str, Any]:
        counts = {key: reader.count(key) for key in ("other", "new")}
        if counts["other" if scale["complete"] else "new"]:
            raise refused(reader.where, "counts 'other' or 'new' where there can be none")
        return counts | {"counts": reader.counts("counts", len(scale["values"]))}

    def counted(self) -> int:
        """The rows with a category."""
        return sum(self.counts) + self.other + self.new


@dataclass(frozen=True, kw_only=True)
class TextColumn(Column):
    """Texts: their lengths by power of two, and how many characters are of which class.

    ``lengths[i]`` counts texts of ``2**(i-1)`` to ``2**i - 1`` characters, ``lengths[0]`` the
    empty ones. ``characters`` has a count for each of :data:`CHARACTERS`.
    """

    kind = "text"

    lengths: tuple[int, ...]
    characters: tuple[int, ...]

    @classmethod
    def _read_counts(cls, reader: Reader, scale: Mapping[str, Any]) -> dict[str, Any]:
        inner = Reader(reader.take("characters"), f"{reader.where}.characters")
        characters = tuple(inner.count(name) for name in CHARACTERS)
        inner.close()
        return {"characters": characters, "lengths": reader.counts("lengths", LENGTH_BINS)}

    def to_dict(self, *, with_scale: bool = True) -> dict[str, Any]:
        """The column as JSON; the classes of characters by name."""
        body = super().to_dict(with_scale=with_scale)
        return body | {"characters": dict(zip(CHARACTERS, self.characters, strict=True))}

    def counted(self) -> int:
        """The rows with a text."""
        return sum(self.lengths)


@dataclass(frozen=True, kw_only=True)
class TimeColumn(Column):
    """Times: in which hour of the week, UTC, Monday's first hour first."""

    kind = "time"

    hours: tuple[int, ...]

    @classmethod
    def _read_counts(cls, reader: Reader, scale: Mapping[str, Any]) -> dict[str, Any]:
        return {"hours": reader.counts("hours", HOURS)}

    def counted(self) -> int:
        """The rows with a time."""
        return sum(self.hours)


@dataclass(frozen=True, kw_only=True)
class BinaryTarget(Column):
    """A target of two outcomes: 1 or true, and 0 or false."""

    kind = "binary"

    positive: int
    negative: int

    @classmethod
    def _read_counts(cls, reader: Reader, scale: Mapping[str, Any]) -> dict[str, Any]:
        return {key: reader.count(key) for key in ("positive", "negative")}

    def counted(self) -> int:
        """The rows with an outcome."""
        return self.positive + self.negative


@dataclass(frozen=True, kw_only=True)
class Score(Column):
    """What a model answered: 50 bins on the reference's quantiles, open at both ends.

    ``positives`` counts the rows of each bin whose target was positive; None where there was no
    target of two outcomes. Where there was, rows without one are in ``null``, not in the bins.
    NaN and infinities are ``wrong_type``.
    """

    kind = "score"
    scale = ("edges",)

    edges: tuple[float, ...]
    bins: tuple[int, ...]
    positives: tuple[int, ...] | None

    @classmethod
    def _read_scale(cls, reader: Reader) -> dict[str, Any]:
        return {"edges": reader.edges(SCORE_BINS - 1)}

    @classmethod
    def _read_counts(cls, reader: Reader, scale: Mapping[str, Any]) -> dict[str, Any]:
        length = len(scale["edges"]) + 1
        bins = reader.counts("bins", length)
        positives = reader.take("positives")
        if positives is not None:
            positives = Reader({"positives": positives}, reader.where).counts("positives", length)
            if any(p > n for p, n in zip(positives, bins, strict=True)):
                raise refused(reader.where, "has more positives in a bin than rows")
        return {"bins": bins, "positives": positives}

    def counted(self) -> int:
        """The rows with a score."""
        return sum(self.bins)


COLUMNS: Final[dict[str, type[Column]]] = {
    one.kind: one for one in (NumberColumn, CategoryColumn, TextColumn, TimeColumn)
}
"""The kinds of columns, by name."""


def read_column(
    body: Any,  # noqa: ANN401 - any JSON value
    where: str,
    like: Column | None,
    kinds: Iterable[type[Column]] = tuple(COLUMNS.values()),
) -> Column:
    """Read one column, on the scale of ``like`` where it names none of its own.

    Raises:
        UsageError: it is none of ``kinds``, or not of its form.
    """
    reader = Reader(body, where)
    if like is not None:
        return type(like).read(reader, like)
    kind = reader.take("kind")
    for one in kinds:
        if one.kind == kind:
            return one.read(reader)
    raise refused(where, f"is of an unknown kind, {str(kind)[:40]!r}")


def _plain(value: Any) -> Any:  # noqa: ANN401 - a field's value
    return list(value) if isinstance(value, tuple) else value


def _added(a: Any, b: Any) -> Any:  # noqa: ANN401 - a count, counts, or counts that are unknown
    if isinstance(a, tuple) and isinstance(b, tuple):
        return tuple(x + y for x, y in zip(a, b, strict=True))
    return None if a is None or b is None else a + b
