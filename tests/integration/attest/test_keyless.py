"""Keyless signatures, made by a sigstore of our own, verified by sigstore's library and recorded."""

from __future__ import annotations

import json
import os

import httpx
import pytest

from lineage.attest import statements
from lineage.attest.keys import VerifyingKey
from lineage.attest.statements import Signed, SignedFile
from lineage.attest.verification import verified
from lineage.contract.requests import DeclaredEnvironment
from lineage.contract.results.records import VersionRecord
from lineage.errors import SignatureMismatch, UsageError
from lineage.export.formats import export
from lineage.guard.decision import Status
from lineage.guard.evidence import Evidence
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.signers import Identity
from tests.conftest import EVERYWHERE, add_validated, captured_pipeline
from tests.support.signing import pem, record, signed
from tests.support.sigstore import ISSUER, SECONDS, WHO, Sigstore, key

ANA = Identity(WHO, ISSUER)
STATEMENT = {"_type": "https://in-toto.io/Statement/v1", "predicate": {}}
TRUST = "LINEAGE_SIGSTORE_TRUST"
OURS = Sigstore()


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """A configured root of trust: that of a sigstore of our own."""
    file = tmp_path / "trust.json"
    file.write_text(json.dumps(OURS.trusted_root()))
    monkeypatch.setenv(TRUST, os.fspath(file))
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path / "cache"))
    return file


def material(bundle):
    return bundle["verificationMaterial"]


def entry(bundle):
    (one,) = material(bundle)["tlogEntries"]
    return one


def test_what_an_identity_signed_holds_by_a_root_and_by_a_trust_configuration(trusted, tmp_path):
    document = json.dumps(OURS.bundle(STATEMENT))
    found = verified(document, ANA, "it")
    assert (found.statement, found.signed_by) == (STATEMENT, str(ANA))
    config = tmp_path / "config.json"
    config.write_text(json.dumps(OURS.trust_config()))
    assert verified(document.encode(), ANA, "it", config).key == found.key
    workflow = Identity(
        "https://github.com/acme/churn/.github/workflows/r.yml@refs/heads/main", ISSUER
    )
    document = json.dumps(OURS.bundle(STATEMENT, workflow.name))
    assert verified(document, workflow, "it").signed_by == str(workflow)


CHANGES = {
    "another-time": (lambda b: entry(b).update(integratedTime=str(int(entry(b)["integratedTime"]) + 1)), "inclusion promise"),
    "another-root": (lambda b: entry(b)["inclusionProof"].update(rootHash="A" * 43 + "="), "log entry"),
    "no-proof": (lambda b: entry(b)["inclusionProof"].update(hashes=[]), "log entry"),
    "another-payload": (lambda b: b["dsseEnvelope"].update(payload="e30="), "signature"),
    "another-entry": (lambda b: material(b).update(tlogEntries=material(OURS.bundle(STATEMENT))["tlogEntries"]), "do not match"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_does_not_hold(trusted, name):
    change, says = CHANGES[name]
    bundle = OURS.bundle(STATEMENT)
    change(bundle)
    with pytest.raises(SignatureMismatch, match=says) as refused:
        verified(json.dumps(bundle), ANA, "it.json")
    assert "it.json does not hold by the root of trust in" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_others_are_refused_and_named(trusted):
    """A certificate may name whom it will: what cannot be shown is not."""
    bundle = json.dumps(OURS.bundle(STATEMENT, "bob@example.com"))
    with pytest.raises(SignatureMismatch, match=f"by {ANA}, but by identity:bob@example.com "):
        verified(bundle, ANA, "it")
    with pytest.raises(SignatureMismatch, match="not signed by identity:bob"):
        verified(bundle, Identity("bob@example.com", f"{ISSUER}/"), "it")
    for who in ("a\x1b[31m\x07na", "*@example.com"):
        with pytest.raises(SignatureMismatch, match="but by another"):
            verified(json.dumps(OURS.bundle(STATEMENT, who)), ANA, "it")
    unpromised = json.dumps(OURS.bundle(STATEMENT, promised=False))
    with pytest.raises(SignatureMismatch, match="timestamp extension"):
        verified(unpromised, ANA, "it")
    late = json.dumps(OURS.bundle(STATEMENT, after=SECONDS + 1))
    with pytest.raises(SignatureMismatch, match="not valid at validation time"):
        verified(late, ANA, "it")
    for part in ("ca", "ct_log", "log"):
        made = {one: getattr(OURS, one) for one in ("ca", "ct_log", "log")} | {part: key()}
        with pytest.raises(SignatureMismatch, match="does not hold by the root of trust"):
            verified(json.dumps(Sigstore(**made).bundle(STATEMENT)), ANA, "it")


def test_what_is_no_keyless_bundle_is_refused(trusted):
    bundle = OURS.bundle(STATEMENT)
    for change in (
        lambda b: material(b).update(tlogEntries=[]),
        lambda b: material(b).pop("certificate"),
        lambda b: material(b)["certificate"].update(rawBytes="AAAA"),
        lambda b: entry(b).pop("inclusionProof"),
        lambda b: entry(b).pop("inclusionPromise"),  # nothing says when the certificate was used
        lambda b: entry(b).update(logIndex="-"),
        lambda b: b.pop("verificationMaterial"),
    ):
        bad = json.loads(json.dumps(bundle))
        change(bad)
        with pytest.raises(UsageError, match="is no bundle of a keyless signature"):
            verified(json.dumps(bad), ANA, "it")
    twice = json.dumps(bundle).replace('"mediaType"', '"dsseEnvelope": {}, "mediaType"', 1)
    with pytest.raises(UsageError, match="stands twice"):
        verified(twice, ANA, "it")


def test_a_root_of_trust_that_cannot_be_used_is_told(trusted, tmp_path, monkeypatch):
    document = json.dumps(OURS.bundle(STATEMENT))
    root = OURS.trusted_root()
    for text in ("", "[]", "{}", json.dumps(root | {"mediaType": "x"}), json.dumps(root | {"tlogs": []}),
                 json.dumps(root | {"certificateAuthorities": []})):  # fmt: skip
        trusted.write_text(text)
        with pytest.raises(UsageError, match=f"The root of trust {trusted} "):
            verified(document, ANA, "it")
    trusted.write_text(json.dumps(root))
    assert verified(document, ANA, "it")
    monkeypatch.setenv(TRUST, os.fspath(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="no such file"):
        verified(document, ANA, "it")
    monkeypatch.delenv(TRUST)
    with pytest.raises(SignatureMismatch, match="does not hold by sigstore's root of trust"):
        verified(document, ANA, "it")


def weights(registry, ref, who=WHO):
    """What somebody signed of a version's weights."""
    version, blake3 = VersionRecord(registry.show(ref)), registry.stored(ref).blake3
    files = Signed("model.bin", "blake3", (SignedFile("", blake3.value),))
    return json.dumps(OURS.bundle(statements.of_weights(version, blake3, files), who))


@EVERYWHERE
def test_an_identity_is_recorded_and_demanded_as_a_key_is(registry, trusted, url):
    for seed in "12":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline("old"), actor="t")
    policy = EnvironmentPolicy(evidence=Evidence(signed_by=(str(ANA),)))
    registry.apply_environments([DeclaredEnvironment("production", policy)], actor="ops")
    assert registry.environment("production")["policy"]["evidence"]["signed_by"] == [str(ANA)]
    record(registry, "churn@1")  # a key that nobody named

    def check():
        return registry.guard("churn@1", "production").check("signed-by")

    assert check().summary.startswith("no identity that production names signed the weights")
    document, bobs = weights(registry, "churn@1"), weights(registry, "churn@1", "bob@example.com")
    bob = str(Identity("bob@example.com", ISSUER))
    for ref, bad, named, error in (
        ("churn@2", document, {"signed_by": str(ANA)}, SignatureMismatch),
        ("churn@1", bobs, {"signed_by": str(ANA)}, SignatureMismatch),
        ("churn@1", document, {"signed_by": bob}, SignatureMismatch),
        ("churn@1", document, {"public_key": pem()}, SignatureMismatch),
        ("churn@1", signed(registry, "churn@1"), {"signed_by": str(ANA)}, UsageError),
        ("churn@1", document, {"signed_by": "identity:* issuer:https://a.b"}, UsageError),
        ("churn@1", document, {"signed_by": str(ANA), "public_key": pem()}, UsageError),
        ("churn@1", document, {}, UsageError),
    ):
        with pytest.raises(error):
            registry.record_attestation(ref, bad, **named, actor="t")
    registry.record_attestation("churn@1", bobs, signed_by=bob, actor="t")
    assert check().status is Status.FAIL
    first = registry.record_attestation("churn@1", document, signed_by=str(ANA), actor="t")
    again = registry.record_attestation("churn@1", document, signed_by=str(ANA), actor="t")
    assert (first["created"], again["created"]) == (True, False)
    newest = registry.attestations("churn@1")[0]
    assert (newest.signed_by, newest.says) == (str(ANA), "the weights of churn@1")
    assert VerifyingKey.parse(newest.public_key.encode(), "the key")
    assert registry.history("churn@1")[0]["payload"]["signed_by"] == str(ANA)
    assert check().status is Status.PASS
    assert not registry.audit().problems
    if url.startswith("http"):
        page = httpx.get(f"{url}/models/churn/versions/1").text
        assert f"signed by <bdi>{ANA}</bdi>, recorded by" in page

    def told(says):
        """What each who shows it tells of it: the list, the version, its exports and its page."""
        newest, shown = registry.attestations("churn@1")[0], registry.show("churn@1")
        assert (newest.verified, newest.says) == (shown.attestations[0].verified, says)
        for form in ("cyclonedx", "prov", "card"):
            assert (WHO in export(registry, "churn@1", form).text) is bool(newest.verified)
        if url.startswith("http"):
            page = httpx.get(f"{url}/models/churn/versions/1")
            assert page.status_code == 200
            return newest.verified, page.text
        return newest.verified, None

    holds, page = told("the weights of churn@1")
    assert holds is True
    assert page is None or page.count("✓</span> verified") == 3
    trusted.write_text(json.dumps(Sigstore().trusted_root()))
    assert check().status is Status.FAIL  # nothing is believed that the root of now does not prove
    holds, page = told(None)
    assert holds is False
    assert page is None or page.count("does not hold by this server's root of trust") == 2
    trusted.unlink()
    with pytest.raises(UsageError, match="root of trust"):
        check()
    holds, page = told(None)
    assert holds is None
    assert page is None or (page.count("not checked here"), "does not hold" in page) == (2, False)
    of_a_key = registry.attestations("churn@1")[-1]
    assert of_a_key.verified is True
    either = EnvironmentPolicy(evidence=Evidence(signed_by=(str(ANA), of_a_key.signed_by)))
    registry.apply_environments([DeclaredEnvironment("production", either)], actor="ops")
    assert check().status is Status.PASS  # what a key signed needs no root of trust
