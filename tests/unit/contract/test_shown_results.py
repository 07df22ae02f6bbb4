"""Every answer shows itself, gives itself as plain values, and cannot be changed."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given

from lineage.contract.requests import NewToken, WaiverRequest
from lineage.contract.results import Candidate, Registered
from lineage.contract.results.comparisons import Comparison
from lineage.contract.results.records import (
    ApprovalRecord,
    EventRecord,
    ModelRecord,
    Validation,
    VersionRecord,
)
from lineage.contract.results.reports import HostReport
from lineage.contract.results.slots import Side
from lineage.guard.decision import Check, Decision, Status
from lineage.guard.evidence import Basis
from lineage.identity.components import Kind, Proof
from lineage.timestamps import moment

from ..test_display import harmless
from .test_round_trips import COPIES, DECISIONS, moves, quick, slots, values

AT = "2026-11-26T08:00:00.123456Z"
EVIL = "<script>alert(1)</script>"
VERDICT = {
    "id": 3, "ref": "churn@1", "pipeline": {"name": "churn", "digest": "xxh3:ab"}, "passed": True,
    "metrics": {"auc": 0.91}, "requirements": [
        {"requirement": "auc >= 0.8", "holds": True, "sentence": "it holds", "metrics": {"auc": 0.91}}
    ], "basis": "run", "on_word": False, "elsewhere": False, "rests_on": None, "difference": None,
    "run": None, "data": [], "validated_at": AT, "validated_by": EVIL, "person": EVIL,
}  # fmt: skip
VERSION = {
    "model": "churn", "version": 1, "ref": "churn@1", "kind": "production", "tuple": "xxh3:1",
    "code": "git:1", "data": "xxh3:2", "pipeline": "xxh3:3", "weights": "xxh3:4",
    "registered_at": AT, "registered_by": EVIL, "components": {"code": {"dirty": False}},
    "parent": None, "validations": [VERDICT],
}  # fmt: skip
MODEL = {
    "name": "churn", "latest": "churn@1", "created_at": AT, "created_by": EVIL,
    "serving": {"production": "churn@1"}, "description": EVIL, "tags": {"team": EVIL},
    "archived_at": None,
}  # fmt: skip
PART = {"same": True, "first": "xxh3:1", "second": "xxh3:1", "explanation": []}
CHANGED = {"same": False, "first": "xxh3:1", "second": "xxh3:2", "explanation": [EVIL]}
DOCUMENTS = [
    ModelRecord(MODEL),
    ModelRecord(MODEL | {"latest": None, "serving": {}, "description": None, "tags": {}}),
    Validation(VERDICT),
    Validation(VERDICT | {"passed": False, "metrics": None}),
    VersionRecord(VERSION),
    VersionRecord(VERSION | {"validations": []}),
    ApprovalRecord({
        "ref": "churn@1", "environment": "production", "person": EVIL, "approvals": 1, "needed": 2,
        "approved_at": AT, "approved_by": EVIL, "pipeline": {"name": "churn", "digest": None},
    }),
    EventRecord({
        "seq": 1, "at": AT, "actor": EVIL, "kind": "promoted", "subject": "churn@production",
        "payload": {"reason": EVIL},
    }),
    HostReport({
        "model": "churn", "environment": "production", "instance": EVIL, "state": "in-step",
        "in_step": True, "side": "serving", "weights": "xxh3:4", "pipeline": None,
        "proof": "claimed", "loaded_at": AT, "reported_at": AT, "expires_at": AT,
    }),
    Comparison({
        "first": "churn@1", "second": "churn@2", "code": PART, "data": PART, "pipeline": CHANGED,
        "weights": PART, "environment": {"same": None},
    }),
]  # fmt: skip


def shows_itself(answer):
    line = repr(answer)
    assert line.startswith("<")
    assert line.endswith(">")
    assert len(line.splitlines()) == 1
    assert len(harmless(answer._repr_html_())) > 1
    assert json.loads(json.dumps(answer.to_dict())) == answer.to_dict()
    assert pickle.loads(pickle.dumps(answer)) == answer


@pytest.mark.parametrize("answer", DOCUMENTS, ids=lambda answer: repr(answer)[:30])
def test_a_document_is_read_by_attributes_and_by_keys(answer):
    shows_itself(answer)
    document = copy.deepcopy(answer.to_dict())
    assert answer == document
    assert dict(answer) == document
    assert set(answer) == set(document)
    for name in [name for name in dir(answer) if not name.startswith("_")]:
        getattr(answer, name)
    for key, value in answer.items():
        if isinstance(value, dict | list):
            value.clear()
            assert answer[key] == document[key], "what is given is a copy"
    with pytest.raises(FrozenInstanceError):
        answer.other = 1


def test_one_text_is_one_item():
    token = NewToken("ci", scopes="read", models="churn", environments=["production"])
    assert (token.scopes, token.models, token.environments) == (
        ("read",),
        ("churn",),
        ("production",),
    )
    asked = WaiverRequest.checked("approvals", "the fire", None, AT)
    assert asked is not None
    assert asked.codes == ("approvals",)


def test_attributes_are_typed():
    verdict, version = Validation(VERDICT), VersionRecord(VERSION)
    assert verdict.basis is Basis.RUN
    assert verdict.validated_at == moment(AT)
    assert verdict.validated_at.tzinfo is not None
    assert verdict.requirements[0].holds is True
    assert version.kind is Kind.PRODUCTION
    assert version.validation == verdict
    assert version.metrics == {"auc": 0.91}
    assert DOCUMENTS[-2].proof is Proof.CLAIMED
    assert DOCUMENTS[-2].side is Side.SERVING


def test_an_answer_is_true_where_it_says_yes():
    assert Validation(VERDICT)
    assert not Validation(VERDICT | {"passed": False})
    refused = Decision(
        "churn", 1, "production", (Check("kind", Status.FAIL, "no", "«show churn@1»"),)
    )
    assert not refused
    assert Decision("churn", 1, "production", (Check("kind", Status.PASS, "yes"),))
    changed = DOCUMENTS[-1]
    assert changed
    assert changed.changed == ("pipeline",)
    assert changed.pipeline
    assert not changed.code
    assert not Comparison(changed.to_dict() | {"pipeline": PART})


def test_a_decision_tells_what_fails_first_and_what_to_do():
    checks = (
        Check("kind", Status.PASS, "it is for production"),
        Check("validated", Status.WARN, EVIL),
        Check("pipeline-match", Status.FAIL, "another pipeline", "Do it: «validate churn@1 in=production»"),
        Check("code-clean", Status.SKIPPED, "not asked"),
    )  # fmt: skip
    decision = Decision("churn", 1, "production", checks)
    assert repr(decision) == "<churn@1 may not enter production: pipeline-match>"
    cells = harmless(decision._repr_html_())
    assert cells == [
        "churn@1 may not enter production", "rule", "status", "why", "what to do",
        "pipeline-match", "fail", "another pipeline", "Do it: lineage validate churn@1 --in production",
        "validated", "warn", EVIL, "",
        "1 more holds, 1 is skipped", "", "", "",
    ]  # fmt: skip


@quick
@given(slots())
def test_a_slot_shows_itself(slot):
    shows_itself(slot)
    for side in filter(None, (slot.serving, slot.backup, slot.readiness)):
        shows_itself(side)


@quick
@given(moves())
def test_a_move_shows_itself(move):
    line = repr(move)
    assert len(line.splitlines()) == 1
    harmless(move._repr_html_())
    assert json.loads(json.dumps(move.to_dict())) == move.to_dict()
    for step in move.steps:
        shows_itself(step)


@quick
@given(DECISIONS)
def test_a_decision_shows_itself(decision):
    shows_itself(decision)
    for check in decision.checks:
        shows_itself(check)


@quick
@given(values(Registered))
def test_a_version_shows_itself(version):
    shows_itself(version)
    with pytest.raises(FrozenInstanceError):
        version.model = "other"


@quick
@given(values(Candidate, copies=COPIES))
def test_a_candidate_shows_itself(candidate):
    shows_itself(candidate)
