"""Keyless signatures, as sigstore makes them: verified without a network, by a root of trust.

A certificate that holds for minutes binds a key of one signature to an identity that an issuer
vouched for; a log's entry, or a timestamp, proves that the signature was made in those minutes.
``sigstore`` (an extra) judges the certificate, its log's promise, the entry and the time; what is
read here is what it found signed. It is loaded here alone.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore.errors import Error, VerificationError
from sigstore.models import Bundle, ClientTrustConfig, InvalidBundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity as NamedIn
from typing_extensions import override

from lineage import bounded_file, strict_json
from lineage.acts import act
from lineage.attest.envelope import MEDIA_TYPE, PAYLOAD_TYPE
from lineage.attest.keys import VerifyingKey, begun
from lineage.errors import SignatureMismatch, UsageError
from lineage.identity.signers import Identity

if TYPE_CHECKING:
    from pathlib import Path

    from lineage.attest.envelope import Envelope

TRUST: Final = "LINEAGE_SIGSTORE_TRUST"
"""The variable that names the root of trust where no flag does; without one, sigstore's own."""

PUBLIC: Final = "sigstore's root of trust"

_LARGEST: Final = 4 << 20
_ROOT: Final = TrustedRoot.TrustedRootType.TRUSTED_ROOT_0_1.value
_CONFIG: Final = ClientTrustConfig.ClientTrustConfigType.CONFIG_0_1.value
_ISSUER: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_OTHER_NAME: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_SHOWN: Final = 200
"""Characters of the library's reason that a sentence has at the most."""

# Of a library's warnings nobody is told here, unless somebody asked for its log.
logging.getLogger("sigstore").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Trust:
    """A root of trust; ``config`` names the services to sign with too, None where it names none.

    ``public`` is the one of the public service, which is renewed before it signs.
    """

    root: TrustedRoot
    config: ClientTrustConfig | None
    what: str
    public: bool = False


def trust(path: Path | None = None) -> Trust:
    """The root of trust: of a file, else of the one that :data:`TRUST` names, else sigstore's.

    Raises:
        UsageError: it cannot be used.
    """
    named = path if path is not None else os.environ.get(TRUST)
    if not named:
        return _public()
    try:
        status = os.stat(named)
        return _read(os.fspath(named), status.st_mtime_ns, status.st_size)
    except OSError:
        return _read.__wrapped__(os.fspath(named), 0, 0)  # it says what is there


@lru_cache(1)
def _public() -> Trust:
    """What the library holds of sigstore's public service, as it was brought, or last renewed."""
    try:
        config = ClientTrustConfig.production(offline=True)
        return Trust(config.trusted_root, config, PUBLIC, public=True)
    except (OSError, ValueError, Error) as error:
        raise UsageError(
            f"Sigstore's own root of trust cannot be read ({type(error).__name__}).",
            remedy=f"Name one in a file: {TRUST}=trusted_root.json; or give this user a home "
            "folder that can be written to.",
        ) from None


@lru_cache(4)
def _read(path: str, changed: int, size: int) -> Trust:
    """The root of a file; ``changed`` and ``size`` tell when it must be read anew."""
    del changed, size
    what = f"the root of trust in {path}"
    try:
        document = strict_json.loads(bounded_file.read(path, _LARGEST), unique_keys=True)
        kind = document["mediaType"]
        if kind == _CONFIG:
            config = ClientTrustConfig.from_json(json.dumps(document))
            return _usable(Trust(config.trusted_root, config, what))
        if kind == _ROOT:
            return _usable(Trust(TrustedRoot.from_file(path), None, what))
        reason = "is neither"
    except bounded_file.Unfit as unfit:
        reason = str(unfit)
    except Exception as error:  # whatever libraries raise of what is none
        reason = f"cannot be used ({type(error).__name__})"
    raise UsageError(
        f"The root of trust {path} {reason}.",
        remedy="Give a trusted_root.json, or a client's trust configuration, of sigstore's format: "
        f"{_ROOT} or {_CONFIG}.",
    )


def _usable(found: Trust) -> Trust:
    Verifier(trusted_root=found.root)
    return found


@dataclass(frozen=True)
class Proven:
    """What a bundle proves: the bytes that were signed, and the key that signed once."""

    payload: bytes
    key: VerifyingKey


class _Another(Exception):
    """A certificate that holds is of somebody else."""

    def __init__(self, found: Identity | None) -> None:
        self.found = found


class _Named(NamedIn):
    """The policy that a certificate is of one identity, which tells whose it is where it is not."""

    @override
    def verify(self, cert: x509.Certificate) -> None:
        """Refuse another's certificate."""
        try:
            super().verify(cert)
        except VerificationError:
            raise _Another(identity_of(cert)) from None


def identity_of(certificate: x509.Certificate) -> Identity | None:
    """Whom a certificate is of, which may not be judged yet; None where that cannot be said."""
    try:
        extensions = certificate.extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [
            *names.get_values_for_type(x509.RFC822Name),
            *names.get_values_for_type(x509.UniformResourceIdentifier),
            *(
                other.value.decode()
                for other in names.get_values_for_type(x509.OtherName)
                if other.type_id == _OTHER_NAME
            ),
        ]
        issuer: Any = extensions.get_extension_for_oid(_ISSUER).value
        (name,) = found
        return Identity(name, issuer.value.decode())
    except (x509.ExtensionNotFound, ValueError, AttributeError):
        return None


def read(document: str | bytes, what: str) -> Bundle:
    """Take a bundle apart, of which nothing is believed yet.

    Raises:
        UsageError: it is none of a keyless signature.
    """
    try:
        return Bundle.from_json(document)
    except InvalidBundle as error:
        reason = said(error)
    except Exception:  # whatever libraries raise of what anybody may have written
        reason = "malformed"
    raise UsageError(
        f"{begun(what)} is no bundle of a keyless signature: {reason}.",
        remedy=f"Give a bundle of {MEDIA_TYPE} with a certificate and a log's entry; of what a key "
        "signed, name the key.",
    )


def proven(
    sealed: Envelope, document: str | bytes, identity: Identity, what: str, trusted: Trust
) -> Proven:
    """What a bundle proves, if an identity signed it.

    Args:
        sealed: the envelope in it, as it was read strictly.
        document: the bundle.
        identity: who must have signed.
        what: how a message calls the file.
        trusted: the root of trust.

    Raises:
        UsageError: it is no such bundle.
        SignatureMismatch: another signed it, or it does not hold.
    """
    bundle = read(document, what)
    policy = _Named(identity=identity.name, issuer=identity.issuer)
    try:
        kind, payload = Verifier(trusted_root=trusted.root).verify_dsse(bundle, policy)
    except _Another as another:
        raise SignatureMismatch(
            f"{begun(what)} is not signed by {identity}, but by {another.found or 'another'}.",
            remedy="Name the identity and the issuer of who signed, if that is who should have.",
        ) from None
    except Exception as error:  # whatever libraries raise of what does not hold
        reason = said(error) if isinstance(error, Error) else "malformed"
        raise SignatureMismatch(
            f"The keyless signature in {what} does not hold by {trusted.what}: {reason}.",
            remedy="Take the file from where it was made; of a private sigstore, name its root of "
            f"trust: {_by_root()}, or {TRUST} where the registry is.",
        ) from None
    if kind != PAYLOAD_TYPE or payload != sealed.payload:
        raise SignatureMismatch(
            f"{begun(what)} can be read in two ways.", remedy="Take it from where it was made."
        )
    pem = bundle.signing_certificate.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    return Proven(payload, VerifyingKey.parse(pem, f"the key in {what}"))


def _by_root() -> str:
    return act("attest verify", "FILE", identity="WHO", issuer="URL", trust_config="ROOT")


def said(error: BaseException) -> str:
    """A library's reason, on one line; of what it wraps, the innermost that says something."""
    within: BaseException | None = error
    while within is not None and not str(within):
        within = within.__cause__
    text = " ".join(str(within or "").partition(" (encountered")[0].split())
    return "".join(filter(str.isprintable, text))[:_SHOWN].rstrip(".") or type(error).__name__
