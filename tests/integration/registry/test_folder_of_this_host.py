"""A registry of one host alone, whose store is a folder that may go at any moment."""

from __future__ import annotations

import dataclasses

import pytest

from lineage.guard.decision import GuardRefused
from lineage.identity.components import Kind
from lineage.weights.copies import NewCopy, StoreAddress
from tests.conftest import a_copy, captured, captured_pipeline


def test_a_backup_in_a_folder_of_this_host_that_is_gone_is_not_ready(registry, tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    place = StoreAddress("local", folder.as_uri(), marker="a" * 32)
    for seed in "12":
        copy = NewCopy(place, a_copy(seed).object)
        version = dataclasses.replace(captured(seed), stored=(copy,))
        ref = registry.register("churn", version, kind=Kind.PRODUCTION, actor="t").ref
        registry.validate(ref, captured_pipeline("old"), passed=True, actor="t")
    registry.release("production", captured_pipeline("old"), ["churn@1"], actor="t")
    registry.promote("churn@2", "production", actor="t")
    assert registry.serving("churn", "production").readiness.ready
    folder.rename(tmp_path / "away")
    gone = registry.serving("churn", "production").readiness
    assert not gone.ready
    assert "the weights of churn@1 were missing in store local" in gone.reasons[0]
    assert [(copy.state, copy.deep_at) for copy in gone.copies] == [("missing", None)]
    with pytest.raises(GuardRefused, match="were missing in store local"):
        registry.rollback("churn", "production", actor="t")
    (tmp_path / "away").rename(folder)
    assert registry.serving("churn", "production").readiness.ready
