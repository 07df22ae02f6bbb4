"""Whether the backup of a slot could take over now, as far as the registry knows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.database import slots, tables
from lineage.registry import views

if TYPE_CHECKING:
    from sqlmodel import Session

    from lineage.contract.results import Readiness, Serving


def serving(session: Session, environment: str, model: str) -> Serving:
    """What serves for a model in an environment, its backup, and whether that is ready."""
    found = views.serving(session, environment, model)
    if found.backup is None:
        return found
    return replace(found, readiness=_of(session, environment, model))


def _of(session: Session, environment: str, model: str) -> Readiness | None:
    from lineage.contract.results import Readiness
    from lineage.database import copy_status
    from lineage.registry.slots import facts

    slot = session.get(tables.Slot, (environment, model))
    where = session.get(tables.Environment, environment)
    occupant = slots.occupant(slot, "backup")
    if occupant is None or where is None:
        return None
    version = session.get(tables.ModelVersion, occupant.version_id)
    assert version is not None  # noqa: S101 - a foreign key holds it
    reasons = facts.not_ready(session, where, version, slots.Running(session, environment))
    copies = copy_status.copies(session, occupant.version_id)
    checked_at = max((copy.at for copy in copies), default=None)
    return Readiness(not reasons, checked_at, reasons, copies)
