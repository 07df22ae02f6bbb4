"""Rows of one source are alike however many they are; what is surely other is found on any scale."""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.evidence.columns import LENGTH_BINS, NumberColumn, TextColumn, TimeColumn
from lineage.evidence.counts import Counts
from lineage.evidence.likeness import LEAST, likeness
from lineage.evidence.profile import Profile
from tests.unit.evidence.test_comparison import category, number

FEW = settings(max_examples=40, deadline=None)


def counted(values, edges, low=None, high=None):
    """Numbers on a scale."""
    inside = [v for v in values if low is None or low <= v <= high]
    bins = [0] * (len(edges) + 1)
    for value in inside:
        bins[bisect_left(edges, value)] += 1
    below = sum(v < low for v in values) if low is not None else 0
    column = number(tuple(edges), tuple(bins), low, high)
    return replace(
        column, rows=len(values), below=below, above=len(values) - len(inside) - below
    )  # fmt: skip


def own(values, cells):
    """Numbers on the scale of their own quantiles."""
    ordered = sorted(values)
    edges = sorted({ordered[len(ordered) * i // cells] for i in range(1, cells)})
    return counted(values, edges, ordered[0], ordered[-1])


def whole(**columns):
    rows = next(iter(columns.values())).rows
    return Profile(rows=rows, columns=columns)


def compared(first, second):
    return likeness(whole(x=first), whole(x=second), 28)


def apart(first, second):
    """The largest difference between the cumulative distributions of two lists."""
    a, b = sorted(first), sorted(second)
    return max(
        abs(bisect_right(a, v) / len(a) - bisect_right(b, v) / len(b)) for v in {*a, *b}
    )  # fmt: skip


few_numbers = st.lists(st.integers(0, 30).map(float), min_size=1, max_size=60)


@FEW
@given(few_numbers, few_numbers, st.integers(1, 9), st.integers(1, 9))
def test_cells_of_other_edges_never_tell_more_than_the_rows_themselves(a, b, cells, others):
    found = compared(own(a, cells), own(b, others)).compared[0]
    assert 0 <= found.sure <= found.distance <= apart(a, b) + 1e-12


@FEW
@given(few_numbers, few_numbers, st.lists(st.integers(1, 29).map(float), unique=True).map(sorted))
def test_cells_of_the_same_edges_tell_what_lies_between_them(a, b, edges):
    found = compared(counted(a, edges, 0.0, 30.0), counted(b, edges, 0.0, 30.0)).compared[0]
    cuts = [*edges, 30.0]
    told = max(
        abs(sum(v <= cut for v in a) / len(a) - sum(v <= cut for v in b) / len(b)) for cut in cuts
    )
    assert found.distance == pytest.approx(told)


names = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=50)


@FEW
@given(names, names, st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_categories_that_are_counted_as_others_are_never_told_apart(a, b, first, second):
    def named(values, frequent):
        count = Counter(values)
        other = sum(n for value, n in count.items() if value not in frequent)
        ordered = tuple(sorted(frequent))
        return category(ordered, tuple(count[value] for value in ordered), other)

    found = compared(named(a, first), named(b, second)).compared[0]
    ours, theirs = Counter(a), Counter(b)
    true = sum(abs(ours[v] / len(a) - theirs[v] / len(b)) for v in "abcdef") / 2
    assert found.distance <= true + 1e-12


def test_a_value_that_a_scale_has_never_seen_may_be_any_name():
    seen = replace(category(("a",), (50_000,)), rows=100_000, new=50_000)
    assert compared(category(("a", "b"), (5_000, 5_000)), seen).compared[0].distance == 0
    assert compared(category(("a", "b"), (9_000, 1_000)), seen).moved[0].distance == 0.4


@FEW
@given(st.integers(0, 2**32), st.integers(1, 4000), st.integers(1, 4000), st.integers(2, 32))
def test_rows_of_one_source_are_alike_at_any_number(seed, mine, theirs, cells):
    rng = random.Random(seed)
    first = own([rng.gauss(0, 1) for _ in range(mine)], cells)
    second = own([rng.gauss(0, 1) for _ in range(theirs)], 33 - cells + 1)
    letters = [category(tuple("abcdefgh"), _letters(rng, n)) for n in (mine, theirs)]
    found = likeness(whole(x=first, y=letters[0]), whole(x=second, y=letters[1]), 28)
    assert found.moved == ()


def _letters(rng, rows):
    count = Counter(rng.choices("abcdefgh", range(1, 9), k=rows))
    return tuple(count[letter] for letter in "abcdefgh")


@FEW
@given(
    st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any),
    st.integers(1, 10_000),
    st.integers(1, 10_000),
)
def test_more_of_the_same_rows_never_become_other_rows(bins, times, more):
    few = number((1.0, 2.0, 3.0), tuple(n * times for n in bins), 0.0, 4.0)
    many = number((1.0, 2.0, 3.0), tuple(n * times * more for n in bins), 0.0, 4.0)
    assert compared(few, many).compared[0].distance == pytest.approx(0)
    assert compared(few, many).moved == ()


def test_what_is_sure_grows_towards_the_distance_with_the_rows():
    def found(rows):
        first = number((1.0,), (rows // 2, rows // 2), 0.0, 2.0)
        return compared(first, number((1.0,), (rows * 4 // 5, rows // 5), 0.0, 2.0)).compared[0]

    sure = [found(rows).sure for rows in (10, 100, 1_000, 10_000, 10**6, 10**8)]
    assert sure == sorted(sure)
    assert sure[0] == 0
    assert sure[-1] == pytest.approx(0.3, abs=0.001)
    assert [found(rows).is_matter for rows in (10, 100, 10_000)] == [False, False, True]


def test_a_harmless_change_is_no_matter_however_sure_it_is():
    rows = 10**9
    before = number((1.0,), (rows // 2, rows // 2), 0.0, 2.0)
    found = compared(before, number((1.0,), (rows * 59 // 100, rows * 41 // 100), 0.0, 2.0))
    assert 0.08 < found.compared[0].sure < LEAST
    assert (found.moved, found.is_little) == ((), False)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (number((1.0,), (5_000, 5_000), 0.0, 2.0), number((1.0,), (5_000, 2_000), 0.0, 2.0, null=3_000)),
        (number((1.0,), (5_000, 5_000), 0.0, 2.0),
         replace(number((1.0,), (5_000, 2_000), 0.0, 2.0), rows=10_000, above=3_000)),
        (number((1.0,), (5_000, 5_000), 0.0, 2.0),
         replace(number((1.0,), (2_000, 5_000), 0.0, 2.0), rows=10_000, below=3_000)),
        (number((1.0,), (5_000, 5_000), None, None), number((3.0,), (5_000, 5_000), 2.5, 4.0)),
        (category(("a", "b"), (5_000, 5_000)), category(("b", "a"), (8_000, 2_000))),
    ],
)  # fmt: skip
def test_a_shift_is_found_whatever_it_is_in(first, second):
    found = compared(first, second)
    assert [one.column for one in found.moved] == ["x"]
    assert found.moved[0].sure > 0.1


def test_one_category_among_many_is_found_in_few_rows():
    values = tuple(f"v{i}" for i in range(64))
    before = category(values, (10,) * 64)  # all of them together are too few to tell
    after = category(values, (240, *(6,) * 63))
    assert compared(before, after).moved


def test_more_columns_need_more_rows_and_the_furthest_is_told_first():
    rows = 20_000
    before = number((1.0,), (rows // 2, rows // 2), 0.0, 2.0)
    some = number((1.0,), (rows * 7 // 10, rows * 3 // 10), 0.0, 2.0)
    more = number((1.0,), (rows * 9 // 10, rows // 10), 0.0, 2.0)
    alone = compared(before, some)
    names = [f"c{n}" for n in range(50)]
    first, second = whole(**dict.fromkeys(names, before)), dict.fromkeys(names, some)
    found = likeness(first, whole(**second | {"c7": more}), 28)
    assert [one.column for one in found.moved] == ["c7", *sorted({*names} - {"c7"})]
    assert found.chance > alone.chance
    assert found.compared[1].sure < alone.compared[0].sure


def test_texts_are_compared_by_their_lengths():
    def text(place, rows):
        lengths = [0] * LENGTH_BINS
        lengths[place] = rows
        return TextColumn(
            rows=rows, null=0, wrong_type=0, lengths=tuple(lengths), characters=(0,) * 5
        )

    assert compared(text(3, 5_000), text(5, 5_000)).moved[0].sure > 0.8
    assert compared(text(3, 5_000), text(3, 50)).moved == ()


def test_the_hour_of_rows_is_no_matter_and_whether_they_have_one_is():
    def times(hour, rows, null=0):
        hours = [0] * 168
        hours[hour] = rows - null
        return TimeColumn(rows=rows, null=null, wrong_type=0, hours=tuple(hours))

    assert compared(times(0, 5_000), times(90, 5_000)).moved == ()
    assert compared(times(0, 5_000), times(90, 5_000, null=2_500)).moved


def test_what_cannot_be_compared_is_named():
    found = likeness(
        whole(a=number((), (9,), 0.0, 1.0), b=category(("x",), (9,)), c=category(("x",), (9,))),
        whole(a=number((), (9,), 0.0, 1.0), b=number((), (9,), 0.0, 1.0), d=category((), ())),
        1,
    )
    assert [one.column for one in found.compared] == ["a"]
    assert (found.unlike, found.unseen) == (("b",), ("c",))
    assert found.is_little
    assert likeness(whole(a=category((), ())), whole(b=category((), ())), 1).compared == ()


def test_parts_of_the_validation_that_differ_as_much_make_it_ordinary():
    """Four weeks of one kind and four of another: a month of the one is what was validated."""

    def day(share):
        return Counts(rows=1_000, columns={"x": number((1.0,), (share, 1_000 - share), 0.0, 2.0)})

    def profile(*shares):
        first = dt.date(2026, 3, 2)  # a Monday
        starts = (f"{first + dt.timedelta(n)}T00:00:00Z" for n in range(len(shares)))
        windows = dict(zip(starts, map(day, shares), strict=True))
        total = sum(shares)
        column = number((1.0,), (total, len(shares) * 1_000 - total), 0.0, 2.0)
        return Profile(
            rows=column.rows, columns={"x": column}, windows=windows, window_seconds=86_400
        )

    def lately(share):
        return Counts(rows=28_000, columns={"x": number((1.0,), (share * 28, 28_000 - share * 28), 0.0, 2.0)})  # fmt: skip

    steady, seasons = profile(*[500] * 28), profile(*[350] * 14, *[650] * 14)
    assert likeness(steady, lately(650), 28).moved
    assert likeness(steady, lately(650), 28).moved[0].floor == LEAST
    assert likeness(seasons, lately(650), 28).moved == ()
    assert likeness(seasons, lately(650), 28).compared[0].floor == pytest.approx(0.19, abs=0.01)
    assert likeness(seasons, lately(950), 28).moved, "that no part of it was"
    assert likeness(replace(seasons, windows={}, window_seconds=None), lately(650), 28).moved
    begun = profile(*[500] * 21, *[950] * 3)
    assert likeness(begun, lately(750), 28).moved, "days that are no week yet are no part"
    odd = profile(*[500] * 77, *[950] * 7)
    assert likeness(odd, lately(800), 28).moved, "one week of twelve is not ordinary"
    untrue = replace(steady, windows={"0001-01-01T00:00:00Z": day(950)} | dict(steady.windows))
    assert likeness(untrue, lately(650), 28).moved, "rows of no true time are no part"


@pytest.mark.parametrize(
    ("weeks", "days"),
    [((3_000, 1, 3_000, 3_000, 3_000), 28), ((3_000, 3, 3_000), 28), ((10,) * 500, 1)],
)
def test_parts_of_few_rows_make_nothing_ordinary(weeks, days):
    """A week of one row is far from the others by chance: it hides nothing."""
    rng, windows, column = random.Random(0), {}, None
    edges, step = [-1.5 + i / 10 for i in range(31)], 1 if days == 1 else 7
    for number_, rows in enumerate(weeks):
        part = counted([rng.gauss(0, 1) for _ in range(rows)], edges, -9.0, 9.0)
        column = part if column is None else column.merge(part)
        start = dt.date(2025, 1, 6) + dt.timedelta(days=step * number_)
        windows[f"{start}T00:00:00Z"] = Counts(rows=rows, columns={"x": part})
    profile = replace(whole(x=column), windows=windows, window_seconds=step * 86_400)
    stray = counted([8.9] * 5, edges, -9.0, 9.0)  # dated a year too early, and odd besides
    windows["2024-01-01T00:00:00Z"] = Counts(rows=5, columns={"x": stray})
    column = column.merge(stray)
    for moved, mean in ((["x"], 1.0), ([], 0.0)):
        seen = whole(x=counted([rng.gauss(mean, 1) for _ in range(5_000)], edges, -9.0, 9.0))
        assert [one.column for one in likeness(profile, seen, days).moved] == moved


def test_numbers_that_were_counted_nowhere_are_not_compared():
    nothing = NumberColumn(
        rows=5, null=5, wrong_type=0, nan=0, infinite=0, edges=(), low=None, high=None, bins=(0,),
        below=0, above=0,
    )  # fmt: skip
    assert compared(nothing, nothing).compared[0].distance == 0
    assert compared(nothing, own([1.0] * 5_000, 3)).compared[0].distance == 1
