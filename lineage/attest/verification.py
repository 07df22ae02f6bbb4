"""Verifying a signed statement: by the key, or the identity, that must have signed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from lineage.attest import envelope
from lineage.attest.keys import VerifyingKey
from lineage.errors import UsageError
from lineage.identity.signers import Identity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

Signer: TypeAlias = VerifyingKey | Identity


@dataclass(frozen=True)
class Verified:
    """A statement whose signature holds; ``key`` made it: of an identity, once."""

    statement: Mapping[str, Any]
    signed_by: str
    key: VerifyingKey


def name_of(signer: Signer) -> str:
    """What a signer is called: a key's fingerprint, or the text of an identity."""
    return signer.fingerprint if isinstance(signer, VerifyingKey) else str(signer)


def verified(
    document: str | bytes, signer: Signer, what: str, trust: Path | None = None
) -> Verified:
    """The statement in an envelope, if a key or an identity signed it.

    Args:
        document: the envelope, or the bundle that holds it.
        signer: who must have signed it.
        what: how a message calls the file.
        trust: the root of trust for identities; None for the one that is configured here.

    Raises:
        UsageError: it is none, or sigstore is needed and not installed.
        SignatureMismatch: the signature does not hold, or another signed it.
    """
    sealed = envelope.read(document, what)
    if isinstance(signer, VerifyingKey):
        return Verified(sealed.statement(signer, what), name_of(signer), signer)
    keyless = sigstore()
    proven = keyless.proven(sealed, document, signer, what, keyless.trust(trust))
    return Verified(envelope.read_signed(proven.payload, what), name_of(signer), proven.key)


def sigstore() -> ModuleType:
    """What verifies keyless signatures.

    Raises:
        UsageError: sigstore is not installed.
    """
    try:
        from lineage.attest import keyless
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sigstore":
            raise
        raise UsageError(
            "Keyless signatures need sigstore, which is not installed.",
            remedy="Install it where they are made or verified: pip install "
            "'lineage-guard[sigstore]'",
        ) from None
    return keyless


def judges() -> bool:
    """Whether what identities signed can be judged here, by the root of trust that is configured.

    Where it cannot, nothing is known of such a signature: neither that it holds nor that it fails.
    """
    try:
        sigstore().trust()
    except (UsageError, ImportError):
        return False
    return True
