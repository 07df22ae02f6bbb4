import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.evidence.performance import (
    CANNOT_SEE,
    Calibration,
    estimated_accuracy,
    estimated_auc,
    estimated_loss,
)


def realised_auc(rows):
    """Over all pairs, ties as a half: what it is held against."""
    positive = [at for at, y in rows if y]
    negative = [at for at, y in rows if not y]
    won = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return won / (len(positive) * len(negative))


CALIBRATION = Calibration((1000,) * 10, tuple(50 + 90 * at for at in range(10)))


def drawn(rng, odds, number=300):
    bins = rng.choices(range(10), odds, k=number)
    return [(at, rng.random() < CALIBRATION.positives[at] / 1000) for at in bins]


def counts(rows):
    return [sum(at == one for at, _ in rows) for one in range(10)]


@pytest.mark.parametrize("odds", [(1,) * 10, (1, 1, 2, 5, 9, 9, 5, 2, 1, 1)])
def test_the_interval_holds_what_is_realised_95_times_of_100(odds):
    """Also where the scores moved to the middle, and the metric with them."""
    rng = random.Random(1)
    held = right = 0
    for _ in range(60):
        rows = drawn(rng, odds)
        auc = estimated_auc(CALIBRATION, counts(rows))
        held += auc.low <= realised_auc(rows) <= auc.high
        accuracy = estimated_accuracy(CALIBRATION, counts(rows), 5)
        right += accuracy.low <= sum((at >= 5) == y for at, y in rows) / len(rows) <= accuracy.high
    assert held >= 53
    assert right >= 53


def test_scores_that_gather_in_the_middle_cost():
    loss = estimated_loss(CALIBRATION, [0, 0, 0, 50, 100, 100, 50, 0, 0, 0])
    assert loss.value > 0.15
    assert loss.low > 0
    assert loss.says == CANNOT_SEE
    assert "cannot see concept drift" in CANNOT_SEE
    same = estimated_loss(CALIBRATION, [30] * 10)
    assert same.low < 0 < same.high


@given(st.lists(st.integers(0, 30), min_size=10, max_size=10))
def test_an_estimate_lies_in_its_interval(window):
    auc = estimated_auc(CALIBRATION, window)
    accuracy = estimated_accuracy(CALIBRATION, window, 5)
    if not sum(window):
        assert (auc, accuracy) == (None, None)
        return
    assert 0 <= auc.low <= auc.value <= auc.high <= 1
    assert 0 <= accuracy.low <= accuracy.value <= accuracy.high <= 1


def test_no_estimate_without_rows_and_other_bins_are_refused():
    assert estimated_loss(CALIBRATION, [0] * 10) is None
    with pytest.raises(ValueError, match="so many positives"):
        Calibration((1, 2), (1, 3))
    with pytest.raises(ValueError):
        estimated_auc(CALIBRATION, [1, 2])
