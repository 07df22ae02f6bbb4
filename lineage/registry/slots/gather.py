"""The facts of the guard and of a move, gathered from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.database import (
    clock,
    copy_status,
    pairs,
    pipelines,
    policies,
    tables,
    validations,
    versions,
    watched_runs,
)
from lineage.database.engine import is_shared
from lineage.guard.facts import Facts, Transition, Waiver
from lineage.identity.components import EnvironmentKind, Kind
from lineage.registry.slots.facts import VersionFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.database.deployments import DeployedPipelines
    from lineage.identity.run_environment import RunEnvironment

MOST_VERDICTS: Final = 20
"""The newest verdicts that a decision looks at, besides the one on what runs."""


def guard_facts(
    session: Session,
    environment: tables.Environment,
    version: tables.ModelVersion,
    deployed_pipelines: DeployedPipelines,
    *,
    move: Transition | None = None,
    asked: Sequence[Waiver] = (),
    running: CapturedPipelineVersion | None = None,
) -> Facts:
    """The guard's facts of a version, but for what stands by behind it.

    Args:
        session: a transaction.
        environment: where it is to serve.
        version: the version.
        deployed_pipelines: what runs there, or is to.
        move: what the version is about to do; by default whether it serves there already, or did
            so with the pipeline version that is to run, tells.
        asked: waivers that are asked for.
        running: the pipeline that is to run, as captured; perhaps nobody recorded it yet.
    """
    assert version.id is not None  # nosec B101 # noqa: S101 - it was read from the table
    slot = session.get(tables.Slot, (environment.name, version.model))
    policy = policies.policy_of(session, environment.name)
    deployed = deployed_pipelines.of(version.pipeline)
    move = move or transition(session, environment, version, deployed_pipelines)
    key = (deployed.pipeline, deployed.blake3) if deployed else None
    pipeline = session.get(tables.PipelineVersion, key) if key else None
    unrecorded = running.version if running is not None and pipeline is None else None
    taken = _taken_from(session, pipeline, running)
    now = clock.now(session)
    in_force: tuple[Waiver, ...] = ()
    if move is not Transition.RETURN:  # the waivers of what serves end when it leaves
        in_force = policies.waivers_in_force(session, slot, version.id, deployed, now)
    return Facts(
        model=version.model,
        version=version.number,
        kind=Kind(version.kind),
        missing=versions.missing_components(version),
        dirty=version.code_dirty,
        origin=versions.origin_of(version),
        registered_by=version.registered_by,
        registrant_person=version.registered_by_person,
        own_pipeline=version.pipeline_blake3,
        ran_with=watched_runs.ran_with(session, version),
        environment=environment.name,
        environment_kind=EnvironmentKind(environment.kind),
        pipeline=version.pipeline,
        deployed=pipelines.pipeline_version(pipeline) if pipeline is not None else unrecorded,
        deployed_commit=taken.commit,
        deployed_is_commit=taken.commit_holds,
        verdicts=validations.newest_validations(
            session, version.id, most=MOST_VERDICTS, on=deployed.blake3 if deployed else None
        ),
        transition=move,
        pipeline_moves=deployed_pipelines.moves(version.pipeline),
        recorded=unrecorded is None,
        policy=policy,
        serving_metrics=_serving_metrics(session, slot),
        weights=policies.weights_state(session, version.id),
        copies=copy_status.copies(session, version.id, now),
        rolled_back=pairs.rolled_back(
            session, environment.name, version.id, deployed.blake3 if deployed else None
        ),
        served_here=move is Transition.STAND_BY
        and pairs.returns(
            session, environment.name, version.id, deployed.blake3 if deployed else None
        ),
        served_before=policy.promote_from is not None
        and policies.served_in(session, policy.promote_from, version),
        approvals=policies.approvals_of(
            session, environment.name, version.id, deployed_pipelines.previous(version.pipeline)
        )
        if policy.approvals
        else (),
        waivers=(*asked, *in_force),
        watched=watched_runs.of_version(session, version.id),
        unseen=pipelines.unseen_in(pipeline),
        reached_in=_reached_in(session, version.id, pipeline),
        serving_reached_in=_proof_reached_in(session, slot),
        now=now,
        shared=is_shared(session),
        held_until=copy_status.held_until(
            session, environment.name, version.model, version.weights_xxh3, now
        )
        if move in (Transition.RETURN, Transition.STAND_BY)
        else None,
    )


def _taken_from(
    session: Session,
    recorded: tables.PipelineVersion | None,
    running: CapturedPipelineVersion | None,
) -> pipelines.TakenFrom:
    """Where a pipeline version was captured, as far as the registry or this capture knows it."""
    known = pipelines.taken_from(session, recorded) if recorded is not None else None
    if running is not None and not (known is not None and known.commit_holds):
        return pipelines.TakenFrom(running.commit, running.dirty)
    return known or pipelines.TakenFrom(None, dirty=False)


def transition(
    session: Session,
    environment: tables.Environment,
    version: tables.ModelVersion,
    deployed_pipelines: DeployedPipelines,
) -> Transition:
    """What a version that is to serve does: stay, return with the same pipeline, or enter."""
    slot = session.get(tables.Slot, (environment.name, version.model))
    deployed = deployed_pipelines.of(version.pipeline)
    blake3 = deployed.blake3 if deployed is not None else None
    serves = slot is not None and slot.serving_version_id == version.id
    if serves and slot is not None and slot.serving_pipeline_blake3 in (None, blake3):
        return Transition.STAY
    if pairs.returns(session, environment.name, version.id or 0, blake3):
        return Transition.RETURN
    return Transition.STAY if serves else Transition.ENTER


def version_facts(
    session: Session,
    environment: tables.Environment,
    version: tables.ModelVersion,
    deployed_pipelines: DeployedPipelines,
    *,
    move: Transition | None = None,
    asked: Sequence[Waiver] = (),
) -> VersionFacts:
    """A move's facts of a version; the arguments are those of :func:`guard_facts`."""
    facts = guard_facts(session, environment, version, deployed_pipelines, move=move, asked=asked)
    return VersionFacts(version.id or 0, facts, deployed_pipelines.of(version.pipeline))


def _serving_metrics(session: Session, slot: tables.Slot | None) -> dict[str, Any] | None:
    if slot is None or slot.serving_version_id is None:
        return None
    row = _proof(session, slot)
    return validations.metrics_of(row) if row is not None else {}


def _proof(session: Session, slot: tables.Slot | None) -> tables.Validation | None:
    """The validation that what serves rests on."""
    proof = slot.serving_validation_id if slot is not None else None
    return session.get(tables.Validation, proof) if proof is not None else None


def _reached_in(
    session: Session, version_id: int, pipeline: tables.PipelineVersion | None
) -> RunEnvironment | None:
    """The environment of the newest verdict on a version with the pipeline that is to run."""
    if pipeline is None:
        return None
    newest = validations.newest_validation(session, version_id, pipeline.blake3)
    return watched_runs.environment_of(session, newest) if newest is not None else None


def _proof_reached_in(session: Session, slot: tables.Slot | None) -> RunEnvironment | None:
    proof = _proof(session, slot)
    return watched_runs.environment_of(session, proof) if proof is not None else None
