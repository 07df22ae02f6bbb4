"""The rows of policies, approvals and waivers: reading what is demanded, and who said what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lineage.database import names, tables, values
from lineage.database.sql import col, select

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlmodel import Session

    from lineage.guard.facts import Approval, Waiver
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
    session: Session, environment: str, version_id: int, counting: Collection[str | None]
) -> tuple[Approval, ...]:
    """The approvals of a version in an environment for some pipeline versions, the oldest first.

    ``counting`` are the BLAKE3 of these; None for where none ran.
    """
    table = tables.Approval
    rows = session.exec(
        select(table)
        .where(table.version_id == version_id, table.environment == environment)
        .order_by(col(table.id))
    )
    given = (values.approval(row, counting) for row in rows)
    return tuple(approval for approval in given if approval.current)


def waiver_by_id(session: Session, key: int | None) -> Waiver | None:
    """A waiver, ended or not, by the key that a slot names."""
    row = session.get(tables.Waiver, key) if key is not None else None
    return values.waiver(row) if row is not None else None


def served_in(session: Session, environment: str, version: tables.ModelVersion) -> bool:
    """Whether a version ever came to serve in an environment, by the history."""
    called = names.subjects(session, f"{version.model}@{version.number}")
    query = (
        select(tables.Event.payload)
        .join(tables.EventSubject, col(tables.EventSubject.seq) == col(tables.Event.seq))
        .where(
            col(tables.EventSubject.subject).in_(called),
            col(tables.Event.kind).in_(MOVES),
        )
    )
    return any(json.loads(text).get("environment") == environment for text in session.exec(query))
