"""A slot as it is shown: made of what is read of it at once, or of what a move knows already.

Tests hold it against a reading row by row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.contract.results import Readiness, ServedVersion, Serving
from lineage.database import clock, policies, values, version_values
from lineage.database.deployments import DeployedPipelines
from lineage.database.known import Known
from lineage.guard import looks
from lineage.guard.facts import Transition
from lineage.identity.origin import OriginState
from lineage.registry.slots import gather, serving, targets
from lineage.registry.slots.readiness import reasons_against
from lineage.timestamps import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session

    from lineage.database.slot_state import SlotSide, SlotState
    from lineage.guard.facts import Waiver


def read_together(session: Session, slots: Iterable[tuple[str, str]]) -> None:
    """Read what slots rest on, by environment and model: one statement for each environment."""
    models: dict[str, list[str]] = {}
    for environment, model in slots:
        models.setdefault(environment, []).append(model)
    for environment, names in models.items():
        Known.of(session, environment).load(session, models=names)


def all_now(session: Session, environment: str, models: Sequence[str]) -> list[Serving]:
    """What serves for some models in an environment, their backups, and whether those are ready."""
    read_together(session, [(environment, model) for model in models])
    with clock.at_one_moment(session):
        return [now(session, environment, model) for model in models]


def now(session: Session, environment: str, model: str, pipeline: str | None = None) -> Serving:
    """What serves for a model in an environment, its backup, and whether that is ready.

    Whether there are such is for the caller to know. ``pipeline`` is the version that the caller
    runs: the side that goes with it is told.

    Raises:
        PipelineMismatch: no pair of the slot goes with that.
    """
    known = Known.of(session, environment).load(session, models=[model])
    state = known.slot_state(session, model)
    answer = slot(session, known, state)
    if pipeline is not None:
        answer = replace(answer, side=serving.side_with(session, answer, pipeline))
    if answer.backup is None:
        return answer
    return replace(answer, readiness=readiness(session, known, state))


def slot(session: Session, known: Known, state: SlotState) -> Serving:
    """What serves in a slot, and its backup; not whether that is ready."""
    pipeline = _pipeline_name(session, known, state)
    runs = known.deployment(session, pipeline)
    row = known.pipeline(session, runs.pipeline, runs.blake3) if runs is not None else None
    return Serving(
        environment=known.name,
        model=state.model,
        revision=state.revision,
        pipeline={"name": pipeline, "digest": row.xxh3 if row is not None else None},
        serving=_side(session, known, state.serving),
        backup=_side(session, known, state.backup),
        contradicted=_contradicted(session, known, state.serving)
        or _contradicted(session, known, state.staged),
        proven=state.serving is not None and state.serving.proven,
        moves_pipeline=_moves_pipeline(session, known, state.backup),
        staged=_side(session, known, state.staged),
        waivers=_in_force(session, known, state),
        rests_on=policies.waiver_by_id(session, state.serving.waiver_id)
        if state.serving is not None
        else None,
    )


def readiness(session: Session, known: Known, state: SlotState) -> Readiness | None:
    """Whether the backup of a slot could take over at once; None where there is none."""
    backup, environment = state.backup, known.environment
    if backup is None or environment is None:
        return None
    version = known.version(session, backup.version_id)
    runs = targets.running(session, environment)
    if backup.pipeline_blake3 is not None:
        runs = runs.with_pipeline(version.pipeline, backup.pipeline_blake3, clock.now(session))
    facts = gather.guard_facts(session, environment, version, runs, move=Transition.RETURN)
    reasons = reasons_against(facts)
    checked_at = max((copy.at for copy in facts.copies), default=None)
    return Readiness(
        not reasons, checked_at, reasons, facts.copies, facts.held, looks.changes_at(facts)
    )


def _pipeline_name(session: Session, known: Known, state: SlotState) -> str | None:
    """The pipeline that the serving version was registered with; else the newest version's."""
    if state.serving is not None:
        return known.version(session, state.serving.version_id).pipeline
    return serving.newest_pipeline(session, state.model)


def _side(session: Session, known: Known, side: SlotSide | None) -> ServedVersion | None:
    if side is None:
        return None
    row = known.version(session, side.version_id)
    own = row.pipeline, row.pipeline_blake3
    proof = side.pipeline, side.pipeline_blake3
    name, blake3 = proof if all(proof) else own
    pipeline = known.pipeline(session, name, blake3) if name and blake3 else None
    origin = version_values.origin_of(row)
    return ServedVersion(
        model=row.model,
        version=row.number,
        tuple=row.tuple_xxh3,
        promoted_at=moment(side.promoted_at),
        promoted_by=side.promoted_by,
        made=origin if origin is not None and origin.state is OriginState.STALE else None,
        code=row.code_digest,
        data=known.data_of(row),
        pipeline=pipeline.xxh3 if pipeline is not None else None,
        weights=row.weights_xxh3,
    )


def _contradicted(session: Session, known: Known, side: SlotSide | None) -> bool:
    """Whether the newest verdict on what stands there is a failure, or rests on what has failed."""
    if side is None or side.pipeline_blake3 is None:
        return False
    newest = known.newest_validation(session, side.version_id, side.pipeline_blake3)
    return newest is not None and (not newest.passed or values.overturned(newest))


def _moves_pipeline(session: Session, known: Known, backup: SlotSide | None) -> bool | None:
    """Whether a backup is on another pipeline version than the one that runs."""
    if backup is None:
        return None
    if backup.pipeline_blake3 is None:
        return False
    runs = known.deployment(session, backup.pipeline)
    return runs is None or runs.blake3 != backup.pipeline_blake3


def _in_force(session: Session, known: Known, state: SlotState) -> tuple[Waiver, ...]:
    if state.serving is None:
        return ()
    version = known.version(session, state.serving.version_id)
    runs = DeployedPipelines(session, known.name, known=known).of(version.pipeline)
    rows = known.waivers(session, state.model, state.serving.version_id, runs)
    return values.waivers_in_force(rows, clock.now(session)) if rows else ()
