"""What a verdict relies on: its summary, and what differs between two."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.evidence.attributions import MOST, Attributions, compared, relied_on

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


def _metrics(**means: float):
    return Attributions("blake3:00", 10, means, 2).to_json()


def test_a_summary_has_shares_of_the_features_that_matter_most() -> None:
    means = {f"x{number:03}": float(number) for number in range(MOST + 20)}
    found = _metrics(**means)["attributions"]
    assert (found["features"], found["rows"], found["size"]) == (120, 2, 10)
    assert [*found["share"]][:2] == ["x119", "x118"]
    assert len(found["share"]) == len(found["mean"]) == MOST
    assert found["share"]["x119"] == float(f"{119 / sum(means.values()):.6g}")
    assert _metrics(a=0.0, b=0.0)["attributions"]["share"] == {"a": 0.0, "b": 0.0}
    assert "rows" not in Attributions("blake3:00", 10, {"a": 1.0}).to_json()["attributions"]


def test_numbers_too_great_to_be_added_have_shares() -> None:
    great = {"a": 1.6e308, "b": 1.6e308}
    assert _metrics(**great)["attributions"]["share"] == {"a": 0.5, "b": 0.5}
    relied = relied_on({"importance": great | {"c": -1}})
    assert relied is not None
    assert relied.shares == {"a": 0.5, "b": 0.5, "c": 0.0}


def test_what_the_second_relies_on_that_the_first_did_not() -> None:
    old = _metrics(fare=70, age=28.5, noise=1.5)
    new = _metrics(fare=70, postcode=25, noise=2.5, age=0.9, city=1.6)
    found = compared(old, new)
    assert found["measure"] == "attributions"
    assert found["new"] == [{"feature": "postcode", "first": None, "second": 0.25}]
    assert found["gone"] == [{"feature": "age", "first": 0.285, "second": 0.009}]
    assert compared(new, old)["gone"] == [{"feature": "postcode", "first": 0.25, "second": None}]


def test_losses_of_a_permutation_are_shares_of_all_losses() -> None:
    relied = relied_on({"importance": {"fare": 0.3, "age": 0.1, "noise": -0.01}})
    assert relied is not None
    assert relied.measure == "importance"
    assert relied.shares == {"fare": pytest.approx(0.75), "age": pytest.approx(0.25), "noise": 0.0}
    found = compared({"importance": {"fare": 1.0}}, _metrics(age=1.0))
    assert (found["measure"], found["new"]) == (None, []), "two measures do not compare"
    assert compared(None, {"importance": {}})["second"] is None


@settings(max_examples=30)
@given(JSON, JSON)
def test_whatever_a_client_sends_is_read(value: object, other: object) -> None:
    for metrics in ({"attributions": value}, {"attributions": {"share": value}}):
        found = compared(metrics, {"importance": other} | metrics)
        assert all(share >= 0 for side in (found["first"], found["second"]) if side
                   for share in side.values())  # fmt: skip
        assert found["new"] == found["gone"] == []
