"""The rows of watched runs: recording what was observed, and reading it as the guard does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from lineage.database import tables, telling
from lineage.database.sql import col, select
from lineage.guard.evidence import Basis
from lineage.identity.run_environment import RunEnvironment
from lineage.identity.watched import MOST_KEPT, WatchedRun

if TYPE_CHECKING:
    from sqlmodel import Session

MOST: Final = 50
"""The newest runs of a version that the guard looks at and `show` shows."""


def add(
    session: Session,
    row: tables.ModelVersion,
    validation: tables.Validation | None,
    run: WatchedRun,
    at: str,
    actor: str,
) -> str | None:
    """Record a run of a version, or of a validation of it; its BLAKE3, None where it is there."""
    table = tables.WatchedRun
    digest = str(run.blake3)
    validation_id = validation.id if validation is not None else None
    same = select(table.id).where(
        table.version_id == row.id,
        col(table.validation_id).is_(None)
        if validation_id is None
        else table.validation_id == validation_id,
        table.blake3 == digest,
    )
    if session.exec(same).first() is not None:
        return None
    ran_with = validation if validation is not None else row
    added = table(
        version_id=row.id or 0,
        validation_id=validation_id,
        pipeline=ran_with.pipeline,
        pipeline_blake3=ran_with.pipeline_blake3,
        blake3=digest,
        document=run.canonical.decode(),
        recorded_at=at,
        recorded_by=actor,
    )
    telling.tell(session, added)
    return digest


def shown(session: Session, version_id: int) -> dict[int | None, list[dict[str, Any]]]:
    """JSON of the same by the validation that each is kept with, None for the version's own."""
    found: dict[int | None, list[dict[str, Any]]] = {}
    for row in _newest(session, version_id):
        document = {
            "digest": row.blake3,
            "recorded_at": row.recorded_at,
            "recorded_by": row.recorded_by,
        } | json.loads(row.document)
        found.setdefault(row.validation_id, []).append(document)
    return found


def environment_of(session: Session, validation: tables.Validation) -> RunEnvironment | None:
    """The environment that a verdict was reached in; None where no run of it was watched.

    A verdict that was carried over was reached where the one was that it rests on. One that was
    stated was reached nowhere: what runs that are kept with it saw is where something was made.
    """
    reached: tables.Validation | None = validation
    if validation.rests_on is not None:
        reached = session.get(tables.Validation, validation.rests_on)
    if reached is None or reached.basis == Basis.STATED:
        return None
    documents = documents_of(session, validation.version_id, reached.id or 0)
    return RunEnvironment.of_runs(WatchedRun.from_json(json.loads(text)) for text in documents)


def documents_of(session: Session, version_id: int, validation_id: int) -> list[str]:
    """The newest runs that are kept with a validation of a version, the newest first."""
    table = tables.WatchedRun
    query = select(table.document).where(
        table.version_id == version_id, table.validation_id == validation_id
    )
    return list(session.exec(query.order_by(col(table.id).desc()).limit(MOST_KEPT)))


def _newest(session: Session, version_id: int) -> list[tables.WatchedRun]:
    table = tables.WatchedRun
    query = select(table).where(table.version_id == version_id)
    return list(session.exec(query.order_by(col(table.id).desc()).limit(MOST)))
