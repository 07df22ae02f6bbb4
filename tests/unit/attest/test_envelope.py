"""Envelopes and keys: what holds, what does not, and one sentence for each that cannot be used."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as Theirs
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from lineage.attest import envelope
from lineage.attest.keys import SigningKey, VerifyingKey
from lineage.errors import IntegrityFailure, UsageError
from lineage.masking import hide
from lineage.workflows.signing import KEY, signing_key

STATEMENT = {"_type": "https://in-toto.io/Statement/v1", "é": ["<b>", 1.5, None]}
PRIVATE = {"ed25519": Ed25519PrivateKey.generate(), "p256": ec.generate_private_key(ec.SECP256R1())}
KEYS = {name: SigningKey(private) for name, private in PRIVATE.items()}


def pem_of(private, password=None):
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


def public_of(private):
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def sealed(key="p256", *, bundle=False):
    return envelope.sealed(STATEMENT, KEYS[key], bundle=bundle)


def changed(**parts):
    """A bare envelope with other parts; None takes one away."""
    document = json.loads(sealed()) | parts
    return json.dumps({key: value for key, value in document.items() if value is not None})


def statement(text, key="p256"):
    return envelope.read(text, "a.sig").statement(KEYS[key].verifying, "a.sig")


@pytest.mark.parametrize("bundle", [True, False])
@pytest.mark.parametrize("key", KEYS)
def test_what_was_signed_is_read_back(key, bundle):
    assert statement(sealed(key, bundle=bundle), key) == STATEMENT


@pytest.mark.parametrize("key", KEYS)
def test_another_key_signed_nothing(key):
    other = next(name for name in KEYS if name != key)
    with pytest.raises(
        IntegrityFailure, match=r"The signature in a\.sig is not of the key sha256:"
    ):
        statement(sealed(key), other)


@pytest.mark.parametrize("key", KEYS)
def test_in_totos_own_library_accepts_the_envelope_and_reads_the_same(key):
    fingerprint = KEYS[key].verifying.fingerprint
    public = SSlibKey.from_crypto(load_pem_public_key(public_of(PRIVATE[key])), fingerprint)
    theirs = Theirs.from_dict(json.loads(sealed(key)))
    theirs.verify([public], 1)
    assert json.loads(theirs.payload) == STATEMENT
    theirs.payload += b" "
    with pytest.raises(VerificationError):
        theirs.verify([public], 1)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_byte_of_what_is_signed_can_be_changed(data):
    document = json.loads(sealed("ed25519"))
    name = data.draw(st.sampled_from(["payload", "sig"]))
    holder = document if name == "payload" else document["signatures"][0]
    raw = bytearray(base64.b64decode(holder[name]))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    holder[name] = base64.b64encode(raw).decode()
    with pytest.raises(IntegrityFailure):
        statement(json.dumps(document), "ed25519")


def test_one_of_several_signatures_is_enough_and_none_of_several_is_not():
    (own,) = json.loads(sealed())["signatures"]
    (others,) = json.loads(sealed("ed25519"))["signatures"]
    assert statement(changed(signatures=[others, own])) == STATEMENT
    with pytest.raises(IntegrityFailure, match="None of the 2 signatures"):
        statement(changed(signatures=[others, others]))


def test_base64_of_urls_is_read_too():
    document = json.loads(sealed("ed25519"))
    for holder, name in ((document, "payload"), (document["signatures"][0], "sig")):
        holder[name] = base64.urlsafe_b64encode(base64.b64decode(holder[name])).decode()
    assert statement(json.dumps(document), "ed25519") == STATEMENT


TWICE = sealed().replace('"payloadType"', '"payload": "", "payloadType"', 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read as JSON"),
        (b"\xff\xfe\x00", "cannot be read as JSON"),
        ("[" * 5_000, "cannot be read as JSON"),
        ("[" * 200_000, "has too many parts"),
        (b'{"a":[' + b"[]," * 10_000 + b"[]]}", "has too many parts"),
        (json.dumps(dict.fromkeys(map(str, range(10_001)))), "has too many parts"),
        (TWICE, "'payload' stands twice"),
        ("[]", "is no JSON object"),
        ("{}", "no DSSE envelope and no bundle"),
        (json.dumps({"mediaType": "application/x"}), "no sigstore bundle of version 0.3"),
        (json.dumps({"mediaType": envelope.MEDIA_TYPE}), "without a DSSE envelope"),
        (changed(payload=None), "no DSSE envelope and no bundle"),
        (changed(payloadType="text/plain"), "signs something else than in-toto"),
        (changed(payload="%%%"), "no base64"),
        (changed(payload=7), "no base64"),
        (changed(signatures=[]), "between 1 and 100 signatures"),
        (changed(signatures={}), "between 1 and 100 signatures"),
        (changed(signatures=[{"sig": "AA=="}] * 101), "between 1 and 100 signatures"),
        (changed(signatures=["AA=="]), "no base64"),
        (changed(signatures=[{}]), "no base64"),
    ],
)
def test_what_is_no_envelope_is_refused_in_one_sentence(text, says):
    with pytest.raises(UsageError, match=says) as refused:
        envelope.read(text, "a.sig")
    assert "\n" not in str(refused.value)
    assert refused.value.remedy


BAD_PAYLOADS = (
    b"no JSON",
    b"[]",
    b'{"a":1,"a":2}',
    b"[" * 100_000,
    '{"a":1}'.encode("utf-16"),
    '{"a":1}'.encode("utf-8-sig"),
)


@pytest.mark.parametrize("payload", BAD_PAYLOADS)
def test_what_is_signed_must_be_one_object_that_all_read_alike(payload):
    key = KEYS["ed25519"]
    signature = base64.b64encode(key.sign(envelope.pae(payload))).decode()
    text = changed(
        payload=base64.b64encode(payload).decode(), signatures=[{"sig": signature, "keyid": ""}]
    )
    with pytest.raises(UsageError, match="What is signed in"):
        statement(text, "ed25519")


def no_password():
    return None


@pytest.mark.parametrize("private", PRIVATE.values(), ids=PRIVATE)
def test_a_key_is_read_plain_and_encrypted_and_has_the_fingerprint_that_openssl_shows(private):
    plain = SigningKey.parse(pem_of(private), "the key", no_password)
    locked = SigningKey.parse(pem_of(private, b"pass"), "the key", lambda: b"pass")
    public = VerifyingKey.parse(public_of(private), "the key")
    assert plain.verifying.fingerprint == locked.verifying.fingerprint == public.fingerprint
    assert public.holds(plain.sign(b"message"), b"message")


OTHERS = {
    "another curve": ec.generate_private_key(ec.SECP384R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("private", OTHERS.values(), ids=OTHERS)
def test_keys_of_other_kinds_are_refused(private):
    with pytest.raises(UsageError, match="of a kind that is not used here"):
        SigningKey.parse(pem_of(private), "the key", no_password)
    with pytest.raises(UsageError, match="of a kind that is not used here"):
        VerifyingKey.parse(public_of(private), "the key")


def test_a_variable_or_a_password_that_is_no_utf8_is_refused_without_its_text(monkeypatch):
    secret = "\udcff\udcfeSecret7"  # as Python reads other bytes
    hide(secret)
    monkeypatch.setenv(KEY, secret)
    with pytest.raises(UsageError, match="is no private key in PEM") as refused:
        signing_key(None, no_password, print)
    assert "Secret7" not in f"{refused.value} {refused.value.remedy}"


def ed448_too_short():
    """A key of Ed25519 that says it is one of Ed448."""
    lines = pem_of(PRIVATE["ed25519"]).splitlines()
    der = base64.b64decode(lines[1]).replace(b"\x2b\x65\x70", b"\x2b\x65\x71")
    return b"\n".join([lines[0], base64.b64encode(der), lines[2], b""])


def test_private_and_public_keys_are_not_taken_for_each_other_and_nothing_for_a_key():
    private = PRIVATE["p256"]
    for text, says in (
        (public_of(private), "is a public one"),
        (b"nothing", "is no private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is no private key"),
        (ed448_too_short(), "is no private key in PEM"),
        (pem_of(private, b"pass"), "its password was not given"),
    ):
        with pytest.raises(UsageError, match=says):
            SigningKey.parse(text, "the key", no_password)
    with pytest.raises(UsageError, match="not opened by the password"):
        SigningKey.parse(pem_of(private, b"pass"), "the key", lambda: b"other")
    for text, says in (
        (pem_of(private), "is a private one"),
        (b"\x00" * 100, "is no public key in PEM"),
    ):
        with pytest.raises(UsageError, match=says) as refused:
            VerifyingKey.parse(text, "the key")
        assert "PRIVATE" not in str(refused.value)
