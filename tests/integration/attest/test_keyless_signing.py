"""Signing without a key, by a sigstore of our own on loopback; model-signing verifies what it gives."""

from __future__ import annotations

import base64
import copy
import json
import os
import shutil
import sys
import threading

import pytest
from lineage.cli.app import build

import lineage
from lineage.capture.project import Project
from lineage.connection import connect
from lineage.errors import LineageError, SignatureMismatch, StoreUnreachable, UsageError
from lineage.weights.copies import StoreAddress
from lineage.workflows.attest import Asked, attest, verify
from lineage.workflows.signing import keyless_signer, named, signer
from tests.conftest import make_registry
from tests.support.sigstore import ISSUER, WHO, Sigstore, key
from tests.support.weights import serve_weights

TOKEN, TRUST = "SIGSTORE_ID_TOKEN", "LINEAGE_SIGSTORE_TRUST"
CI = ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "GOOGLE_SERVICE_ACCOUNT_NAME")
ANA = signer(None, WHO, ISSUER)


@pytest.fixture(scope="module")
def served():
    with Sigstore().serving() as sigstore:
        yield sigstore


@pytest.fixture
def sigstore(served, tmp_path, monkeypatch):
    """It, and this environment: a token of Ana's, and a trust configuration."""
    for name in CI:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "trust.json").write_text(json.dumps(served.trust_config()))
    monkeypatch.setenv(TRUST, os.fspath(tmp_path / "trust.json"))
    monkeypatch.setenv(TOKEN, served.token())
    served.refuses = None
    served.tokens.clear()
    return served


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A registry in which churn@1 serves, a folder; and the folder."""
    top = tmp_path_factory.mktemp("keyless")
    for name in ("a.bin", "sub/b.bin"):
        (top / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (top / "model" / name).write_text(name)
    store = StoreAddress("store", (top / "store").as_uri())
    make_registry(
        f"sqlite:///{top / 'registry.db'}",
        lambda registry: serve_weights(registry, store, top / "model"),
    )
    return top


def made(world, about="weights", env=None, trust=None):
    """What Ana signs of churn@1."""
    with connect(f"sqlite:///{world / 'registry.db'}") as registry:
        asked = Asked.checked(about, env, "sha256", None)
        how = keyless_signer(None, trust)
        return attest(Project.find(world), registry, "churn@1", asked, how)


def opened(world):
    return lambda: connect(f"sqlite:///{world / 'registry.db'}")


def test_model_signing_verifies_what_an_identity_signed_of_weights(sigstore, world, tmp_path):
    from model_signing import verifying

    file = tmp_path / "model.sig"
    done = made(world)
    file.write_text(done.text)
    trust = tmp_path / "trust.json"
    theirs = verifying.Config().use_sigstore_verifier(
        identity=WHO, oidc_issuer=ISSUER, trust_config=trust
    )
    theirs.verify(world / "model", file)
    changed = tmp_path / "model"
    shutil.copytree(world / "model", changed)
    (changed / "a.bin").write_text("other")
    with pytest.raises(ValueError, match="mismatch"):
        theirs.verify(changed, file)
    assert done.signed_by == f"identity:{WHO} issuer:{ISSUER}"
    for target in ("churn@1", os.fspath(world / "model"), None):
        assert verify(file, ANA, target, opened(world), trust).signed_by == done.signed_by
    with pytest.raises(SignatureMismatch, match="is not what"):
        verify(file, ANA, os.fspath(changed), opened(world))
    with opened(world)() as registry:
        registry.record_attestation("churn@1", done.text, **named(done.signer), actor="t")
        assert registry.attestations("churn@1")[0].signed_by == done.signed_by
    assert sigstore.tokens == [os.environ[TOKEN]]
    assert os.environ[TOKEN] not in done.text


@pytest.mark.parametrize(("about", "env"), [("validation", None), ("decision", "production")])
def test_a_verdict_and_a_decision_are_signed_as_bundles(sigstore, world, tmp_path, about, env):
    file = tmp_path / "signed.json"
    file.write_text(made(world, about, env).text)
    assert verify(file, ANA, "churn@1", opened(world)).claim.about == about
    other = signer(None, "bob@example.com", ISSUER)
    with pytest.raises(SignatureMismatch, match="is not signed by identity:bob"):
        verify(file, other, "churn@1", opened(world))


@pytest.mark.parametrize("rekor", [1, 2])
def test_a_timestamp_says_when_it_was_signed_and_of_the_newer_log_it_alone(
    sigstore, world, tmp_path, rekor
):
    from model_signing import verifying

    trust, file = tmp_path / "clock.json", tmp_path / "model.sig"
    trust.write_text(json.dumps(sigstore.trust_config(rekor, clock=True)))
    bundle = json.loads(made(world, trust=trust).text)
    (stamp,) = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    file.write_text(json.dumps(bundle))
    verifying.Config().use_sigstore_verifier(
        identity=WHO, oidc_issuer=ISSUER, trust_config=trust
    ).verify(world / "model", file)
    assert verify(file, ANA, "churn@1", opened(world))
    data = bytearray(base64.b64decode(stamp["signedTimestamp"]))
    data[-1] ^= 1
    stamp["signedTimestamp"] = base64.b64encode(data).decode()
    file.write_text(json.dumps(bundle))
    if rekor == 1:  # its log's own time holds
        assert verify(file, ANA, "churn@1", opened(world))
    else:
        with pytest.raises(SignatureMismatch, match="not enough sources of verified time"):
            verify(file, ANA, "churn@1", opened(world))


@pytest.mark.parametrize(
    "token",
    [
        "no token", "a.b.c", "é" * 40, "", " ",
        Sigstore().token(aud="somebody"), Sigstore().token(exp=1_700_000_000), Sigstore().token(nbf=1 << 40),
    ],
)  # fmt: skip
def test_without_a_token_that_signs_nothing_is_asked_for(sigstore, world, monkeypatch, token):
    monkeypatch.setenv(TOKEN, token)
    with pytest.raises(
        UsageError, match=r"identity token is none|no identity to sign as"
    ) as refused:
        made(world)
    assert TOKEN in refused.value.remedy
    assert len(token) < 2 or token not in str(refused.value)
    assert not sigstore.tokens


@pytest.mark.parametrize("service", ["signingCert", "log/entries"])
def test_a_service_that_refuses_is_told_and_the_token_is_not(sigstore, world, service):
    sigstore.refuses = service
    with pytest.raises(StoreUnreachable, match=r"Sigstore did not sign: .*403") as refused:
        made(world)
    assert os.environ[TOKEN] not in f"{refused.value} {refused.value.remedy}"


def test_a_service_that_does_not_answer_is_not_waited_for_without_end(sigstore, world, monkeypatch):
    monkeypatch.setenv("LINEAGE_TIMEOUT", "soon")
    with pytest.raises(UsageError, match="LINEAGE_TIMEOUT is 'soon'"):
        made(world)
    monkeypatch.setenv("LINEAGE_TIMEOUT", "0.2")
    sigstore.waits = threading.Event()
    try:
        with pytest.raises(StoreUnreachable, match=r"no answer within 0\.2 seconds"):
            made(world)
    finally:
        sigstore.waits.set()
        sigstore.waits = None


def test_what_is_not_to_be_trusted_is_not_given(sigstore, world, tmp_path, monkeypatch):
    """A certificate authority, or a log, other than the trust configuration names."""
    config = sigstore.trust_config()
    trust = tmp_path / "other.json"
    for part in ("ca", "ct_log", "log"):
        kept = {one: getattr(sigstore, one) for one in ("ca", "ct_log", "log")}
        other = Sigstore(**(kept | {part: key()}), url=sigstore.url)
        trust.write_text(json.dumps(config | {"trustedRoot": other.trusted_root()}))
        with pytest.raises(LineageError, match=r"did not sign|does not hold"):
            made(world, trust=trust)
    for who in ("a\x1b[1mna", "*@example.com"):
        monkeypatch.setenv(TOKEN, sigstore.token(who))
        with pytest.raises(SignatureMismatch, match="names nobody who could be verified"):
            made(world)


def test_what_cannot_sign_is_refused_before_anything_is_read(sigstore, tmp_path, monkeypatch):
    trust = tmp_path / "root.json"
    trust.write_text(json.dumps(sigstore.trusted_root()))
    with pytest.raises(UsageError, match="names no services to sign with"):
        keyless_signer(None, trust)
    with pytest.raises(UsageError, match="needs no key"):
        keyless_signer(trust, None)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv(TOKEN)
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", raising=False)
    with pytest.raises(StoreUnreachable, match="CI system gives no identity token"):
        keyless_signer(None, None)


def test_python_signs_as_an_identity_too(sigstore, world, monkeypatch, tmp_path):
    monkeypatch.chdir(world)
    monkeypatch.setenv("LINEAGE_REGISTRY", f"sqlite:///{world / 'registry.db'}")
    monkeypatch.setenv("LINEAGE_ACTOR", "ana")
    done = lineage.attest("churn@1", keyless=True, record=True)
    first = lineage.show("churn@1").attestations[0]
    assert (first.signed_by, first.verified) == (done.signed_by, True)
    assert (repr(done).count(WHO), first.says) == (1, "the weights of churn@1")
    assert copy.deepcopy(done) == done
    with opened(world)() as registry:
        assert registry.attestations("churn@1")[0].public_key == done.public_key
    assert lineage.attest("churn@1", trust_config=tmp_path / "trust.json").signer == done.signer
    with pytest.raises(UsageError, match="needs no key"):
        lineage.attest("churn@1", keyless=True, key="key.pem")


def test_the_commands_name_who_signed(sigstore, world, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(world)
    monkeypatch.setenv("LINEAGE_REGISTRY", f"sqlite:///{world / 'registry.db'}")
    who = f"identity:{WHO} issuer:{ISSUER}"
    file = os.fspath(tmp_path / "verdict.json")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["lineage", *words])
        build(list(words))(standalone_mode=False)
        return capsys.readouterr().out

    run("attest", "churn@1", "--as", "validation", "--keyless", "--record", "-o", file)
    ana = ("--identity", WHO, "--issuer", ISSUER)
    verified = run("attest", "verify", file, "churn@1", *ana)
    assert verified.startswith(f"{who} signed that churn@1 passed its validation; it holds for")
    assert "was recorded already" in run("attest", "record", file, "churn@1", *ana)
    assert f"signed by {who}, recorded by" in run("attest", "list", "churn@1")
    assert f"signed by {who}" in run("log", "churn@1", "--what", "attested")
    assert f"signed    validation 1, signed by {who}, recorded by" in run("show", "churn@1")
    root = tmp_path / "root.json"
    for content, says in (
        (json.dumps(Sigstore().trusted_root()), "does not hold by the root of trust where"),
        ("", "not checked, for sigstore or a root of trust is missing where"),
    ):
        root.write_text(content)
        with monkeypatch.context() as other:
            other.setenv(TRUST, os.fspath(root))
            assert says in run("attest", "list", "churn@1")
            assert says in run("show", "churn@1")
    for words in (ana[:2], ana[2:], (*ana, "--key", file), ()):
        with pytest.raises(UsageError, match="Who signed is a public key, or an identity"):
            run("attest", "verify", file, *words)
    with pytest.raises(UsageError, match="is a pattern"):
        run("attest", "verify", file, "--identity", "*@example.com", "--issuer", ISSUER)
