"""The rows of slots: reading what serves and what stands by, and writing both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import inspect, text

from lineage.database import tables, telling
from lineage.database.known_query import attribute
from lineage.database.lists import ask
from lineage.database.slot_state import SIDES, SlotSide, SlotState, columns_of, side_columns
from lineage.database.sql import and_, col, or_, select
from lineage.database.told import TOLD
from lineage.database.validations import newest_validation, overturned

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sqlmodel import Session, SQLModel

__all__ = ["SIDES", "SlotSide", "SlotState"]

_ADD: Final = text(
    f"INSERT INTO slot ({', '.join(TOLD['slot'].columns)}, event) "  # nosec B608 # noqa: S608 - our own names
    f"VALUES ({', '.join(f':{name}' for name in TOLD['slot'].columns)}, :event)"
)
_CHANGE: Final = text(
    f"UPDATE slot SET {', '.join(f'{name} = :{name}' for name in TOLD['slot'].moves)}, "  # nosec B608 # noqa: S608
    "event = :event WHERE environment = :environment AND model = :model"
)


def slot_state(session: Session, row: tables.Slot) -> SlotState:
    """The value that a row holds."""
    return SlotState(
        row.environment,
        row.environment_kind,
        row.model,
        row.revision,
        slot_side(session, row, "serving"),
        slot_side(session, row, "backup"),
        row.waivers_after,
        slot_side(session, row, "staged"),
    )


def slot_side(session: Session, row: tables.Slot | None, name: str) -> SlotSide | None:
    """What stands on one side of a slot: ``serving``, ``backup`` or ``staged``."""
    version_id = getattr(row, f"{name}_version_id", None)
    if row is None or version_id is None:
        return None
    version = session.get(tables.ModelVersion, version_id)
    assert version is not None  # nosec B101 # noqa: S101 - a foreign key holds it
    return SlotSide(version.model, version.number, **side_columns(row, name))


def write_slots(session: Session, states: Sequence[SlotState]) -> None:
    """Make the rows of slots what their states say: those that are new, and those that were there.

    A slot is new at its first revision.
    """
    number = telling.next_number(session)
    rows = [_told(state) for state in states]
    for statement, first in ((_ADD, True), (_CHANGE, False)):
        written = [row | {"event": number} for row in rows if (row["revision"] == 1) is first]
        if written:
            session.connection().execute(statement, written)
    for row in rows:
        telling.note(session, "slot", row)
        _forget_object(session, tables.Slot, (row["environment"], row["model"]))


def _told(state: SlotState) -> dict[str, Any]:
    """A slot's row, by the names of its columns."""
    columns = columns_of(state)
    return {name: columns[attribute(name)] for name in TOLD["slot"].columns}


def _forget_object(session: Session, table: type[SQLModel], key: tuple[str, ...]) -> None:
    """Let a row that was loaded before be read again, after it was written past it."""
    row = session.identity_map.get(inspect(table).identity_key_from_primary_key(key))
    if row is not None:
        session.expire(row)


def names(session: Session, environment: str | None = None) -> list[tuple[str, str]]:
    """The environment and the model of every slot (of an environment), by these."""
    here = "" if environment is None else "WHERE environment = :environment "
    query = text(f"SELECT environment, model FROM slot {here}ORDER BY environment, model")  # nosec B608 # noqa: S608 - our own words
    rows = session.connection().execute(query, {"environment": environment} if here else {})
    return [(row.environment, row.model) for row in rows]


def all_slots(session: Session, environment: str | None = None) -> Sequence[tables.Slot]:
    """Every slot (of an environment), by environment and model."""
    table = tables.Slot
    query = select(table).order_by(table.environment, table.model)
    if environment is not None:
        query = query.where(table.environment == environment)
    return session.exec(query).all()


def of_model(session: Session, model: str) -> Sequence[tables.Slot]:
    """The slots of a model, by environment."""
    table = tables.Slot
    return session.exec(select(table).where(table.model == model).order_by(table.environment)).all()


def held_by(session: Session, version_id: int | None) -> Sequence[tables.Slot]:
    """The slots in which a version serves, stands by or is staged, by environment and model."""
    table = tables.Slot
    query = select(table).where(
        or_(*(col(getattr(table, f"{side}_version_id")) == version_id for side in SIDES))
    )
    return session.exec(query.order_by(table.environment, table.model)).all()


def holding(session: Session, ids: Collection[int]) -> Iterator[tuple[str, str, int]]:
    """The slots in which versions serve, stand by or are staged: its name, as what, the version.

    By environment and model; of one that holds a version on several sides, the first.
    """
    sides = ", ".join(f"{side}_version_id" for side in SIDES)
    held = " OR ".join(f"{side}_version_id IN :ids" for side in SIDES)
    query = f"SELECT model, environment, {sides} FROM slot WHERE {held} ORDER BY environment, model"  # nosec B608 # noqa: S608 - our own names
    for model, environment, *versions in ask(session.connection(), query, {"ids": [*ids]}):
        named = dict(zip(reversed(versions), reversed(SIDES), strict=True))
        for version_id in sorted({*ids} & named.keys()):
            yield subject(model, environment), named[version_id], version_id


def riding_on(session: Session, environment: str, pipeline: str) -> list[str]:
    """The models of an environment of which what serves rests on a pipeline.

    It does so by its proof, or by the waiver that stands in for that.
    """
    table, version = tables.Slot, tables.ModelVersion
    return list(
        session.exec(
            select(table.model)
            .join(version, col(version.id) == col(table.serving_version_id))
            .where(
                table.environment == environment,
                or_(
                    col(table.serving_pipeline) == pipeline,
                    and_(col(table.serving_waiver_id).is_not(None), version.pipeline == pipeline),
                ),
            )
            .order_by(table.model)
        )
    )


def staged_on(session: Session, environment: str, pipeline: str) -> list[str]:
    """The models of an environment of which a version is staged on a pipeline."""
    table = tables.Slot
    query = select(table.model).where(
        table.environment == environment, col(table.staged_pipeline) == pipeline
    )
    return list(session.exec(query.order_by(table.model)))


def contradicted(session: Session, side: SlotSide | None) -> bool:
    """Whether the newest verdict on what stands there is a failure, or rests on what has failed."""
    if side is None or side.pipeline_blake3 is None:
        return False
    newest = newest_validation(session, side.version_id, side.pipeline_blake3)
    return newest is not None and (not newest.passed or overturned(session, newest))


def event_states(session: Session, rows: Iterable[tables.Slot]) -> dict[str, Any]:
    """The slots of an event by their subject."""
    states = [slot_state(session, row) for row in rows]
    return {state.subject: state.to_event() for state in states}


def subject(model: str, environment: str) -> str:
    """A slot as references and the history name it, ``MODEL@ENVIRONMENT``."""
    return f"{model}@{environment}"
