"""Which version would best stand by, and why not the others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlmodel import col, select

from lineage.contract.results import Candidate
from lineage.database import policies, slots, tables
from lineage.database.environments import require_environment
from lineage.guard.evaluate import decide
from lineage.guard.facts import Move
from lineage.identity.components import Kind
from lineage.registry.slots import facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session


MOST: Final = 50
"""Versions that are looked at: those that served here last, and the newest ones."""


def listed(session: Session, environment: str, model: str) -> tuple[Candidate, ...]:
    """Every version that could stand by behind what serves, the best first.

    The best is one that is ready; among those, one that served here, the latest first; then the
    one that was validated last.
    """
    where = require_environment(session, environment)
    slot = session.get(tables.Slot, (environment, model))
    served = _served(session, f"{model}@{environment}", model)
    found = [_candidate(session, where, slot, row, served) for row in _rows(session, model, served)]
    found.sort(key=_rank, reverse=True)
    best = next((one for one in found if one.ready), None)
    return tuple(_explained(one, best) for one in found)


def proposed(session: Session, lost: Sequence[tables.Slot]) -> dict[str, str]:
    """The best candidate for each slot that has just lost its backup."""
    refs = {}
    for slot in lost:
        best = next(iter(listed(session, slot.environment, slot.model)), None)
        if best is not None and best.ready:
            refs[slots.subject(slot)] = best.ref
    return refs


def _rows(session: Session, model: str, served: dict[str, str]) -> list[tables.ModelVersion]:
    """The versions to look at: those that served here, and the newest for production."""
    table = tables.ModelVersion
    newest = session.exec(
        select(table)
        .where(table.model == model, table.kind == Kind.PRODUCTION.value)
        .order_by(col(table.number).desc())
        .limit(MOST)
    ).all()
    numbers = [int(ref.partition("@")[2]) for ref in list(served)[:MOST]]
    before = session.exec(
        select(table).where(table.model == model, col(table.number).in_(numbers))
    ).all()
    return list({row.number: row for row in (*newest, *before)}.values())


def _candidate(
    session: Session,
    environment: tables.Environment,
    slot: tables.Slot | None,
    row: tables.ModelVersion,
    served: dict[str, str],
) -> Candidate:
    running = slots.Running(session, environment.name)
    looked_at = facts.gather(session, environment, row, running, move=Move.STAND_BY)
    made = decide(looked_at)
    reasons = tuple(check.summary for check in made.failures)
    stands = None
    for side in slots.SIDES:
        if slot is not None and getattr(slot, f"{side}_version_id") == row.id:
            stands = side
    if stands == "serving":
        reasons = (f"{made.ref} serves", *reasons)
    verdict = looked_at.verdict
    return Candidate(
        ref=made.ref,
        version=row.number,
        ready=not reasons,
        reasons=reasons,
        stands=stands,
        served_at=served.get(made.ref),
        validated_at=verdict.validated_at if verdict is not None else None,
        copies=looked_at.copies,
    )


def _rank(one: Candidate) -> tuple[bool, str, str, int]:
    return one.ready, one.served_at or "", one.validated_at or "", one.version


def _explained(one: Candidate, best: Candidate | None) -> Candidate:
    """A candidate with why it is not the best, where nothing else speaks against it."""
    if best is None or one is best:
        return replace(one, best=one is best)
    if one.reasons:
        return one
    if (best.served_at or "") > (one.served_at or ""):
        return replace(one, reasons=(f"{best.ref} served here more recently",))
    return replace(one, reasons=(f"{best.ref} was validated more recently",))


def _served(session: Session, subject: str, model: str) -> dict[str, str]:
    """When each version of a model last came to serve in a slot, the latest first."""
    query = (
        select(tables.Event.payload, tables.Event.at)
        .join(tables.EventSubject, col(tables.EventSubject.seq) == col(tables.Event.seq))
        .where(
            tables.EventSubject.subject == subject,
            col(tables.Event.kind).in_(policies.MOVES),
        )
        .order_by(col(tables.Event.seq).desc())
        .limit(10 * MOST)
    )
    found: dict[str, str] = {}
    for payload, at in session.exec(query):
        state = json.loads(payload).get("slots", {}).get(subject) or {}
        side = state.get("serving")
        if side is not None:
            found.setdefault(f"{model}@{side['version']}", at)
    return found
