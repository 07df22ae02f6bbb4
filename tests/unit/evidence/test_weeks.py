"""Windows as measurements over time: whole weeks, and blocks of them."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.evidence.ageing import Observation, change_with_age
from lineage.evidence.weeks import (
    Scored,
    block_of,
    stretches,
    usual_days,
    week_of,
)
from lineage.timestamps import DAY, WEEK
from tests.support import LONG

MONDAY = 1_577_836_800 + 5 * DAY
"""6 January 2020."""


def days(*numbers, rows=(3, 1)):
    return [Scored(MONDAY + n * DAY, DAY, rows, rows) for n in numbers]


def test_a_week_counts_with_all_the_days_that_others_have():
    served = days(*range(3, 24))  # from Thursday to Wednesday
    usual = usual_days(served)
    assert usual == set(range(7))
    found, dropped = stretches(served, usual)
    assert dropped == 4 + 3
    assert [one.middle for one in found] == [MONDAY + WEEK * 1.5, MONDAY + WEEK * 2.5]
    assert found[0].bins == found[0].positives == (21, 7)
    workdays = [one for one in served if (one.start - MONDAY) // DAY % 7 < 5]
    assert usual_days(workdays) == set(range(5))
    assert stretches(workdays, usual_days(workdays))[1] == 2 + 3
    monthly = days(2, 33, 61, 95, 120)
    assert stretches(monthly, usual_days(monthly))[1] == 0
    assert stretches([], usual_days([])) == ([], 0)


def test_a_longer_window_stands_for_itself_and_an_empty_one_for_nothing():
    month = Scored(MONDAY, 31 * DAY, (9, 9), (1, 2))
    found, dropped = stretches([month, *days(0, rows=(0, 0)), *days(1)], frozenset({0, 1}))
    assert ([one.bins for one in found], dropped) == ([(9, 9)], 1)
    assert found[0].middle == MONDAY + 15.5 * DAY
    unknown = replace(days(1)[0], positives=None)
    assert stretches([*days(0), unknown], frozenset())[0][0].positives is None


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5)), max_size=40), st.integers(1, 24))
def test_what_counts_and_what_does_not_are_all_rows(drawn, per_day):
    served = [
        Scored(MONDAY + n * DAY + DAY // 24 * hour, DAY // 24, (rows,), (rows,))
        for n, rows in drawn
        for hour in range(per_day)
    ]
    found, dropped = stretches(served, usual_days(served))
    counted = [one for one in served if one.rows]
    assert dropped <= len(counted)
    assert (dropped == 0) == (sum(one.bins[0] for one in found) == sum(one.rows for one in counted))
    for one, other in pairwise(found):
        assert week_of(one.middle) < week_of(other.middle)
    for one in found:
        assert block_of(one.middle) == block_of(
            MONDAY + (week_of(one.middle) - week_of(MONDAY)) * WEEK
        )


def lived(seed, per_day, *, versions, number, lasting, season=0.01):
    """The AUC of versions that serve one after the other, by weeks as outcomes give it.

    Days of the weekend differ by ``season``; what a day does by chance goes on to the next with
    ``lasting``, so that days are no independent measurements.
    """
    dice = random.Random(seed)
    first = dice.randrange(28)
    noise, seen = 0.0, []
    for version in range(versions):
        level = 0.85 + dice.gauss(0, 0.02)
        values, served = {}, []
        for age in range(number):
            day = first + version * number + age
            noise = lasting * noise + math.sqrt(1 - lasting**2) * dice.gauss(0, 0.01)
            weekend = season if day % 7 > 4 else -0.4 * season
            start = MONDAY + day * DAY
            values[start] = level + per_day * age + noise + weekend + dice.gauss(0, 0.005)
            served.append(Scored(start, DAY, (500,)))
        for week in stretches(served, frozenset(range(7)))[0]:
            of = [v for start, v in values.items() if week_of(start) == week_of(week.middle)]
            age = (week.middle - MONDAY) / DAY - first - version * number
            name, value = f"w{week_of(week.middle)}", math.fsum(of) / len(of)
            seen.append(Observation(f"v{version}", age, value, 3500, name, block_of(week.middle)))
    return seen


def test_the_interval_of_outcomes_holds_the_true_change():
    changes = [
        change_with_age(lived(seed, -0.0003, versions=4, number=91, lasting=0.7))
        for seed in range(30)
    ]
    assert sum(one.low <= -0.0003 <= one.high for one in changes) >= 25
    assert math.fsum(one.per_day for one in changes) / 30 == pytest.approx(-0.0003, abs=0.0001)
    assert {one.data_sets for one in changes} <= {13, 14}


def test_days_are_no_independent_measurements():
    def held(blocks):
        seen = [lived(seed, -0.0003, versions=1, number=364, lasting=0.9) for seed in range(12)]
        if not blocks:
            seen = [[replace(one, block=None) for one in those] for those in seen]
        changes = [change_with_age(those) for those in seen]
        return sum(one.low <= -0.0003 <= one.high for one in changes)

    assert held(blocks=True) > held(blocks=False)


HISTORIES = [(1, 196), (1, 364), (4, 91), (8, 60), (12, 45)]


@pytest.mark.skipif(not LONG, reason="takes a minute: LINEAGE_LONG_TESTS=1")
@pytest.mark.parametrize(("versions", "number"), HISTORIES)
@pytest.mark.parametrize(("lasting", "least"), [(0.0, 0.93), (0.7, 0.89), (0.9, 0.78)])
def test_the_interval_of_outcomes_over_many_histories(versions, number, lasting, least):
    many = 500
    changes = [
        change_with_age(lived(seed, -0.0003, versions=versions, number=number, lasting=lasting))
        for seed in range(many)
    ]
    held = sum(one.low <= -0.0003 <= one.high for one in changes)
    print(f"{versions} versions of {number} days, lasting {lasting}: {held / many:.3f}")
    assert held >= least * many
