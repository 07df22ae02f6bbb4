"""The event of a move: writing all of it into the history as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineage.database import events, pairs

if TYPE_CHECKING:
    from sqlmodel import Session

    from lineage.database import tables
    from lineage.database.known import Known
    from lineage.registry.slots.move_plan import MovePlan


@dataclass(frozen=True)
class MoveEvent:
    """What the history says of a move: its subject, its payload, and what else it concerns."""

    subject: str
    payload: dict[str, Any]
    also: frozenset[str]

    @classmethod
    def of(cls, plan: MovePlan) -> MoveEvent:
        """The event of a plan whose waivers are recorded."""
        environment = plan.request.environment
        states = [slot.after for slot in plan.changed]
        payload: dict[str, Any] = {
            "environment": environment,
            "slots": {state.subject: state.to_event() for state in states},
        }
        also = {environment, *plan.named}
        also |= {state.subject for state in states} | {state.model for state in states}
        if plan.pipeline is not None:
            pipeline = plan.pipeline
            payload["pipeline"] = {"name": pipeline.pipeline, "digest": pipeline.xxh3}
            if plan.deployed is not None:
                payload["deployments"] = {f"{pipeline.pipeline}@{environment}": pipeline.blake3}
            also |= {pipeline.pipeline}
        if plan.named:
            payload["versions"] = list(plan.named)
        if plan.rolled_back:
            payload["rolled_back"] = [pair.to_event() for pair in plan.rolled_back]
            also |= {pair.side.ref for pair in plan.rolled_back}
        emptied = plan.emptied(plan.changed)
        if emptied:
            payload["emptied_backups"] = list(emptied)
        if plan.waivers:
            payload["waivers"] = [
                grant.waiver.to_json() | {"id": grant.id} for grant in plan.waivers
            ]
        if plan.request.reason is not None:
            payload["reason"] = plan.request.reason
        return cls(_subject(plan), payload, frozenset(also))


def record(session: Session, known: Known, plan: MovePlan) -> list[tables.RolledBack]:
    """Record the pairs that serve by a move or are rolled back, and append its event.

    Returns:
        what was rolled back.
    """
    request = plan.request
    rolled_back = pairs.mark_rolled_back(
        session,
        request.environment,
        [
            (pair.side.version_id, pair.side.pipeline_blake3, pair.version_left)
            for pair in plan.rolled_back
        ],
        reason=request.reason,
        at=request.at,
        by=request.actor,
    )
    pairs.record_served(session, known, [slot.after for slot in plan.changed])
    event = MoveEvent.of(plan)
    events.append(
        session,
        at=request.at,
        actor=request.actor,
        kind=plan.kind.value,
        subject=event.subject,
        payload=event.payload,
        also=event.also,
    )
    return rolled_back


def record_pipeline(session: Session, plan: MovePlan) -> None:
    """Append the event of what a move that changes nothing taught about its pipeline version."""
    pipeline, request = plan.pipeline, plan.request
    assert pipeline is not None  # nosec B101 # noqa: S101 - nothing else is recorded before a move
    events.append(
        session,
        at=request.at,
        actor=request.actor,
        kind="pipeline-recorded",
        subject=pipeline.pipeline,
        payload={"pipeline": {"name": pipeline.pipeline, "digest": pipeline.xxh3}},
    )


def _subject(plan: MovePlan) -> str:
    """What the event is about: the slot of the one model, or the environment of a pipeline."""
    if plan.pipeline is not None:
        return plan.request.environment
    slots = plan.changed or plan.slots
    return slots[0].after.subject
