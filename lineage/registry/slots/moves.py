"""Moving slots and pipelines: gather the facts, plan the move, apply the plan, record it.

A promotion moves one model, a deployment the pipeline under the models, a release both at once, a
rollback one model to its backup and, where that is on another pipeline version, the pipeline with
all that rides on it; a backup change and a retirement touch one slot. Each function
gathers the facts of its move; all go the same way from there. It is gone inside the caller's write
transaction, so nobody else moves between the decision and the commit; what is only shown of a move
(:mod:`lineage.registry.slots.results`) can be read after that.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.database import bulk, slots, telling
from lineage.database.deployments import deploy
from lineage.database.environments import require_environment
from lineage.database.known import SEEN, Known
from lineage.errors import Conflict
from lineage.guard.facts import Transition
from lineage.guard.policy import LikeProduction
from lineage.registry.slots import checks, events, gather, standby, targets, waivers
from lineage.registry.slots.facts import MoveFacts, MoveKind, PipelineMove, SlotFacts
from lineage.registry.slots.foresight import NOTHING, Foreseen, Foresight
from lineage.registry.slots.plan import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.database import tables
    from lineage.database.slots import SlotState
    from lineage.guard.facts import Waiver
    from lineage.registry.slots.move_plan import MovePlan, SlotPlan
    from lineage.registry.slots.request import Request
    from lineage.registry.slots.targets import Target, Targets

__all__ = ["NOTHING", "Foresight"]


def foresee(session: Session, move: Targets) -> Foresight:
    """What would stand by after a move: found before it, while nobody has to wait."""
    found = {}
    known = Known.of(session, move.environment.name)
    looks = known.policy(session).like_production is not LikeProduction.OFF
    for target in move.slots:
        if target.version is not None:
            if looks:  # to read windows takes a while
                gather.guard_facts(
                    session, move.environment, target.version, move.runs, move=target.move
                )
            choice = standby.backup_choice(
                session,
                move.environment,
                target.state,
                target.version,
                move.runs,
                takes_back=target.takes_back,
            )
            found[target.state.model] = Foreseen(target.state.revision, choice, target.version.id)
    return Foresight(found, Known.of(session, move.environment.name), session.info.get(SEEN, {}))


def promote(
    session: Session,
    request: Request,
    version: tables.ModelVersion,
    foresight: Foresight = NOTHING,
) -> MovePlan:
    """Move a slot to a version.

    Raises:
        GuardRefused: a rule fails.
        NotPermitted: a waiver was asked for that the environment does not allow.
        Conflict: the slot moved since the caller saw it.
    """
    environment = _environment(session, request)
    move = targets.of_promotion(session, environment, version, request.reason)
    return _carried_out(session, MoveKind.PROMOTED, request, move, foresight)


def release(
    session: Session,
    request: Request,
    target: tables.PipelineVersion,
    promoted: Sequence[tables.ModelVersion],
    foresight: Foresight = NOTHING,
    *,
    stage: bool = False,
) -> MovePlan:
    """Move a pipeline and models that ride on it in one step; a deployment moves no model.

    ``stage`` declares it alone: what is to serve stands in its slots beside what serves.

    Raises:
        UsageError: a model is named twice, or rides on another pipeline.
        GuardRefused: a rule fails for a model, be it moved or left behind.
        NotPermitted: a waiver was asked for that the environment does not allow.
        Conflict: the slots are not those of the plan that was seen, or a release is staged.
    """
    environment = _environment(session, request)
    move = targets.of_release(session, environment, target, promoted, request.reason, request.at)
    kind = MoveKind.RELEASED if promoted else MoveKind.DEPLOYED
    return _carried_out(session, MoveKind.STAGED if stage else kind, request, move, foresight)


def finish(
    session: Session, request: Request, pipeline: str, foresight: Foresight = NOTHING
) -> MovePlan:
    """Make what is staged on a pipeline serve; the guard decides once more.

    Raises:
        NotFound: nothing is.
        GuardRefused: a rule fails for a model.
        NotPermitted: a waiver was asked for that the environment does not allow.
        Conflict: the slots are not those of the plan that was seen.
    """
    environment = _environment(session, request)
    move = targets.of_staged(session, environment, pipeline, request.reason, request.at)
    return _carried_out(session, MoveKind.RELEASED, request, move, foresight, finishes=True)


def withdraw(session: Session, request: Request, pipeline: str) -> MovePlan:
    """Take back what is staged on a pipeline.

    Raises:
        NotFound: nothing is.
    """
    environment = _environment(session, request)
    states, row = targets.staged(session, environment, pipeline)
    checks.check_open(request, states)
    moved = PipelineMove(row.pipeline, row.blake3, row.xxh3, None)
    facts = tuple(SlotFacts(state) for state in states)
    return carry_out(session, MoveFacts(MoveKind.WITHDRAWN, request, facts, moved))


def rollback(
    session: Session, request: Request, model: str, foresight: Foresight = NOTHING
) -> MovePlan:
    """Move a slot to its backup, and the pipeline with all that rides on it where it needs that.

    Raises:
        NotFound: there is no backup.
        OthersMove: other models move too, and nobody said so, or one has nothing to go back to.
        GuardRefused: the backup may not serve, or another model may not go back.
        NotPermitted: a waiver was asked for that the environment does not allow.
        Conflict: the slot moved since the caller saw it.
    """
    environment = _environment(session, request)
    move = targets.of_rollback(session, environment, model, request.at, request.leave, foresight)
    seen = foresight.get(model)
    if seen is not None and seen.revision != move.slots[0].state.revision:
        raise Conflict(
            f"{move.slots[0].state.subject} moved while the rollback was prepared.",
            remedy="Look at what serves now "
            f"({act('serving', model, env=environment.name)}) and decide again.",
        )
    return _carried_out(session, MoveKind.ROLLED_BACK, request, move, foresight)


def set_backup(
    session: Session,
    request: Request,
    version: tables.ModelVersion,
    pipeline: tables.PipelineVersion | None = None,
) -> MovePlan:
    """Make a version the backup of what serves, if it could take over at once.

    ``pipeline`` is what it is to stand by with; by default what runs.

    Raises:
        NotFound: nothing serves there.
        GuardRefused: a rule fails.
        Conflict: the slot moved since the caller saw it, or the version serves there itself.
    """
    environment = _environment(session, request)
    runs = targets.running(session, environment)
    if pipeline is not None:
        runs = runs.with_pipeline(pipeline.pipeline, pipeline.blake3, request.at)
    backup = gather.version_facts(session, environment, version, runs, move=Transition.STAND_BY)
    state = Known.of(session, environment.name).slot_state(session, version.model)
    facts = SlotFacts(state, backup, named=True)
    return carry_out(session, MoveFacts(MoveKind.BACKUP_SET, request, (facts,)))


def retire(session: Session, request: Request, model: str) -> MovePlan:
    """Empty a slot, where no backup is demanded or that is waived.

    Raises:
        NotFound: nothing serves there.
        GuardRefused: the environment demands a backup.
        NotPermitted: a waiver was asked for that the environment does not allow.
        Conflict: the slot moved since the caller saw it.
    """
    environment = _environment(session, request)
    known = Known.of(session, environment.name)
    state = known.slot_state(session, model)
    asked = waivers.asked(session, request)
    leaves = None
    if state.serving is not None:
        leaves = gather.version_facts(
            session,
            environment,
            known.version(session, state.serving.version_id),
            targets.running(session, environment),
            move=Transition.LEAVE,
            asked=asked,
        )
    facts = MoveFacts(MoveKind.RETIRED, request, (SlotFacts(state, leaves),), asked=asked)
    return carry_out(session, facts)


def _carried_out(
    session: Session,
    kind: MoveKind,
    request: Request,
    move: Targets,
    foresight: Foresight,
    *,
    finishes: bool = False,
) -> MovePlan:
    """Gather what a move is planned on, and carry it out."""
    staged = () if finishes else _staged_besides(session, kind, move)
    states = (*(target.state for target in move.slots), *staged)
    checks.check_open(request, states, move.pipeline)
    asked = waivers.asked(session, request)
    facts = tuple(
        _slot_facts(session, move, target, asked, foresight.get(target.state.model))
        for target in move.slots
    )
    return carry_out(
        session, MoveFacts(kind, request, facts, move.pipeline, asked, staged, finishes)
    )


def _staged_besides(session: Session, kind: MoveKind, move: Targets) -> tuple[SlotState, ...]:
    """The slots in which something is staged that a move of their pipeline would overtake."""
    pipeline = move.pipeline
    if pipeline is None or not (pipeline.moves or kind is MoveKind.STAGED):
        return ()
    found = targets.staged_on(session, move.environment, pipeline.pipeline)
    if kind is not MoveKind.STAGED:
        return tuple(found)
    others = (one for one in found if one.staged and one.staged.pipeline_blake3 != pipeline.blake3)
    return tuple(others)


def _slot_facts(
    session: Session,
    move: Targets,
    target: Target,
    asked: tuple[Waiver, ...],
    foreseen: Foreseen | None,
) -> SlotFacts:
    """A slot, what the guard sees of the version that is to serve there, and what stands by."""
    if target.version is None:
        return SlotFacts(target.state, takes_back=target.takes_back)
    version = gather.version_facts(
        session, move.environment, target.version, move.runs, move=target.move, asked=asked
    )
    backups = standby.backup_choice(
        session,
        move.environment,
        target.state,
        target.version,
        move.runs,
        takes_back=target.takes_back,
        foreseen=foreseen,
    )
    return SlotFacts(target.state, version, target.named, backups, target.takes_back)


def carry_out(session: Session, facts: MoveFacts) -> MovePlan:
    """Plan a move, apply the plan and record it; the plan as it was applied."""
    known = Known.of(session, facts.request.environment)
    applied = plan(facts)
    if not applied.has_event:
        if telling.is_waiting(session):
            events.record_pipeline(session, applied)
        return applied
    others = applied.waivers or applied.rolled_back or applied.deployed
    with nullcontext() if others else bulk.together(session):
        applied, deployed = apply(session, known, applied)
        rolled_back = events.record(session, known, applied)
    if not applied.waivers:  # what was waived is read anew
        states = [slot.after for slot in applied.changed]
        known.moved(session, states, deployed, rolled_back)
    return applied


def apply(
    session: Session, known: Known, move: MovePlan
) -> tuple[MovePlan, tables.PipelineDeployment | None]:
    """Write what a plan changes; the plan with the ids of its waivers, and what runs by it."""
    request, deployed = move.request, None
    if move.deployed is not None and move.deployed.moves:
        pipeline, blake3 = move.deployed.pipeline, move.deployed.blake3
        deployed = deploy(session, request.environment, pipeline, blake3, request.at, request.actor)
    given = known.newest_waiver
    move = replace(move, slots=tuple(_counting_from(given, slot) for slot in move.slots))
    granted = waivers.record(session, request.environment, move.waivers)
    move = replace(move, waivers=granted)
    move = replace(move, slots=tuple(_on_its_waiver(move, slot) for slot in move.slots))
    slots.write_slots(session, [slot.after for slot in move.changed])
    return move, deployed


def _environment(session: Session, request: Request) -> tables.Environment:
    """The environment of a move, which its verb has found."""
    known = Known.of(session, request.environment).load(session)
    return known.environment or require_environment(session, request.environment)


def _counting_from(given: int, slot: SlotPlan) -> SlotPlan:
    """A slot in which another pair comes to serve: what was waived until then counts no more."""
    before, after = (
        side and (side.version_id, side.pipeline_blake3)
        for side in (slot.before.serving, slot.after.serving)
    )
    if before == after:
        return slot
    return replace(slot, after=replace(slot.after, waivers_after=given))


def _on_its_waiver(move: MovePlan, slot: SlotPlan) -> SlotPlan:
    """A slot whose serving version rests on a waiver of this move, with the waiver's id."""
    serving = slot.after.serving
    if serving is None or serving.waiver_code is None or serving.waiver_id is not None:
        return slot
    waiver = next(
        grant
        for grant in move.waivers
        if (grant.version_id, grant.waiver.code) == (serving.version_id, serving.waiver_code)
    )
    return replace(slot, after=replace(slot.after, serving=replace(serving, waiver_id=waiver.id)))
