"""Keys that sign statements, Ed25519 and ECDSA on P-256: read from PEM, named by a fingerprint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lineage.errors import UsageError
from lineage.identity.merkle import sha256

if TYPE_CHECKING:
    from collections.abc import Callable

    Password = Callable[[], bytes | None]
    """Asked where a key is encrypted; None where nobody has the password."""

    Public: TypeAlias = Ed25519PublicKey | ec.EllipticCurvePublicKey
    Private: TypeAlias = Ed25519PrivateKey | ec.EllipticCurvePrivateKey

LARGEST: Final = 1 << 16
"""Bytes that a key in PEM has at the most."""

_UNREADABLE: Final = (ValueError, UnsupportedAlgorithm, InternalError)
"""What cryptography raises of bytes that are no key: the last of one of Ed448 that is too short."""

_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_PUBLIC: Final = b"-----BEGIN PUBLIC KEY-----"
_KINDS: Final = "Give one of Ed25519 or of ECDSA on P-256, in PEM."
_MAKE: Final = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem"


@dataclass(frozen=True)
class VerifyingKey:
    """A public key; ``fingerprint`` names it: ``sha256:`` and the SHA-256 of its DER in hex."""

    public: Public

    @classmethod
    def parse(cls, pem: bytes, what: str) -> VerifyingKey:
        """Read a public key in PEM.

        Args:
            pem: its text.
            what: how a message calls it: ``the key in pub.pem``.

        Raises:
            UsageError: it is none, or of another kind; a private one is not taken for its own.
        """
        if b"PRIVATE KEY-----" in pem:
            raise UsageError(
                f"{begun(what)} is a private one: whoever has it signs with it.",
                remedy="Give the public one: openssl pkey -in KEY -pubout -out PUB",
            )
        try:
            key = serialization.load_pem_public_key(pem)
        except (TypeError, *_UNREADABLE):
            raise UsageError(
                f"{begun(what)} is no public key in PEM.",
                remedy="Give what this writes: openssl pkey -in KEY -pubout -out PUB",
            ) from None
        if isinstance(key, Ed25519PublicKey):
            return cls(key)
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return cls(key)
        raise UsageError(f"{begun(what)} is of a kind that is not used here.", remedy=_KINDS)

    @property
    def pem(self) -> bytes:
        """The key in PEM."""
        return self.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def fingerprint(self) -> str:
        """``sha256:`` and 64 hex digits, as ``openssl pkey -pubin -outform DER`` is digested."""
        der = self.public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"sha256:{sha256(der).hex()}"

    def holds(self, signature: bytes, message: bytes) -> bool:
        """Whether a signature over a message is this key's."""
        try:
            if isinstance(self.public, Ed25519PublicKey):
                self.public.verify(signature, message)
            else:
                self.public.verify(signature, message, _ECDSA)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, repr=False)
class SigningKey:
    """A private key."""

    private: Private

    @classmethod
    def parse(cls, pem: bytes, what: str, password: Password) -> SigningKey:
        """Read a private key in PEM.

        Args:
            pem: its text.
            what: how a message calls it.
            password: asked where it is encrypted.

        Raises:
            UsageError: it is none, of another kind, or its password is another.
        """
        if _PUBLIC in pem:
            raise UsageError(
                f"{begun(what)} is a public one: nobody signs with it.",
                remedy="Give the private one that it belongs to.",
            )
        key = _loaded(pem, what, password)
        if isinstance(key, Ed25519PrivateKey):
            return cls(key)
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
            return cls(key)
        raise UsageError(f"{begun(what)} is of a kind that is not used here.", remedy=_KINDS)

    @property
    def verifying(self) -> VerifyingKey:
        """The public key that belongs to it."""
        return VerifyingKey(self.private.public_key())

    def sign(self, message: bytes) -> bytes:
        """A signature over a message; one of ECDSA is in DER."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(message)
        return self.private.sign(message, _ECDSA)


def _loaded(pem: bytes, what: str, password: Password) -> object:
    """The private key of whatever kind that a PEM holds."""
    try:
        return serialization.load_pem_private_key(pem, None)
    except TypeError:  # it is encrypted
        secret = password()
    except _UNREADABLE:
        raise UsageError(
            f"{begun(what)} is no private key in PEM.", remedy=f"Make one: {_MAKE}"
        ) from None
    if not secret:
        raise UsageError(
            f"{begun(what)} is encrypted, and its password was not given.",
            remedy="Set LINEAGE_SIGNING_PASSWORD, or type it where it is asked for.",
        )
    try:
        return serialization.load_pem_private_key(pem, secret)
    except (TypeError, *_UNREADABLE):
        raise UsageError(
            f"{begun(what)} is not opened by the password that was given.",
            remedy="Give its own: LINEAGE_SIGNING_PASSWORD, or what is typed.",
        ) from None


def begun(what: str) -> str:
    """What a message calls something, as the beginning of a sentence; names stay as they are."""
    return f"The {what[4:]}" if what.startswith("the ") else what
