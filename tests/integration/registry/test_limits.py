"""What is kept is bounded, and the refusal says by how much it is too large."""

from __future__ import annotations

import pytest

from lineage.connection import connect
from lineage.contract.captured import CapturedPipelineVersion
from lineage.errors import UsageError
from lineage.identity.digest import blake3_of
from lineage.identity.pipeline import Manifest, PipelineVersion
from tests.conftest import BOTH, add_validated, captured, captured_pipeline, make_registry


@pytest.fixture
def registry(database):
    make_registry(database)
    with connect(database) as opened:
        add_validated(opened, "1")
        yield opened


@BOTH
def test_what_is_too_large_is_refused_and_leaves_nothing(registry):
    before = registry.audit().events
    large = {f"k{number}": "x" * 100 for number in range(12_000)}
    with pytest.raises(UsageError, match="metrics take"):
        registry.validate("churn@1", captured_pipeline(), passed=True, metrics=large, actor="t")
    with pytest.raises(UsageError, match="words of the run take"):
        registry.validate("churn@1", captured_pipeline(), passed=True, run=large, actor="t")
    with pytest.raises(UsageError, match="words of the run take"):
        registry.register("churn", captured("2"), run=large, actor="t")
    files = {f"f{number}": blake3_of(b"") for number in range(30_000)}
    version = CapturedPipelineVersion("churn", PipelineVersion(Manifest(files=files)))
    with pytest.raises(UsageError, match="manifest takes"):
        registry.validate("churn@1", version, passed=True, actor="t")
    assert registry.audit().events == before


@BOTH
def test_a_decision_finds_the_verdict_on_what_runs_behind_many_newer_ones(registry):
    registry.release("production", captured_pipeline(), actor="t")
    for number in range(25):
        registry.validate("churn@1", captured_pipeline(f"p{number}"), passed=True, actor="t")
    decision = registry.guard("churn@1", "production")
    assert decision.allowed, [check.summary for check in decision.failures]
    assert len(registry.verdicts("churn@1")) == 26
