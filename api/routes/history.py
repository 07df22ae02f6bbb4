"""The history: list its events, and prove its chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from lineage.contract.addresses import (
    AUDIT,
    CHECKPOINT,
    CONSISTENCY,
    EVENTS,
    HEAD,
    PROOF,
)
from lineage.registry.access import OF_ANY, Principal, Scope

from .. import paging
from ..dependencies import AppState, State, needs
from ..problems import READ
from ..responses import answer
from ..schemas import responses
from ..strict_bodies import StrictRoute

if TYPE_CHECKING:
    from collections.abc import Callable

router = APIRouter(tags=["history"], route_class=StrictRoute)

Reader = Annotated[Principal, needs(Scope.READ)]


@router.get(
    EVENTS,
    response_model=responses.EventsAnswer,
    responses=READ,
    summary="The history of events",
)
def events(
    state: State,
    caller: Reader,
    after: Annotated[
        int | None, Query(ge=0, le=2**53, description="The number behind which to go on.")
    ] = None,
    subject: Annotated[
        str | None,
        Query(
            max_length=300, description="A model, a version, a slot, an environment, a pipeline."
        ),
    ] = None,
    model: Annotated[
        str | None, Query(max_length=128, description="A model that they concern besides.")
    ] = None,
    environment: Annotated[
        str | None, Query(max_length=128, description="An environment that they concern besides.")
    ] = None,
    who: Annotated[str | None, Query(max_length=300, description="The actor.")] = None,
    what: Annotated[
        str | None, Query(max_length=60, description="The kind.", examples=["promoted"])
    ] = None,
    since: Annotated[
        str | None,
        Query(
            max_length=40,
            description="ISO 8601 (UTC without a zone), or a span such as `7d`: that long ago.",
        ),
    ] = None,
    until: Annotated[str | None, Query(max_length=40, description="Likewise.")] = None,
    order: Annotated[
        Literal["oldest", "newest"], Query(description="Which comes first.")
    ] = "oldest",
    limit: paging.Limit = 100,
) -> Response:
    """The oldest first; to follow it, give the last number that you saw as `after`.

    The newest first with `order=newest`; `after` goes on towards the oldest then. For tokens that
    are bound to nothing.
    """
    seen = state.seen_by(caller)
    which = {
        "subject": subject, "model": model, "environment": environment, "who": who, "what": what,
        "since": since, "until": until,
    }  # fmt: skip
    if order == "newest":
        events = seen.history(before=after, limit=limit + 1, **which)
    else:
        events = seen.events(after=after or 0, limit=limit + 1, **which)
    following = events[limit - 1]["seq"] if len(events) > limit else None
    return answer({"items": events[:limit], "next": following})


@router.get(
    AUDIT,
    response_model=responses.AuditAnswer,
    responses=READ,
    summary="Prove the chain of events, and that it tells the present state",
)
async def audit(state: State, caller: Reader) -> Response:
    """Reads the whole history. For tokens that are bound to nothing."""
    return await _whole(state, lambda: state.seen_by(caller).audit().to_json())


@router.get(
    HEAD,
    response_model=responses.HeadAnswer,
    responses=READ,
    summary="The newest event's number and digest, and the digest of one that was seen before",
)
def head(
    state: State,
    caller: Annotated[Principal, needs(Scope.READ, OF_ANY)],
    seen: Annotated[int | None, Query(ge=1, le=2**53, description="An event's number.")] = None,
) -> Response:
    """By it a client knows that the history goes on with what it saw before."""
    return answer(state.seen_by(caller).head(seen=seen).to_json())


@router.get(
    CHECKPOINT,
    response_model=responses.CheckpointAnswer,
    responses=READ,
    summary="What the history is now, for somebody outside to keep",
)
async def checkpoint(state: State, caller: Reader) -> Response:
    """Reads the whole history. For tokens that are bound to nothing."""

    def made() -> dict[str, Any]:
        now = state.seen_by(caller).checkpoint()
        note = state.signed(now)
        return now.to_json() | ({"note": note} if note is not None else {})

    return await _whole(state, made)


@router.get(
    CONSISTENCY,
    response_model=responses.ConsistencyAnswer,
    responses=READ,
    summary="Prove that the history goes on with the one of so many events",
)
async def consistency(
    state: State,
    caller: Reader,
    size: Annotated[int, Query(ge=0, le=2**53, description="How many events it had.")],
) -> Response:
    """Reads the whole history. For tokens that are bound to nothing."""
    return await _whole(state, lambda: state.seen_by(caller).consistency(size).to_json())


@router.get(
    PROOF,
    response_model=responses.InclusionAnswer,
    responses=READ,
    summary="Prove that an event is in the history",
)
async def prove(
    state: State,
    caller: Reader,
    seq: Annotated[int, Path(ge=1, le=2**53, description="The event's number.")],
    size: Annotated[
        int | None, Query(ge=1, le=2**53, description="In the history of so many events.")
    ] = None,
) -> Response:
    """Reads the whole history. For tokens that are bound to nothing."""
    return await _whole(state, lambda: state.seen_by(caller).prove(seq, size=size).to_json())


async def _whole(state: AppState, read: Callable[[], dict[str, Any]]) -> Response:
    """Answer what reads the whole history: one at a time, apart from the threads of readers."""
    return await state.whole_reads.run(lambda: answer(read()))
