"""Metrics of what came true, from bins: those of the rows themselves, where each bin is one score."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.evidence import slices
from lineage.evidence.performance import Calibration
from lineage.evidence.realised import realised

BIN = st.tuples(st.integers(0, 6), st.integers(0, 6))


@given(st.lists(BIN, min_size=1, max_size=30))
@settings(deadline=None)
def test_they_are_those_of_the_rows(counted):
    bins, positives = [p + n for p, n in counted], [p for p, _ in counted]
    scores, outcomes = [], []
    for place, (p, n) in enumerate(counted):
        scores += [float(place)] * (p + n)
        outcomes += [True] * p + [False] * n
    found = realised(Calibration(tuple(bins), tuple(positives)), bins, positives)
    assert (found["rows"], found["positives"]) == (len(scores), sum(outcomes))
    if not 0 < sum(outcomes) < len(outcomes):
        assert found["auc"] is None
        return
    assert found["calibration_error"] == 0
    assert found["rate"] == pytest.approx(found["expected_rate"], abs=1e-6)
    value, error = slices.auc(slices.Rows(scores, outcomes, 0.5))
    assert found["auc"] == pytest.approx(value, abs=2e-6)
    if min(sum(outcomes), len(outcomes) - sum(outcomes)) > 1:
        high = min(1.0, value + slices.Z * error)
        assert found["auc_high"] == pytest.approx(high, abs=2e-6)


def test_a_calibration_that_no_longer_holds_shows():
    calibration = Calibration((10,) * 20, (5,) * 20)
    found = realised(calibration, (10,) * 20, (8,) * 10 + (2,) * 10)
    assert (found["rate"], found["expected_rate"], found["calibration_error"]) == (0.5, 0.5, 0.3)
    assert found["auc"] < 0.25
    empty = realised(calibration, (0,) * 20, (0,) * 20)
    assert (empty["rate"], empty["auc"], empty["calibration_error"]) == (None, None, None)
    with pytest.raises(ValueError, match="other bins"):
        realised(calibration, (1,), (1,))
