"""A profile as a person reads it: a row for each column. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.evidence.columns import (
    BinaryTarget,
    CategoryColumn,
    Column,
    NumberColumn,
    Score,
    TextColumn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.evidence.counts import Counts

HEADINGS: Final = ("column", "kind", "null", "wrong", "values")
_SHOWN: Final = 3
"""Categories of a column that its row names."""


def rows(counts: Counts) -> Iterator[tuple[str, str, str, str, str]]:
    """For each column, the score and the target: name, kind, parts without a value and of a wrong
    type, and what the values are.
    """  # noqa: D205
    for name, column in counts.columns.items():
        yield name, column.kind, *_parts(column), values(column)
    for name, extra in (("score", counts.score), ("target", counts.target)):
        if extra is not None:
            yield f"({name})", extra.kind, *_parts(extra), values(extra)


def values(column: Column) -> str:
    """What a column's values are, in a few words."""
    if isinstance(column, NumberColumn):
        return _number(column)
    if isinstance(column, CategoryColumn):
        found = sorted(zip(column.counts, column.values, strict=True), reverse=True)
        named = [f"{value!r} {part(n, column.rows)}" for n, value in found[:_SHOWN] if n]
        left = sum(n for n, _ in found[_SHOWN:]) + column.other
        return ", ".join(
            named
            + ([f"others {part(left, column.rows)}"] if left else [])
            + ([f"new {part(column.new, column.rows)}"] if column.new else [])
        )
    if isinstance(column, TextColumn):
        longest = max((i for i, n in enumerate(column.lengths) if n), default=0)
        return f"up to {2**longest - 1:,} characters"
    if isinstance(column, BinaryTarget):
        return f"positive {part(column.positive, column.rows)}"
    if isinstance(column, Score) and column.edges:
        return f"median {column.edges[len(column.edges) // 2]:.6g}"
    return ""


def part(number: int, whole: int) -> str:
    """A part of a whole in percent; what is not none is not shown as none."""
    if not number:
        return "-"
    percent = 100 * number / whole
    return f"{percent:.1f}%" if percent >= 0.1 else "<0.1%"


def _number(column: NumberColumn) -> str:
    ends = "" if column.low is None else f"{column.low:.6g} to {column.high:.6g}"
    median = f"median {column.edges[len(column.edges) // 2]:.6g}" if column.edges else ""
    beyond = column.below + column.above
    return ", ".join(
        one
        for one in (
            ends,
            median,
            f"beyond {part(beyond, column.rows)}" if beyond else "",
            f"NaN {part(column.nan, column.rows)}" if column.nan else "",
            f"infinite {part(column.infinite, column.rows)}" if column.infinite else "",
        )
        if one
    )


def _parts(column: Column) -> tuple[str, str]:
    return part(column.null, column.rows), part(column.wrong_type, column.rows)
