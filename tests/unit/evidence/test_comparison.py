"""How far two profiles are apart: nothing for the same, one for nothing in common."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from lineage.evidence.columns import CategoryColumn, NumberColumn, TextColumn
from lineage.evidence.comparison import compare, distance
from lineage.evidence.private import merged_below
from lineage.evidence.profile import Profile
from lineage.evidence.summary import rows
from tests.unit.evidence.profiles import profiles

FEW = settings(max_examples=25, deadline=None)


def number(edges, bins, low, high, null=0):
    total = sum(bins) + null
    return NumberColumn(
        rows=total, null=null, wrong_type=0, nan=0, infinite=0, edges=edges, low=low, high=high,
        bins=bins, below=0, above=0,
    )  # fmt: skip


def category(values, counts, other=0):
    return CategoryColumn(
        rows=sum(counts) + other, null=0, wrong_type=0, values=values, complete=not other,
        counts=counts, other=other, new=0,
    )  # fmt: skip


@FEW
@given(profiles(2))
def test_a_distance_is_symmetric_within_bounds_and_nothing_for_the_same(two):
    a, b = two
    assert compare(a, a) == []
    for one in compare(a, b):
        assert 0 < one.distance <= 1
    for name, column in a.columns.items():
        assert distance(column, b.columns[name]) == pytest.approx(distance(b.columns[name], column))


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        (number((5.0,), (10, 10), 0.0, 10.0), number((50.0,), (10, 10), 20.0, 100.0), 1.0),
        (number((5.0,), (10, 10), 0.0, 10.0), number((2.5, 7.5), (5, 10, 5), 0.0, 10.0), 0.0),
        (number((5.0,), (10, 10), 0.0, 10.0), number((5.0,), (4, 16), 0.0, 10.0), 0.3),
        (number((), (8,), 1.0, 1.0), number((), (8,), 2.0, 2.0), 1.0),
        (number((), (10,), 0.0, 1.0), number((), (5,), 0.0, 1.0, null=5), 0.5),
        (category(("a", "b"), (5, 5)), category(("b", "a"), (5, 5)), 0.0),
        (category(("a", "b"), (5, 5)), category(("a", "c"), (5, 5)), 0.5),
        (category(("a", "b"), (5, 5)), category(("a", "b"), (9, 1)), 0.4),
        (category(("a",), (5,)), category(("a",), (2,), other=2), 0.5),
        (category(("a",), (5,)), number((), (5,), 0.0, 1.0), 1.0),
        (category(("a",), (5,)), None, 1.0),
    ],
)
def test_distances_that_are_known(first, second, apart):
    assert distance(first, second) == pytest.approx(apart, abs=1e-9)


@FEW
@given(profiles())
def test_what_few_share_is_merged_and_nothing_is_lost(one):
    (profile,) = one
    private = merged_below(replace(profile, groups={}, windows={}, window_seconds=None), 3)
    assert Profile.from_bytes(private.canonical, "it") == private
    column, text = private.columns["number"], private.columns["text"]
    assert isinstance(text, TextColumn)
    for counts in (column.bins, text.lengths, private.columns["category"].counts):
        whole = sum(counts)
        assert all(n >= min(3, whole) for n in counts if n)
    assert len(list(rows(private))) == 6
