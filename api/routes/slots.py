"""Slots: ask the guard about one, and move it."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Header, Response

from lineage.contract import codec, decisions
from lineage.contract.addresses import BACKUP, CANDIDATES, GUARD, PROMOTE, RETIRE, ROLLBACK
from lineage.contract.captured import CapturedPipelineVersion
from lineage.contract.results import FoundPipeline, MoveResult, NamedPipeline
from lineage.errors import Conflict, UsageError
from lineage.identity.references import Reference
from lineage.registry.access import OF_SERVING, Principal, Scope
from lineage.registry.registry import Registry

from ..dependencies import State, call_of, needs, waiver_of
from ..problems import MOVE, READ
from ..responses import answer
from ..schemas import requests, responses
from ..schemas.parameters import EnvPath, ModelPath
from ..strict_bodies import StrictRoute
from ..writes import Call, Written, foreseen, move
from .serving import TAG

router = APIRouter(tags=[TAG], route_class=StrictRoute)

Deploys = Annotated[Call, call_of(Scope.DEPLOY)]
IfMatch = Annotated[
    str | None,
    Header(description='The slot\'s ETag as it was seen, e.g. `"3"`: else 412.', max_length=200),
]
_ETAG = re.compile(r'"(0|[1-9][0-9]{0,9})(-[0-9a-f]{16})?"')


@router.post(
    GUARD,
    response_model=responses.DecisionAnswer,
    responses=MOVE,
    summary="Decide whether a version may serve; change nothing",
)
def guard(
    env: EnvPath,
    model: ModelPath,
    body: requests.GuardBody,
    state: State,
    caller: Annotated[Principal, needs(Scope.READ, OF_SERVING)],
) -> Response:
    """The decision: every rule with its status, a sentence, details and a remedy."""
    seen = state.seen_by(caller)
    running = None
    if body.pipeline is not None:
        named = codec.pipeline_from_json(body.pipeline.model_dump(), model)
        running = _as_captured(seen.pipeline(named)) if isinstance(named, NamedPipeline) else named
    decision = seen.guard(Reference.from_selector(model, body.version), env, running=running)
    state.metrics.decided([decision])
    return answer(decisions.decision_to_json(decision))


@router.post(
    PROMOTE,
    response_model=responses.MovedSlotAnswer,
    responses=MOVE,
    summary="Promote a version, if the guard allows it",
)
def promote(
    env: EnvPath,
    model: ModelPath,
    body: requests.PromoteBody,
    state: State,
    call: Deploys,
    if_match: IfMatch = None,
) -> Response:
    """What served before becomes the backup."""
    expected = revision(if_match)
    named = Reference.from_selector(model, body.version)
    seen = state.seen_by(call.principal)
    foresight = foreseen(lambda: seen.foresee_promotion(named, env, reason=body.reason))

    def act(registry: Registry) -> MoveResult:
        return registry.promote(
            named,
            env,
            expect_revision=expected,
            reason=body.reason,
            waive=waiver_of(body.waiver),
            actor=call.principal.name,
        )

    return move(
        state.registry,
        state.metrics,
        state.recent_answers,
        state.refusals,
        call,
        act,
        _shown,
        foresight,
    )


@router.post(
    ROLLBACK,
    response_model=responses.MovedSlotAnswer,
    responses=MOVE,
    summary="Roll back to the backup, if the guard allows it",
)
def rollback(
    env: EnvPath,
    model: ModelPath,
    state: State,
    call: Deploys,
    body: requests.RollbackBody | None = None,
    if_match: IfMatch = None,
) -> Response:
    """To the backup; with its pipeline and all that rides on it, where that has to move.

    What goes does not stand by. With `dry_run`, only the plan; its `revisions` can be given back as
    `seen`.
    """
    expected = revision(if_match)
    asked = body or requests.RollbackBody()
    seen = state.seen_by(call.principal)
    foresight = foreseen(lambda: seen.foresee_rollback(model, env, leave=asked.leave))

    def act(registry: Registry) -> MoveResult:
        return registry.rollback(
            model,
            env,
            with_pipeline=asked.with_pipeline,
            leave=asked.leave,
            reason=asked.reason,
            expect_revision=expected,
            waive=waiver_of(asked.waiver),
            seen=asked.seen,
            dry_run=asked.dry_run,
            actor=call.principal.name,
        )

    if asked.dry_run:
        return answer(_shown(act(seen))[1])
    return move(
        state.registry,
        state.metrics,
        state.recent_answers,
        state.refusals,
        call,
        act,
        _shown,
        foresight,
    )


@router.put(
    BACKUP,
    response_model=responses.MovedSlotAnswer,
    responses=MOVE,
    summary="Set the backup, if it could take over at once",
)
def set_backup(
    env: EnvPath,
    model: ModelPath,
    body: requests.BackupBody,
    state: State,
    call: Deploys,
    if_match: IfMatch = None,
) -> Response:
    """It must be allowed to serve, and a store must hold its weights."""
    expected = revision(if_match)
    named = Reference.from_selector(model, body.version)

    def act(registry: Registry) -> MoveResult:
        return registry.set_backup(
            named,
            env,
            pipeline=body.pipeline,
            expect_revision=expected,
            reason=body.reason,
            actor=call.principal.name,
        )

    return move(
        state.registry, state.metrics, state.recent_answers, state.refusals, call, act, _shown
    )


@router.get(
    CANDIDATES,
    response_model=responses.ItemsAnswer,
    responses=READ,
    summary="Which version would best stand by, and why not the others",
)
def candidates(
    env: EnvPath,
    model: ModelPath,
    state: State,
    caller: Annotated[Principal, needs(Scope.READ, OF_SERVING)],
) -> Response:
    """The best first, of the pairs that served last and the newest versions."""
    versions = state.seen_by(caller).backup_candidates(model, env)
    return answer({"items": [version.to_json() for version in versions]})


@router.post(
    RETIRE,
    response_model=responses.MovedSlotAnswer,
    responses=MOVE,
    summary="Empty a slot, where no backup is demanded",
)
def retire(
    env: EnvPath,
    model: ModelPath,
    state: State,
    call: Deploys,
    body: requests.RetireBody | None = None,
    if_match: IfMatch = None,
) -> Response:
    """Nothing serves or stands by. Where a backup is demanded that is refused but for a waiver."""
    expected = revision(if_match)
    asked = body or requests.RetireBody()

    def act(registry: Registry) -> MoveResult:
        return registry.retire(
            model,
            env,
            reason=asked.reason,
            expect_revision=expected,
            waive=waiver_of(asked.waiver),
            actor=call.principal.name,
        )

    return move(
        state.registry, state.metrics, state.recent_answers, state.refusals, call, act, _shown
    )


def revision(if_match: str | None) -> int | None:
    """The revision that an ``If-Match`` asks for.

    Raises:
        UsageError: it is no ETag of a slot.
        Conflict: it is a weak one, which matches nothing.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    etag = _ETAG.fullmatch(if_match.strip())
    if etag is not None:
        return int(etag[1])
    if if_match.strip().startswith("W/"):
        raise Conflict("A weak ETag guards no write.", remedy="Give the slot's own ETag.")
    raise UsageError(
        "If-Match is no ETag of a slot.", remedy='Write it as it was given, for example "3".'
    )


def _shown(moved: MoveResult) -> Written:
    """The answer to a move of one slot."""
    slot = moved.slots[0]
    document = slot.to_json() | {"changed": moved.changed, "move": moved.to_whole_json()}
    return 200, document, {"ETag": f'"{slot.etag}"'}


def _as_captured(found: FoundPipeline) -> CapturedPipelineVersion:
    """A recorded pipeline version as it was captured."""
    return CapturedPipelineVersion(found.name, found.version, found.commit, found.dirty)
