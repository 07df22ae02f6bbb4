"""Measuring what predicts: percentiles, throughput and cost of known times."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lineage
from lineage.errors import UsageError
from lineage.evidence.measure import Measurement, measure

ROWS = [[1.0], [2.0], [3.0], [4.0], [5.0]]
FRAMES = {
    "list": ROWS,
    "array": np.array(ROWS),
    "pandas": pd.DataFrame(ROWS, columns=["x"], index=[7, 3, 3, 1, 0]),
    "polars": pl.DataFrame({"x": [row[0] for row in ROWS]}),
    "arrow": pa.table({"x": [row[0] for row in ROWS]}),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_every_call_gets_rows_of_the_kind_that_all_are(kind: str) -> None:
    rows, given_ = FRAMES[kind], []

    def predict(part):
        given_.append(part)
        return [0.0] * len(part)

    done = measure(predict, rows, batch=2, calls=7, warm_up=1)
    assert {type(part) for part in given_} == {type(rows)}
    assert [len(part) for part in given_] == [1] * 8 + [2] + [2, 2, 1]
    first = [np.asarray(part).item() for part in given_[:8]]
    assert first == [1, 1, 2, 3, 4, 5, 1, 2]
    assert (done.rows, done.batch, len(done.latencies_ms)) == (5, 2, 7)


def test_a_call_that_takes_long_is_seen_and_stops_the_measuring() -> None:
    done = measure(lambda _: time.sleep(0.02), ROWS, calls=50, batch=1, warm_up=0, seconds=0.05)
    assert 20 <= done.percentile(50) <= done.percentile(99) == done.latencies_ms[-1]
    assert (len(done.latencies_ms) <= 3, done.rows <= 3) == (True, True)
    assert done.throughput <= 50


def test_what_the_metrics_are_and_what_a_thousand_cost() -> None:
    done = Measurement((1.0, 2.0, 3.0, 10.0), rows=200, batch=100, seconds=0.5, price_per_hour=3.6)
    assert done.to_dict() == {
        "latency_p50_ms": 2.0,
        "latency_p90_ms": 10.0,
        "latency_p95_ms": 10.0,
        "latency_p99_ms": 10.0,
        "latency_max_ms": 10.0,
        "latency_calls": 4,
        "throughput_rows_per_second": 400.0,
        "throughput_batch": 100,
        "cost_per_thousand": pytest.approx(0.001 / 400 * 1000),
        "cost_per_thousand_single": pytest.approx(0.001 * 0.004 * 1000),
    }
    assert repr(done) == "<2 ms a row (p99 10), 400 rows/s in batches of 100>"


@given(st.lists(st.floats(0.001, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(values, percent) -> None:
    done = Measurement(tuple(sorted(values)), 1, 1, 1.0)
    found = done.percentile(percent)
    enough = [one for one in values if sum(v <= one for v in values) * 100 >= len(values) * percent]
    assert found == min(enough)


async def _later(part: object) -> object:
    return part


@pytest.mark.parametrize(
    ("predict", "rows", "says"),
    [
        (len, [], "no rows"),
        (len, iter(ROWS), "does not say how many"),
        (len, {"x": [1, 2]}, "dict"),
        (lambda part: (row for row in part), ROWS, "generator"),
        (_later, ROWS, "coroutine"),
    ],
)
def test_what_cannot_be_measured_is_told(predict, rows, says) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        measure(predict, rows)
    assert raised.value.remedy


def test_what_the_function_raises_is_raised_and_numbers_are_checked() -> None:
    with pytest.raises(ZeroDivisionError):
        measure(lambda _: 1 / 0, ROWS)
    for wrong in ({"batch": 0}, {"calls": 0}, {"warm_up": -1}, {"price_per_hour": math.nan}):
        with pytest.raises(UsageError):
            measure(len, ROWS, **wrong)


def test_the_price_is_that_of_the_configuration(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lineage.toml").write_text("[models.churn.value]\nprice_per_hour = 2\n")
    assert lineage.measure(len, ROWS, model="churn").price_per_hour == 2
    assert lineage.measure(len, ROWS).price_per_hour is None
    (tmp_path / "lineage.toml").write_text("[models.churn.value]\nprice_per_hour = -2\n")
    with pytest.raises(UsageError, match="price_per_hour"):
        lineage.measure(len, ROWS, model="churn")
