"""Tokens of CI services (OpenID Connect): verify them by configured issuer, audience and claims.

Only the addresses of configured issuers are ever fetched; what a token names (``jku``, ``x5u``, an
unknown ``iss``) is not.
"""

from __future__ import annotations

import json
import re
import threading
import time
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import httpx
import jwt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lineage import bounded_file
from lineage.contract.validation import first_problem
from lineage.errors import NotAuthenticated, RegistryUnreachable, UsageError
from lineage.identity.persons import of_issuer
from lineage.identity.references import check_environment_name, check_name
from lineage.registry.access import LONGEST_NAME, Principal, check_scopes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures with a public key: no shared secrets, never ``none``."""

LEEWAY: Final = 30
"""Seconds that clocks may differ."""

KEYS_FOR: Final = 600.0
"""Seconds that an issuer's keys are believed."""

REFRESH_AFTER: Final = 30.0
"""Seconds between two fetches for keys that are not known."""

LARGEST: Final = 1 << 20

_CLAIM: Final = re.compile(r"\{([^{}]+)\}")
"""A claim in the name that a trusted issuer's tokens are given."""


def _issuer(url: str) -> str:
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ValueError("an issuer is an https:// address")
    return url


class Trust(BaseModel):
    """``[[trust]]``: whose tokens open what. Every claim that is listed must be as it says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Annotated[str, AfterValidator(_issuer)]
    audience: Annotated[str, Field(min_length=1)]
    claims: Annotated[dict[str, str | list[str]], Field(min_length=1)]
    scopes: list[str]
    environments: list[str] | None = None
    models: list[str] | None = None
    name: str = "{sub}"


class TrustFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trust: list[Trust] = Field(default_factory=list)


def read(path: Path | None) -> tuple[Trust, ...]:
    """The issuers that a server trusts.

    Raises:
        UsageError: the file cannot be read, or holds what it should not.
    """
    if path is None:
        return ()
    try:
        table = tomllib.loads(bounded_file.read(path, LARGEST).decode())
        trusted = tuple(TrustFile.model_validate(table).trust)
    except bounded_file.Unfit as reason:
        raise UsageError(f"{path} {reason}.", remedy="Mend LINEAGE_TRUST.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", remedy="Mend LINEAGE_TRUST.") from None
    except ValidationError as error:
        raise UsageError(
            f"{path} is not a valid list of issuers: {first_problem(error)}.",
            remedy="See the page 'A registry for a team' of the documentation.",
        ) from None
    for trust in trusted:
        check_scopes(trust.scopes)
        for name in trust.environments or ():
            check_environment_name(name)
        for name in trust.models or ():
            check_name("model", name)
    return trusted


class Issuers:
    """Verifies the tokens of trusted issuers; thread-safe."""

    def __init__(self, trusted: Sequence[Trust]) -> None:
        self._trusted = tuple(trusted)
        self._keys = {trust.issuer: _Keys(trust.issuer) for trust in trusted}

    def authenticate(self, token: str) -> Principal:
        """The one whom a token speaks of.

        Raises:
            NotAuthenticated: it is not signed by a trusted issuer, not for this audience, over, or
                its claims are not those that are asked for.
            RegistryUnreachable: the issuer's keys cannot be fetched.
        """
        candidates = [trust for trust in self._trusted if trust.issuer == _claimed_issuer(token)]
        if not candidates:
            raise _refused("its issuer is not one that this server trusts")
        key = self._keys[candidates[0].issuer].key_of(token)
        reason = "its audience is not this server's"
        for trust in candidates:
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=list(ALGORITHMS),
                    audience=trust.audience,
                    issuer=trust.issuer,
                    leeway=LEEWAY,
                    options={"require": ["exp", "iat", "iss", "aud", "sub"]},
                )
            except jwt.InvalidAudienceError:
                continue
            except jwt.InvalidTokenError as error:
                raise _refused(str(error).lower().rstrip(".")) from None
            wrong = _wrong_claim(trust, claims)
            if wrong is None:
                return _principal(trust, claims)
            reason = f"its claim {wrong} is not what is asked for"
        raise _refused(reason)


class _Keys:
    """An issuer's public keys, fetched from where its own configuration says."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = -REFRESH_AFTER - KEYS_FOR

    def key_of(self, token: str) -> jwt.PyJWK:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise _refused("it is not a token") from None
        identity, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in ALGORITHMS:
            raise _refused(f"its algorithm {str(algorithm)[:20]!r} is not accepted")
        with self._lock:
            age = time.monotonic() - self._fetched
            if age > KEYS_FOR or (identity not in self._keys and age > REFRESH_AFTER):
                self._keys = self._fetch()
                self._fetched = time.monotonic()
            key = self._keys.get(identity) if isinstance(identity, str) else None
        if key is None:
            raise _refused("its key is not one of the issuer's")
        return key

    def _fetch(self) -> dict[str, jwt.PyJWK]:
        base = self._issuer.rstrip("/")
        try:
            with httpx.Client(timeout=5, follow_redirects=False, trust_env=False) as client:
                document = _get(client, f"{base}/.well-known/openid-configuration")
                if document.get("issuer") != self._issuer:
                    raise ValueError("it is the configuration of another issuer")
                keys = _get(client, _issuer(str(document["jwks_uri"])))["keys"]
            return _usable(keys)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            said = str(error).partition("\n")[0] or type(error).__name__
            raise RegistryUnreachable(
                f"The keys of {self._issuer} cannot be fetched: {said}.",
                remedy="Try again, or use a token of the registry's own.",
            ) from None


def _usable(keys: Sequence[Mapping[str, Any]]) -> dict[str, jwt.PyJWK]:
    usable = {}
    for key in keys:
        if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig":
            try:
                usable[str(key["kid"])] = jwt.PyJWK(dict(key))
            except (jwt.PyJWTError, KeyError, ValueError):
                continue
    return usable


def _get(client: httpx.Client, url: str) -> dict[str, Any]:
    with client.stream("GET", url, headers={"Accept": "application/json"}) as response:
        response.raise_for_status()
        body = b""
        for part in response.iter_bytes():
            body += part
            if len(body) > LARGEST:
                raise ValueError("the answer is too large")
    document = json.loads(body)
    if not isinstance(document, dict):
        raise TypeError("the answer is no object")
    return document


def _claimed_issuer(token: str) -> str | None:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise _refused("it is not a token") from None
    issuer = claims.get("iss")
    return issuer if isinstance(issuer, str) else None


def _wrong_claim(trust: Trust, claims: Mapping[str, Any]) -> str | None:
    for name, wanted in trust.claims.items():
        allowed = [wanted] if isinstance(wanted, str) else wanted
        if claims.get(name) not in allowed:
            return name
    return None


def _principal(trust: Trust, claims: Mapping[str, Any]) -> Principal:
    """The name is made from claims, e.g. ``github:{repository}``.

    It counts as a person whom this issuer calls so, and as no other of the same name.
    """
    said = {key: str(value) for key, value in claims.items() if isinstance(value, (str, int))}
    name = _CLAIM.sub(lambda match: said.get(match[1], match[0]), trust.name)
    name = "".join(letter for letter in name if letter.isprintable()).strip() or "unnamed"
    until = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(int(claims["exp"]) + LEEWAY))
    return Principal(
        name[:LONGEST_NAME].strip(),
        check_scopes(trust.scopes),
        frozenset(trust.environments) if trust.environments is not None else None,
        frozenset(trust.models) if trust.models is not None else None,
        until,
        person=of_issuer(trust.issuer, name),
    )


def _refused(why: str) -> NotAuthenticated:
    return NotAuthenticated(
        f"The token is not accepted: {why}.",
        remedy="Check the issuer, the audience and the claims that the server trusts.",
    )
