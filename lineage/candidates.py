"""Which version would best stand by, and why not the others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlmodel import col, select

from lineage import facts, move_events, readiness
from lineage.answers import Candidate, Moved, Step
from lineage.components import Kind
from lineage.decision import Move
from lineage.errors import Conflict, NotFound
from lineage.guard import decide
from lineage.store import policies, reading, slots, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.decision import Decision
    from lineage.moves import Request

MOST: Final = 50
"""Versions that are looked at: those that served here last, and the newest ones."""


def listed(session: Session, environment: str, model: str) -> tuple[Candidate, ...]:
    """Every version that could stand by behind what serves, the best first.

    The best is one that is ready; among those, one that served here, the latest first; then the
    one that was validated last.
    """
    where = slots.require_environment(session, environment)
    slot = session.get(tables.Slot, (environment, model))
    served = _served(session, f"{model}@{environment}", model)
    found = [_candidate(session, where, slot, row, served) for row in _rows(session, model, served)]
    found.sort(key=_rank, reverse=True)
    best = next((one for one in found if one.ready), None)
    return tuple(_explained(one, best) for one in found)


def proposed(
    session: Session, environment: tables.Environment, moved: Sequence[tables.Slot]
) -> dict[str, str]:
    """The best candidate for each slot that has nothing behind what serves."""
    refs = {}
    for slot in moved:
        if slot.serving_version_id is None or slot.backup_version_id is not None:
            continue
        best = next(iter(listed(session, environment.name, slot.model)), None)
        if best is not None and best.ready:
            refs[slots.subject(slot)] = best.ref
    return refs


def set_backup(session: Session, request: Request, version: tables.ModelVersion) -> Moved:
    """Let a version stand by behind what serves, if it could take over at once.

    Raises:
        NotFound: nothing serves there.
        GuardRefused: a rule fails.
        Conflict: the slot moved since the caller looked, or the version serves there itself.
    """
    from lineage.moves import check_revision

    environment = slots.require_environment(session, request.environment)
    slot = session.get(tables.Slot, (environment.name, version.model))
    ref = f"{version.model}@{version.number}"
    if slot is None or slot.serving_version_id is None:
        raise NotFound(
            f"{version.model} does not serve in {environment.name}, so nothing can stand by.",
            remedy=f"Promote a version first: lineage promote {ref} --env {environment.name}",
        )
    check_revision(slot, request.expect_revision)
    if slot.serving_version_id == version.id:
        raise Conflict(
            f"{ref} serves in {environment.name} itself.",
            remedy=f"Name another: lineage backup candidates {version.model} "
            f"--env {environment.name}",
        )
    running = slots.Running(session, environment.name)
    decision = decide(facts.gather(session, environment, version, running, move=Move.STAND_BY))
    facts.refuse_unless_allowed((decision,), f"{ref} may not stand by in {environment.name}")
    deployed = running.of(version.pipeline)
    before = slots.occupant(slot, "backup")
    new = slots.proven(session, version, deployed, request.at, request.actor)
    if before is not None:
        since = (before.promoted_at, before.promoted_by)
        if before == replace(new, promoted_at=since[0], promoted_by=since[1]):
            return _moved(session, slot, decision, None)
    step = reading.step(session, slot)
    slots.put(slot, "backup", new)
    slot.revision += 1
    move_events.append(
        session, request, "backup-set", move_events.Touched([slot], [ref], None, (), ())
    )
    return _moved(session, slot, decision, step)


def _moved(session: Session, slot: tables.Slot, decision: Decision, before: Step | None) -> Moved:
    now = reading.step(session, slot)
    return Moved(
        environment=slot.environment,
        changed=before is not None,
        slots=(readiness.serving(session, slot.environment, slot.model),),
        decisions=(decision,),
        steps=(before.then(now, {}) if before is not None else now,),
    )


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
