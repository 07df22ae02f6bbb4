"""Signed notes, as C2SP specifies them (c2sp.org/signed-note), with Ed25519. Pure.

A note is a text, a blank line, and a line for each signature: an em dash, the key's name, and the
base64 of the key's id and the signature. What others' tools call a verifier key (``vkey``) is
``name+id+base64(0x01 and the public key)``.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lineage.acts import act
from lineage.errors import IntegrityFailure, UsageError
from lineage.identity.merkle import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

ED25519: Final = b"\x01"
LARGEST: Final = 1 << 16
"""Bytes that a note has at the most."""

_DASH: Final = "— "
_ID_SIZE: Final = 4
_KEY_SIZE: Final = 32


@dataclass(frozen=True)
class Signature:
    """One signature of a note: whose it claims to be, and its bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class Note:
    """A note taken apart; nothing of it is believed yet. ``text`` ends with its newline."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class Verifier:
    """A public key; one without a name goes with every name, as a plain key file does."""

    name: str | None
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read a verifier key (``name+id+key``) or a public key in PEM.

        Raises:
            UsageError: it is neither.
        """
        text = text.strip()
        if text.startswith("-----BEGIN PUBLIC KEY-----"):
            return cls(None, _public_from_pem(text))
        name, _, rest = text.partition("+")
        stated, _, encoded = rest.partition("+")
        key = _from_base64(encoded)
        if not name or key is None or len(key) != 1 + _KEY_SIZE or key[:1] != ED25519:
            raise _no_public_key()
        verifier = cls(name, key[1:])
        if stated != verifier.key_id(name).hex():
            raise _no_public_key()
        return verifier

    def key_id(self, name: str) -> bytes:
        """The id of the key under a name."""
        return sha256(name.encode() + b"\n" + ED25519 + self.public)[:_ID_SIZE]

    def text(self, name: str) -> str:
        """The key as others' tools take it, under a name."""
        encoded = base64.b64encode(ED25519 + self.public).decode()
        return f"{name}+{self.key_id(name).hex()}+{encoded}"

    def claims(self, signature: Signature) -> bool:
        """Whether a signature says that it is this key's."""
        named = self.name is None or self.name == signature.name
        return named and signature.key_id == self.key_id(signature.name)

    def holds(self, note: Note, signature: Signature) -> bool:
        """Whether a signature of a note is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(
                signature.signature, note.text.encode()
            )
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """A private key."""

    private: Ed25519PrivateKey

    @classmethod
    def parse(cls, pem: bytes) -> Signer:
        """Read a private key in PEM, as ``openssl genpkey -algorithm ed25519`` makes it.

        Raises:
            UsageError: it is none.
        """
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise UsageError(
                "The key to sign with is no Ed25519 private key in PEM without a passphrase.",
                remedy=f"Make one: {act('audit key', 'FILE')}, or openssl genpkey -algorithm "
                "ed25519 -out FILE",
            )
        return cls(key)

    @classmethod
    def made(cls) -> Signer:
        """A new key."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def pem(self) -> bytes:
        """The private key as it is kept."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def verifier(self) -> Verifier:
        """The public key."""
        return Verifier(None, self.private.public_key().public_bytes_raw())

    def signed(self, text: str, name: str) -> str:
        """A text as a note that this key signs under a name."""
        signature = self.verifier.key_id(name) + self.private.sign(text.encode())
        return f"{text}\n{_DASH}{name} {base64.b64encode(signature).decode()}\n"


def parse(text: str) -> Note:
    """Take a note apart; a text without signatures is one, too.

    Raises:
        UsageError: it is none, or has control characters.
    """
    if any(ord(character) < ord(" ") and character != "\n" for character in text):
        raise UsageError("A note holds control characters.", remedy="Give the file as it was made.")
    body, blank, rest = text.rpartition("\n\n")
    if not blank or not rest.startswith(_DASH):
        return Note(text.rstrip("\n") + "\n", ())
    return Note(
        body + "\n", tuple(_signature(line) for line in rest.removesuffix("\n").split("\n"))
    )


def require_signed(note: Note, keys: Iterable[Verifier], *, path: str) -> None:
    """Refuse a file's note that none of some keys has signed; others' signatures are passed over.

    Raises:
        IntegrityFailure: a signature in the name of one of them is wrong, or there is none.
    """
    if not note.signatures:
        raise IntegrityFailure(
            f"The checkpoint in {path} is not signed, and a key was given.",
            remedy="Give the signed one; one that you kept yourself is checked without a key.",
        )
    known = [(key, sign) for sign in note.signatures for key in keys if key.claims(sign)]
    for key, sign in known:
        if not key.holds(note, sign):
            raise IntegrityFailure(
                f"{path} was changed: the signature of {sign.name} does not go with its text.",
                remedy="Take the checkpoint from where it was kept first.",
            )
    if not known:
        raise IntegrityFailure(
            f"The checkpoint in {path} is signed by none of the keys that were given.",
            remedy=f"Give the key of the registry that it is of: {act('audit verify', key='PUB')}",
        )


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    signature = _from_base64(encoded)
    if not line.startswith(_DASH) or not name or signature is None or len(signature) <= _ID_SIZE:
        raise UsageError(
            "A line below the text of a note is no signature.",
            remedy="Give the file as it was made.",
        )
    return Signature(name, signature[:_ID_SIZE], signature[_ID_SIZE:])


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _public_from_pem(text: str) -> bytes:
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise _no_public_key()
    return key.public_bytes_raw()


def _no_public_key() -> UsageError:
    return UsageError(
        "The key to check with is no Ed25519 public key.",
        remedy=f"Give what {act('audit key', 'FILE')} prints (NAME+ID+KEY), or a file with that or "
        "with a public key in PEM.",
    )
