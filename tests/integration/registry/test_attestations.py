"""Signed statements that are recorded: only what holds, on a database and over HTTP alike."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from lineage.attest import statements
from lineage.attest.envelope import sealed
from lineage.attest.statements import About
from lineage.contract import cursors
from lineage.contract.requests import LARGEST_ATTESTATION, DeclaredEnvironment
from lineage.contract.results.records import VersionRecord
from lineage.database import triggers
from lineage.database.engine import open_engine, transaction
from lineage.errors import Conflict, NotFound, SignatureMismatch, UsageError
from lineage.guard.decision import GuardRefused, Status
from lineage.guard.evidence import Evidence, SignedThing
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.digest import blake3_of
from lineage.registry import attestation_lists
from lineage.workflows import attest as attesting
from lineage.workflows.destination import Destination
from tests.conftest import EVERYWHERE, add_validated, captured_pipeline
from tests.support.signing import KEY, OTHER, pem, record, signed

pytestmark = EVERYWHERE

EACH = (SignedThing.WEIGHTS, SignedThing.VALIDATION)


def demand(registry, *things, keys=(KEY,)):
    fingerprints = tuple(key.verifying.fingerprint for key in keys)
    policy = EnvironmentPolicy(evidence=Evidence(signed_by=fingerprints, signed=things))
    return registry.apply_environments([DeclaredEnvironment("production", policy)], actor="ops")


def check(registry, ref="churn@1"):
    return registry.guard(ref, "production").check("signed-by")


@pytest.fixture
def two(registry):
    """churn@1 and @2, validated with the pipeline that runs in production."""
    for seed in "12":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline("old"), actor="t")
    return registry


def test_what_holds_is_recorded_once_and_told_by_an_event(two):
    document = signed(two, "churn@1")
    first = two.record_attestation("churn@1", document, pem(), actor="ann")
    again = two.record_attestation("churn@1", document, pem(), actor="bob")
    assert (first["created"], again["created"]) == (True, False)
    (found,) = two.attestations("churn@1")
    assert (found.document, found.recorded_by) == (document, "ann")
    assert found.signed_by == KEY.verifying.fingerprint
    assert found.says == "the weights of churn@1"
    (told,) = two.show("churn@1").attestations
    assert told.verified
    assert told == {k: v for k, v in found.items() if k not in {"document", "public_key"}}
    newest = two.history("churn@1")[0]
    assert (newest["kind"], newest["actor"]) == ("attested", "ann")
    assert newest["payload"]["signed_by"] == KEY.verifying.fingerprint
    assert not two.audit().problems
    assert list(two.attestations("churn@2")) == []


@pytest.mark.parametrize("word", ["may", "may not"])
def test_a_signed_decision_is_told_with_its_outcome(two, word):
    """A signed refusal is no endorsement."""
    if word == "may not":
        demand(two, SignedThing.WEIGHTS)
    version, blake3 = VersionRecord(two.show("churn@1")), two.stored("churn@1").blake3
    decision, number = two.guard("churn@1", "production"), Destination.of(two).id
    at = version.validations[0].validated_at
    statement = statements.of_decision(version, blake3, decision, {}, number, at)
    document = sealed(statement, KEY, bundle=False)
    says = f"that churn@1 {word} serve in production"
    assert two.record_attestation("churn@1", document, pem(), actor="t")["says"] == says
    assert [one.says for one in two.attestations("churn@1")] == [says]
    assert two.history("churn@1")[0]["payload"]["says"] == says


@pytest.mark.parametrize("about", ["weights", "validation"])
def test_nothing_bad_is_recorded(two, about):
    document = signed(two, "churn@1", about)
    changed = json.loads(document)
    holder = changed.get("dsseEnvelope", changed)
    holder["payload"] = holder["payload"][:-8] + "AAAAAAA="
    foreign = signed(two, "churn@1", about, OTHER)
    for ref, bad, key, error in (
        ("churn@2", document, pem(), SignatureMismatch),
        ("churn@1", document, pem(OTHER), SignatureMismatch),
        ("churn@1", foreign, pem(), SignatureMismatch),
        ("churn@1", json.dumps(changed), pem(), SignatureMismatch),
        ("churn@1", "{}", pem(), UsageError),
        ("churn@1", "[" * 50_000, pem(), UsageError),
        ("churn@1", document, "no key", UsageError),
        ("churn@1", document + " " * LARGEST_ATTESTATION, pem(), UsageError),
        ("churn@9", document, pem(), NotFound),
    ):
        with pytest.raises(error):
            two.record_attestation(ref, bad, key, actor="t")
    assert list(two.attestations("churn@1")) == list(two.attestations("churn@2")) == []
    assert two.history("churn@1")[0]["kind"] != "attested"


def test_a_verdict_is_what_was_signed_and_not_its_number_alone(two):
    """A registry that was restored from a copy gives a number to another verdict."""
    for other in (
        {"metrics": {"accuracy": 1}},
        {"basis": "run"},
        {"validated_by": "ann"},
        {"validated_at": "2020-01-01T00:00:00.000000Z"},
        {"validated_at": None},
        {"pipeline": f"blake3:{'0' * 64}"},
        {"validation": 2},
        {"validation": 10**30},
        {"registry": "another"},
    ):
        document = signed(two, "churn@1", "validation", other=other)
        with pytest.raises(SignatureMismatch, match=r"what another registry says|does not have"):
            two.record_attestation("churn@1", document, pem(), actor="t")
    assert list(two.attestations("churn@1")) == []
    record(two, "churn@1", "validation")


def test_a_verdict_of_another_number_or_outcome_is_refused(two):
    document = signed(two, "churn@1", "validation")
    two.validate("churn@1", captured_pipeline("old"), passed=False, actor="t")
    two.record_attestation("churn@1", document, pem(), actor="t")  # it was so, and is older now
    demand(two, SignedThing.VALIDATION)
    assert check(two).status is Status.FAIL


def test_nobody_fills_the_room_that_others_sign_in(two, url, monkeypatch):
    if url.startswith("http"):
        pytest.skip("it is the registry that counts")
    document = signed(two, "churn@1")
    for number in range(8):
        another = signed(two, "churn@1", other={"number": number})
        padded = another + " " * (LARGEST_ATTESTATION - len(another))
        two.record_attestation("churn@1", padded, pem(), actor="mallory")
    with pytest.raises(Conflict, match="mallory recorded 8 attestations of churn@1 already"):
        two.record_attestation("churn@1", document, pem(), actor="mallory")
    again = two.record_attestation("churn@1", padded, pem(), actor="mallory")
    assert not again["created"]
    record(two, "churn@1")
    record(two, "churn@2")
    monkeypatch.setattr(attestation_lists, "MOST_LISTED", 2 * LARGEST_ATTESTATION)
    first = two.attestations("churn@1", limit=9)
    assert [one.recorded_by for one in first] == ["t", "mallory"], "these are all that fit"
    monkeypatch.setattr(attestation_lists, "MOST_LISTED", 1)
    (second,) = two.attestations("churn@1", limit=9, after=first.next)
    assert second.recorded_by == "mallory", "one comes, however large it is"
    assert len(two.attestations("churn@1")) == 9


def test_signatures_come_page_by_page(two):
    made = [record(two, "churn@1", key=key) for key in (KEY, OTHER)]
    made.append(record(two, "churn@1", "validation"))
    whole = two.attestations("churn@1")
    assert ([one["digest"] for one in whole], whole.next) == (
        [one["digest"] for one in made[::-1]],
        None,
    )
    first = two.attestations("churn@1", limit=2)
    second = two.attestations("churn@1", limit=2, after=first.next)
    assert ([*first, *second], second.next) == ([*whole], None)
    assert two.attestations("churn@1", limit=3).next is None
    for ref, limit, after in (
        ("churn@1", 0, None),
        ("churn@1", 2, "no"),
        ("churn@2", 2, first.next),
    ):
        with pytest.raises(UsageError):
            two.attestations(ref, limit=limit, after=after)
    forged = cursors.encode(cursors.kind_of("attestations", version="1"), 10**10)
    assert two.attestations("churn@1", after=forged) == whole


def respelled(document, key=KEY):
    """The same signature by the same signer, written in other ways; and made once more."""
    held = json.loads(document)
    yield json.dumps(held, indent=2)
    yield json.dumps(dict(reversed(held.items())) | {"more": 1})
    envelope = held["dsseEnvelope"]
    envelope["signatures"][0] |= {"keyid": "any"}
    envelope["payload"] = envelope["payload"].replace("+", "-").replace("/", "_")
    yield json.dumps(held)
    statement = json.loads(base64.urlsafe_b64decode(envelope["payload"]))
    yield sealed(dict(reversed(statement.items())), key, bundle=True)
    yield sealed(statement, key, bundle=False)


def test_one_signature_is_recorded_once_however_it_is_written(two):
    """Whether its statement is, in other spellings or signed again; another signer's is another."""
    document = signed(two, "churn@1")
    first = two.record_attestation("churn@1", document, pem(), actor="ann")
    for other in respelled(document):
        again = two.record_attestation("churn@1", other, pem(), actor="bob")
        assert again.to_json() == first.to_json() | {"created": False}
    assert [one["kind"] for one in two.history("churn@1")].count("attested") == 1
    assert record(two, "churn@1", key=OTHER)["created"]
    assert record(two, "churn@1", "validation")["created"]
    assert len(two.attestations("churn@1")) == len(two.show("churn@1").attestations) == 3
    assert two.show("churn@1")["more_attestations"] == 0


@contextmanager
def unwatched(engine):
    """A transaction in which rows are written past the program."""
    with (
        transaction(engine, writing=True) as connection,
        triggers.left_out(connection, ["attestation"]),
    ):
        yield connection


def test_what_was_recorded_twice_before_is_told_once(two, url):
    """The first that holds: of copies of which somebody changed the oldest, the next."""
    if url.startswith("http"):
        pytest.skip("the rows are written beside the server")
    document = signed(two, "churn@1")
    record(two, "churn@1")
    record(two, "churn@1", key=OTHER)
    copy = (
        "INSERT INTO attestation SELECT id + :by, version_id, about, validation_id, :digest, "
        "signed_by, public_key, :document, recorded_at, :who, event FROM attestation WHERE id = 1"
    )
    engine = open_engine(url)
    with unwatched(engine) as connection:
        for number, other in enumerate(respelled(document), start=11):
            values = {"document": other, "digest": blake3_of(other.encode())}
            values |= {"by": number - 1, "who": f"w{number}"}
            connection.execute(text(copy), values)
    for shown in (two.attestations("churn@1"), two.show("churn@1").attestations):
        assert [(one.recorded_by, one.verified) for one in shown] == [("t", True), ("t", True)]
    with unwatched(engine) as connection:
        connection.execute(text("UPDATE attestation SET about = 'validation' WHERE id = 1"))
        connection.execute(text("UPDATE attestation SET public_key = 'x' WHERE id = 11"))
    told = [(one.recorded_by, one.verified) for one in two.show("churn@1").attestations]
    assert told == [("w12", True), ("t", True), ("t", False)]
    demand(two, SignedThing.WEIGHTS)
    assert len(check(two).details["signatures"]) == 1
    with unwatched(engine) as connection:
        connection.execute(text("UPDATE attestation SET public_key = 'x' WHERE id > 11"))
    anew = two.record_attestation("churn@1", f"{document}\n", pem(), actor="bob")
    assert (anew["created"], anew["verified"]) == (True, True), "none of them holds any more"
    engine.dispose()


def test_what_is_signed_of_the_latest_is_recorded_of_the_same(two):
    """A version that is registered while it is signed is another one."""

    class Slow:
        def sealed(self, statement):
            add_validated(two, "3")
            return sealed(statement, KEY, bundle=False), KEY.verifying, KEY.verifying

    asked = attesting.Asked(About.VALIDATION)
    done = attesting.attest(None, two, "churn@latest", asked, Slow())
    attesting.record(two, done, "ann")
    assert two.show("churn@latest").ref == "churn@3"
    assert done.ref == "churn@2"
    assert [len(two.attestations(ref)) for ref in ("churn@2", "churn@3")] == [1, 0]


def test_the_guard_demands_what_the_policy_says(two):
    assert demand(two, *EACH)
    assert check(two).status is Status.FAIL
    with pytest.raises(GuardRefused) as refused:
        two.promote("churn@1", "production", actor="t")
    (made,) = refused.value.decisions
    assert [one.code for one in made.failures] == ["signed-by"]
    record(two, "churn@1", key=OTHER)  # another key
    assert "no key that production names signed the weights" in check(two).summary
    record(two, "churn@1")
    assert check(two).summary.endswith("signed the verdict that counts of churn@1")
    record(two, "churn@1", "validation")
    assert check(two).status is Status.PASS
    two.promote("churn@1", "production", actor="t")
    two.validate("churn@1", captured_pipeline("old"), passed=True, actor="t")
    assert "needs no new signature" in check(two).summary  # a newer verdict, and it serves
    assert check(two, "churn@2").status is Status.FAIL


def test_what_is_looser_is_told(two):
    demand(two, *EACH, keys=(KEY,))
    (applied,) = demand(two, SignedThing.WEIGHTS, keys=(KEY, OTHER))
    assert {"evidence.signed_by", "evidence.signed"} <= set(applied.loosened)


def test_a_row_that_somebody_wrote_counts_for_nothing(two, url):
    """The guard verifies what the rows hold: the database's own words are not enough."""
    if url.startswith("http"):
        pytest.skip("the rows are written beside the server")
    demand(two, SignedThing.WEIGHTS)
    record(two, "churn@2")
    forged = (
        "UPDATE attestation SET version_id = 1",
        f"UPDATE attestation SET version_id = 2, signed_by = '{OTHER.verifying.fingerprint}'",
    )
    assert check(two, "churn@2").status is Status.PASS
    engine = open_engine(url)
    with transaction(engine, writing=True) as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER attestation_no_update"))
        else:
            connection.execute(text("DROP TRIGGER attestation_no_update ON attestation"))
    for statement in forged:
        with transaction(engine, writing=True) as connection:
            connection.execute(text(statement))
        assert check(two).status is check(two, "churn@2").status is Status.FAIL
        moved = [one for ref in ("churn@1", "churn@2") for one in two.show(ref).attestations]
        assert [(one.verified, one.says) for one in moved] == [(False, None)]
    engine.dispose()
