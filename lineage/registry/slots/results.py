"""What is answered of a move: what was moved, and what is only shown beside it.

:func:`moved` tells of the state that the move's own transaction made. Whether the backups are ready
and what would best stand by is only shown: it is worked out after the commit, when no writer waits
for it, of what the move knew (:func:`hinted`), or read (:func:`with_hints`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lineage.contract.results import MoveResult
from lineage.database import clock
from lineage.database.known import Known, NotKnown, Offline
from lineage.registry.slots import backup_candidates, serving, shown

if TYPE_CHECKING:
    from sqlmodel import Session

    from lineage.contract.results import Serving
    from lineage.registry.slots.move_plan import MovePlan


@dataclass(frozen=True, kw_only=True)
class JustMoved(MoveResult):
    """What a move did, with what it knew, at which moment."""

    known: Known = field(compare=False, repr=False)
    now: str = field(compare=False, repr=False)


def moved(session: Session, plan: MovePlan) -> JustMoved:
    """What a move did to the slots that it is shown for."""
    pipeline = plan.pipeline
    known = Known.of(session, plan.request.environment)
    known.load(session, models=[slot.after.model for slot in plan.shown])
    return JustMoved(
        environment=plan.request.environment,
        changed=plan.changes_anything,
        slots=tuple(
            shown.slot(session, known, known.slot_state(session, slot.after.model))
            for slot in plan.shown
        ),
        decisions=plan.decisions,
        emptied_backups=plan.emptied(plan.shown),
        pipeline={"name": pipeline.pipeline, "digest": pipeline.xxh3} if pipeline else {},
        steps=tuple(slot.step() for slot in plan.slots),
        unused_waivers=plan.unused_waivers,
        rolled_back=tuple(pair.side.ref for pair in plan.rolled_back),
        known=known,
        now=clock.now(session),
    )


def hinted(answer: MoveResult) -> MoveResult | None:
    """The answer with whether each backup is ready, by what the move knew; None where that lacks.

    What would best stand by is not known.
    """
    if not isinstance(answer, JustMoved) or _without_backup(answer):
        return None
    known = answer.known
    offline = Offline(known, answer.now)
    try:
        return replace(
            answer,
            slots=tuple(
                replace(
                    slot,
                    readiness=shown.readiness(
                        offline.session, known, known.slot_state(offline.session, slot.model)
                    ),
                )
                for slot in answer.slots
            ),
        )
    except NotKnown:
        return None


def with_hints(session: Session, answer: MoveResult) -> MoveResult:
    """The answer with whether each backup is ready, and what would best stand by where none is."""
    return replace(
        answer,
        slots=tuple(
            replace(slot, readiness=serving.readiness(session, slot)) for slot in answer.slots
        ),
        proposed=backup_candidates.proposed(session, _without_backup(answer)),
    )


def _without_backup(answer: MoveResult) -> list[Serving]:
    """The slots that lost what stood by."""
    had = {step.model for step in answer.steps if step.backup_before is not None}
    return [
        slot
        for slot in answer.slots
        if slot.serving is not None and slot.backup is None and slot.model in had
    ]
