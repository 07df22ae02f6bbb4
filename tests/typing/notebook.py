"""What somebody writes in a notebook: run on the churn project, and type-checked as a user's own."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path
from typing import assert_type

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

import lineage
from lineage.contract.results import MoveResult, Registered, Serving
from lineage.contract.results.comparisons import Comparison
from lineage.contract.results.environments import EnvironmentRecord
from lineage.contract.results.records import (
    ApprovalRecord,
    EventRecord,
    ModelRecord,
    SignedStatement,
    Validation,
    VersionRecord,
)
from lineage.contract.results.reports import HostReport
from lineage.contract.results.service import TokenRecord
from lineage.display import Listing
from lineage.export.formats import Export
from lineage.guard.decision import Decision
from lineage.guard.evidence import Basis
from lineage.identity.components import Kind
from lineage.workflows.attest import Attested

first = lineage.register("churn", data="data/raw.csv")
assert_type(first, Registered)
assert_type(first.registered_at, dt.datetime)
assert (first.ref, first.created, first.kind) == ("churn@1", True, Kind.PRODUCTION)
assert first.registered_at.tzinfo is not None
again = lineage.register("churn")
assert (again.ref, again.created, again.tuple) == ("churn@1", False, first.tuple)

before = lineage.guard("churn@1")
assert_type(before, Decision)
assert not before
assert not lineage.may_serve("churn@1")
assert [check.code for check in before.failures]

verdict = lineage.validate("churn@1")
assert_type(verdict, Validation)
assert_type(verdict.basis, Basis)
assert verdict
assert verdict.basis is Basis.STATED
assert (verdict["passed"], verdict["basis"], verdict.get("nothing")) == (True, "stated", None)
assert verdict.metrics["auc"] == 0.91

planned = lineage.release("churn@1", dry_run=True)
assert lineage.serving("churn").serving is None
released = lineage.release("churn@1", pipeline="churn", reason="the first")
assert_type(released, MoveResult)
assert released.changed
assert planned.steps == released.steps
assert not lineage.release("churn@1").changed
assert lineage.guard("churn@1", working_tree=True)

slot = lineage.serving("churn")
assert_type(slot, Serving)
assert slot.serving is not None
assert_type(slot.serving.promoted_at, dt.datetime)
assert slot.ref == "churn@1"
assert lineage.serving("churn", at=slot.serving.promoted_at).ref == "churn@1"
assert lineage.serving("churn", at=slot.serving.promoted_at - dt.timedelta(days=1)).ref is None

Path("models/model.bin").write_text("others", encoding="utf-8")
second = lineage.register("churn", kind="experiment", parent="churn@1")
assert (second.ref, second.kind) == ("churn@2", Kind.EXPERIMENT)
try:
    lineage.promote(second.ref)
except lineage.GuardRefused as refused:
    assert not refused.decisions[0]
else:
    raise AssertionError("an experiment was promoted")

models = lineage.models()
versions = lineage.versions("churn")
events = lineage.log("churn", limit=3)
assert_type(models, Listing[ModelRecord])
assert_type(versions, Listing[Registered])
assert_type(events, Listing[EventRecord])
assert_type(versions[0], Registered)
assert_type(versions[:1], Listing[Registered])
assert [(one.name, one.latest) for one in models] == [("churn", "churn@2")]
assert [one.ref for one in versions] == ["churn@2", "churn@1"]
assert versions.to_dicts()[1]["weights"] == first.weights
assert (len(events), events[0].kind) == (3, "registered")
assert events[0].at > events[-1].at

found = lineage.versions("churn", where="kind = 'production'", columns="auc", limit=1)
assert ([one.ref for one in found], found.next) == (["churn@1"], None)
assert found[0].columns == {"auc": 0.91}
assert lineage.versions("churn", sort="-number", limit=1).next is not None
assert (
    lineage.log(model="churn", what="registered", since=first.registered_at)[-1].subject
    == "churn@1"
)
assert models[0].serving == {"production": "churn@1"}
assert (models[0].description, models[0].tags) == (None, {})

shown = lineage.show("churn@1")
assert_type(shown, VersionRecord)
assert_type(shown.validations, tuple[Validation, ...])
assert (shown.ref, shown.weights, shown.metrics) == ("churn@1", first.weights, verdict.metrics)
assert shown.validation is not None
assert shown.validation.id == verdict.id

card = lineage.export("churn@1", "card", environments="production")
assert_type(card, Export)
assert card.text.startswith("---\nmodel_name: churn@1\n")
assert card.to_dict()["media_type"] == card.format.media_type
key = Path("key.pem")
pem = Ed25519PrivateKey.generate().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter22")
)
key.write_bytes(pem)
key.chmod(0o600)
signed = lineage.attest("churn@1", key=key, password="hunter22", record=True)
assert_type(signed, Attested)
assert signed.claim.sentence == "the weights of churn@1"
statements = lineage.show("churn@1").attestations
assert_type(statements, tuple[SignedStatement, ...])
assert [(one.verified, one.signed_by) for one in statements] == [(True, signed.signed_by)]
try:
    lineage.attest("churn@1", "decision", key=key, password="hunter22")
except lineage.LineageError as error:
    assert error.exit_code == 2
else:
    raise AssertionError("a decision for no environment was signed")

difference = lineage.diff("churn@1", "churn@2")
assert_type(difference, Comparison)
assert difference
assert difference.weights
assert "weights" in difference.changed

reported = lineage.report("churn", weights=first.weights or "", instance="host-1")
assert_type(reported, HostReport)
assert (reported.instance, reported["state"]) == ("host-1", reported.state)

with lineage.connect("sqlite:///.lineage/registry.db") as registry:
    production = registry.environment("production")
    assert_type(production, EnvironmentRecord)
    assert_type(production.created_at, dt.datetime)
    assert_type(registry.validations("churn@1"), Listing[Validation])
    assert_type(registry.tokens(), Listing[TokenRecord])
    assert_type(registry.serving("churn", "production"), Serving)
    assert [slot.ref for slot in production.slots] == ["churn@1"]

try:
    assert_type(lineage.approve("churn@1"), ApprovalRecord)
except lineage.LineageError as error:
    assert error.code == "not-permitted"  # nobody approves their own

for answer in (
    first,
    before,
    verdict,
    released,
    slot,
    shown,
    card,
    signed,
    difference,
    reported,
    events[0],
    models[0],
):
    assert len(repr(answer).splitlines()) == 1
    assert answer._repr_html_().startswith("<table>")  # pyright: ignore[reportPrivateUsage]
    assert pickle.loads(pickle.dumps(answer)) == answer
