"""The rows of policies, approvals and waivers: reading what is demanded, and who said what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lineage.database import tables
from lineage.database.sql import col, select
from lineage.guard.facts import Approval, Waiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from lineage.database.deployments import DeployedPipeline
    from lineage.guard.policy import EnvironmentPolicy

MOVES = ("promoted", "released", "rolled-back")
"""The events by which a version comes to serve."""


def policy_row(session: Session, environment: str) -> tables.EnvironmentPolicy | None:
    """The newest revision of an environment's policy; None where none was ever applied."""
    table = tables.EnvironmentPolicy
    return session.exec(
        select(table)
        .where(table.environment == environment)
        .order_by(col(table.revision).desc())
        .limit(1)
    ).first()


def policy_of(session: Session, environment: str) -> EnvironmentPolicy:
    """What an environment demands; nothing where no policy was ever applied."""
    from lineage.guard.policy import EnvironmentPolicy

    row = policy_row(session, environment)
    return EnvironmentPolicy.from_json(json.loads(row.document)) if row else EnvironmentPolicy()


def approvals_of(
    session: Session, environment: str, version_id: int, deployed: str | None
) -> tuple[Approval, ...]:
    """Every approval of a version in an environment, the oldest first.

    ``deployed`` is the pipeline version that runs there: approvals given while another did are not
    current.
    """
    table = tables.Approval
    rows = session.exec(
        select(table)
        .where(table.version_id == version_id, table.environment == environment)
        .order_by(col(table.id))
    )
    return tuple(
        Approval(
            row.approved_by,
            row.approved_at,
            row.pipeline_blake3 == deployed,
            row.approved_by_person,
            bool(row.claimed),
        )
        for row in rows
    )


def waivers_in_force(
    session: Session,
    slot: tables.Slot | None,
    version_id: int,
    deployed: DeployedPipeline | None,
    at: str,
) -> tuple[Waiver, ...]:
    """The waivers that hold for a version in its slot, the newest of each rule.

    A waiver holds while the version serves there and the pipeline does not move, until its time is
    over.
    """
    if slot is None or slot.serving_version_id != version_id:
        return ()
    blake3 = deployed.blake3 if deployed is not None else None
    waivers: dict[str, Waiver] = {}
    for row in _waivers(session, slot):
        if row.pipeline_blake3 == blake3 and (row.until is None or at < row.until):
            waivers[row.code] = waiver(row)
    return tuple(waivers.values())


def waiver_by_id(session: Session, key: int | None) -> Waiver | None:
    """A waiver, ended or not, by the key that a slot names."""
    row = session.get(tables.Waiver, key) if key is not None else None
    return waiver(row) if row is not None else None


def waiver(row: tables.Waiver) -> Waiver:
    """The value that a row holds."""
    return Waiver(
        row.code, row.reason, row.waived_by, row.waived_at, row.until, row.waived_by_person
    )


def served_in(session: Session, environment: str, version: tables.ModelVersion) -> bool:
    """Whether a version ever came to serve in an environment, by the history."""
    query = (
        select(tables.Event.payload)
        .join(tables.EventSubject, col(tables.EventSubject.seq) == col(tables.Event.seq))
        .where(
            tables.EventSubject.subject == f"{version.model}@{version.number}",
            col(tables.Event.kind).in_(MOVES),
        )
    )
    return any(json.loads(text).get("environment") == environment for text in session.exec(query))


def _waivers(session: Session, slot: tables.Slot) -> Iterator[tables.Waiver]:
    """The waivers given since the slot's version serves with what runs, the oldest first."""
    table = tables.Waiver
    yield from session.exec(
        select(table)
        .where(
            table.version_id == slot.serving_version_id,
            table.environment == slot.environment,
            col(table.id) > slot.waivers_after,
        )
        .order_by(col(table.id))
    )
