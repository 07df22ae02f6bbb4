"""Profiles that are kept with validations: on both databases, and over HTTP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineage.errors import NotFound, UsageError
from lineage.evidence.counts import Counts
from lineage.registry import limits
from tests.conftest import EVERYWHERE, add_validated, captured_pipeline
from tests.support.filled import PROFILE

WINDOW = Counts(rows=PROFILE.rows, columns=PROFILE.columns)
OTHER = replace(PROFILE, window_seconds=3600, windows={"2013-01-01T00:00:00Z": WINDOW})


def validated(registry, ref, profile, text="old"):
    return registry.validate(ref, captured_pipeline(text), passed=True, profile=profile, actor="t")


@EVERYWHERE
def test_a_validation_keeps_the_profile_of_its_data(registry):
    ref = add_validated(registry)
    with pytest.raises(NotFound, match=f"{ref} has no validation that tells") as caught:
        registry.profile(ref)
    assert "profile=DATA" in caught.value.remedy
    done = validated(registry, ref, PROFILE)
    assert done["profile"] == PROFILE.digest
    assert registry.profile(ref) == PROFILE
    again = validated(registry, ref, PROFILE)
    newest = validated(registry, ref, OTHER, "new")
    assert registry.profile(ref) == OTHER
    assert registry.profile(ref, pipeline=done.pipeline) == PROFILE
    with pytest.raises(NotFound):
        registry.profile(ref, pipeline="xxh3:" + "0" * 32)
    assert registry.profile(ref, digest=str(PROFILE.digest)) == PROFILE
    with pytest.raises(NotFound, match="No validation of churn@1 has the profile xxh3:0"):
        registry.profile(ref, digest="xxh3:" + "0" * 32)
    shown = {row.id: row["profile"] for row in registry.validations(ref)}
    assert shown[again.id] == PROFILE.digest
    assert shown[newest.id] == OTHER.digest
    assert None in shown.values()


@EVERYWHERE
def test_a_verdict_that_is_carried_over_keeps_the_profile(registry):
    ref = add_validated(registry)
    root = validated(registry, ref, PROFILE)
    carried = registry.carry_over(
        ref, captured_pipeline("new"), rests_on=root.id, difference="comments", actor="t"
    )
    assert carried["profile"] == PROFILE.digest
    assert registry.profile(ref, pipeline=carried.pipeline) == PROFILE


def test_a_profile_that_is_too_large_is_refused(monkeypatch):
    limits.require_small_profile(PROFILE)
    monkeypatch.setattr(limits, "LARGEST_PROFILE", 100)
    with pytest.raises(UsageError, match=r"takes \d+ bytes, and 100 are kept"):
        limits.require_small_profile(PROFILE)
