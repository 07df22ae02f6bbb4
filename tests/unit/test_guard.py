"""The guard's rules: each one failing alone, and what holds for all of them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.components import EnvironmentKind, Kind
from lineage.decision import Facts, Move, Status, Verdict
from lineage.digest import Digest
from lineage.guard import decide
from lineage.pipeline import PipelineVersion
from lineage.policy import Outcome
from lineage.rules import RULES

from ..conftest import pipeline

BROKEN = Outcome("auc >= 0.8", False, "auc >= 0.8 does not hold: auc is 0.7", {"auc": 0.7})
HOLDS = Outcome("auc >= 0.8", True, "auc >= 0.8 holds: auc is 0.9", {"auc": 0.9})


def _verdict(text: str = "old", *, passed: bool = True, id: int = 1, outcomes=(HOLDS,)) -> Verdict:
    return Verdict(id, pipeline(text), passed, "2026-11-21T08:00:00Z", "ann", outcomes)


GOOD = Facts(
    model="churn",
    version=7,
    kind=Kind.PRODUCTION,
    missing=(),
    dirty=False,
    registered_by="ann",
    environment="production",
    environment_kind=EnvironmentKind.PRODUCTION,
    pipeline="churn",
    deployed=pipeline("old"),
    verdicts=(_verdict(),),
)


def _statuses(**changes) -> dict[str, str]:
    decision = decide(dataclasses.replace(GOOD, **changes))
    return {check.code: check.status.value for check in decision.checks}


def _failing(**changes) -> set[str]:
    return {code for code, status in _statuses(**changes).items() if status == "fail"}


def test_a_good_version_passes_every_rule():
    assert set(_statuses().values()) == {"pass"}
    assert decide(GOOD).allowed


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"deployed": None}, {"pipeline-deployed"}),
        ({"verdicts": ()}, {"validated"}),
        ({"verdicts": (_verdict(passed=False),)}, {"validated"}),
        ({"verdicts": (_verdict(passed=False, outcomes=(BROKEN, HOLDS)),)}, {"validated", "requirements"}),
        ({"verdicts": (_verdict("other"),)}, {"pipeline-match"}),
        ({"verdicts": (_verdict("other", passed=False),)}, {"pipeline-match"}),
        ({"kind": Kind.EXPERIMENT}, {"kind"}),
        ({"missing": ("weights",)}, {"tuple-complete"}),
        ({"dirty": True}, {"code-clean"}),
        ({"pipeline": None, "deployed": None, "verdicts": (), "missing": ("pipeline",)},
         {"pipeline-deployed", "validated", "tuple-complete"}),
        ({"deployed": None, "verdicts": ()}, {"pipeline-deployed", "validated"}),
        ({"missing": ("code",), "dirty": False}, {"tuple-complete"}),
    ],
)  # fmt: skip
def test_each_cause_is_one_failure(changes, failing):
    assert _failing(**changes) == failing


def test_what_another_rule_reports_as_missing_is_skipped():
    assert _statuses(deployed=None)["pipeline-match"] == "skipped"
    assert _statuses(verdicts=())["pipeline-match"] == "skipped"
    other = _statuses(verdicts=(_verdict("other"),))
    assert (other["validated"], other["requirements"]) == ("skipped", "skipped")
    assert _statuses(missing=("code",))["code-clean"] == "skipped"


def test_the_verdict_on_the_deployed_pipeline_counts_whatever_others_say():
    verdicts = (
        _verdict("other", passed=False, id=1),
        _verdict("old", id=2),
        _verdict("new", passed=False, id=3),
    )
    assert not _failing(verdicts=verdicts)


def test_a_mismatch_is_explained_stage_by_stage():
    decision = decide(dataclasses.replace(GOOD, deployed=pipeline("new")))
    check = next(c for c in decision.checks if c.code == "pipeline-match")
    assert check.details["changes"] == [
        {
            "stage": "featurize",
            "kind": "parameter",
            "name": "top",
            "validated": "old",
            "deployed": "new",
        }
    ]
    assert check.details["explanation"] == ["featurize: parameter top old → new"]
    assert "lineage release" in check.remedy
    assert "--model churn@7" in check.remedy


def test_the_nearest_validated_pipeline_is_compared():
    far = PipelineVersion(dataclasses.replace(pipeline("x").manifest, stages={}))
    verdicts = (
        Verdict(1, far, True, "2026", "a"),
        _verdict("near", id=2),
        _verdict("failed", id=3, passed=False),
    )
    decision = decide(dataclasses.replace(GOOD, verdicts=verdicts))
    check = next(c for c in decision.checks if c.code == "pipeline-match")
    assert check.details["validated"] == pipeline("near").digest


def test_a_failed_verdict_elsewhere_is_no_reason_to_release():
    decision = decide(dataclasses.replace(GOOD, verdicts=(_verdict("other", passed=False),)))
    check = next(c for c in decision.checks if c.code == "pipeline-match")
    assert "lineage release" not in check.remedy


def test_a_stated_pipeline_is_compared_by_its_digest_alone():
    stated = PipelineVersion(None, Digest("sha256:a"))
    other = PipelineVersion(None, Digest("sha256:b"))
    verdicts = (Verdict(1, stated, True, "2026", "a"),)
    assert not _failing(deployed=stated, verdicts=verdicts)
    assert _failing(deployed=other, verdicts=verdicts) == {"pipeline-match"}


def test_equal_xxh3_names_do_not_make_equal_pipelines():
    """A forged version that is only called like the deployed one is another version."""
    forged = PipelineVersion(None, pipeline("old").digest)
    assert _failing(verdicts=(Verdict(1, forged, True, "2026", "a"),)) == {"pipeline-match"}


facts = st.builds(
    dataclasses.replace,
    st.just(GOOD),
    kind=st.sampled_from(Kind),
    missing=st.sampled_from([(), ("code",), ("data", "weights")]),
    dirty=st.booleans(),
    deployed=st.sampled_from([None, pipeline("old"), pipeline("new")]),
    verdicts=st.lists(
        st.builds(
            _verdict,
            st.sampled_from(["old", "new", "third"]),
            passed=st.booleans(),
            outcomes=st.sampled_from([(), (HOLDS,), (BROKEN,)]),
        ),
        max_size=3,
        unique_by=lambda v: v.pipeline.identity,
    ).map(tuple),
    move=st.sampled_from(Move),
)


@given(facts)
def test_every_rule_is_evaluated_and_every_failure_says_what_to_do(given_facts):
    decision = decide(given_facts)
    assert len(decision.checks) == len(RULES)
    assert len({check.code for check in decision.checks}) == len(RULES)
    for check in decision.checks:
        assert check.summary
        assert "\n" not in check.summary
        if check.status is Status.FAIL:
            assert check.remedy


@given(facts)
def test_allowed_in_production_means_a_passing_verdict_on_what_is_deployed(given_facts):
    decision = decide(given_facts)
    if decision.allowed:
        assert given_facts.verdict is not None
        assert given_facts.verdict.passed
        assert given_facts.kind is Kind.PRODUCTION
        assert not given_facts.dirty
        assert not given_facts.missing
    assert decision.to_json()["allowed"] is decision.allowed


@given(facts)
def test_an_experimental_environment_warns_of_what_production_refuses(given_facts):
    strict = decide(given_facts)
    loose = decide(dataclasses.replace(given_facts, environment_kind=EnvironmentKind.EXPERIMENTAL))
    assert loose.allowed
    for before, after in zip(strict.checks, loose.checks, strict=True):
        expected = Status.WARN if before.status is Status.FAIL else before.status
        assert after.status is expected
