"""A registry that was filled by copies of one registration has a history that holds."""

from __future__ import annotations

from benchmarks.filled import captured, fill
from benchmarks.grown import grow
from lineage.connection import connect


def test_the_history_of_copied_versions_holds(tmp_path):
    filled = fill(f"sqlite:///{tmp_path}/registry.db", 1)
    (model,) = filled.models
    grow(filled.url, model, 40)
    with connect(filled.url) as registry:
        assert [row.version for row in registry.versions(model, limit=2)] == [40, 39]
        assert registry.register(model, captured("one more"), actor="b").version == 41
        registry.promote(f"{model}@1", "production", actor="b")
        assert registry.serving(model, "production").serving.version == 1
        assert registry.audit().problems == ()
