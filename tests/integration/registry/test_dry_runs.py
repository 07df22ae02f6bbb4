"""What is only tried: answered or refused as it would be, and nothing is recorded."""

from __future__ import annotations

import pytest

from lineage.errors import Conflict, NotFound, UsageError
from lineage.identity.components import Kind
from tests.conftest import EVERYWHERE, add_version, captured, captured_pipeline


def _history(registry):
    return [event["seq"] for event in registry.history()]


@EVERYWHERE
def test_a_version_that_is_tried_is_not_there(registry):
    before = _history(registry)
    tried = registry.register("churn", captured("1"), dry_run=True, actor="t")
    assert (tried.ref, tried.created) == ("churn@1", True)
    assert _history(registry) == before
    with pytest.raises(NotFound):
        registry.show("churn@1")
    assert registry.stores() == []
    made = registry.register("churn", captured("1"), actor="t")
    assert (made.ref, made.tuple, made.created) == (tried.ref, tried.tuple, True)
    again = registry.register("churn", captured("1"), dry_run=True, actor="t")
    assert again.created is False
    assert registry.audit().problems == ()


@EVERYWHERE
def test_a_verdict_that_is_tried_is_not_there(registry):
    ref = add_version(registry)
    before = _history(registry)
    run = {"command": ["python", "evaluate.py"]}
    for passed in (True, False):
        tried = registry.validate(
            ref, captured_pipeline("another"), passed=passed, run=run, dry_run=True, actor="t"
        )
        assert (tried["ref"], tried["passed"], tried["basis"]) == (ref, passed, "run")
    assert registry.validations(ref) == []
    assert _history(registry) == before
    assert [found.version for found in registry.pipeline_versions("churn")] == [
        captured_pipeline().version
    ]


@EVERYWHERE
def test_what_would_be_refused_is_refused(registry):
    ref = add_version(registry)
    with pytest.raises(NotFound, match="churn@9"):
        registry.register("churn", captured("2"), parent="churn@9", dry_run=True, actor="t")
    with pytest.raises(UsageError, match="rides on pipeline churn"):
        registry.validate(
            ref, captured_pipeline(name="other"), passed=True, dry_run=True, actor="t"
        )
    registry.archive_model("churn", actor="t")
    for kind in Kind:
        with pytest.raises(Conflict, match="archived"):
            registry.register("churn", captured("2"), kind=kind, dry_run=True, actor="t")
