"""What is answered of a move: what was moved, and what is only shown beside it.

:func:`moved` tells of the state that the move's own transaction made. Whether the backups are ready
and what would best stand by is only shown: :func:`with_hints` reads it after the commit, when no
writer waits for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.contract.results import MoveResult
from lineage.registry.slots import backup_candidates, serving

if TYPE_CHECKING:
    from sqlmodel import Session

    from lineage.registry.slots.move_plan import MovePlan


def moved(session: Session, plan: MovePlan) -> MoveResult:
    """What a move did to the slots that it is shown for."""
    pipeline = plan.pipeline
    return MoveResult(
        environment=plan.request.environment,
        changed=plan.changes_anything,
        slots=tuple(
            serving.slot(session, slot.after.environment, slot.after.model) for slot in plan.shown
        ),
        decisions=plan.decisions,
        emptied_backups=plan.emptied(plan.shown),
        pipeline={"name": pipeline.pipeline, "digest": pipeline.xxh3} if pipeline else {},
        steps=tuple(slot.step() for slot in plan.slots),
        unused_waivers=plan.unused_waivers,
        rolled_back=tuple(pair.side.ref for pair in plan.rolled_back),
    )


def with_hints(session: Session, answer: MoveResult) -> MoveResult:
    """The answer with whether each backup is ready, and what would best stand by where none is."""
    had = {step.model for step in answer.steps if step.backup_before is not None}
    without = [
        slot
        for slot in answer.slots
        if slot.serving is not None and slot.backup is None and slot.model in had
    ]
    return replace(
        answer,
        slots=tuple(
            replace(slot, readiness=serving.readiness(session, slot)) for slot in answer.slots
        ),
        proposed=backup_candidates.proposed(session, without),
    )
