"""The numbers of a verdict by their names: what a requirement reads there, and nothing else."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from lineage.guard.expressions import Budget, value_at
from lineage.guard.flat_metrics import LONGEST, MOST, flattened, tells_no_worth

KEYS = st.text('ab."é ', max_size=3)
LEAVES = (
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.text(max_size=2) | st.floats()
)
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_each_is_what_a_requirement_reads_at_its_name(metrics):
    for name, number in flattened(metrics).items():
        value = value_at(metrics, tuple(name.split(".")), Budget())
        assert type(value) in (int, float)
        assert number == float(value)
        assert math.isfinite(number)
        assert '"' not in name


def test_dots_in_keys_and_what_is_no_number():
    metrics = {"a.b": 1, "a": {"b": 2, "c": True, "d": "x", "e": [3], "f": float("nan")}, "g": 4}
    assert flattened(metrics) == {"a.b": 1.0, "g": 4.0}
    assert flattened({"a.b": "x", "a": {"b": 2}}) == {}, (
        "the key with a dot takes the other's place"
    )


def test_no_more_than_some_are_found_and_those_that_lie_on_top_first():
    wide = {f"m{number}": number for number in range(MOST)}
    deep = {"slices": {f"s{number}": number for number in range(MOST)}}
    assert set(flattened(wide | deep)) == set(wide)
    assert len(flattened(deep | {"a": 1})) == MOST
    assert "a" in flattened(deep | {"a": 1})
    assert flattened({"x" * LONGEST: 1, "y" * (LONGEST + 1): 1}) == {"x" * LONGEST: 1.0}


def test_what_a_run_took_and_what_is_of_which_column_is_no_worth():
    names = ["auc", "command.seconds", "attributions.share.age", "leakage.found.groups.plan"]
    assert [name for name in (*names, "leakage.rows", "commands") if not tells_no_worth(name)] == [
        "auc",
        "leakage.rows",
        "commands",
    ]
