"""Tokens of CI services (OpenID Connect): verify them by configured issuer, audience and claims.

Only the addresses of configured issuers are ever fetched; what a token names (``jku``, ``x5u``, an
unknown ``iss``) is not.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Final

import jwt
from starlette.concurrency import run_in_threadpool

from lineage import timestamps
from lineage.identity.persons import of_issuer
from lineage.registry.access import LONGEST_NAME, Principal, check_scopes

from .issuer_keys import IssuerKeys
from .trust import NOT_TRUSTED, refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .trust import Trust

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures with a public key: no shared secrets, never ``none``."""

LEEWAY: Final = 30
"""Seconds that clocks may differ."""

_CLAIM: Final = re.compile(r"\{([^{}]+)\}")
"""A claim in the name that a trusted issuer's tokens are given."""


class Issuers:
    """Verifies the tokens of trusted issuers."""

    def __init__(self, trusted: Sequence[Trust]) -> None:
        self._trusted = tuple(trusted)
        self._keys = {trust.issuer: IssuerKeys(trust.issuer) for trust in trusted}

    async def authenticate(self, token: str, *, fetch: bool = True) -> Principal:
        """The one whom a token speaks of.

        Args:
            token: the token.
            fetch: whether its issuer may be asked for a key that is not known.

        Raises:
            NotAuthenticated: it is not signed by a trusted issuer, not for this audience, over, or
                its claims are not those that are asked for.
            IssuerUnreachable: the issuer's keys cannot be fetched.
        """
        issuer = _claimed_issuer(token)
        candidates = [trust for trust in self._trusted if trust.issuer == issuer]
        if not candidates:
            raise refused(NOT_TRUSTED)
        keys, identity = self._keys[candidates[0].issuer], _key_identity(token)
        key = await keys.find(identity) if fetch else keys.known(identity)
        if key is None:
            raise refused("its key is not one of the issuer's")
        return await run_in_threadpool(_verified, token, key, candidates)


def _key_identity(token: str) -> str:
    """The id of the key that a token says to be signed with."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError):
        raise refused("it is not a token") from None
    identity, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in ALGORITHMS:
        raise refused(f"its algorithm {str(algorithm)[:20]!r} is not accepted")
    if not isinstance(identity, str):
        raise refused("its key is not one of the issuer's")
    return identity


def _verified(token: str, key: jwt.PyJWK, candidates: Sequence[Trust]) -> Principal:
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
            raise refused(str(error).lower().rstrip(".")) from None
        except (ValueError, OverflowError, RecursionError):
            raise refused("a claim cannot be read") from None
        wrong = _wrong_claim(trust, claims)
        if wrong is None:
            return _principal(trust, claims)
        reason = f"its claim {wrong} is not what is asked for"
    raise refused(reason)


def _claimed_issuer(token: str) -> str | None:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError):
        raise refused("it is not a token") from None
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
    return Principal(
        name[:LONGEST_NAME].strip(),
        check_scopes(trust.scopes),
        frozenset(trust.environments) if trust.environments is not None else None,
        frozenset(trust.models) if trust.models is not None else None,
        _until(claims),
        person=of_issuer(trust.issuer, name),
    )


def _until(claims: Mapping[str, Any]) -> str:
    """When a token is over, as the registry writes its times."""
    try:
        end = dt.datetime.fromtimestamp(int(claims["exp"]) + LEEWAY, dt.UTC)
    except (ValueError, OverflowError, OSError):
        raise refused("its end is no time") from None
    return timestamps.written(end)
