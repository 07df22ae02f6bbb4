"""Authentication: tells who asks, by bearer tokens of the registry and of trusted issuers.

Who a token speaks for is remembered until a token is made or revoked, of which the database is
asked before every use: one that was revoked opens nothing from that moment on, on every server.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from blake3 import blake3
from fastapi import Request
from fastapi.security.http import HTTPBearer
from starlette.concurrency import run_in_threadpool

from lineage import timestamps
from lineage.acts import act
from lineage.database.touched import TOKENS
from lineage.errors import LineageError, NotAuthenticated, TooManyAttempts
from lineage.registry import tokens
from lineage.registry.access import LONGEST_NAME, Principal, Scope

from .browsers import require_own
from .known import Known
from .rate_limit import AttemptLimiter
from .trust import IssuerUnreachable

if TYPE_CHECKING:
    from lineage.registry.registry import Registry

    from .change_detection import ChangeDetector
    from .known import Look, RegistryVersion
    from .oidc import Issuers
    from .trust import NoIssuers
    from .writers import Writers

ACTOR_HEADER: Final = "Lineage-Actor"
USE_NOTED_EVERY: Final = 300.0
"""Seconds between two notes that a token was used."""

AT_ONCE: Final = 0.1
"""Seconds within which a request that is authenticated again, once its body is there, is not asked
about anew: it came before whatever was revoked meanwhile."""

_ENTERED: Final = "lineage.entered"

MOST_KNOWN: Final = 10_000
LONGEST_TOKEN: Final = 16_384

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token of `lineage token create`, or of a trusted OpenID Connect issuer.",
)


Met = tuple[Principal, Known | None]
"""Somebody, and from when it is known that a token speaks for them; None where none is needed."""


class Authenticator:
    """Tells who asks by their token; by the name they give where no tokens are asked for."""

    def __init__(
        self,
        registry: Registry,
        detector: ChangeDetector,
        writers: Writers,
        issuers: Issuers | NoIssuers,
        limiter: AttemptLimiter,
        *,
        open_to_all: bool,
        anybody: Scope = Scope.ADMIN,
    ) -> None:
        self._registry = registry
        self._detector = detector
        self._writers = writers
        self._issuers = issuers
        self._limiter = limiter
        self._open = open_to_all
        self._anybody = frozenset({anybody})
        self._secret = secrets.token_bytes(32)
        self._latest = ""
        self._known: dict[bytes, tuple[Principal, Known]] = {}
        self._met: set[bytes] = set()
        self._secrets: tuple[dict[str, tokens.TokenSecret], Known] | None = None
        self._noted: dict[str, float] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def authenticate(self, request: Request) -> Principal:
        """The one who asks.

        Raises:
            NotAuthenticated: there is no token, or it opens nothing.
            TooManyAttempts: the address has tried too many that are none.
        """
        if self._open:
            return self._somebody(request)
        entered: tuple[Principal, float] | None = request.scope.get(_ENTERED)
        if entered is not None and time.monotonic() < entered[1]:
            return entered[0]
        principal = await self.authenticate_at(await self._detector.version(), request)
        request.scope[_ENTERED] = principal, time.monotonic() + AT_ONCE
        return principal

    async def authenticate_at(self, version: RegistryVersion, request: Request) -> Principal:
        """The same, where the registry's version is known already."""
        principal = self.known_at(version, request)
        if principal is None:
            token = _bearer(request)
            principal = await self._found(self._key(token), request, token, version)
            self._let_in(principal)
        return principal

    def known_at(self, version: RegistryVersion, request: Request) -> Principal | None:
        """The one who asks, if it is known already who speaks with that token.

        Raises:
            NotAuthenticated: there is no token, or its time is over.
            NotPermitted: no token is asked for, and the request comes from elsewhere.
        """
        met = self.met(request)
        return self.let_in(met, version) if met is not None else None

    def met(self, request: Request) -> Met | None:
        """The one who spoke with that token last, if anybody did: it may speak for them no more.

        Raises:
            NotAuthenticated: there is no token.
            NotPermitted: no token is asked for, and the request comes from elsewhere.
        """
        if self._open:
            return self._somebody(request), None
        return self._known.get(self._key(_bearer(request)))

    def let_in(self, met: Met, version: RegistryVersion) -> Principal | None:
        """One who was met, if the token speaks for them at a version.

        Raises:
            NotAuthenticated: its time is over.
        """
        principal, known = met
        if known is not None:
            if not _holds(principal, known, version):
                return None
            self._let_in(principal)
        return principal

    def confirm(self, look: Look, span: float) -> None:
        """Take who speaks with a token for that for a span, where a look found the same tokens."""
        if look.is_same(None, None):
            for _, known in self._known.values():
                known.confirm(look, span)

    def _key(self, token: str) -> bytes:
        """What stands for a token in memory."""
        return blake3(token.encode("utf-8", "replace"), key=self._secret).digest()

    def _let_in(self, principal: Principal) -> None:
        """Refuse one whose time is over; note that the token is used."""
        if principal.expires_at is not None:
            self._latest = max(self._latest, timestamps.now())  # no clock that goes back revives it
            tokens.check_time(principal, self._latest)
        if principal.token is not None and self._use_is_to_be_noted(principal.token):
            noting = asyncio.create_task(self._note_use(principal.token))
            self._noting.add(noting)
            noting.add_done_callback(self._noting.discard)

    async def _found(
        self, key: bytes, request: Request, token: str, version: RegistryVersion
    ) -> Principal:
        """The one who speaks with a token, asked for anew."""
        if key in self._known:
            self._known[key][1].wait()
        known = Known(version, (TOKENS,))
        try:
            principal = await self._identify(request, token, version, slowed=key not in self._met)
        except BaseException:
            self._known.pop(key, None)
            raise
        if len(self._met) < MOST_KNOWN:
            self._met.add(key)
        if key not in self._known and len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        known.rest_on((TOKENS, *(("model", name) for name in principal.all_models or ())))
        self._known[key] = principal, known
        return principal

    async def _identify(
        self, request: Request, token: str, version: RegistryVersion, *, slowed: bool
    ) -> Principal:
        """Ask who a token speaks for; what its address tried in vain slows guesses alone.

        Behind one address there are many who have nothing to do with each other. So a token of this
        registry, or one that a known key of an issuer signed, is told from a guess for nothing that
        anybody waits for, and is let in whatever its neighbours try.
        """
        address = request.client.host if request.client else ""
        wait = self._limiter.seconds_to_wait(address) if slowed else 0
        try:
            if wait and not await self._is_no_guess(token, version):
                raise _too_many(wait)
            return await self._authenticate(token, fetch=not wait)
        except (NotAuthenticated, IssuerUnreachable):
            if wait:
                raise _too_many(wait) from None
            self._limiter.note_failure(address)
            raise

    async def _is_no_guess(self, token: str, version: RegistryVersion) -> bool:
        """Whether it is a token of this registry, or may be one of an issuer's."""
        if token.count(".") == 2:
            return True
        if self._secrets is None or not self._secrets[1].is_untouched(version):
            known = Known(version, (TOKENS,))
            self._secrets = (await run_in_threadpool(self._registry.token_secrets), known)
        return tokens.is_one_of(token, self._secrets[0])

    async def _authenticate(self, token: str, *, fetch: bool) -> Principal:
        if len(token) > LONGEST_TOKEN:
            raise tokens.unknown()
        if token.count(".") == 2:
            principal = await self._issuers.authenticate(token, fetch=fetch)
            if principal.models is None:
                return principal
            return await run_in_threadpool(self._registry.called, principal)
        return await run_in_threadpool(self._registry.authenticate, token)

    def _somebody(self, request: Request) -> Principal:
        """Whoever asks, from this machine; not a page of another origin in somebody's browser."""
        require_own(request)
        name = unquote(request.headers.get(ACTOR_HEADER, ""))[:LONGEST_NAME].strip()
        return Principal(name or "anonymous", self._anybody, claimed=True)

    def _use_is_to_be_noted(self, identity: str) -> bool:
        now = time.monotonic()
        if now - self._noted.get(identity, -USE_NOTED_EVERY) < USE_NOTED_EVERY:
            return False
        self._noted[identity] = now
        return True

    async def _note_use(self, identity: str) -> None:
        """Write down that a token was used; a registry that is busy can still be read."""
        with suppress(LineageError):
            await self._writers.run(lambda: self._registry.token_used(identity, timestamps.now()))


def _holds(principal: Principal, known: Known, version: RegistryVersion) -> bool:
    """Whether a token still speaks for somebody; what an issuer says is in no table."""
    return known.is_untouched(version) and (principal.token is None or known.is_confirmed(version))


def _too_many(seconds: int) -> TooManyAttempts:
    return TooManyAttempts(
        "Too many tokens from this address were not valid.",
        remedy=f"Wait {seconds} seconds, and use a valid one.",
        seconds=seconds,
    )


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated(
            "A token is needed.",
            remedy="Send it as Authorization: Bearer …; commands take that of a login "
            f"({act('login', 'URL')}), or LINEAGE_TOKEN where LINEAGE_REGISTRY names the server.",
        )
    return token.strip()
