"""How a metric changes with a model's age."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.evidence.ageing import (
    LARGEST,
    Observation,
    age_on_same_data,
    change_with_age,
    levelled,
    missing,
    student,
)


def world(seed, per_day, *, versions=4, months=6, noise=0.004, shared=0.0, harder=0.0):
    """Versions of different levels, one a month, each measured on the months since it was new.

    ``shared`` is what a month does to all versions by chance, ``harder`` what it does every day.
    """
    dice = random.Random(seed)
    levels = [0.9 + dice.gauss(0, 0.02) for _ in range(versions)]
    of_month = [dice.gauss(0, shared) for _ in range(versions + months)]
    return [
        Observation(
            f"v{version}",
            30.0 * age,
            levels[version]
            + (per_day + harder) * 30 * age
            + of_month[version + age]
            + dice.gauss(0, noise),
            dice.choice([None, 500, 5000]),
            f"month {version + age}",
        )
        for version in range(versions)
        for age in range(months)
    ]


@pytest.mark.parametrize("shared", [0.0, 0.01])
@pytest.mark.parametrize("per_day", [-0.0004, 0.0, 0.0003])
def test_the_change_lies_within_its_interval_as_often_as_it_says(per_day, shared):
    changes = [change_with_age(world(seed, per_day, shared=shared)) for seed in range(150)]
    held = sum(one.low <= per_day <= one.high for one in changes)
    assert held >= 150 * (0.95 if shared == 0 else 0.90) - 3 * math.sqrt(150 * 0.05 * 0.95)
    assert math.fsum(one.per_day for one in changes) / 150 == pytest.approx(per_day, abs=0.0001)


def test_the_interval_is_no_wider_than_it_has_to_be():
    change = change_with_age(world(1, -0.0004, versions=6, months=8))
    assert change.high < 0
    assert change.high - change.low < 0.0002
    assert change.at(0) == change.fresh == pytest.approx(0.9, abs=0.03)
    assert (change.lines, change.observations, change.data_sets) == (6, 48, 13)
    assert (change.youngest, change.oldest) == (0, 210)


@pytest.mark.parametrize(
    ("shape", "steeper"),
    [
        (lambda age: -0.08 * (1 - math.exp(-age / 40)), "at first"),
        (lambda age: -0.08 * (age / 210) ** 3, "later"),
        (lambda age: 0.08 * (1 - math.exp(-age / 40)), "at first"),
    ],
)
def test_what_is_no_line_is_told(shape, steeper):
    told = [
        change_with_age(
            [replace(one, value=one.value + shape(one.age)) for one in world(seed, 0.0, months=8)]
        ).steeper
        for seed in range(20)
    ]
    assert told == [steeper] * 20
    lines = [change_with_age(world(seed, -0.0004, shared=0.01)).steeper for seed in range(100)]
    assert lines.count(None) >= 97
    two = [change_with_age(world(seed, -0.0004, versions=9, months=2)) for seed in range(100)]
    assert {one.steeper for one in two} == {None}


def test_data_that_grows_harder_for_all_versions_is_no_age_on_the_same_data():
    seen = world(3, 0.0, versions=8, months=8, harder=-0.0005)
    seen = [replace(one, value=one.value - 0.0005 * 30 * int(one.line[1:])) for one in seen]
    assert change_with_age(seen).high < 0
    same = age_on_same_data(seen)
    assert abs(same.per_day) < 0.0003 < -change_with_age(seen).per_day
    assert (same.lines, same.data_sets) == (8, 13)


def test_versions_are_drawn_at_one_level():
    seen = world(5, -0.0004, noise=0.0)
    change = change_with_age(seen)
    drawn = levelled(seen, change)
    assert len(drawn) == len(seen)
    assert all(one.value == pytest.approx(change.at(one.age)) for one in drawn)


FEW = [
    ([], "0 of 0 measurements are of a version"),
    ([("a", 0, "1"), ("b", 5, "2")], "0 of 2 measurements are"),
    (
        [("a", 0, "1"), ("a", 5, "2")],
        "1 of 2 measurements is of a version on data a day or more later",
    ),
    ([("a", n, str(n)) for n in range(3)], "2 of 3 measurements are"),
    ([(v, n, str(n)) for v in "abc" for n in range(2)], "on 2 data sets alone; at least 4"),
]


@pytest.mark.parametrize(("seen", "says"), FEW)
def test_too_little_is_told(seen, says):
    seen = [Observation(line, age, 0.9, None, data) for line, age, data in seen]
    assert change_with_age(seen) is None
    assert says in missing(seen)


_POINTS = st.lists(
    st.builds(
        Observation,
        st.sampled_from("abc"),
        st.floats(0, 2000),
        st.floats(-1e6, 1e6) | st.sampled_from([-LARGEST, LARGEST]),
        st.none() | st.integers(0, 10**9),
        st.sampled_from("123456789"),
    ),
    max_size=14,
)


@given(_POINTS)
def test_there_is_a_change_or_a_sentence_and_no_other_number(seen):
    change = change_with_age(seen)
    assert (change is None) == (missing(seen) is not None)
    if change is not None:
        assert change.low <= change.per_day <= change.high
        assert all(map(math.isfinite, (change.low, change.high, change.fresh)))
        assert change_with_age(reversed(seen)).per_day == pytest.approx(change.per_day)


def test_students_t_is_that_of_the_tables():
    known = {1: 12.7062, 2: 4.3027, 3: 3.1824, 5: 2.5706, 30: 2.0423, 200: 1.9719}
    assert {n: student(n) for n in known} == pytest.approx(known, abs=1e-4)
    assert student(10**9) == pytest.approx(1.966, abs=1e-3)
