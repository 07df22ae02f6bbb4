"""Keyless signing: an issuer's token for a certificate of minutes, a signature, a log's entry.

The token is that of a variable or of the CI system that this runs in; it goes to the certificate
authority alone. What comes back is verified by the same root of trust before anybody sees it.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from sigstore.dsse import Statement
from sigstore.errors import Error
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityError, IdentityToken, detect_credential
from sigstore.sign import SigningContext

from lineage.acts import act
from lineage.attest import envelope, keyless
from lineage.errors import SignatureMismatch, StoreUnreachable, UsageError
from lineage.masking import hide
from lineage.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sigstore.models import Bundle

    from lineage.attest.keys import VerifyingKey
    from lineage.identity.signers import Identity

TOKEN: Final = "SIGSTORE_ID_TOKEN"  # nosec B105 # noqa: S105 - the variable's name
"""The variable that holds an issuer's token, as GitLab's and others' clients have it."""

SECONDS: Final = 120.0
"""Seconds that signing may take, where ``LINEAGE_TIMEOUT`` says nothing."""

_WHAT: Final = "what was signed"


class _Statement(Statement):
    """A statement as its bytes: sigstore's own refuses a subject that is named by BLAKE3."""

    def __init__(self, contents: bytes) -> None:
        self._contents = contents


@dataclass(frozen=True)
class KeylessSigner:
    """Who this environment vouches for, and the services that sign."""

    trust: keyless.Trust

    @classmethod
    def here(cls, path: Path | None = None) -> KeylessSigner:
        """The signer that this environment gives.

        Args:
            path: a private sigstore's trust configuration; None for what is configured.

        Raises:
            UsageError: there is no token, or the trust configuration cannot be used.
            StoreUnreachable: the CI system gives none, or sigstore cannot be reached.
        """
        _token()  # what is missing is told before anything is read
        trust = keyless.trust(path)
        if trust.config is None:
            raise UsageError(
                f"{trust.what[0].upper()}{trust.what[1:]} names no services to sign with.",
                remedy="Give a client's trust configuration, which does: "
                + act("attest sign", "REF", keyless=True, trust_config="FILE"),
            )
        if trust.public:
            trust = _renewed()
        return cls(trust)

    def sealed(self, statement: dict[str, Any]) -> tuple[str, Identity, VerifyingKey]:
        """A statement as a signed bundle, whom its certificate names, and the key that it is of.

        A CI system is asked for a token again: reading weights may take longer than one holds.

        Raises:
            UsageError: the token's time is over.
            StoreUnreachable: a service could not be used.
            SignatureMismatch: what came back does not hold.
        """
        assert self.trust.config is not None  # nosec B101 # noqa: S101 - here
        token = _token()
        payload = json.dumps(statement, ensure_ascii=False, separators=(",", ":")).encode()
        seconds = Patience.here().whole if "LINEAGE_TIMEOUT" in os.environ else SECONDS
        try:
            bundle = _in_time(partial(_signed, self.trust.config, token, payload), seconds)
        except Exception as error:  # whatever a service's answer makes a library raise
            raise StoreUnreachable(
                f"Sigstore did not sign: {keyless.said(error)}.",
                remedy="Try again with a new token; of a private sigstore, check its trust "
                "configuration.",
            ) from None
        text = bundle.to_json() + "\n"
        identity = keyless.identity_of(bundle.signing_certificate)
        if identity is None:
            raise SignatureMismatch(
                "The certificate that sigstore gave names nobody who could be verified.",
                remedy="Check which issuers the private sigstore takes.",
            )
        proven = keyless.proven(envelope.read(text, _WHAT), text, identity, _WHAT, self.trust)
        return text, identity, proven.key


def _signed(config: ClientTrustConfig, token: IdentityToken, payload: bytes) -> Bundle:
    with SigningContext.from_trust_config(config).signer(token) as signer:
        return signer.sign_dsse(_Statement(payload))


def _in_time(sign: Callable[[], Bundle], seconds: float) -> Bundle:
    """What is signed, waited for with a bound: the library's own requests have none.

    Raises:
        TimeoutError: it takes longer.
    """
    done: Future[Bundle] = Future()

    def run() -> None:
        try:
            done.set_result(sign())
        except Exception as error:  # it is raised where it is waited for
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        raise TimeoutError(f"no answer within {seconds:g} seconds") from None


def _token() -> IdentityToken:
    """The issuer's token of the variable, or of the CI system."""
    raw = os.environ.get(TOKEN, "").strip()
    try:
        raw = raw or detect_credential() or ""
    except IdentityError as error:
        raise StoreUnreachable(
            f"The CI system gives no identity token: {keyless.said(error)}.",
            remedy="In GitHub Actions give the job the permission id-token: write; elsewhere set "
            f"{TOKEN}.",
        ) from None
    if not raw:
        raise UsageError(
            f"There is no identity to sign as: {TOKEN} is not set, and no CI system gives a token.",
            remedy=f"Set {TOKEN} to an OpenID Connect token for the audience sigstore; in GitHub "
            "Actions give the job the permission id-token: write.",
        )
    hide(raw)
    try:
        return IdentityToken(raw)
    except IdentityError:
        raise UsageError(
            "The identity token is none that signs: no JWT for the audience sigstore, or its time "
            "is over.",
            remedy=f"Set {TOKEN} to a new OpenID Connect token for the audience sigstore.",
        ) from None


def _renewed() -> keyless.Trust:
    """The public sigstore's root of trust, and its services, as they are now."""
    try:
        config = ClientTrustConfig.production()
    except (OSError, ValueError, Error) as error:
        raise StoreUnreachable(
            f"The public sigstore cannot be reached: {keyless.said(error)}.",
            remedy="Try again where it can be; or sign with a key: "
            + act("attest sign", "REF", key="FILE"),
        ) from None
    return keyless.Trust(config.trusted_root, config, keyless.PUBLIC, public=True)
