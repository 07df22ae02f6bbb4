"""Which deployed pipeline versions can be replayed, and what is said of the others."""

from __future__ import annotations

import dataclasses

import pytest

from lineage.contract.captured import CapturedPipelineVersion
from lineage.errors import CaptureError, NotFound
from lineage.identity.components import Kind
from lineage.identity.digest import Digest
from lineage.identity.pipeline import PipelineVersion
from lineage.workflows.deployed_commit import deployed_for, moved_notes

from ...conftest import EVERYWHERE, add_version, captured, captured_pipeline


def _deployed(registry, ref):
    return deployed_for(registry, registry.show(ref), "production")


@EVERYWHERE
def test_it_is_found_with_its_commit_and_told_where_it_moved_meanwhile(registry):
    ref = add_version(registry)
    with pytest.raises(NotFound, match="No version of pipeline churn is deployed in production"):
        _deployed(registry, ref)
    registry.release("production", captured_pipeline("old"), actor="t")
    found = _deployed(registry, ref)
    assert (found.version, found.commit) == (captured_pipeline("old").version, f"{1:0>40}")
    assert list(moved_notes(registry, found, "production")) == []
    registry.release("production", captured_pipeline("new"), actor="t")
    (note,) = moved_notes(registry, found, "production")
    old, new = (captured_pipeline(text).version.xxh3.short for text in ("old", "new"))
    assert note.startswith(f"production runs {new} by now: the verdict is on {old}, which")


def test_a_digest_from_outside_and_a_version_without_weights_cannot_be_replayed(registry):
    outside = PipelineVersion(None, Digest("sha256:abc"))
    parts = dataclasses.replace(captured().components, pipeline=outside)
    registry.register(
        "churn", dataclasses.replace(captured(), components=parts), kind=Kind.PRODUCTION, actor="t"
    )
    registry.release("production", CapturedPipelineVersion("churn", outside), actor="t")
    with pytest.raises(CaptureError, match=r"sha256:abc, a digest from outside") as refused:
        _deployed(registry, "churn@1")
    assert refused.value.remedy.endswith("«validate churn@1 pipeline=sha256:abc elsewhere=true»")
    parts = dataclasses.replace(captured().components, weights=None)
    registry.register(
        "churn",
        dataclasses.replace(captured(), components=parts, stored=()),
        kind=Kind.EXPERIMENT,
        actor="t",
    )
    with pytest.raises(CaptureError, match=r"churn@2 was registered without its weights"):
        _deployed(registry, "churn@2")
