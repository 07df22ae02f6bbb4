"""The rows that say with which models a pipeline is shared: reading and recording them.

A row is never changed: the newest about a pipeline and a model counts. Its event tells who said it
and when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, select

from lineage.database import events, tables, telling

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlmodel import Session

SHARED = "pipeline-shared"
"""The kind of the events that rows name."""


def shared_with(session: Session, models: Collection[str]) -> frozenset[str]:
    """The pipelines that are shared with some of these models."""
    table = tables.PipelineShare
    newest = (
        select(func.max(table.id))
        .where(col(table.model).in_(sorted(models)))
        .group_by(col(table.pipeline), col(table.model))
    )
    query = select(table.pipeline).where(col(table.id).in_(newest), col(table.shared).is_(True))
    return frozenset(session.exec(query))


def newest(session: Session, pipeline: str, model: str) -> tables.PipelineShare | None:
    """What was said last of a pipeline and a model; None where nothing was."""
    table = tables.PipelineShare
    return session.exec(
        select(table)
        .where(table.pipeline == pipeline, table.model == model)
        .order_by(col(table.id).desc())
        .limit(1)
    ).first()


def shares(session: Session, pipeline: str) -> list[dict[str, Any]]:
    """JSON of each model that a pipeline is shared with, by the model's name."""
    table, event = tables.PipelineShare, tables.Event
    latest = select(func.max(table.id)).where(table.pipeline == pipeline)
    rows = session.exec(
        select(table, event)
        .where(
            col(table.id).in_(latest.group_by(col(table.model))),
            col(table.shared).is_(True),
            event.seq == table.event,
        )
        .order_by(table.model)
    )
    return [
        {"model": row.model, "shared_at": told.at, "shared_by": told.actor} for row, told in rows
    ]


def record(
    session: Session, pipeline: str, model: str, *, shared: bool, at: str, actor: str
) -> None:
    """Record whether a pipeline is shared with a model, and the event that tells it."""
    telling.add(session, "pipeline_share", {"pipeline": pipeline, "model": model, "shared": shared})
    events.append(
        session,
        at=at,
        actor=actor,
        kind=SHARED,
        subject=pipeline,
        payload={"model": model, "shared": shared},
        also=[model],
    )
