"""Counting in a process gives what counting by DuckDB gives, of any kind of rows."""

from __future__ import annotations

import datetime as dt
import json
import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.evidence.parts import Part
from lineage.evidence.profile import Roles
from lineage.evidence.reading import served
from lineage.evidence.reading.profiling import profile_of
from lineage.evidence.tally import Tally
from tests.integration.evidence.test_reading import frame  # noqa: F401 - a fixture

ROLES = Roles(score="score", time="at")


@pytest.fixture(scope="module")
def reference(frame):  # noqa: F811
    return profile_of(frame[:200].assign(late=0), roles=ROLES)[0]


def counted(reference, rows, scores=None):
    tally = Tally(reference)
    tally.add(rows, scores)
    return tally.take()


def test_frames_of_any_kind_are_counted_as_duckdb_counts_them(reference, frame):  # noqa: F811
    rows = frame[200:].reset_index(drop=True)
    rows.loc[:2, ["fare", 'we\'ird "name" [*]']] = [np.inf, -np.inf]
    rows.loc[3:9, ["fare", "score"]] = [1e9, -5.0]
    rows.loc[3:9, "port"] = "new"
    expected = served.inputs(rows, reference).whole
    assert expected.columns["port"].null > 0
    assert expected.columns["fare"].infinite == 3
    scores = rows["score"].tolist()
    arrow = pa.Table.from_pandas(rows, preserve_index=False)
    lists = arrow.to_pydict()
    for same in (rows, arrow, pl.from_pandas(rows), lists, arrow.to_pylist(), arrow.slice(0, 200)):
        assert counted(reference, same, scores) == expected
    assert counted(reference, rows, rows["score"]) == expected
    nulls = {name: one for name, one in expected.columns.items() if name != "fare"}
    arrays = {name: rows[name].to_numpy() for name in rows.columns if name != "port"}
    found = counted(reference, arrays | {"port": lists["port"]}, np.array(scores, dtype="float64"))
    assert {name: one for name, one in found.columns.items() if name != "fare"} == nulls
    assert found.columns["fare"].nan == expected.columns["fare"].null
    again = Part.parse(json.loads(json.dumps(expected.to_dict())), reference)
    assert again.to_dict() == expected.to_dict()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["S", "C's", "new", "", "3.5", "true", "2013-01-02 03:04:05", "Zoë ⅷ٣ —!\t"]),
    st.lists(st.integers(), max_size=1),
)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(("fare", "port", "name", "at", "paid"), VALUES)), min_size=1, max_size=20))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_values_of_any_type_are_counted_as_those_of_json(reference, tmp_path_factory, rows):
    rows = [*rows, {"at": "2013-01-02 03:04:05"}]  # a batch whose rows all lack a time is refused
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    expected = served.inputs(path, reference).whole
    assert counted(reference, rows).columns == expected.columns


def test_what_is_counted_by_several_threads_is_the_sum(reference, frame):  # noqa: F811
    tally = Tally(reference)
    rows, scores = frame[:40].to_dict("list"), frame["score"][:40].tolist()
    threads = [
        threading.Thread(target=lambda: [tally.add(rows, scores) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    part = tally.take()
    assert (part.rows, part.columns["fare"].rows, sum(part.score.bins)) == (3200, 3200, 3200)
    assert tally.take() is None
    tally.add({"fare": 3.0, "at": dt.date(2013, 1, 1)}, 0.5)
    one = tally.take()
    assert (one.rows, one.columns["at"].hours[24], one.columns["port"].null) == (1, 1, 1)
    for number in (np.float32(0.5), np.array(0.5)):
        tally.add({"fare": np.array(3.0)}, number)
        assert sum(tally.take().score.bins) == 1, "one row, whose score is a number of NumPy"
    tally.add({"fare": [1.0]})
    tally.add([])
    assert tally.take().score.null == 1


@pytest.mark.parametrize(
    ("rows", "scores", "why"),
    [
        (np.zeros((3, 2)), None, "their columns have no names"),
        ([1, 2], None, "a list of other things than dicts"),
        ("rows", None, "a str"),
        ({"fare": [1, 2], "port": ["S"]}, None, "not equally long"),
        ({"fare": [1, 2]}, [0.5], "There are 2 rows, and 1 scores"),
        ({"fare": np.zeros((2, 2))}, None, "an array of 2 dimensions"),
        ({"fare": [1, 2]}, object(), "'scores' is no sequence"),
        (pd.DataFrame([[1, 2]], columns=["fare", "fare"]), None, "'fare' is an array of 2"),
    ],
)
def test_what_cannot_be_counted_is_named(reference, rows, scores, why):
    tally = Tally(reference)
    with pytest.raises(UsageError, match=why):
        tally.add(rows, scores)
    assert tally.take() is None
