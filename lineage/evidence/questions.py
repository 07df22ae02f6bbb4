"""The questions that are asked of a column's rows, in words of its own values. Pure.

>>> from lineage.evidence.columns import Score
>>> half = Score(rows=0, null=0, wrong_type=0, edges=(0.5,), bins=(0, 0), positives=None)
>>> in_words("contract:null", half), in_words("up to:1", half)
('has no value', 'is at most 0.5')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.evidence.columns import CategoryColumn, NumberColumn, Score, TextColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.evidence.columns import Column

_CONTRACT: Final = {
    "null": "has no value",
    "wrong_type": "is of another type",
    "nan": "is NaN",
    "infinite": "is infinite",
    "below": "is less than any value of the reference",
    "above": "is more than any value of the reference",
    "new": "is a new category",
}


def in_words(question: str, column: Column) -> str:
    """A question as what a row does for which the answer is yes.

    Args:
        question: a name of :attr:`lineage.evidence.windows.Cells.questions`.
        column: the column that it is asked of, with its scale.
    """
    kind, _, asked = question.partition(":")
    if kind == "contract":
        return _CONTRACT.get(asked, asked)
    if kind == "category" and isinstance(column, CategoryColumn):
        place = int(asked)
        return f"is {column.values[place]!r}" if place < len(column.values) else "is another one"
    first, dash, end = asked.partition("-")
    between = _between(_ends(column), int(first) if dash else 0, int(end if dash else first))
    if between is None:
        return "has a value"
    return f"has {between} characters" if isinstance(column, TextColumn) else f"is {between}"


def _ends(column: Column) -> Sequence[str]:
    """The upper ends of a column's cells but for the last, which is open."""
    if isinstance(column, NumberColumn | Score):
        return [f"{edge:.6g}" for edge in column.edges]
    if isinstance(column, TextColumn):
        return [f"{2**place - 1:,}" for place in range(len(column.lengths) - 1)]
    return []


def _between(ends: Sequence[str], first: int, end: int) -> str | None:
    """Between what lies in the cells from ``first`` up to ``end`` without it; None: all do."""
    low = ends[first - 1] if 0 < first <= len(ends) else None
    high = ends[end - 1] if end <= len(ends) else None
    if low is None:
        return None if high is None else f"at most {high}"
    if high is None:
        return f"more than {low}"
    return f"more than {low} and at most {high}"
