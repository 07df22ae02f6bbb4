"""The grounds of an answer about a slot: the things that, once touched, end it.

A server keeps answers (decision 10). One that is kept holds for as long as no event touches what it
rests on; each of these is named as :mod:`lineage.database.touched` names what an event is about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.database.lists import ask
from lineage.errors import PipelineMismatch
from lineage.registry.slots import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from sqlmodel import Session

    from lineage.contract.results import Serving
    from lineage.database.touched import Thing

_SLOTS: Final = (
    "SELECT model, serving_version_id, backup_version_id, staged_version_id, serving_pipeline, "
    "backup_pipeline, staged_pipeline FROM slot WHERE environment = :environment "
    "AND model IN :models"
)
_VERSIONS: Final = "SELECT id, number, pipeline FROM model_version WHERE id IN :ids"
_VALIDATED: Final = "SELECT DISTINCT version_id, pipeline FROM validation WHERE version_id IN :ids"
_COPIES: Final = "SELECT version_id, id, store FROM weights_copy WHERE version_id IN :ids"
_NEWEST: Final = text(
    "SELECT pipeline FROM model_version WHERE model = :model AND pipeline IS NOT NULL "
    "ORDER BY number DESC LIMIT 1"
)
_EMPTY: Final = (None,) * 6
"""The columns of a slot in which nothing ever stood."""


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
    grounds = _of(session, environment, [model], asked=pipeline is not None)[model]
    try:
        return shown.now(session, environment, model, pipeline), grounds
    except PipelineMismatch as error:
        return error, grounds


def all_now(
    session: Session, environment: str, models: Sequence[str]
) -> list[tuple[Serving, frozenset[Thing]]]:
    """The same of the slots of some models, to one who runs nothing: a few statements for all."""
    if not models:
        return []
    grounds = _of(session, environment, models, asked=False)
    answers = shown.all_now(session, environment, models)
    return [(answer, grounds[answer.model]) for answer in answers]


def _of(
    session: Session, environment: str, models: Sequence[str], *, asked: bool
) -> dict[str, frozenset[Thing]]:
    """What every answer about each slot rests on; ``asked``: with a pipeline version."""
    connection = session.connection()
    rows = ask(connection, _SLOTS, {"models": models}, environment=environment)
    slots = {model: columns for model, *columns in rows}
    stand = {version for columns in slots.values() for version in columns[:3]}
    known = _versions(connection, sorted(stand - {None}))
    found: dict[str, frozenset[Thing]] = {}
    for model in models:
        *stands, serving_pipeline, backup_pipeline, staged_pipeline = slots.get(model, _EMPTY)
        serving_id, backup_id, _ = stands
        grounds: set[Thing] = {("slot", environment, model), ("policy", environment)}
        grounds.add(("model", model))
        named: set[Any] = {serving_pipeline, backup_pipeline, staged_pipeline}
        if serving_id is None:  # the pipeline is that of the newest version
            grounds.add(("versions", model))
            named.add(connection.execute(_NEWEST, {"model": model}).scalar())
        for version in filter(None, stands):
            # a verdict that was carried rests on one of the same version
            grounds.add(("version", version))
            named |= known[version].pipelines
        for pipeline in filter(None, named):
            grounds |= {("deployment", environment, pipeline), ("commit", pipeline)}
            if asked:  # another version may be recorded whose digest begins alike
                grounds.add(("pipeline", pipeline))
        if backup_id is not None:
            # whether it has served elsewhere is read from the events under its name
            grounds.add(("subject", f"{model}@{known[backup_id].number}"))
            grounds |= known[backup_id].copies
        found[model] = frozenset(grounds)
    return found


@dataclass(frozen=True)
class _Version:
    """A version that stands in a slot: the pipelines that are named of it, and where it is held."""

    number: int
    pipelines: set[str | None]
    copies: set[Thing] = field(default_factory=set)


def _versions(connection: Connection, ids: Sequence[int]) -> dict[int, _Version]:
    """Versions by their keys."""
    if not ids:
        return {}
    asked = {"ids": ids}
    found = {
        version: _Version(number, {pipeline})
        for version, number, pipeline in ask(connection, _VERSIONS, asked)
    }
    for version, pipeline in ask(connection, _VALIDATED, asked):
        found[version].pipelines.add(pipeline)
    for version, copy, store in ask(connection, _COPIES, asked):
        found[version].copies.update((("copy", copy), ("store", store)))
    return found
