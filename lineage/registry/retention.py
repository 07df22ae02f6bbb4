"""Retention: finding the weights that nothing needs by a stated policy (docs/guides/backups.md)."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import col, func, select

from lineage import timestamps
from lineage.acts import act
from lineage.database import events, names, pairs, policies, slots, tables, telling
from lineage.database import weights as copies
from lineage.errors import Conflict, NotFound, UsageError
from lineage.identity.components import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlmodel import Session

    from lineage.contract.requests import RetentionPolicy
    from lineage.identity.references import Reference
    from lineage.registry.sight import Sight

MOST_DAYS: Final = 36_500


def collectable(
    session: Session, keeping: RetentionPolicy, at: str, models: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """JSON of each copy (of some models) that nothing can need any more, by version and store.

    Raises:
        UsageError: the policy makes no sense.
    """
    if keeping.last < 1 or not 0 <= keeping.days <= MOST_DAYS or keeping.served < 0:
        raise UsageError(
            "At least the newest version of each model is kept, and a number of days.",
            remedy=f"Keep the last 1 or more of each model, the last 0 to {MOST_DAYS} days, and 0 "
            "or more of what served in each slot.",
        )
    copy, version = tables.WeightsCopy, tables.ModelVersion
    query = (
        select(copy, version)
        .where(col(copy.removed_at).is_(None), version.id == copy.version_id)
        .order_by(version.model, col(version.number), copy.store)
    )
    if models is not None:
        query = query.where(col(version.model).in_(sorted(models)))
    rows = session.exec(query).all()
    left = _left_at(session, models)
    needed = _needed(session, [row for _, row in rows], keeping, left, at)
    return [
        {
            "ref": f"{row.model}@{row.number}",
            "store": held.store,
            "weights": row.weights_xxh3,
            "size": held.size,
            "files": held.files,
            "registered_at": row.registered_at,
            "last_served_at": left.get(f"{row.model}@{row.number}"),
        }
        for held, row in rows
        if row.id not in needed
    ]


def remove(
    sight: Sight,
    reference: str | Reference,
    store: str,
    keeping: RetentionPolicy,
    at: str,
    actor: str,
) -> dict[str, Any]:
    """Record that the copy of a version in a store is taken away; JSON of it.

    The version's row and its digests stay for ever.

    Raises:
        NotFound: there is no such copy.
        Conflict: something needs it.
        NotPermitted: who speaks is bound to environments: others may need it.
    """
    session = sight.session
    if sight.environments is not None:
        sight.require_all()
    version = sight.version(reference, also_deleted=True)
    ref = f"{version.model}@{version.number}"
    rows = [copy for copy, held in copies.live(session, version.id or 0) if held.name == store]
    if not rows:
        raise NotFound(
            f"Store {store[:60]!r} is not known to hold the weights of {ref}.",
            remedy=f"See where they are: {act('show', ref)}",
        )
    named = (
        copy
        for copy in collectable(session, keeping, at, _models_with(session, version))
        if copy["ref"] == ref and copy["store"] == store
    )
    copy = next(named, None)
    if copy is None:
        raise Conflict(
            f"The weights of {ref} are needed.", remedy=f"See what is not: {act('gc')} (a dry run)."
        )
    row = rows[0]
    row.removed_at, row.removed_by = at, actor
    telling.tell(session, row)
    events.append(
        session,
        at=at,
        actor=actor,
        kind="weights-removed",
        subject=ref,
        payload={"store": store, "object": row.object, "weights": version.weights_xxh3}
        | {"keep_last": keeping.last, "keep_days": keeping.days, "keep_served": keeping.served},
        also=[version.model, f"store:{store}"],
    )
    return copy


def _models_with(session: Session, version: tables.ModelVersion) -> set[str]:
    """The models with versions that have the same weights: the bytes are theirs, too."""
    table = tables.ModelVersion
    same = select(table.model).where(table.weights_blake3 == version.weights_blake3).distinct()
    return {version.model, *session.exec(same)}


def _needed(
    session: Session,
    rows: Iterable[tables.ModelVersion],
    keeping: RetentionPolicy,
    left: dict[str, str],
    at: str,
) -> set[int | None]:
    """The versions whose weights something can still need."""
    since = timestamps.written(timestamps.moment(at) - dt.timedelta(days=keeping.days))
    held = {row.id: row for row in rows}
    kept: set[int | None] = _standing(session) | _candidates(session)
    kept |= _served(session, keeping.served)
    for row in held.values():
        served = left.get(f"{row.model}@{row.number}", "")
        if row.registered_at >= since or served >= since:
            kept.add(row.id)
    for model in {row.model for row in held.values()}:
        kept |= _newest(session, model, keeping.last)
    kept -= _deleted(session)
    weights = {row.weights_blake3 for row in held.values() if row.id in kept}
    kept |= {row.id for row in held.values() if row.weights_blake3 in weights}
    return kept | _parents(session, kept)


def _deleted(session: Session) -> set[int | None]:
    """The versions that were deleted: nothing needs them."""
    table = tables.VersionNote
    query = select(table.version_id).where(col(table.deleted_at).is_not(None))
    return {*session.exec(query)}


def _standing(session: Session) -> set[int | None]:
    """What serves or stands by anywhere."""
    standing: set[int | None] = set()
    for slot in slots.all_slots(session):
        standing |= {getattr(slot, f"{side}_version_id") for side in slots.SIDES}
    return standing


def _served(session: Session, count: int) -> set[int | None]:
    """What served in each slot last: it could be gone back to."""
    return {
        pair.version_id
        for slot in slots.all_slots(session)
        for pair in pairs.last_served(session, slot.environment, slot.model, count)
    }


def _candidates(session: Session) -> set[int | None]:
    """What passes with a pipeline version that is deployed anywhere: it could stand by."""
    table, deployed = tables.Validation, tables.PipelineDeployment
    newest = select(func.max(table.id)).group_by(col(table.version_id), col(table.pipeline_blake3))
    query = select(table.version_id).where(
        col(table.id).in_(newest),
        col(table.passed).is_(True),
        deployed.pipeline == table.pipeline,
        deployed.blake3 == table.pipeline_blake3,
    )
    return set(session.exec(query).all())


def _newest(session: Session, model: str, count: int) -> set[int | None]:
    table = tables.ModelVersion
    return set(
        session.exec(
            select(table.id)
            .where(table.model == model, table.kind == Kind.PRODUCTION.value)
            .order_by(col(table.number).desc())
            .limit(count)
        )
    )


def _parents(session: Session, kept: set[int | None]) -> set[int | None]:
    """What those that are kept were made from, all the way up."""
    table = tables.ModelVersion
    parents: set[int | None] = set()
    pending = [version_id for version_id in kept if version_id is not None]
    while pending:
        row = session.get(table, pending.pop())
        if row is not None and row.parent_id is not None and row.parent_id not in parents:
            parents.add(row.parent_id)
            pending.append(row.parent_id)
    return parents


def _left_at(session: Session, models: Collection[str] | None) -> dict[str, str]:
    """When each version (of a model) last left a slot, or entered the one it is still in."""
    table = tables.Event
    standing: dict[str, set[str]] = {}
    left: dict[str, str] = {}
    became = names.renamed(session.connection())
    moves = (*policies.MOVES, "deployed", "retired", "backup-set")
    query = select(table).where(col(table.kind).in_(moves)).order_by(col(table.seq))
    if models is not None:
        subject = tables.EventSubject
        called = sorted(names.with_names(session, models))
        of_them = select(subject.seq).where(col(subject.subject).in_(called))
        query = query.where(col(table.seq).in_(of_them))
    for event in session.exec(query):
        for slot, state in json.loads(event.payload).get("slots", {}).items():
            slot_now = names.under_present(slot, became)
            name = slot_now.partition("@")[0]
            now = {f"{name}@{state[side]['version']}" for side in slots.SIDES if state.get(side)}
            for ref in now | standing.get(slot_now, set()):
                left[ref] = event.at
            standing[slot_now] = now
    return left
