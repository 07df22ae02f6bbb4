"""The candidates for a backup: ranking the versions that could stand by, and saying why."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlmodel import col, select

from lineage import timestamps
from lineage.contract import moments
from lineage.contract.results import Candidate
from lineage.database import pairs, policies, slots, tables
from lineage.database.environments import require_environment
from lineage.database.known import Known
from lineage.guard.facts import Transition
from lineage.identity.components import Kind
from lineage.registry.slots import standby, targets
from lineage.registry.slots.readiness import Contender, Pair, reasons_against

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.contract.results import Serving
    from lineage.database.deployments import DeployedPipelines
    from lineage.database.slots import SlotState

MOST: Final = 50
"""Versions that are checked: those that served here last, and the newest ones."""

_NEVER: Final = dt.datetime.min.replace(tzinfo=dt.UTC)


def listed(session: Session, environment: str, model: str) -> tuple[Candidate, ...]:
    """Every pair that could stand by behind what serves, the best first.

    The best is one that is ready; among those, one that served here, the latest first; then the
    one that was validated last.
    """
    where = require_environment(session, environment)
    known = Known.of(session, where.name).load(session, models=[model])
    state = known.slot_state(session, model)
    runs = targets.running(session, where)
    served = _served(session, state.subject, model)
    candidates = [
        _candidate(session, where, state, contender, runs, served)
        for contender in _contenders(session, known, state, runs, served)
    ]
    candidates.sort(key=_rank, reverse=True)
    best = next((candidate for candidate in candidates if candidate.ready), None)
    return tuple(_explained(candidate, best) for candidate in candidates)


def proposed(session: Session, without_backup: Sequence[Serving]) -> dict[str, str]:
    """The best candidate for each slot that has just lost its backup, by the slot."""
    refs = {}
    for slot in without_backup:
        found = listed(session, slot.environment, slot.model)
        best = next((one for one in found if one.ready and not one.moves_pipeline), None)
        if best is not None:
            refs[f"{slot.model}@{slot.environment}"] = best.ref
    return refs


def _contenders(
    session: Session,
    known: Known,
    state: SlotState,
    runs: DeployedPipelines,
    served: dict[str, str],
) -> list[Contender]:
    """The pairs to check: those of the slot, those that served, and the newest versions.

    A version that served with another pipeline version is not listed with the one that runs, too,
    unless somebody validated it with that.
    """
    found: dict[Pair, Contender] = {}
    for side in (state.serving, state.backup):
        if side is not None:
            pair = Pair(side.version_id, side.pipeline_blake3)
            found[pair] = Contender(pair, side.promoted_at, side.promoted_by)
    last = pairs.last_served(session, state.environment, state.model, MOST)
    keys = _keys(session, state.model, served)
    known.load(session, versions=[*keys, *(pair.version_id for pair in last)])
    for pair_ in last:
        pair = Pair(pair_.version_id, pair_.blake3)
        contender = Contender(pair, pair_.at, pair_.by, Transition.STAND_BY)
        found.setdefault(pair, contender)
    listed = {pair.version_id for pair in found}
    for row in (known.version(session, key) for key in keys):
        deployed = runs.of(row.pipeline)
        pair = Pair(row.id or 0, deployed.blake3 if deployed is not None else None)
        told = deployed and known.newest_validation(session, pair.version_id, deployed.blake3)
        if pair not in found and (pair.version_id not in listed or told):
            found[pair] = Contender(pair, row.registered_at, row.registered_by, Transition.STAND_BY)
    return list(found.values())


def _keys(session: Session, model: str, served: dict[str, str]) -> list[int]:
    """The versions to check with what runs: those that served here, the newest for production."""
    table = tables.ModelVersion
    newest = session.exec(
        select(table.id)
        .where(table.model == model, table.kind == Kind.PRODUCTION.value)
        .order_by(col(table.number).desc())
        .limit(MOST)
    ).all()
    numbers = [int(ref.partition("@")[2]) for ref in list(served)[:MOST]]
    before = session.exec(
        select(table.id).where(table.model == model, col(table.number).in_(numbers))
    ).all()
    return list(dict.fromkeys(key for key in (*newest, *before) if key is not None))


def _candidate(
    session: Session,
    environment: tables.Environment,
    state: SlotState,
    contender: Contender,
    runs: DeployedPipelines,
    served: dict[str, str],
) -> Candidate:
    sides = dict(zip(slots.SIDES, state.sides, strict=True))
    stands = next(
        (
            name
            for name, side in sides.items()
            if side is not None and Pair(side.version_id, side.pipeline_blake3) == contender.pair
        ),
        None,
    )
    facts, moves = standby.facts_of(session, environment, contender, runs)
    reasons = reasons_against(facts.guard)
    guard = facts.guard
    if stands == "serving":
        reasons = (f"{guard.ref} serves", *reasons)
    validation = guard.verdict
    return Candidate(
        ref=guard.ref,
        version=guard.version,
        ready=not reasons,
        reasons=reasons,
        stands=stands,
        served_at=moments.read(served.get(guard.ref)),
        validated_at=timestamps.moment(validation.validated_at) if validation is not None else None,
        copies=guard.copies,
        pipeline=guard.deployed.xxh3 if guard.deployed is not None else None,
        moves_pipeline=moves,
    )


def _rank(candidate: Candidate) -> tuple[bool, dt.datetime, dt.datetime, int]:
    """How good a candidate is, the best the greatest."""
    when = candidate.served_at or _NEVER, candidate.validated_at or _NEVER
    return candidate.ready, *when, candidate.version


def _explained(candidate: Candidate, best: Candidate | None) -> Candidate:
    """A candidate with why it is not the best, where nothing else speaks against it."""
    if best is None or candidate is best:
        return replace(candidate, best=candidate is best)
    if candidate.reasons:
        return candidate
    if (best.served_at or _NEVER) > (candidate.served_at or _NEVER):
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
        .order_by(col(tables.EventSubject.seq).desc())
        .limit(10 * MOST)
    )
    served: dict[str, str] = {}
    for payload, at in session.exec(query):
        state = json.loads(payload).get("slots", {}).get(subject) or {}
        side = state.get("serving")
        if side is not None:
            served.setdefault(f"{model}@{side['version']}", at)
    return served
