"""What clients can make an evaluation, or a comparison, take is bounded."""

from __future__ import annotations

import time

import pytest

from lineage.errors import UsageError
from lineage.guard.expressions import MOST_STEPS
from lineage.guard.requirements import Requirement, outcomes_of
from lineage.identity.components import DataItem, DataVersion, Known
from lineage.identity.digest import Digest
from lineage.identity.pipeline import Manifest, Stage
from lineage.identity.pipeline_diff import differences

MANY = {"a": {f"k{number}": {"b": 1.0} for number in range(20_000)}}


def _deep(levels):
    """Keys that themselves have dots, so that each path may be read in many ways."""
    tree: dict[str, object] = {}
    for _ in range(levels):
        tree = {"a": tree, "a.a": tree, "a.a.a": tree}
    return tree


@pytest.mark.parametrize(
    ("texts", "metrics"),
    [
        (["a.*.b >= 0"] * 10, MANY),
        ([" and ".join(["a.*.b >= 0"] * 20)], MANY),
        ([".".join(["a"] * 200) + " >= 0"] * 50, _deep(18)),
    ],
)
def test_requirements_over_their_budget_are_refused_in_bounded_time(texts, metrics):
    began = time.process_time()
    with pytest.raises(UsageError, match=f"{MOST_STEPS:,} steps"):
        outcomes_of(texts, metrics, passed=False)
    assert time.process_time() - began < 3


def test_a_star_over_many_metrics_is_within_the_budget():
    few = {"a": {f"k{number}": {"b": 1.0} for number in range(5_000)}}
    (outcome,) = outcomes_of(["a.*.b >= 0"], few, passed=True)
    assert outcome.holds
    assert len(outcome.metrics) == 5_000


def test_what_is_not_evaluated_does_not_hold():
    outcome = Requirement.parse(" or ".join(["a.*.b >= 0"] * 20)).evaluate(MANY)
    assert outcome.holds is False
    assert "steps" in outcome.sentence


def test_the_digests_of_data_are_taken_once():
    items = [
        DataItem(f"n{number}", Digest(f"md5:{number:032x}"), Known.ASSERTED) for number in range(50)
    ]
    data = DataVersion(tuple(items))
    assert data.blake3 is data.blake3
    assert data.xxh3 is data.xxh3
    assert len(data.asserted) == 50


def test_stages_that_are_all_other_ones_are_compared_in_bounded_time():
    def manifest(letter):
        return Manifest(
            {f"{letter}{number}": Stage((f"{letter} {number}",)) for number in range(3_000)}
        )

    began = time.process_time()
    assert len(differences(manifest("a"), manifest("b"))) == 6_000
    assert time.process_time() - began < 5
