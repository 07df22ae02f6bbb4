"""The event of a move: all of it in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineage.database import events, policies, slots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.database import tables
    from lineage.registry.slots.request import Request


@dataclass(frozen=True)
class Touched:
    """What a move touched: slots, versions (by reference), a pipeline, backups, waivers."""

    slots: Sequence[tables.Slot]
    refs: Sequence[str]
    target: tables.PipelineVersion | None
    emptied: Sequence[str]
    waivers: Sequence[tables.Waiver]


def append(session: Session, request: Request, kind: str, touched: Touched) -> None:
    """Append the event, under every subject that it concerns."""
    session.flush()
    target = touched.target
    payload: dict[str, Any] = {
        "environment": request.environment,
        "slots": slots.event_states(session, touched.slots),
    }
    also = {request.environment, *touched.refs}
    also |= {slots.subject(slot) for slot in touched.slots} | {slot.model for slot in touched.slots}
    if target is not None:
        payload["pipeline"] = {"name": target.pipeline, "digest": target.public_digest}
        payload["deployments"] = {f"{target.pipeline}@{request.environment}": target.digest}
        also |= {target.pipeline}
    if touched.refs:
        payload["versions"] = list(touched.refs)
    if touched.emptied:
        payload["emptied_backups"] = list(touched.emptied)
    if touched.waivers:
        payload["waivers"] = [
            policies.waiver(row).to_json() | {"id": row.id} for row in touched.waivers
        ]
    if request.reason is not None:
        payload["reason"] = request.reason
    events.append(
        session,
        at=request.at,
        actor=request.actor,
        kind=kind,
        subject=_subject(request, touched),
        payload=payload,
        also=also,
    )


def _subject(request: Request, touched: Touched) -> str:
    """What the event is about: the slot of the one model, or the environment of a pipeline."""
    if touched.target is not None:
        return request.environment
    if touched.slots:
        return slots.subject(touched.slots[0])
    return f"{touched.refs[0].partition('@')[0]}@{request.environment}"
