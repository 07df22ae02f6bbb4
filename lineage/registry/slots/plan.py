"""The plan of a move: what it changes in which slot, and why. Pure: facts in, a plan out.

These are the rules of a move, in the order in which they are held:

* nobody moves a slot that has moved since they saw it;
* every version that is to serve, be it moved or left behind on a pipeline that moves, is decided on
  by the guard, and so is one that is to stand by; one refusal refuses the whole move;
* a version stands in a slot with its newest passing validation on the pipeline that is to run as
  its proof, else with a waiver that the guard needed; one that stays keeps since when it serves;
* the best ready pair stands by (:mod:`lineage.registry.slots.readiness`): the facts bring that
  choice, for it asks the registry no further than it must;
* a rollback to a pair on another pipeline version moves the pipeline back, and every model that
  rides on it to a pair on it, or is refused; what has none is left, and retired, only by name;
* what goes as a pipeline moves back to a pair that served, or as such a pair comes back for a
  reason, is rolled back, whatever the move is called;
* a release may be staged first: each version stands in its slot with its own passing validation on
  the pipeline that is to run, and nothing else moves; then what serves there changes only by the
  release's own end, or by what is done in a failure (a rollback, a retirement), which withdraws it;
* a retirement leaves nothing that serves or stands by, so the guard is asked for that alone;
* a slot in which nothing changes keeps its revision, and a move that changes nothing has no event.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.errors import Conflict, NotFound, UsageError
from lineage.guard.decision import Status
from lineage.guard.evaluate import decide
from lineage.guard.policy import PROOF
from lineage.registry.slots import checks
from lineage.registry.slots.facts import MoveKind
from lineage.registry.slots.move_plan import MovePlan, RolledBackPair, SlotPlan, WaiverGrant
from lineage.registry.slots.readiness import may_stand

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lineage.database.slots import SlotSide, SlotState
    from lineage.guard.decision import Decision
    from lineage.registry.slots.facts import MoveFacts, SlotFacts, VersionFacts
    from lineage.registry.slots.request import Request


def plan(facts: MoveFacts) -> MovePlan:
    """What a move does.

    Raises:
        GuardRefused: a rule fails for a version.
        NotFound: nothing serves, or nothing stands by, where that is needed.
        OthersMove: a rollback moves other models too, or one of them has nothing to go back to.
        Conflict: a slot moved since the caller saw it, the version to stand by serves itself, or
            another release is staged.
        UsageError: a release that is to be staged brings nothing.
    """
    match facts.kind:
        case MoveKind.ROLLED_BACK:
            return _rollback(facts)
        case MoveKind.BACKUP_SET:
            return _backup_change(facts)
        case MoveKind.RETIRED:
            return _retirement(facts)
        case MoveKind.STAGED:
            return _staging(facts)
        case MoveKind.WITHDRAWN:
            return _withdrawal(facts)
        case _:
            return _promotion(facts)


def _promotion(facts: MoveFacts) -> MovePlan:
    """A promotion, a deployment or a release: versions come to serve, or stay as one moves."""
    if facts.finishes:
        checks.refuse_another_stage(facts)
    else:
        states = [slot.state for slot in facts.slots]
        checks.refuse_while_staged(facts, [*states, *facts.staged])
    for slot in facts.slots:
        if slot.named:
            checks.check_revision(facts.request, slot.state)
    checks.check_seen(facts)
    decided = [(slot, _decided(slot)) for slot in facts.slots if slot.version is not None]
    checks.refuse_unless_allowed(
        tuple(made for _, made in decided), checks.sentence(facts, decided)
    )
    return _allowed(facts, decided)


def _staging(facts: MoveFacts) -> MovePlan:
    """A release as it is to be, without anything that serves by it yet."""
    pipeline, environment = facts.pipeline, facts.request.environment
    assert pipeline is not None  # nosec B101 # noqa: S101 - a release names one
    checks.check_seen(facts)
    decided = [(slot, _decided(slot)) for slot in facts.slots if slot.version is not None]
    checks.refuse_unless_allowed(
        tuple(made for _, made in decided), checks.sentence(facts, decided)
    )
    waivers = _needed(facts, decided)
    plans = tuple(_staged(facts, slot) for slot in facts.slots)
    if not any(plan.after.staged for plan in plans):
        raise UsageError(
            f"No model comes to serve on pipeline {pipeline.pipeline} {pipeline.xxh3} in "
            f"{environment} by this release, so there is nothing to stage.",
            remedy="Name a version that is to serve: "
            + act("release", env=environment, pipeline=pipeline.pipeline, model="REF", stage=True),
        )
    checks.refuse_while_staged(
        facts, [*facts.staged, *(plan.before for plan in plans if plan.changed)]
    )
    decisions = tuple(decision for _, decision in decided)
    unused = _unused(facts, waivers)
    return MovePlan(facts.kind, facts.request, plans, decisions, pipeline, waivers, unused)


def _staged(facts: MoveFacts, slot: SlotFacts) -> SlotPlan:
    """A slot with what is to serve in it, where that is another pair than the one that does."""
    before, version = slot.state, slot.version
    assert version is not None  # nosec B101 # noqa: S101 - a release leaves no slot without one
    side = version.side(*_since(facts.request, before.staged, version.id))
    if not side.proven:
        raise Conflict(
            f"{side.ref} has no passing validation with the pipeline version that is to run, so it "
            "cannot be staged.",
            remedy=f"Validate it with that one: {act('validate', side.ref)}",
        )
    serves, named = before.serving, version.guard.ref if slot.named else None
    there = serves is not None and _pair(serves) == _pair(side)
    staged = None if there else side
    after = before
    if staged != before.staged:
        after = replace(before, revision=before.revision + 1, staged=staged)
    return SlotPlan(before, after, named, slot.backups.passed_over)


def _withdrawal(facts: MoveFacts) -> MovePlan:
    """Nothing of a release is staged any more."""
    plans = tuple(_unstaged(slot.state) for slot in facts.slots)
    return MovePlan(facts.kind, facts.request, plans, pipeline=facts.pipeline)


def _withdrawn(facts: MoveFacts) -> tuple[SlotPlan, ...]:
    """What else is staged on a pipeline that a rollback takes back: the failure is its too."""
    touched = {slot.state.model for slot in facts.slots}
    return tuple(_unstaged(state) for state in facts.staged if state.model not in touched)


def _unstaged(state: SlotState) -> SlotPlan:
    return SlotPlan(state, replace(state, revision=state.revision + 1, staged=None))


def _pair(side: SlotSide) -> tuple[int, str | None]:
    return side.version_id, side.pipeline_blake3


def _rollback(facts: MoveFacts) -> MovePlan:
    """The backup serves, its pipeline runs, and what rides on that goes back with it."""
    slot, *others = facts.slots
    state = slot.state
    if state.backup is None or slot.version is None:
        raise NotFound(
            f"{state.model} has no backup in {state.environment}.",
            remedy="See what could stand by: "
            f"{act('backup candidates', state.model, env=state.environment)}",
        )
    checks.check_revision(facts.request, state)
    checks.check_seen(facts)
    checks.check_others(facts, state, others)
    decided = [(one, _decided(one)) for one in facts.slots if one.version is not None]
    first, *rest = (decision for _, decision in decided)
    checks.refuse_unless_allowed((first,), f"The backup {first.ref} may not serve")
    checks.refuse_unless_allowed(tuple(rest), f"The rollback of {state.subject} is refused")
    return _allowed(facts, decided)


def _allowed(facts: MoveFacts, decided: Sequence[tuple[SlotFacts, Decision]]) -> MovePlan:
    """The plan of a move that every decision allows."""
    waivers = _needed(facts, decided)
    slots = tuple(_settled(facts, slot, waivers) for slot in facts.slots)
    return MovePlan(
        facts.kind,
        facts.request,
        (*slots, *_withdrawn(facts)),
        tuple(decision for _, decision in decided),
        facts.pipeline,
        waivers,
        _unused(facts, waivers),
        _rolled_back(facts, slots),
    )


def _rolled_back(facts: MoveFacts, slots: Sequence[SlotPlan]) -> tuple[RolledBackPair, ...]:
    """What goes as something comes back that served before, and is not to return with it."""
    gone: list[RolledBackPair] = []
    for slot, plan in zip(facts.slots, slots, strict=True):
        before, after = plan.before.serving, plan.after.serving
        if before is None or not slot.takes_back:
            continue
        left = after is not None and after.version_id != before.version_id
        moved = after is None or after.pipeline_blake3 != before.pipeline_blake3
        if left or (moved and before.pipeline_blake3 is not None):
            gone.append(RolledBackPair(before, left))
    return tuple(gone)


def _backup_change(facts: MoveFacts) -> MovePlan:
    """A version stands by behind what serves."""
    (slot,) = facts.slots
    state, version = slot.state, slot.version
    assert version is not None  # nosec B101 # noqa: S101 - a backup change names one
    name, ref = state.environment, version.guard.ref
    if state.serving is None:
        raise NotFound(
            f"{state.model} does not serve in {name}, so nothing can stand by.",
            remedy=f"Promote a version first: {act('promote', ref, env=name)}",
        )
    checks.check_revision(facts.request, state)
    runs = version.deployed.blake3 if version.deployed is not None else None
    same = state.serving.version_id == version.id
    if same and state.serving.pipeline_blake3 in (None, runs):
        raise Conflict(
            f"{ref} serves in {name} itself.",
            remedy=f"Name another: {act('backup candidates', state.model, env=name)}",
        )
    decision = _decided(slot)
    checks.refuse_unless_allowed((decision,), f"{ref} may not stand by in {name}")
    backup = version.side(*_since(facts.request, state.backup, version.id))
    after = state
    if backup != state.backup:
        after = replace(state, revision=state.revision + 1, backup=backup)
    return MovePlan(facts.kind, facts.request, (SlotPlan(state, after, ref),), (decision,))


def _retirement(facts: MoveFacts) -> MovePlan:
    """Nothing serves, stands by or is staged."""
    (slot,) = facts.slots
    state = slot.state
    if state.serving is None and state.staged is None:
        raise NotFound(
            f"{state.model} does not serve in {state.environment}.",
            remedy=f"See what serves: {act('serving', env=state.environment)}",
        )
    checks.check_revision(facts.request, state)
    decided = [(slot, _decided(slot))] if slot.version is not None else []
    decisions = tuple(decision for _, decision in decided)
    checks.refuse_unless_allowed(decisions, f"The retirement of {state.subject} is refused")
    granted = _needed(facts, decided)
    return MovePlan(
        facts.kind,
        facts.request,
        (SlotPlan(state, _emptied(state)),),
        decisions,
        waivers=granted,
        unused_waivers=_unused(facts, granted),
    )


def _decided(slot: SlotFacts) -> Decision:
    """The guard's word on a slot's version, beside what stands by after the move."""
    assert slot.version is not None  # nosec B101 # noqa: S101 - only what has one is decided on
    return decide(replace(slot.version.guard, standby=slot.backups.standby))


def _settled(facts: MoveFacts, slot: SlotFacts, waivers: tuple[WaiverGrant, ...]) -> SlotPlan:
    """A slot with what is to serve, and what stands by behind it."""
    before = slot.state
    if slot.version is None:  # a rollback leaves it
        return SlotPlan(before, _emptied(before))
    serving, backup = _to_serve(facts.request, before, slot.version, waivers), slot.backups.chosen
    anew = facts.pipeline is not None and facts.pipeline.moves
    same = serving == before.serving
    stays = before.staged is None and same and (backup == before.backup or not anew)
    after = before
    if not stays:
        revision = before.revision + 1
        after = replace(before, revision=revision, serving=serving, backup=backup, staged=None)
    named = slot.version.guard.ref if slot.named else None
    return SlotPlan(before, after, named, slot.backups.passed_over)


def _emptied(state: SlotState) -> SlotState:
    """A slot in which nothing serves, stands by or is staged."""
    return replace(state, revision=state.revision + 1, serving=None, backup=None, staged=None)


def _to_serve(
    request: Request, state: SlotState, version: VersionFacts, waivers: tuple[WaiverGrant, ...]
) -> SlotSide:
    """A version as it is to serve: with its proof, or the waiver in its place."""
    serving = version.side(*_since(request, state.serving, version.id))
    if may_stand(serving, state.environment_kind):
        return serving
    standing_in = (
        grant for grant in waivers if grant.version_id == version.id and grant.waiver.code in PROOF
    )
    grant = next(standing_in, None)
    if grant is None:
        stays = state.serving is not None and state.serving.version_id == version.id
        return state.serving if stays and state.serving is not None else serving
    return replace(
        serving,
        pipeline=version.deployed.pipeline if version.deployed else None,
        pipeline_blake3=version.deployed.blake3 if version.deployed else None,
        waiver_code=grant.waiver.code,
    )


def _since(request: Request, side: SlotSide | None, version_id: int) -> tuple[str, str]:
    """Since when a version stands on a side, and by whom: what stands there already keeps both."""
    if side is not None and side.version_id == version_id:
        return side.promoted_at, side.promoted_by
    return request.at, request.actor


def _needed(
    facts: MoveFacts, decided: Iterable[tuple[SlotFacts, Decision]]
) -> tuple[WaiverGrant, ...]:
    """Those of the waivers that are asked for that decisions needed, for each version."""
    grants: list[WaiverGrant] = []
    for slot, decision in decided:
        waived = {check.code for check in decision.checks if check.status is Status.WAIVED}
        if slot.version is not None:
            version = slot.version
            grants += [
                WaiverGrant(version.id, waiver, version.deployed)
                for waiver in facts.asked
                if waiver.code in waived
            ]
    return tuple(grants)


def _unused(facts: MoveFacts, waivers: Iterable[WaiverGrant]) -> tuple[str, ...]:
    used = {grant.waiver.code for grant in waivers}
    return tuple(waiver.code for waiver in facts.asked if waiver.code not in used)
