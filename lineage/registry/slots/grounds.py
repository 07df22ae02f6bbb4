"""The grounds of an answer about a slot: the things that, once touched, end it.

A server keeps answers (decision 10). One that is kept holds for as long as no event touches what it
rests on; each of these is named as :mod:`lineage.database.touched` names what an event is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, text

from lineage.errors import PipelineMismatch
from lineage.registry.slots import shown

if TYPE_CHECKING:
    from sqlalchemy import BindParameter
    from sqlmodel import Session

    from lineage.contract.results import Serving
    from lineage.database.touched import Thing

_IDS: Final[BindParameter[int]] = bindparam("ids", expanding=True)

_SLOT: Final = text(
    "SELECT serving_version_id, backup_version_id, staged_version_id, serving_pipeline, "
    "backup_pipeline, staged_pipeline FROM slot WHERE environment = :environment AND model = :model"
)
_NUMBER: Final = text("SELECT number FROM model_version WHERE id = :version")
_PIPELINES: Final = text(
    "SELECT pipeline FROM model_version WHERE id IN :ids "
    "UNION SELECT pipeline FROM validation WHERE version_id IN :ids"
).bindparams(_IDS)
_NEWEST: Final = text(
    "SELECT pipeline FROM model_version WHERE model = :model AND pipeline IS NOT NULL "
    "ORDER BY number DESC LIMIT 1"
)
_COPIES: Final = text("SELECT id, store FROM weights_copy WHERE version_id = :version")


def now(
    session: Session, environment: str, model: str, pipeline: str | None
) -> tuple[Serving | PipelineMismatch, frozenset[Thing]]:
    """What serves in a slot, or that no pair goes with a pipeline version; and what that rests on.

    Args:
        session: a transaction.
        environment: an environment that is there.
        model: a model that is there.
        pipeline: the pipeline version of the one who asks.
    """
    grounds = _of(session, environment, model, asked=pipeline is not None)
    try:
        return shown.now(session, environment, model, pipeline), grounds
    except PipelineMismatch as error:
        return error, grounds


def _of(session: Session, environment: str, model: str, *, asked: bool) -> frozenset[Thing]:
    """What every answer about a slot rests on; ``asked``: with a pipeline version."""
    grounds: set[Thing] = {("slot", environment, model), ("policy", environment)}
    connection = session.connection()
    here = {"environment": environment, "model": model}
    row = connection.execute(_SLOT, here).first()
    serving_id, backup_id, staged_id, *pipelines = row if row is not None else (None,) * 6
    stands = [version for version in (serving_id, backup_id, staged_id) if version is not None]
    named: set[str | None] = set(pipelines)
    if serving_id is None:  # the pipeline is that of the newest version
        grounds.add(("versions", model))
        named.add(connection.execute(_NEWEST, {"model": model}).scalar())
    if stands:
        named.update(connection.execute(_PIPELINES, {"ids": stands}).scalars())
        # a verdict that was carried rests on one of the same version
        grounds |= {("version", version) for version in stands}
    for pipeline in filter(None, named):
        grounds |= {("deployment", environment, pipeline), ("commit", pipeline)}
        if asked:  # another version may be recorded whose digest begins alike
            grounds.add(("pipeline", pipeline))
    if backup_id is not None:
        backup = {"version": backup_id}
        # whether it has served elsewhere is read from the events under its name
        number = connection.execute(_NUMBER, backup).scalar()
        grounds.add(("subject", f"{model}@{number}"))
        for copy, store in connection.execute(_COPIES, backup):
            grounds |= {("copy", copy), ("store", store)}
    return frozenset(grounds)
