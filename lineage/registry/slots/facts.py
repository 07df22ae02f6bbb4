"""What the guard looks at, gathered from the registry, and its word on several versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage import timestamps
from lineage.database import (
    copy_status,
    pipelines,
    policies,
    slots,
    tables,
    validations,
    versions,
)
from lineage.guard.decision import Decision, GuardRefused, Status
from lineage.guard.evaluate import decide
from lineage.guard.facts import Facts, Move, Standby, Waiver
from lineage.identity.components import EnvironmentKind, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.identity.pipeline import PipelineVersion


def gather(
    session: Session,
    environment: tables.Environment,
    version: tables.ModelVersion,
    running: slots.Running,
    *,
    move: Move | None = None,
    asked: Sequence[Waiver] = (),
    unrecorded: PipelineVersion | None = None,
) -> Facts:
    """What the guard looks at for a version.

    Args:
        session: a transaction.
        environment: where it is to serve.
        version: the version.
        running: what runs there, or is supposed to.
        move: what the version is about to do; by default whether it serves there already tells.
        asked: waivers that are asked for.
        unrecorded: the pipeline version that is supposed to run, where nobody recorded it yet.
    """
    assert version.id is not None  # noqa: S101 - it was read from the table
    slot = session.get(tables.Slot, (environment.name, version.model))
    serves = slot is not None and slot.serving_version_id == version.id
    move = move or (Move.STAY if serves else Move.ENTER)
    policy = policies.policy_of(session, environment.name)
    deployed = running.of(version.pipeline)
    digest = deployed.digest if deployed else None
    row = session.get(tables.PipelineVersion, (deployed.pipeline, digest)) if deployed else None
    in_force: tuple[Waiver, ...] = ()
    if move is not Move.RETURN:  # the waivers of what serves end when it leaves
        in_force = policies.waivers_in_force(session, slot, version.id, deployed, timestamps.now())
    return Facts(
        model=version.model,
        version=version.number,
        kind=Kind(version.kind),
        missing=versions.missing_components(version),
        dirty=version.code_dirty,
        registered_by=version.registered_by,
        environment=environment.name,
        environment_kind=EnvironmentKind(environment.kind),
        pipeline=version.pipeline,
        deployed=unrecorded or (pipelines.pipeline_version(row) if row else None),
        deployed_commit=row.code_commit if row else None,
        verdicts=validations.newest_verdicts(session, version.id),
        move=move,
        pipeline_moves=running.moves(version.pipeline),
        recorded=unrecorded is None,
        policy=policy,
        serving=_serving_metrics(session, slot),
        weights=policies.weights_state(session, version.id),
        copies=copy_status.copies(session, version.id),
        rolled_back=copy_status.rolled_back(session, environment.name, version.id),
        served_before=policy.promote_from is not None
        and policies.served_in(session, policy.promote_from, version),
        approvals=policies.approvals_of(
            session, environment.name, version.id, running.before(version.pipeline)
        )
        if policy.approvals
        else (),
        standby=_standby(session, environment, slot, version.id, move, running),
        waivers=(*asked, *in_force),
    )


def decisions(
    session: Session,
    environment: tables.Environment,
    candidates: Sequence[tables.ModelVersion],
    running: slots.Running,
    asked: Sequence[Waiver] = (),
) -> tuple[Decision, ...]:
    """A decision for each version that is to serve on what runs."""
    return tuple(
        decide(gather(session, environment, version, running, asked=asked))
        for version in candidates
    )


def refuse_unless_allowed(made: tuple[Decision, ...], sentence: str) -> None:
    """Raise :class:`GuardRefused` with the decisions that say no, if any does."""
    refused = tuple(decision for decision in made if not decision.allowed)
    if refused:
        first = refused[0].failures[0]
        raise GuardRefused(
            f"{sentence}: {first.summary}.",
            remedy=first.remedy or "See the checks that fail.",
            decisions=refused,
        )


def _serving_metrics(session: Session, slot: tables.Slot | None) -> dict[str, Any] | None:
    if slot is None or slot.serving_version_id is None:
        return None
    proof = slot.serving_validation_id
    row = session.get(tables.Validation, proof) if proof is not None else None
    return validations.metrics_of(row) if row is not None else {}


def not_ready(
    session: Session,
    environment: tables.Environment,
    version: tables.ModelVersion,
    running: slots.Running,
) -> tuple[str, ...]:
    """Why a version could not take over at once; nothing where it could.

    A rollback to it must be allowed, and a store must hold its weights.
    """
    made = decide(gather(session, environment, version, running, move=Move.RETURN))
    reasons = [check.summary for check in made.failures]
    weights = made.check("weights-intact")
    if weights.status not in (Status.PASS, Status.FAIL):
        reasons.append(weights.summary)
    return tuple(reasons)


def standing_by(
    session: Session,
    environment: tables.Environment,
    slot: tables.Slot,
    entering: int,
    running: slots.Running,
) -> tuple[slots.Occupant | None, tuple[Standby, ...]]:
    """What stands by behind a version: what serves now if it is ready, else the present backup.

    In an experimental environment whatever stands there does. Where what serves stays, its backup
    does too: it is not the slot's move that makes it less ready.

    Returns:
        The occupant with its proof, and each that was considered, with what speaks against it.
    """
    considered = []
    lenient = environment.kind == EnvironmentKind.EXPERIMENTAL
    for side in slots.SIDES:
        candidate = slots.occupant(slot, side)
        stays = side == "backup" and slot.serving_version_id == entering
        if candidate is None or candidate.version_id == entering:
            continue
        version = session.get(tables.ModelVersion, candidate.version_id)
        assert version is not None  # noqa: S101 - a foreign key holds it
        reasons = not_ready(session, environment, version, running)
        renewed = slots.renew(session, running, candidate)
        stands = slots.may_stand(renewed, environment.kind)
        ref = f"{version.model}@{version.number}"
        considered.append(Standby(ref, reasons[0] if reasons else None))
        if stands and (lenient or stays or not reasons):
            return renewed, tuple(considered)
    return None, tuple(considered)


def _standby(
    session: Session,
    environment: tables.Environment,
    slot: tables.Slot | None,
    entering: int,
    move: Move,
    running: slots.Running,
) -> Standby | None:
    """What would stand by, or what could not and why."""
    if slot is None or move in (Move.RETURN, Move.STAND_BY):
        return None
    occupant, considered = standing_by(session, environment, slot, entering, running)
    if not considered:
        return None
    return considered[-1] if occupant is not None else considered[0]
