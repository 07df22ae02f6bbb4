"""The public keys of an issuer: fetched apart from the requests, once for all who wait for them.

What is known is used while it is renewed. A fetch that fails is remembered for a while: an issuer
that hangs delays those who come with its own tokens, and these for some seconds at the most.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final

import httpx
import jwt

from .trust import LARGEST, IssuerUnreachable, check_issuer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEYS_FOR: Final = 600.0
"""Seconds that an issuer's keys are believed."""

RENEWED_AFTER: Final = 300.0
"""Seconds after which they are fetched anew, while those that are known go on."""

REFRESH_AFTER: Final = 30.0
"""Seconds between two fetches for keys that are not known."""

FAILED_FOR: Final = 10.0
"""Seconds that a fetch which failed stands for those that would fail like it."""

WITHIN: Final = 5.0
"""Seconds that a fetch may take altogether, whatever the issuer sends how slowly."""

_ODD: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading an answer raises that is not what it should be."""


class IssuerKeys:
    """An issuer's public keys, fetched from where its own configuration says."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._failed = -float("inf")
        self._why = ""
        self._fetching: asyncio.Task[None] | None = None

    def known(self, identity: str) -> jwt.PyJWK | None:
        """The key of this id, if it is known and still believed."""
        return self._keys.get(identity) if self._age < KEYS_FOR else None

    async def find(self, identity: str) -> jwt.PyJWK | None:
        """The key of this id; None where the issuer has none.

        Raises:
            IssuerUnreachable: it is not known, and the keys cannot be fetched.
        """
        key = self.known(identity)
        if key is not None:
            if self._age > RENEWED_AFTER and not self._failed_lately:
                self._fetch_apart()
            return key
        if self._age <= REFRESH_AFTER:
            return None
        if self._failed_lately and self._fetching is None:
            raise self._unreachable()
        await asyncio.shield(self._fetch_apart())
        if self._failed_lately:
            raise self._unreachable()
        return self._keys.get(identity)

    @property
    def _age(self) -> float:
        return time.monotonic() - self._fetched

    @property
    def _failed_lately(self) -> bool:
        return time.monotonic() - self._failed < FAILED_FOR

    def _fetch_apart(self) -> asyncio.Task[None]:
        """The fetch that is on its way, or a new one."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                self._keys = await self._ask()
            self._fetched, self._failed = time.monotonic(), -float("inf")
        except TimeoutError:
            self._failed, self._why = time.monotonic(), f"it takes longer than {WITHIN:g} seconds"
        except (httpx.HTTPError, httpx.InvalidURL, *_ODD) as error:
            self._failed = time.monotonic()
            self._why = str(error).partition("\n")[0] or type(error).__name__
        finally:
            self._fetching = None

    async def _ask(self) -> dict[str, jwt.PyJWK]:
        base = self._issuer.rstrip("/")
        async with httpx.AsyncClient(
            timeout=WITHIN, follow_redirects=False, trust_env=False
        ) as client:
            document = await _get(client, f"{base}/.well-known/openid-configuration")
            if document.get("issuer") != self._issuer:
                raise ValueError("it is the configuration of another issuer")
            keys = (await _get(client, check_issuer(str(document["jwks_uri"]))))["keys"]
        return _usable(keys)

    def _unreachable(self) -> IssuerUnreachable:
        return IssuerUnreachable(
            f"The keys of {self._issuer} cannot be fetched: {self._why}.",
            remedy="Try again, or use a token of the registry's own.",
            public="The keys of the token's issuer cannot be fetched.",
        )


async def _get(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as response:
        response.raise_for_status()
        body = b""
        async for part in response.aiter_bytes():
            body += part
            if len(body) > LARGEST:
                raise ValueError("the answer is too large")
    document = json.loads(body)
    if not isinstance(document, dict):
        raise TypeError("the answer is no object")
    return document


def _usable(keys: Sequence[Mapping[str, Any]]) -> dict[str, jwt.PyJWK]:
    usable = {}
    for key in keys:
        if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig":
            try:
                usable[str(key["kid"])] = jwt.PyJWK(dict(key))
            except (jwt.PyJWTError, KeyError, ValueError):
                continue
    return usable
