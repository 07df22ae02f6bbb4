"""The candidates for a backup: ranking the versions that could stand by, and saying why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlmodel import col, select

from lineage.contract.results import Candidate
from lineage.database import policies, slots, tables
from lineage.database.deployments import DeployedPipelines
from lineage.database.environments import require_environment
from lineage.guard.facts import Transition
from lineage.identity.components import Kind
from lineage.registry.slots import gather
from lineage.registry.slots.readiness import reasons_against

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.contract.results import Serving

MOST: Final = 50
"""Versions that are checked: those that served here last, and the newest ones."""


def listed(session: Session, environment: str, model: str) -> tuple[Candidate, ...]:
    """Every version that could stand by behind what serves, the best first.

    The best is one that is ready; among those, one that served here, the latest first; then the
    one that was validated last.
    """
    where = require_environment(session, environment)
    slot = session.get(tables.Slot, (environment, model))
    served = _served(session, f"{model}@{environment}", model)
    candidates = [
        _candidate(session, where, slot, row, served) for row in _rows(session, model, served)
    ]
    candidates.sort(key=_rank, reverse=True)
    best = next((candidate for candidate in candidates if candidate.ready), None)
    return tuple(_explained(candidate, best) for candidate in candidates)


def proposed(session: Session, without_backup: Sequence[Serving]) -> dict[str, str]:
    """The best candidate for each slot that has just lost its backup, by the slot."""
    refs = {}
    for slot in without_backup:
        best = next(iter(listed(session, slot.environment, slot.model)), None)
        if best is not None and best.ready:
            refs[f"{slot.model}@{slot.environment}"] = best.ref
    return refs


def _rows(session: Session, model: str, served: dict[str, str]) -> list[tables.ModelVersion]:
    """The versions to check: those that served here, and the newest for production."""
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
    stands = None
    for side in slots.SIDES:
        if slot is not None and getattr(slot, f"{side}_version_id") == row.id:
            stands = side
    move = Transition.RETURN if stands == "backup" else Transition.STAND_BY
    deployed_pipelines = DeployedPipelines(session, environment.name)
    facts = gather.guard_facts(session, environment, row, deployed_pipelines, move=move)
    reasons = reasons_against(facts)
    if stands == "serving":
        reasons = (f"{facts.ref} serves", *reasons)
    validation = facts.verdict
    return Candidate(
        ref=facts.ref,
        version=row.number,
        ready=not reasons,
        reasons=reasons,
        stands=stands,
        served_at=served.get(facts.ref),
        validated_at=validation.validated_at if validation is not None else None,
        copies=facts.copies,
    )


def _rank(candidate: Candidate) -> tuple[bool, str, str, int]:
    """How good a candidate is, the best the greatest."""
    when = candidate.served_at or "", candidate.validated_at or ""
    return candidate.ready, *when, candidate.version


def _explained(candidate: Candidate, best: Candidate | None) -> Candidate:
    """A candidate with why it is not the best, where nothing else speaks against it."""
    if best is None or candidate is best:
        return replace(candidate, best=candidate is best)
    if candidate.reasons:
        return candidate
    if (best.served_at or "") > (candidate.served_at or ""):
        return replace(candidate, reasons=(f"{best.ref} served here more recently",))
    return replace(candidate, reasons=(f"{best.ref} was validated more recently",))


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
    served: dict[str, str] = {}
    for payload, at in session.exec(query):
        state = json.loads(payload).get("slots", {}).get(subject) or {}
        side = state.get("serving")
        if side is not None:
            served.setdefault(f"{model}@{side['version']}", at)
    return served
