"""Which schedule of retraining costs least."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.evidence.ageing import Change
from lineage.evidence.retrain import MOST_RETRAININGS, YEAR, Costs, Watched, advise

CHANGE = Change(-0.0001, -0.0002, 0.00001, 0.9, 10, 2, 8, 0, 300)


def test_what_pays_is_the_square_root_law_in_whole_retrainings():
    advice = advise(CHANGE, Costs(100, 900))  # a day of age costs 1 a day
    best = advice.best
    assert best.days == pytest.approx(math.sqrt(2 * 900), rel=0.1)
    assert best.retrainings == 8
    assert best.retraining == 8 * 900
    assert best.staleness == pytest.approx(YEAR**2 / 9 / 2)
    assert best.cost == best.retraining + best.staleness
    assert best.regret == 0
    assert (advice.shortest, advice.longest) == (pytest.approx(YEAR / 12), None)
    never = next(one for one in advice.schedules if one.name == "never")
    assert (never.days, never.retrainings, never.cost) == (None, 0, YEAR**2 / 2)


def test_a_metric_of_which_less_is_better_has_a_negative_worth():
    rising = Change(0.0001, 0.00005, 0.0002, 0.4, 10, 2, 8, 0, 300)
    assert advise(rising, Costs(-100, 900)).best.retrainings == 8
    assert advise(rising, Costs(100, 900)).best.retrainings == 0
    assert advise(rising, Costs(-100, 0)).best.retrainings == MOST_RETRAININGS


def test_alarms_count_with_the_age_at_which_they_come():
    schedules = {
        one.name: one for one in advise(CHANGE, Costs(100, 900), Watched(240, 3, 2)).schedules
    }
    alarms = schedules["at alarms"]
    assert (alarms.days, alarms.retrainings) == (120, 3)
    assert alarms.staleness == pytest.approx((3 * 120**2 + 5**2) / 2)
    assert "at alarms" not in {one.name for one in advise(CHANGE, Costs(100, 900)).schedules}


_MONEY = st.floats(0, 1e6)


@given(_MONEY, _MONEY, st.floats(-0.1, 0.1), st.integers(0, 3))
def test_nothing_costs_less_than_the_best(per_point, retrain_cost, slope, alarms):
    change = Change(slope, slope - 0.01, slope + 0.01, 0.9, 10, 2, 8, 0, 300)
    advice = advise(change, Costs(per_point, retrain_cost), Watched(900, 5, alarms))
    assert advice.schedules[0] is advice.best
    regrets = [one.regret for one in advice.schedules]
    assert regrets == sorted(regrets)
    assert all(one.cost >= advice.best.cost * (1 - 1e-12) for one in advice.schedules)
    longest = advice.longest or math.inf
    assert (advice.shortest or math.inf) <= (advice.best.days or math.inf) <= longest
    price = max(0.0, -per_point * 100 * slope)
    for many in (0, 1, 2, 5, 17, 60, 200, 364):
        cost = many * retrain_cost + price * YEAR**2 / (many + 1) / 2
        assert cost >= advice.best.cost * (1 - 1e-9) - 1e-9


@pytest.mark.parametrize(
    ("per_point", "retrain_cost", "says"),
    [
        (math.nan, 1, "per_point"),
        (0, 1, "per_point"),
        (1, math.inf, "retrain_cost"),
        (1, -1, "retrain_cost"),
        (1, None, "go together"),
        (None, 1, "go together"),
    ],
)
def test_what_is_no_cost_is_refused(per_point, retrain_cost, says):
    with pytest.raises(UsageError, match=says):
        Costs.checked(per_point, retrain_cost)
    assert Costs.checked(None, None) is None
    assert Costs.checked(-2.5, 0) == Costs(-2.5, 0)
