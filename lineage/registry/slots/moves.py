"""Moving slots and pipelines: gather the facts, plan the move, apply the plan, record it.

A promotion moves one model, a deployment the pipeline under the models, a release both at once, a
rollback one model to its backup; a backup change and a retirement touch one slot. Each function
gathers the facts of its move; all go the same way from there. It is gone inside the caller's write
transaction, so nobody else moves between the decision and the commit; what is only shown of a move
(:mod:`lineage.registry.slots.results`) can be read after that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.database import slots, tables
from lineage.database import weights as copies
from lineage.database.deployments import DeployedPipeline, DeployedPipelines, deploy, deployment
from lineage.database.environments import require_environment
from lineage.errors import UsageError
from lineage.guard.facts import Transition
from lineage.registry.slots import events, gather, waivers
from lineage.registry.slots.facts import MoveFacts, MoveKind, PipelineMove, SlotFacts
from lineage.registry.slots.plan import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.guard.facts import Waiver
    from lineage.registry.slots.plan import MovePlan, SlotPlan
    from lineage.registry.slots.request import Request


def promote(session: Session, request: Request, version: tables.ModelVersion) -> MovePlan:
    """Move a slot to a version.

    Raises:
        GuardRefused: a rule fails.
        NotPermitted: a waiver was asked for that the environment does not allow.
        Conflict: the slot moved since the caller saw it.
    """
    environment = require_environment(session, request.environment)
    asked = _asked(session, request)
    deployed_pipelines = DeployedPipelines(session, environment.name)
    state = slots.find_slot(session, environment, version.model)
    facts = gather.slot_facts(
        session, environment, state, version, deployed_pipelines, named=True, asked=asked
    )
    return carry_out(session, MoveFacts(MoveKind.PROMOTED, request, (facts,), asked=asked))


def release(
    session: Session,
    request: Request,
    target: tables.PipelineVersion,
    promoted: Sequence[tables.ModelVersion],
) -> MovePlan:
    """Move a pipeline and models that ride on it in one step; a deployment moves no model.

    Raises:
        UsageError: a model is named twice, or rides on another pipeline.
        GuardRefused: a rule fails for a model, be it moved or left behind.
        NotPermitted: a waiver was asked for that the environment does not allow.
        Conflict: the slots are not those of the plan that was seen.
    """
    _check_named(target, promoted)
    environment = require_environment(session, request.environment)
    asked = _asked(session, request)
    row = deployment(session, environment.name, target.pipeline)
    pipeline = PipelineMove(
        target.pipeline, target.blake3, target.xxh3, row.blake3 if row else None
    )
    moving = DeployedPipeline(pipeline.pipeline, pipeline.blake3, request.at)
    deployed_pipelines = DeployedPipelines(
        session, environment.name, moving if pipeline.moves else None
    )
    named = [
        (slots.find_slot(session, environment, version.model), version) for version in promoted
    ]
    left = _left_behind(session, environment.name, pipeline, {v.model for v in promoted})
    facts = [
        gather.slot_facts(
            session,
            environment,
            state,
            version,
            deployed_pipelines,
            named=index < len(named),
            asked=asked,
        )
        for index, (state, version) in enumerate((*named, *left))
    ]
    kind = MoveKind.RELEASED if promoted else MoveKind.DEPLOYED
    return carry_out(session, MoveFacts(kind, request, tuple(facts), pipeline, asked))


def rollback(session: Session, request: Request, model: str) -> MovePlan:
    """Move a slot to its backup; the version that failed does not become the backup.

    Raises:
        NotFound: there is no backup.
        GuardRefused: the backup may not serve.
        NotPermitted: a waiver was asked for that the environment does not allow.
        Conflict: the slot moved since the caller saw it.
    """
    environment = require_environment(session, request.environment)
    asked = _asked(session, request)
    state = slots.find_slot(session, environment, model)
    facts = SlotFacts(state)
    if state.backup is not None:
        version = session.get(tables.ModelVersion, state.backup.version_id)
        assert version is not None  # noqa: S101 - a foreign key holds it
        deployed_pipelines = DeployedPipelines(session, environment.name)
        backup = gather.version_facts(
            session, environment, version, deployed_pipelines, move=Transition.RETURN, asked=asked
        )
        facts = SlotFacts(state, backup, named=True)
    return carry_out(session, MoveFacts(MoveKind.ROLLED_BACK, request, (facts,), asked=asked))


def set_backup(session: Session, request: Request, version: tables.ModelVersion) -> MovePlan:
    """Make a version the backup of what serves, if it could take over at once.

    Raises:
        NotFound: nothing serves there.
        GuardRefused: a rule fails.
        Conflict: the slot moved since the caller saw it, or the version serves there itself.
    """
    environment = require_environment(session, request.environment)
    deployed_pipelines = DeployedPipelines(session, environment.name)
    backup = gather.version_facts(
        session, environment, version, deployed_pipelines, move=Transition.STAND_BY
    )
    state = slots.find_slot(session, environment, version.model)
    facts = SlotFacts(state, backup, named=True)
    return carry_out(session, MoveFacts(MoveKind.BACKUP_SET, request, (facts,)))


def retire(session: Session, request: Request, model: str) -> MovePlan:
    """Empty a slot.

    Raises:
        NotFound: nothing serves there.
        Conflict: the slot moved since the caller saw it.
    """
    environment = require_environment(session, request.environment)
    facts = SlotFacts(slots.find_slot(session, environment, model))
    return carry_out(session, MoveFacts(MoveKind.RETIRED, request, (facts,)))


def carry_out(session: Session, facts: MoveFacts) -> MovePlan:
    """Plan a move, apply the plan and record it; the plan as it was applied."""
    applied = apply(session, plan(facts))
    if applied.has_event:
        events.record(session, applied)
    return applied


def apply(session: Session, move: MovePlan) -> MovePlan:
    """Write what a plan changes; the plan with the ids of the waivers that were recorded."""
    request = move.request
    if move.pipeline is not None and move.pipeline.moves:
        pipeline, blake3 = move.pipeline.pipeline, move.pipeline.blake3
        deploy(session, request.environment, pipeline, blake3, request.at, request.actor)
    granted = waivers.record(session, request.environment, move.waivers)
    move = replace(move, waivers=granted)
    move = replace(move, slots=tuple(_on_its_waiver(move, slot) for slot in move.slots))
    if move.taken_out is not None:
        copies.mark_rolled_back(
            session,
            request.environment,
            move.taken_out,
            request.reason,
            request.at,
            request.actor,
        )
    for slot in move.changed:
        slots.write_slot(session, slot.after)
    return move


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


def _asked(session: Session, request: Request) -> tuple[Waiver, ...]:
    return waivers.asked(session, request.environment, request.waive, request.actor, request.at)


def _check_named(target: tables.PipelineVersion, promoted: Sequence[tables.ModelVersion]) -> None:
    """Refuse a model that is named twice, or that the pipeline does not carry."""
    seen: set[str] = set()
    for version in promoted:
        if version.model in seen:
            raise UsageError(
                f"{version.model} is named twice.", remedy="Name one version of each model."
            )
        if version.pipeline != target.pipeline:
            raise UsageError(
                f"{version.model}@{version.number} rides on pipeline {version.pipeline}, not on "
                f"{target.pipeline}.",
                remedy=f"Release only models of pipeline {target.pipeline}.",
            )
        seen.add(version.model)


def _left_behind(
    session: Session, environment: str, pipeline: PipelineMove, promoted: set[str]
) -> list[tuple[slots.SlotState, tables.ModelVersion | None]]:
    """The slots that a pipeline moves under, but for those of the models that are promoted.

    Each with the version that serves, where that rests (by its proof or its waiver) on the
    pipeline; None where only the backup does.
    """
    if not pipeline.moves:
        return []
    left: list[tuple[slots.SlotState, tables.ModelVersion | None]] = []
    for row in slots.riding_on(session, environment, pipeline.pipeline):
        if row.model not in promoted:
            version = session.get(tables.ModelVersion, row.serving_version_id)
            rests = row.serving_pipeline is not None or row.serving_waiver_id is not None
            on_it = rests and version is not None and version.pipeline == pipeline.pipeline
            left.append((slots.slot_state(session, row), version if on_it else None))
    return left
