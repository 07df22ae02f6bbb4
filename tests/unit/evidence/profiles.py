"""Profiles of rows, counted in Python one value at a time: what others are held against."""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_left
from typing import Any

from hypothesis import strategies as st

from lineage.evidence.columns import (
    BinaryTarget,
    CategoryColumn,
    Column,
    NumberColumn,
    Score,
    TextColumn,
    TimeColumn,
)
from lineage.evidence.counts import Counts
from lineage.evidence.profile import Profile

FINITE = st.floats(-1e6, 1e6).map(lambda x: x + 0.0)
NUMBERS = st.lists(FINITE | st.just(math.nan) | st.just(math.inf) | st.none() | st.just("x"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)


def edges(most: int) -> Any:
    return st.lists(FINITE, max_size=most, unique=True).map(lambda x: tuple(sorted(x)))


@st.composite
def scales(draw: Any) -> dict[str, Column]:
    """Columns of each kind, with nothing counted."""
    common = {"rows": 0, "null": 0, "wrong_type": 0}
    inner = draw(edges(31))
    low, high = (inner[0] - 1, inner[-1] + 1) if inner and draw(st.booleans()) else (None, None)
    values = tuple(draw(st.lists(TEXTS, max_size=64, unique=True)))
    return {
        "number": NumberColumn(
            **common, nan=0, infinite=0, edges=inner, low=low, high=high,
            bins=(0,) * (len(inner) + 1), below=0, above=0,
        ),
        "category": CategoryColumn(
            **common, values=values, complete=draw(st.booleans()),
            counts=(0,) * len(values), other=0, new=0,
        ),
        "text": TextColumn(**common, lengths=(0,) * 24, characters=(0,) * 5),
        "time": TimeColumn(**common, hours=(0,) * 168),
    }  # fmt: skip


def rows_of(columns: dict[str, Column]) -> Any:
    known = columns["category"].values
    values = st.sampled_from(known) if known else st.nothing()
    return st.lists(
        st.fixed_dictionaries(
            {
                "number": FINITE | st.sampled_from([math.nan, math.inf, None, "x"]),
                "category": values | TEXTS | st.none(),
                "text": TEXTS | st.none(),
                "time": st.integers(0, 167) | st.none() | st.just("x"),
                "score": st.floats(0, 1),
                "positive": st.booleans(),
                "group": st.sampled_from("ab"),
                "window": st.sampled_from(["2013-01-01T00:00:00Z", "2013-01-02T00:00:00Z"]),
            }
        ),
        max_size=12,
    )


def bumped(counts: tuple[int, ...], at: int) -> tuple[int, ...]:
    return (*counts[:at], counts[at] + 1, *counts[at + 1 :])


def character_class(one: str) -> int:
    category = unicodedata.category(one)
    if one in "\t\n\v\f\r" or category[0] == "Z":
        return 2
    return {"L": 0, "P": 3}.get(category[0], 1 if category == "Nd" else 4)


def counted(column: Column, value: Any) -> Column:
    """The column with one value more."""
    new = {"rows": column.rows + 1}
    if value is None:
        return replaced(column, **new, null=column.null + 1)
    match column:
        case NumberColumn():
            if not isinstance(value, float):
                return replaced(column, **new, wrong_type=column.wrong_type + 1)
            for name, holds in {
                "nan": math.isnan(value),
                "infinite": math.isinf(value),
                "below": column.low is not None and value < column.low,
                "above": column.high is not None and value > column.high,
            }.items():
                if holds:
                    return replaced(column, **new, **{name: getattr(column, name) + 1})
            return replaced(
                column, **new, bins=bumped(column.bins, bisect_left(column.edges, value))
            )
        case CategoryColumn():
            if value in column.values:
                at = column.values.index(value)
                return replaced(column, **new, counts=bumped(column.counts, at))
            name = "new" if column.complete else "other"
            return replaced(column, **new, **{name: getattr(column, name) + 1})
        case TextColumn():
            characters = column.characters
            for one in value:
                characters = bumped(characters, character_class(one))
            lengths = bumped(column.lengths, min(len(value).bit_length(), 23))
            return replaced(column, **new, lengths=lengths, characters=characters)
        case TimeColumn():
            if not isinstance(value, int):
                return replaced(column, **new, wrong_type=column.wrong_type + 1)
            return replaced(column, **new, hours=bumped(column.hours, value))
    raise AssertionError(column)


def replaced(column: Column, **fields: Any) -> Column:
    from dataclasses import replace

    return replace(column, **fields)


def counts_of(columns: dict[str, Column], rows: list[dict[str, Any]]) -> Counts:
    whole = dict(columns)
    bins, positives = (0,) * 3, (0,) * 3
    for row in rows:
        whole = {name: counted(column, row[name]) for name, column in whole.items()}
        at = bisect_left((0.25, 0.5), row["score"])
        bins = bumped(bins, at)
        positives = bumped(positives, at) if row["positive"] else positives
    n, positive = len(rows), sum(positives)
    return Counts(
        rows=n,
        columns=whole,
        score=Score(
            rows=n, null=0, wrong_type=0, edges=(0.25, 0.5), bins=bins, positives=positives
        ),
        target=BinaryTarget(rows=n, null=0, wrong_type=0, positive=positive, negative=n - positive),
    )


def profile_of(columns: dict[str, Column], rows: list[dict[str, Any]]) -> Profile:
    """The profile of some rows, with its groups and windows."""
    whole = counts_of(columns, rows)

    def parts(key: str, form: str) -> dict[str, Counts]:
        names = sorted({row[key] for row in rows})
        return {
            form.format(name): counts_of(columns, [row for row in rows if row[key] == name])
            for name in names
        }

    return Profile(
        rows=whole.rows, columns=whole.columns, score=whole.score, target=whole.target,
        groups=parts("group", "group={}"), windows=parts("window", "{}"),
        window_seconds=86400 if rows else None,
    )  # fmt: skip


@st.composite
def profiles(draw: Any, number: int = 1) -> list[Profile]:
    """Profiles on one scale."""
    columns = draw(scales())
    return [profile_of(columns, draw(rows_of(columns))) for _ in range(number)]
