"""What the routes depend on: the state of the server, who asks, and the write that is asked for.

The state is made once for each server process; the rest is worked out for each request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from blake3 import blake3
from fastapi import Depends, Header, Request, Security

from lineage import timestamps
from lineage.contract.requests import WaiverRequest
from lineage.registry.access import Principal, Scope

from .authentication import bearer
from .recent_answers import RecentAnswers
from .schemas import requests
from .writes import Call

if TYPE_CHECKING:
    from collections.abc import Collection

    from lineage.explain.checkout import Checkout
    from lineage.identity.checkpoint import Checkpoint
    from lineage.identity.notes import Signer
    from lineage.registry.registry import Registry
    from lineage.registry.webhooks.addresses import Network

    from .authentication import Authenticator
    from .environment_cache import EnvironmentCache
    from .live import OpenPages
    from .metrics import Metrics
    from .refusals import Refusals
    from .reporting import Reporting
    from .serving_cache import ServingCache
    from .waiting import WaitingHosts
    from .writers import Writers


@dataclass(frozen=True)
class AppState:
    """What a server process holds: its registry, and what stands around it."""

    registry: Registry
    authenticator: Authenticator
    metrics: Metrics
    serving_cache: ServingCache
    environment_cache: EnvironmentCache
    waiting: WaitingHosts
    open_pages: OpenPages
    writers: Writers
    large_bodies: Writers
    whole_reads: Writers
    reporting: Reporting
    refusals: Refusals
    webhook_networks: tuple[Network, ...]
    recent_answers: RecentAnswers = field(default_factory=RecentAnswers)
    signer: Signer | None = None
    checkout: Checkout | None = None

    def signed(self, checkpoint: Checkpoint) -> str | None:
        """A checkpoint as a signed note; None where this server has no key."""
        if self.signer is None:
            return None
        from lineage.registry.checkpoints import noted  # loads cryptography

        return noted(checkpoint, self.signer)

    def seen_by(self, principal: Principal) -> Registry:
        """The registry as it is open to one who asks: what its verbs name is found for them."""
        return self.registry.speaking_for(principal)


def state_of(request: Request) -> AppState:
    """The state of the server that a request came to."""
    state: AppState = request.app.state.server
    return state


async def _state(request: Request) -> AppState:
    """The same for FastAPI, which would call a plain function in a thread."""
    return state_of(request)


def needs(scope: Scope, also: Collection[Scope] = ()) -> Any:  # noqa: ANN401 - what FastAPI takes as a dependency
    """The one who asks, if a scope is held for the environment and the model in the address.

    Any of the scopes in ``also`` does as well: their own verbs look at this.
    """

    async def principal_of(
        request: Request,
        _: Annotated[object, Security(bearer)],
    ) -> Principal:
        principal = await state_of(request).authenticator.authenticate(request)
        request.scope["lineage.actor"] = principal.name
        request.scope["lineage.admin"] = Scope.ADMIN in principal.scopes and not principal.bound
        names = request.path_params
        model = names.get("model")
        principal.require(
            scope, also=also, environment=names.get("env"), models=[model] if model else []
        )
        return principal

    return Depends(principal_of)


def call_of(scope: Scope) -> Any:  # noqa: ANN401 - what FastAPI takes as a dependency
    """A write, with what tells it from others; the body is read into the fingerprint."""
    entered = needs(scope)

    async def call(
        request: Request,
        principal: Principal = entered,
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1,
                max_length=200,
                pattern=r"^[!-~]+$",
                description="One key for each request that is meant once. A retry with the same "
                "key has no second effect and is given the first answer.",
            ),
        ] = None,
    ) -> Call:
        body = await request.body()
        head = b"\n".join(
            part.encode()
            for part in (request.method, request.url.path, request.headers.get("if-match", ""))
        )
        fingerprint = blake3(head + b"\n" + body).hexdigest()
        return Call(principal, idempotency_key, fingerprint)

    return Depends(call)


def waiver_of(body: requests.WaiverBody | None) -> WaiverRequest | None:
    """The waiver that a body asks for.

    Raises:
        UsageError: a code is no rule, the reason is missing, or the time is over.
    """
    if body is None:
        return None
    until = timestamps.parse_time(body.until) if body.until is not None else None
    return WaiverRequest.checked(body.codes, body.reason, until, timestamps.now())


State = Annotated[AppState, Depends(_state)]
