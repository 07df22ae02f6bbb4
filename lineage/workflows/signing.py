"""Who signs, and who must have signed: keys in files and variables, and identities."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from lineage import bounded_file
from lineage.acts import act
from lineage.attest.keys import LARGEST, SigningKey, VerifyingKey
from lineage.attest.verification import sigstore
from lineage.errors import UsageError
from lineage.identity.signers import Identity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lineage.attest.keyless_signing import KeylessSigner
    from lineage.attest.keys import Password
    from lineage.attest.verification import Signer

KEY: Final = "LINEAGE_SIGNING_KEY"
"""The variable that holds a private key in PEM where no file is named."""

PASSWORD: Final = "LINEAGE_SIGNING_PASSWORD"  # noqa: S105 - its name
"""The variable that holds the password of an encrypted key."""


def signing_key(path: Path | None, password: Password, note: Callable[[str], object]) -> SigningKey:
    """The key to sign with: of a file, else what :data:`KEY` holds.

    Args:
        path: the file.
        password: asked where it is encrypted.
        note: told where others can read the file.

    Raises:
        UsageError: there is none, or it cannot be used.
    """
    if path is None:
        pem = os.environ.get(KEY, "")
        if not pem.strip():
            raise UsageError(
                "No key to sign with was given.",
                remedy=f"Name its file: {act('attest sign', 'REF', key='FILE')}; or set {KEY} to "
                "the key itself, in PEM.",
            )
        return SigningKey.parse(os.fsencode(pem), f"the key in {KEY}", password)
    key = SigningKey.parse(read(path, "key"), f"the key in {path}", password)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        note(f"note: {path} can be read or changed by others (mode {mode:o}): chmod 600 {path}")
    return key


def keyless_signer(key: Path | None, trust: Path | None) -> KeylessSigner:
    """Who this environment vouches for, and the sigstore that signs.

    Args:
        key: a key's file, which is not used where nobody needs one.
        trust: a private sigstore's trust configuration; None for what is configured.

    Raises:
        UsageError: there is no identity, sigstore is not installed, or a key was named.
        StoreUnreachable: a service that is needed cannot be reached.
    """
    if key is not None:
        raise UsageError(
            "Who signs keyless needs no key.",
            remedy=f"Name one of both: {act('attest sign', 'REF', keyless=True)}, or "
            + act("attest sign", "REF", key="FILE"),
        )
    sigstore()
    from lineage.attest.keyless_signing import KeylessSigner

    return KeylessSigner.here(trust)


def signer(key: Path | None, identity: str | None, issuer: str | None) -> Signer:
    """Who must have signed: a public key in a file, or an identity that an issuer vouched for.

    Raises:
        UsageError: neither or both were named, or it cannot be used.
    """
    if key is not None and identity is None and issuer is None:
        return VerifyingKey.parse(read(key, "key"), f"the key in {key}")
    if key is not None or identity is None or issuer is None:
        raise UsageError(
            "Who signed is a public key, or an identity with its issuer.",
            remedy=f"Name one: {act('attest verify', 'FILE', key='PUB')}, or {_by_identity()}",
        )
    try:
        return Identity(identity, issuer)
    except ValueError as problem:
        raise UsageError(f"{problem}.", remedy=f"Name who signed: {_by_identity()}") from None


def _by_identity() -> str:
    return act("attest verify", "FILE", identity="WHO", issuer="URL")


def named(signer: Signer) -> dict[str, str]:
    """A signer as a registry is told of it: the keywords of ``record_attestation``."""
    if isinstance(signer, VerifyingKey):
        return {"public_key": signer.pem.decode()}
    return {"signed_by": str(signer)}


def read(path: Path, what: str, limit: int = LARGEST) -> bytes:
    """The bytes of a file: of a key, or of what was signed.

    Raises:
        UsageError: it cannot be read, or is too large.
    """
    try:
        return bounded_file.read(path, limit)
    except bounded_file.Unfit as reason:
        raise UsageError(f"{path} {reason}.", remedy=f"Name the file of the {what}.") from None
