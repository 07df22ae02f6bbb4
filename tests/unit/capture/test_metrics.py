"""Metrics as a file or a caller gives them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lineage.capture import metrics
from lineage.errors import CaptureError
from lineage.guard.expression_parser import parse
from lineage.guard.expressions import metrics_of
from lineage.guard.requirements import Requirement

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.array(0.5), 0.5),
        (np.bool_(True), True),
        ((np.float32(1), 2), [1.0, 2]),
    ],
)
def test_scalars_of_numpy_are_numbers(value: Any, plain: Any) -> None:
    assert metrics.checked({"auc": value, "slices": {"new": value}}) == {
        "auc": plain,
        "slices": {"new": plain},
    }


@pytest.mark.parametrize(
    "value", [np.array([0.5]), object(), {0.5}, np.float32("nan"), np.datetime64("2026-01-01")]
)
def test_what_is_no_number_is_named(value: Any) -> None:
    with pytest.raises(CaptureError, match=r"slices\.new is a|not JSON compliant") as error:
        metrics.checked({"slices": {"new": value}})
    assert len(str(error.value)) < 300


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "metrics.json"
    place.write_text('{"slices": {"auc": 0.1, "auc": 0.9}}')
    with pytest.raises(CaptureError, match="the key 'auc' stands twice"):
        metrics.read(place)


REPORT = {
    "macro avg": {"f1-score": 0.9},
    "0": {"precision": 0.9},
    "val/AR@100": 0.9,
    "précision": 0.9,
    "and": 0.9,
    "a": {"0": 0.9, "b c": {"*x": 0.9}},
}


@pytest.mark.parametrize(
    "metric",
    [
        '"macro avg"."f1-score"',
        '"macro avg".f1-score',
        '"0".precision',
        '"val/AR@100"',
        '"précision"',
        '"and"',
        "a.0",
        'a."0"',
        'a."b c"."*x"',
        '"a"."0"',
        '"macro avg".*',
    ],
)
def test_every_name_of_a_report_can_be_written(metric: str) -> None:
    text = f"{metric} >= 0.8"
    outcome = Requirement.parse(text).evaluate(REPORT)
    assert outcome.holds, outcome.sentence
    (read,) = metrics_of(parse(text))
    assert list(metrics_of(parse(f"{read} >= 0.8"))) == [read], "as it is shown it can be read"


def test_files_are_put_together_where_they_say_different_things(tmp_path: Path) -> None:
    files = {
        "spring": {"datasets": {"spring": {"auc": 0.9}}, "rows": 4},
        "autumn": {"datasets": {"autumn": {"auc": 0.7}}},
        "again": {"datasets": {"autumn": {"auc": 0.7, "n": 1}}},
        "number": {"datasets": 1},
        "deep": json.loads('{"a":' * 30 + "1" + "}" * 30),
    }
    for name, values in files.items():
        (tmp_path / name).write_text(json.dumps(values))
    paths = {name: str(tmp_path / name) for name in files}
    assert metrics.joined({"auc": 0.8}, [paths["spring"], paths["autumn"]]) == {
        "auc": 0.8,
        "datasets": {"spring": {"auc": 0.9}, "autumn": {"auc": 0.7}},
        "rows": 4,
    }
    assert metrics.joined(None, []) is None
    assert metrics.joined(None, [paths["number"]]) == files["number"]
    for one, key in (("again", "datasets.autumn.auc"), ("number", "datasets"), ("deep", "a.a.a")):
        with pytest.raises(CaptureError, match=f"'{key}") as raised:
            metrics.joined(files["deep"], [paths["autumn"], paths[one]])
        assert paths[one] in str(raised.value)
