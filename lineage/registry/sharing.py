"""Sharing pipelines: saying which models may ride on one that is not called like them.

Naming a pipeline gives no right to it. A pipeline is its namesake's; with another model it is
shared by an ``admin``, or by whoever is bound to no models as they register a version of that model
on it: a team without bound tokens notices nothing (decision 28).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.database import sharing
from lineage.identity.references import check_name
from lineage.registry.versions import add_model

if TYPE_CHECKING:
    from sqlmodel import Session


def share(
    session: Session, pipeline: str, model: str, *, shared: bool, at: str, actor: str
) -> tuple[bool, list[dict[str, Any]]]:
    """Share a pipeline with a model, or withdraw that; whether it is new, and all its shares.

    A model that is not there yet is recorded: its first version may then come from a token that is
    bound to it.

    Raises:
        UsageError: a name is not valid.
    """
    check_name("pipeline", pipeline)
    check_name("model", model)
    said = sharing.newest(session, pipeline, model)
    changes = shared is not (said is not None and said.shared)
    if changes:
        add_model(session, model, at, actor)
        sharing.record(session, pipeline, model, shared=shared, at=at, actor=actor)
    return changes, sharing.shares(session, pipeline)
