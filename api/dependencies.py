"""What the routes depend on: the state of the server, who asks, and the write that is asked for.

The state is made once for each server process; the rest is worked out for each request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from blake3 import blake3
from fastapi import Depends, Header, Request, Response, Security

from lineage import strict_json, timestamps
from lineage.contract.requests import WaiverRequest
from lineage.contract.results import MoveResult
from lineage.errors import NotPermitted
from lineage.guard.decision import GuardRefused
from lineage.identity.references import Reference
from lineage.registry.access import Principal, Scope

from .authentication import bearer
from .responses import answer
from .schemas import requests

if TYPE_CHECKING:
    from lineage.registry.registry import Registry

    from .authentication import Authenticator
    from .metrics import Metrics
    from .serving_cache import ServingCache

Written = tuple[int, Any, dict[str, str]]
"""The answer to a write: the status, the document, the headers."""


@dataclass(frozen=True)
class AppState:
    """What a server process holds: its registry, and what stands around it."""

    registry: Registry
    authenticator: Authenticator
    metrics: Metrics
    serving_cache: ServingCache

    def require_pipeline(self, principal: Principal, name: str | None) -> None:
        """Refuse a pipeline that no model rides on which is open.

        Raises:
            NotPermitted: the principal is bound to models of other pipelines.
        """
        if principal.models is None or name is None:
            return
        if name not in self.registry.pipelines_of(principal.models):
            raise NotPermitted(
                f"{principal.name} is bound to models of other pipelines than {name}.",
                remedy="Use a token that is open to a model of this pipeline.",
            )

    def once(self, call: Call, action: Callable[[Registry], Written]) -> Response:
        """Make a write in one transaction, together with the answer that is kept of it.

        The same ``Idempotency-Key`` gives the same answer and does nothing again: on another
        server, after a restart, and where the first answer never arrived. What is refused does
        nothing, so it is decided anew.

        Args:
            call: who asks for what.
            action: the write; it gives a status, a document, and headers.
        """
        status, document, headers = self._written(call, action)
        return answer(document, status, headers)

    def move(
        self,
        call: Call,
        act: Callable[[Registry], MoveResult],
        shown: Callable[[MoveResult], Written],
    ) -> Response:
        """Make a move like :meth:`once`; what is only shown of it is read after the commit.

        Args:
            call: who asks for what.
            act: the move.
            shown: the answer to it: a status, a document, and headers.
        """
        moved: list[MoveResult] = []

        def action(registry: Registry) -> Written:
            moved.append(act(registry))
            return 200, _kept_move(moved[0]), {}

        try:
            _, kept, replayed = self._written(call, action)
        except GuardRefused as error:
            self.metrics.decided(error.decisions)
            raise
        if moved:
            self.metrics.decided(moved[0].decisions)
        result = moved[0] if moved else _move_kept(kept)
        status, document, headers = shown(self.registry.with_hints(result))
        return answer(document, status, headers | replayed)

    def _written(self, call: Call, action: Callable[[Registry], Written]) -> Written:
        """What a write is answered: made now, or kept of the first time."""
        key = call.key
        with self.registry.transaction() as registry:
            if key is not None:
                kept = registry.kept_answer(call.principal.name, key, call.fingerprint)
                if kept is not None:
                    first = strict_json.loads(kept[1])
                    headers = first["headers"] | {"Idempotency-Replayed": "true"}
                    return kept[0], first["document"], headers
            status, document, headers = action(registry)
            if key is not None:
                whole = strict_json.dumps({"headers": headers, "document": document})
                registry.keep_answer(call.principal.name, key, call.fingerprint, status, whole)
        return status, document, headers


@dataclass(frozen=True)
class Call:
    """A write that was asked for: by whom, under which key, and what tells it from others."""

    principal: Principal
    key: str | None
    fingerprint: str


def _kept_move(moved: MoveResult) -> dict[str, Any]:
    """A move as its answer is kept: without what is only shown, which is read for each answer."""
    proven = [slot.model for slot in moved.slots if slot.proven]
    return {"move": moved.to_whole_json(), "proven": proven}


def _move_kept(kept: Mapping[str, Any]) -> MoveResult:
    """Read back what :func:`_kept_move` wrote; a release's answer was once kept as it was given."""
    moved = MoveResult.from_whole_json(kept.get("move", kept))
    proven = kept.get("proven", ())
    slots = tuple(replace(slot, proven=slot.model in proven) for slot in moved.slots)
    return replace(moved, slots=slots)


def state_of(request: Request) -> AppState:
    """The state of the server that a request came to."""
    state: AppState = request.app.state.server
    return state


async def _state(request: Request) -> AppState:
    """The same for FastAPI, which would call a plain function in a thread."""
    return state_of(request)


def needs(scope: Scope) -> Any:  # noqa: ANN401 - what FastAPI takes as a dependency
    """The one who asks, if a scope is held for the environment and the model in the address."""

    async def principal_of(
        request: Request,
        _: Annotated[object, Security(bearer)],
    ) -> Principal:
        principal = await state_of(request).authenticator.authenticate(request)
        request.scope["lineage.actor"] = principal.name
        names = request.path_params
        model = names.get("model")
        principal.require(scope, environment=names.get("env"), models=[model] if model else [])
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


def version_named(caller: Principal, model: str, selector: str) -> str:
    """A version by its selector, which may name an environment that must be open.

    Raises:
        NotPermitted: it is not.
    """
    reference = Reference.from_selector(model, selector)
    environment = reference.environment
    if environment is not None and not caller.sees_environment(environment):
        raise NotPermitted(
            f"{caller.name} is bound to other environments than {environment}.",
            remedy="Use a token that is open to this environment.",
        )
    return str(reference)


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
