"""The facts of the guard and of a move, made of what is known (:mod:`lineage.database.known`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.database import clock, values, version_values
from lineage.database.known import Known
from lineage.guard.facts import Facts, Transition, Waiver
from lineage.guard.policy import LikeProduction
from lineage.identity.components import EnvironmentKind, Kind
from lineage.registry.slots.facts import VersionFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.database import tables
    from lineage.database.deployments import DeployedPipelines
    from lineage.database.known_rows import PipelineRow, Row
    from lineage.guard.evidence import Signature
    from lineage.guard.policy import EnvironmentPolicy
    from lineage.guard.seen_lately import SeenLately
    from lineage.identity.run_environment import RunEnvironment


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
    known = Known.of(session, environment.name)
    now = clock.now(session)
    known.load(session, models=[version.model], versions=[version.id])
    policy = known.policy(session)
    deployed = deployed_pipelines.of(version.pipeline)
    blake3 = deployed.blake3 if deployed is not None else None
    move = move or transition(session, environment, version, deployed_pipelines)
    pipeline = known.pipeline(session, deployed.pipeline, deployed.blake3) if deployed else None
    unrecorded = running.version if running is not None and pipeline is None else None
    taken = _taken_from(pipeline, running)
    in_force: tuple[Waiver, ...] = ()
    if move not in (Transition.RETURN, Transition.LEAVE):  # its waivers end when it leaves
        rows = known.waivers(session, version.model, version.id, deployed)
        in_force = values.waivers_in_force(rows, now)
    approvals = known.approvals(session, version.id) if policy.approvals else []
    verdicts = known.validations(session, version.id, blake3)
    approved_on = {deployed_pipelines.previous(version.pipeline), blake3}
    return Facts(
        model=version.model,
        version=version.number,
        kind=Kind(version.kind),
        missing=version_values.missing_components(version),
        dirty=version.code_dirty,
        origin=version_values.origin_of(version),
        registered_by=version.registered_by,
        registrant_person=version.registered_by_person,
        own_pipeline=version.pipeline_blake3,
        ran_with=known.ran_with(session, version.id)
        | ({version.pipeline_blake3} if version.pipeline_blake3 is not None else set()),
        environment=environment.name,
        environment_kind=EnvironmentKind(environment.kind),
        pipeline=version.pipeline,
        deployed=pipeline.version if pipeline is not None else unrecorded,
        deployed_commit=taken.commit,
        deployed_is_commit=taken.commit_holds,
        verdicts=tuple(
            values.verdict(row, known.pipeline(session, row.pipeline, row.pipeline_blake3))
            for row in verdicts
        ),
        transition=move,
        pipeline_moves=deployed_pipelines.moves(version.pipeline),
        recorded=unrecorded is None,
        policy=policy,
        serving_metrics=_serving_metrics(session, known, version.model),
        weights=values.weights_state(known.weights_check(session, version.id)),
        copies=known.copies(session, version.id, now),
        rolled_back=known.rolled_back(session, version.id, blake3),
        served_here=move is Transition.STAND_BY and known.returns(session, version.id, blake3),
        served_before=policy.promote_from is not None
        and known.served_in(session, policy.promote_from, version),
        approvals=tuple(values.approval(row, approved_on) for row in approvals),
        signatures=_signatures(session, version, policy, verdicts),
        waivers=(*asked, *in_force),
        watched=tuple(map(values.recorded_run, known.watched(session, version.id))),
        unseen=values.unseen_in(pipeline),
        reached_in=_reached_in(session, known, version.id, pipeline),
        serving_reached_in=_proof_reached_in(session, known, version.model),
        now=now,
        shared=not known.here,
        held_until=known.held_until(session, version.model, version.weights_xxh3, now)
        if move in (Transition.RETURN, Transition.STAND_BY)
        else None,
        seen=_seen_lately(session, environment.name, version.model, blake3, verdicts, now)
        if move is Transition.ENTER and policy.like_production is not LikeProduction.OFF
        else None,
    )


def _seen_lately(
    session: Session,
    environment: str,
    model: str,
    blake3: str | None,
    verdicts: Sequence[Row],
    now: str,
) -> SeenLately:
    """What production saw of a model, beside the data of the verdict on what is to run."""
    from lineage.registry.slots.lately import seen_lately  # loads the types of profiles

    newest = next((row.id for row in verdicts if row.pipeline_blake3 == blake3), None)
    return seen_lately(session, environment, model, newest, now)


def _signatures(
    session: Session,
    version: tables.ModelVersion,
    policy: EnvironmentPolicy,
    verdicts: Sequence[Row],
) -> tuple[Signature, ...]:
    """What those whom a policy names signed of a version; nothing where it names nobody."""
    if not policy.evidence.signed_by:
        return ()
    from lineage.registry.attestations import signatures  # loads cryptography

    numbers = [verdict.id for verdict in verdicts]
    return signatures(session, version, policy.evidence.signed_by, numbers)


def _taken_from(
    recorded: PipelineRow | None, running: CapturedPipelineVersion | None
) -> values.TakenFrom:
    """Where a pipeline version was captured, as far as the registry or this capture knows it."""
    known = values.taken_from(recorded) if recorded is not None else None
    if running is not None and not (known is not None and known.commit_holds):
        return values.TakenFrom(running.commit, running.dirty)
    return known or values.TakenFrom(None, dirty=False)


def transition(
    session: Session,
    environment: tables.Environment,
    version: tables.ModelVersion,
    deployed_pipelines: DeployedPipelines,
) -> Transition:
    """What a version that is to serve does: stay, return with the same pipeline, or enter."""
    known = Known.of(session, environment.name)
    slot = known.slot(session, version.model)
    deployed = deployed_pipelines.of(version.pipeline)
    blake3 = deployed.blake3 if deployed is not None else None
    serves = slot is not None and slot.serving_version_id == version.id
    if serves and slot is not None and slot.serving_pipeline_blake3 in (None, blake3):
        return Transition.STAY
    if known.returns(session, version.id or 0, blake3):
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


def _serving_metrics(session: Session, known: Known, model: str) -> dict[str, Any] | None:
    slot = known.slot(session, model)
    if slot is None or slot.serving_version_id is None:
        return None
    proof = known.validation(slot.serving_validation_id)
    return values.metrics_of(proof) if proof is not None else {}


def _reached_in(
    session: Session, known: Known, version_id: int, pipeline: PipelineRow | None
) -> RunEnvironment | None:
    """The environment of the newest verdict on a version with the pipeline that is to run."""
    if pipeline is None:
        return None
    newest = known.newest_validation(session, version_id, pipeline.blake3)
    return known.environment_of(session, newest) if newest is not None else None


def _proof_reached_in(session: Session, known: Known, model: str) -> RunEnvironment | None:
    slot = known.slot(session, model)
    proof = known.validation(slot.serving_validation_id) if slot is not None else None
    return known.environment_of(session, proof) if proof is not None else None
