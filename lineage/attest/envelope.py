"""DSSE envelopes (v1) around in-toto statements, bare or in a sigstore bundle (v0.3). Pure.

What is signed is the encoding of the payload's type and the payload (`pae`), never a JSON text: two
readers of one signature see the same bytes. Nothing of an envelope is believed before a signature
of it holds.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage import strict_json
from lineage.attest.keys import begun
from lineage.errors import SignatureMismatch, UsageError
from lineage.identity.digest import blake3_of, canonical_bytes
from lineage.identity.merkle import sha256

if TYPE_CHECKING:
    from lineage.attest.keys import SigningKey, VerifyingKey
    from lineage.identity.digest import Digest

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"

LARGEST: Final = 64 << 20
"""Bytes that a file with an envelope has at the most: a folder of some 200,000 files."""

MOST_SIGNATURES: Final = 100
MOST_PARTS: Final = 10_000
"""Values that an envelope or a bundle has at the most: what is large in it is one text in base64.

A reader that nobody vouches for yet makes no millions of them, which take 25 times the bytes.
"""

_AS_MADE: Final = "Give the file as it was made."


@dataclass(frozen=True)
class Envelope:
    """A payload and the signatures over it, of which nothing is believed yet."""

    payload: bytes
    signatures: tuple[bytes, ...]

    def statement(self, key: VerifyingKey, what: str) -> dict[str, Any]:
        """The statement, if a signature of it is the key's.

        Args:
            key: whose signature is demanded.
            what: how a message calls the file.

        Raises:
            SignatureMismatch: no signature is.
            UsageError: what is signed is no JSON object.
        """
        message = pae(self.payload)
        if not any(key.holds(signature, message) for signature in self.signatures):
            count = len(self.signatures)
            which = "The signature" if count == 1 else f"None of the {count} signatures"
            raise SignatureMismatch(
                f"{which} in {what} {'is not' if count == 1 else 'is'} of the key "
                f"{key.fingerprint[:19]}… over what stands there.",
                remedy="Give the public key of the one who signed; with the right one, the file "
                "was changed since: take it from where it was made.",
            )
        return read_signed(self.payload, what)


def read_signed(payload: bytes, what: str) -> dict[str, Any]:
    """The statement in bytes whose signature holds.

    Raises:
        UsageError: they are no JSON object.
    """
    return _read_object(payload, f"What is signed in {what}")


def meaning(payload: bytes) -> Digest:
    """What a statement says, in whatever spelling: BLAKE3 of its canonical JSON.

    Order of keys, blanks and ways to write a number do not count. What has no canonical JSON is
    known by its bytes.
    """
    try:
        return blake3_of(canonical_bytes(read_signed(payload, "a statement")))
    except UsageError:
        return blake3_of(payload)


def pae(payload: bytes) -> bytes:
    """What a signature is over: DSSE's encoding of the payload and its type."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sealed(statement: dict[str, Any], key: SigningKey, *, bundle: bool) -> str:
    """A statement as a signed envelope.

    Args:
        statement: it.
        key: signs it.
        bundle: as a sigstore bundle, which OpenSSF's model signatures are; else the bare envelope.
    """
    payload = json.dumps(statement, ensure_ascii=False, separators=(",", ":")).encode()
    public = key.verifying
    signature = {"keyid": public.fingerprint, "sig": _written(key.sign(pae(payload)))}
    envelope = {
        "payload": _written(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [signature],
    }
    if not bundle:
        return json.dumps(envelope) + "\n"
    hint = sha256(public.pem).hex()  # as model-signing has it
    material = {"publicKey": {"hint": hint}, "tlogEntries": []}
    document = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": material,
        "dsseEnvelope": envelope,
    }
    return json.dumps(document) + "\n"


def read(data: bytes | str, what: str) -> Envelope:
    """Take an envelope apart, or the bundle that holds one.

    Args:
        data: its JSON.
        what: how a message calls the file.

    Raises:
        UsageError: it is none.
    """
    text = data.decode(errors="replace") if isinstance(data, bytes) else data
    if sum(map(text.count, "[{,")) > MOST_PARTS:
        raise UsageError(f"{begun(what)} has too many parts for an envelope.", remedy=_AS_MADE)
    document = _read_object(data, what)
    if "dsseEnvelope" in document or "mediaType" in document:
        if document.get("mediaType") != MEDIA_TYPE:
            raise UsageError(
                f"{begun(what)} is no sigstore bundle of version 0.3.", remedy=_other_format()
            )
        inner = document.get("dsseEnvelope")
        if not isinstance(inner, dict):
            raise UsageError(
                f"{begun(what)} is a bundle without a DSSE envelope.", remedy=_other_format()
            )
        document = inner
    if not {"payload", "payloadType", "signatures"} <= document.keys():
        raise UsageError(
            f"{begun(what)} is no DSSE envelope and no bundle.", remedy=_other_format()
        )
    if document["payloadType"] != PAYLOAD_TYPE:
        raise UsageError(
            f"{begun(what)} signs something else than in-toto.", remedy=_other_format()
        )
    rows = document["signatures"]
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_SIGNATURES:
        raise UsageError(
            f"{begun(what)} does not hold between 1 and {MOST_SIGNATURES} signatures.",
            remedy=_AS_MADE,
        )
    signatures = [_bytes(row.get("sig") if isinstance(row, dict) else None, what) for row in rows]
    return Envelope(_bytes(document["payload"], what), tuple(signatures))


def _other_format() -> str:
    return f"Give a DSSE envelope of {PAYLOAD_TYPE}, or a bundle of {MEDIA_TYPE} that holds one."


def _read_object(data: bytes | str, what: str) -> dict[str, Any]:
    """A JSON object in which every key stands once, in UTF-8: other encodings others read apart."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
        document = strict_json.loads(text, unique_keys=True)
    except (ValueError, RecursionError) as error:
        reason = f": {error}" if "stands twice" in str(error) else ""
        raise UsageError(
            f"{begun(what)} cannot be read as JSON{reason}.", remedy=_AS_MADE
        ) from None
    if not isinstance(document, dict):
        raise UsageError(f"{begun(what)} is no JSON object.", remedy=_AS_MADE)
    return document


def _bytes(text: object, what: str) -> bytes:
    """Base64, of the standard's alphabet or that of URLs: DSSE has both."""
    if isinstance(text, str):
        try:
            return base64.b64decode(text.translate({45: "+", 95: "/"}), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise UsageError(f"{begun(what)} holds something that is no base64.", remedy=_AS_MADE)


def _written(data: bytes) -> str:
    return base64.b64encode(data).decode()
