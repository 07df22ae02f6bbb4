"""The one way that slots and deployments move: decide, write, append the event.

A promotion moves one model, a deployment the pipeline under the models, a release both at once. All
run inside the caller's write transaction, so nobody else moves between the decision and the commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineage import facts
from lineage.answers import Moved
from lineage.errors import Conflict, NotFound, UsageError
from lineage.guard import Decision, decide
from lineage.store import events, reading, slots, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session


@dataclass(frozen=True)
class Request:
    """Who moves what, when and why; ``expect_revision`` is the slot's as the caller saw it."""

    environment: str
    actor: str
    at: str
    reason: str | None = None
    expect_revision: int | None = None


def promote(session: Session, request: Request, version: tables.ModelVersion) -> Moved:
    """Move a slot to a version.

    Raises:
        GuardRefused: a rule fails.
        Conflict: the slot moved since the caller looked.
    """
    return _move(session, request, "promoted", f"{version.model}@{request.environment}", [version])


def release(
    session: Session,
    request: Request,
    target: tables.PipelineVersion,
    promoted: Sequence[tables.ModelVersion],
) -> Moved:
    """Move a pipeline and models that ride on it in one step; a deployment moves no model.

    Raises:
        UsageError: a model is named twice, or rides on another pipeline.
        GuardRefused: a rule fails for a model, be it moved or left behind.
    """
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
    kind = "released" if promoted else "deployed"
    return _move(session, request, kind, request.environment, promoted, target)


def rollback(session: Session, request: Request, model: str) -> Moved:
    """Move a slot to its backup; the version that failed does not become the backup.

    Raises:
        NotFound: there is no backup.
        GuardRefused: the backup may not serve.
        Conflict: the slot moved since the caller looked.
    """
    environment = slots.require_environment(session, request.environment)
    slot = session.get(tables.Slot, (environment.name, model))
    backup = slots.occupant(slot, "backup")
    if slot is None or backup is None:
        raise NotFound(
            f"{model} has no backup in {environment.name}.",
            remedy=f"Promote a version that the deployed pipeline was validated with: "
            f"lineage versions {model}",
        )
    _check_revision(slot, request)
    version = session.get(tables.ModelVersion, backup.version_id)
    assert version is not None  # noqa: S101 - a foreign key holds it
    deployed = slots.deployment(session, environment.name, version.pipeline)
    decision = decide(facts.gather(session, environment, version, deployed))
    facts.refuse_unless_allowed(
        (decision,), f"The backup {version.model}@{version.number} may not serve"
    )
    slots.put(slot, "serving", slots.proven(session, version, deployed, request.at, request.actor))
    slots.put(slot, "backup", None)
    slot.revision += 1
    _record(session, request, "rolled-back", slots.subject(slot), [slot], [version])
    return _moved(session, request, [slot], (decision,))


def retire(session: Session, request: Request, model: str) -> Moved:
    """Empty a slot.

    Raises:
        NotFound: nothing serves there.
        Conflict: the slot moved since the caller looked.
    """
    slots.require_environment(session, request.environment)
    slot = session.get(tables.Slot, (request.environment, model))
    if slot is None or slot.serving_version_id is None:
        raise NotFound(
            f"{model} does not serve in {request.environment}.",
            remedy=f"See what serves: lineage serving --env {request.environment}",
        )
    _check_revision(slot, request)
    for side in slots.SIDES:
        slots.put(slot, side, None)
    slot.revision += 1
    _record(session, request, "retired", slots.subject(slot), [slot], [])
    return _moved(session, request, [slot], ())


def _move(
    session: Session,
    request: Request,
    kind: str,
    subject: str,
    promoted: Sequence[tables.ModelVersion],
    target: tables.PipelineVersion | None = None,
) -> Moved:
    environment = slots.require_environment(session, request.environment)
    found = [_slot(session, environment, version.model) for version in promoted]
    for slot in found:
        _check_revision(slot, request)
    deployed_anew = target is not None and _deploy(session, request, target)
    affected = _riders(session, environment, target, found) if deployed_anew else []
    staying = _staying(session, affected, target)
    decisions = (
        *facts.decisions(session, environment, promoted),
        *facts.decisions(session, environment, staying, staying=True),
    )
    facts.refuse_unless_allowed(decisions, _sentence(request, kind, target))
    before = {slots.subject(slot): slots.occupant(slot, "backup") for slot in (*found, *affected)}
    changed = [
        slot
        for slot, version in zip(found, promoted, strict=True)
        if _promote_into(session, request, environment, slot, version)
    ]
    changed += [slot for slot in affected if _settle(session, environment, slot, target)]
    emptied = tuple(
        slots.subject(slot)
        for slot in changed
        if before[slots.subject(slot)] is not None and slot.backup_version_id is None
    )
    if changed or deployed_anew:
        _record(session, request, kind, subject, changed, promoted, target, emptied)
    return _moved(
        session,
        request,
        found or affected,
        decisions,
        changed=bool(changed or deployed_anew),
        emptied=emptied,
        target=target,
    )


def _slot(session: Session, environment: tables.Environment, model: str) -> tables.Slot:
    slot = session.get(tables.Slot, (environment.name, model))
    if slot is None:
        slot = tables.Slot(
            environment=environment.name,
            model=model,
            environment_kind=environment.kind,
            revision=0,
        )
    return slot


def _check_revision(slot: tables.Slot, request: Request) -> None:
    if request.expect_revision is not None and slot.revision != request.expect_revision:
        raise Conflict(
            f"{slots.subject(slot)} is at revision {slot.revision}, not {request.expect_revision}.",
            remedy=f"Look at what serves now (lineage serving {slot.model} --env "
            f"{slot.environment}) and decide again.",
        )


def _deploy(session: Session, request: Request, target: tables.PipelineVersion) -> bool:
    """Record that a pipeline version runs; whether that is news."""
    row = slots.deployment(session, request.environment, target.pipeline)
    if row is not None and row.digest == target.digest:
        return False
    if row is None:
        row = tables.PipelineDeployment(
            environment=request.environment,
            pipeline=target.pipeline,
            digest=target.digest,
            revision=0,
            deployed_at=request.at,
            deployed_by=request.actor,
        )
        session.add(row)
    row.digest = target.digest
    row.revision += 1
    row.deployed_at, row.deployed_by = request.at, request.actor
    session.flush()
    return True


def _riders(
    session: Session,
    environment: tables.Environment,
    target: tables.PipelineVersion | None,
    promoted: Sequence[tables.Slot],
) -> list[tables.Slot]:
    """The slots that the pipeline's move touches although no model of theirs is promoted."""
    if target is None:
        return []
    moving = {slot.model for slot in promoted}
    query = slots.riding_on(session, environment.name, target.pipeline)
    return [slot for slot in query if slot.model not in moving]


def _staying(
    session: Session, affected: Sequence[tables.Slot], target: tables.PipelineVersion | None
) -> list[tables.ModelVersion]:
    """The versions that serve on the moved pipeline although they are not promoted."""
    ids = [
        slot.serving_version_id
        for slot in affected
        if target is not None and slot.serving_pipeline == target.pipeline
    ]
    found = [session.get(tables.ModelVersion, version_id) for version_id in ids]
    return [version for version in found if version is not None]


def _promote_into(
    session: Session,
    request: Request,
    environment: tables.Environment,
    slot: tables.Slot,
    version: tables.ModelVersion,
) -> bool:
    """Put a version into a slot, what served before behind it; whether anything changed."""
    deployed = slots.deployment(session, environment.name, version.pipeline)
    former = slots.occupant(slot, "serving")
    new = slots.proven(session, version, deployed, request.at, request.actor)
    if former is not None and former.version_id == new.version_id:
        if (former.validation_id, former.pipeline_digest) == (
            new.validation_id,
            new.pipeline_digest,
        ):
            return False
        former = None
    backup = _backup(session, environment, (former, slots.occupant(slot, "backup")), new.version_id)
    slots.put(slot, "serving", new)
    slots.put(slot, "backup", backup)
    slot.revision += 1
    session.add(slot)
    session.flush()
    return True


def _settle(
    session: Session,
    environment: tables.Environment,
    slot: tables.Slot,
    target: tables.PipelineVersion | None,
) -> bool:
    """Renew the proofs of a slot after its pipeline moved; whether anything changed."""
    before = slots.occupant(slot, "serving"), slots.occupant(slot, "backup")
    serving, backup = before
    if serving is not None and target is not None and serving.pipeline == target.pipeline:
        serving = _renewed(session, environment, serving)
        slots.put(slot, "serving", serving)
    backup = _backup(session, environment, (backup,), serving.version_id if serving else None)
    slots.put(slot, "backup", backup)
    if (serving, backup) == before:
        return False
    slot.revision += 1
    session.flush()
    return True


def _backup(
    session: Session,
    environment: tables.Environment,
    candidates: Sequence[slots.Occupant | None],
    serving: int | None,
) -> slots.Occupant | None:
    """The first candidate that could take over at once: proven, and not what serves itself."""
    for candidate in candidates:
        if candidate is None or candidate.version_id == serving:
            continue
        renewed = _renewed(session, environment, candidate)
        if slots.may_stand(renewed, environment.kind):
            return renewed
    return None


def _renewed(
    session: Session, environment: tables.Environment, occupant: slots.Occupant
) -> slots.Occupant:
    """An occupant with the proof that the present pipeline and verdicts give it."""
    version = session.get(tables.ModelVersion, occupant.version_id)
    assert version is not None  # noqa: S101 - a foreign key holds it
    deployed = slots.deployment(session, environment.name, version.pipeline)
    return slots.proven(session, version, deployed, occupant.promoted_at, occupant.promoted_by)


def _sentence(request: Request, kind: str, target: tables.PipelineVersion | None) -> str:
    if kind == "promoted":
        return f"The promotion into {request.environment} is refused"
    name = target.pipeline if target else ""
    what = "deployment" if kind == "deployed" else "release"
    return f"The {what} of pipeline {name} to {request.environment} is refused"


def _record(
    session: Session,
    request: Request,
    kind: str,
    subject: str,
    changed: Sequence[tables.Slot],
    moved: Sequence[tables.ModelVersion],
    target: tables.PipelineVersion | None = None,
    emptied: Sequence[str] = (),
) -> None:
    """Append the event of a move: all of it in one."""
    session.flush()
    payload: dict[str, Any] = {
        "environment": request.environment,
        "slots": slots.event_states(session, changed),
    }
    if target is not None:
        payload["pipeline"] = {"name": target.pipeline, "digest": target.public_digest}
        payload["deployments"] = {f"{target.pipeline}@{request.environment}": target.digest}
    if moved:
        payload["versions"] = [f"{version.model}@{version.number}" for version in moved]
    if emptied:
        payload["emptied_backups"] = list(emptied)
    if request.reason is not None:
        payload["reason"] = request.reason
    also = {request.environment}
    also |= {slots.subject(slot) for slot in changed} | {slot.model for slot in changed}
    also |= {f"{version.model}@{version.number}" for version in moved}
    if target is not None:
        also |= {target.pipeline}
    events.append(
        session,
        at=request.at,
        actor=request.actor,
        kind=kind,
        subject=subject,
        payload=payload,
        also=also,
    )


def _moved(
    session: Session,
    request: Request,
    shown: Sequence[tables.Slot],
    decisions: tuple[Decision, ...],
    *,
    changed: bool = True,
    emptied: tuple[str, ...] = (),
    target: tables.PipelineVersion | None = None,
) -> Moved:
    return Moved(
        environment=request.environment,
        changed=changed,
        slots=tuple(reading.serving(session, slot.environment, slot.model) for slot in shown),
        decisions=decisions,
        emptied_backups=emptied,
        pipeline={"name": target.pipeline, "digest": target.public_digest} if target else {},
    )
