"""What serving hosts say that they have loaded, beside what the registry declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import func, select

from lineage import times
from lineage.access import check_actor
from lineage.digest import Digest
from lineage.errors import Conflict
from lineage.store import reading, slots, tables, versions

if TYPE_CHECKING:
    from sqlmodel import Session

    from lineage.requests import Observed

MOST = 10_000
"""Instances of a model in an environment that are kept at the most."""


def report(
    session: Session, environment: str, model: str, observed: Observed, at: str, actor: str
) -> dict[str, Any]:
    """Keep an instance's report in the place of its last; JSON of it.

    Raises:
        NotFound: there is no such model or environment.
        UsageError: a digest, the time or the instance's name cannot be read.
        Conflict: too many instances have reported.
    """
    slots.require_environment(session, environment)
    versions.require_model(session, model)
    key = (environment, model, check_actor(observed.instance))
    row = session.get(tables.Observation, key)
    if row is None:
        _require_room(session, environment, model)
        row = tables.Observation(
            environment=environment,
            model=model,
            instance=observed.instance,
            weights="",
            loaded_at="",
            reported_at="",
            reported_by="",
        )
    row.weights = Digest(observed.weights)
    row.pipeline = Digest(observed.pipeline) if observed.pipeline is not None else None
    row.loaded_at = times.parse_time(observed.loaded_at)
    row.reported_at, row.reported_by = at, actor
    session.add(row)
    session.flush()
    return _json(session, row)


def listed(session: Session, environment: str, model: str) -> list[dict[str, Any]]:
    """The newest report of each instance, by its name.

    Raises:
        NotFound: there is no such model or environment.
    """
    slots.require_environment(session, environment)
    versions.require_model(session, model)
    table = tables.Observation
    rows = session.exec(
        select(table)
        .where(table.environment == environment, table.model == model)
        .order_by(table.instance)
    )
    return [_json(session, row) for row in rows.all()]


def _json(session: Session, row: tables.Observation) -> dict[str, Any]:
    """A report, and whether it is of what the registry declared: ``in_step``."""
    declared = reading.serving(session, row.environment, row.model)
    weights = declared.serving.weights if declared.serving else None
    same = row.weights == weights and row.pipeline in (None, declared.pipeline["digest"])
    return {
        "environment": row.environment,
        "model": row.model,
        "instance": row.instance,
        "weights": row.weights,
        "pipeline": row.pipeline,
        "loaded_at": row.loaded_at,
        "reported_at": row.reported_at,
        "reported_by": row.reported_by,
        "in_step": same,
    }


def _require_room(session: Session, environment: str, model: str) -> None:
    table = tables.Observation
    query = select(func.count()).where(table.environment == environment, table.model == model)
    if session.exec(query).one() >= MOST:
        raise Conflict(
            f"{MOST:,} instances of {model} have reported from {environment}.",
            remedy="Give the instances names that stay the same over restarts.",
        )
