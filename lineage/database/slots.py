"""The rows of slots: reading what serves and what stands by, and writing both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineage.database import tables, telling
from lineage.database.sql import and_, col, or_, select
from lineage.database.validations import newest_validation, overturned

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session

SIDES = ("serving", "backup", "staged")
_COLUMNS = (
    "version_id",
    "version_kind",
    "pipeline",
    "pipeline_blake3",
    "validation_id",
    "passed",
    "promoted_at",
    "promoted_by",
    "waiver_id",
    "waiver_code",
)


@dataclass(frozen=True)
class SlotSide:
    """One side of a slot: a version, and the proof (or the waiver) that it may stand there.

    The proof is a passing validation with the pipeline version that runs; ``pipeline_blake3``
    is that of the version that runs. A waiver that is still to be recorded has a code and no id.
    """

    model: str
    number: int
    version_id: int
    version_kind: str
    pipeline: str | None
    pipeline_blake3: str | None
    validation_id: int | None
    passed: bool | None
    promoted_at: str
    promoted_by: str
    waiver_id: int | None = None
    waiver_code: str | None = None

    @property
    def ref(self) -> str:
        """The version as a person writes it."""
        return f"{self.model}@{self.number}"

    @property
    def proven(self) -> bool:
        """Whether a validation ties the version to the pipeline that runs."""
        return self.validation_id is not None

    def to_event(self) -> dict[str, Any]:
        """The side as events write it."""
        return {
            "version": self.number,
            "pipeline": self.pipeline,
            "pipeline_digest": self.pipeline_blake3,
            "validation": self.validation_id,
            "promoted_at": self.promoted_at,
            "promoted_by": self.promoted_by,
        } | ({"waiver": self.waiver_id} if self.waiver_id is not None else {})


@dataclass(frozen=True)
class SlotState:
    """A slot at one moment; ``revision`` 0 is one in which nothing ever stood.

    ``staged`` is what is to serve once its release is finished. Waivers count whose number is
    greater than ``waivers_after``.
    """

    environment: str
    environment_kind: str
    model: str
    revision: int = 0
    serving: SlotSide | None = None
    backup: SlotSide | None = None
    waivers_after: int = 0
    staged: SlotSide | None = None

    @property
    def subject(self) -> str:
        """The slot as references and the history name it, ``MODEL@ENVIRONMENT``."""
        return subject(self.model, self.environment)

    @property
    def sides(self) -> tuple[SlotSide | None, SlotSide | None, SlotSide | None]:
        """What serves, what stands by, and what is staged."""
        return self.serving, self.backup, self.staged

    def to_event(self) -> dict[str, Any]:
        """The slot as events write it: enough to tell the state from the history alone."""
        state: dict[str, Any] = {
            "revision": self.revision,
            "serving": self.serving.to_event() if self.serving is not None else None,
            "backup": self.backup.to_event() if self.backup is not None else None,
        }
        return state | ({"staged": self.staged.to_event()} if self.staged is not None else {})


def find_slot(session: Session, environment: tables.Environment, model: str) -> SlotState:
    """The slot of a model in an environment, empty where nothing ever stood."""
    row = session.get(tables.Slot, (environment.name, model))
    if row is None:
        return SlotState(environment.name, environment.kind, model)
    return slot_state(session, row)


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
    columns = {column: getattr(row, f"{name}_{column}", None) for column in _COLUMNS}
    return SlotSide(version.model, version.number, **columns)  # type: ignore[arg-type]


def write_slot(session: Session, state: SlotState) -> None:
    """Make a slot's row what the state says."""
    row = session.get(tables.Slot, (state.environment, state.model))
    if row is None:
        row = tables.Slot(
            environment=state.environment,
            model=state.model,
            environment_kind=state.environment_kind,
            revision=0,
        )
    for name, side in zip(SIDES, state.sides, strict=True):
        for column in _COLUMNS:
            if name == "serving" or not column.startswith("waiver"):
                setattr(row, f"{name}_{column}", getattr(side, column, None))
    row.revision = state.revision
    row.waivers_after = state.waivers_after
    telling.tell(session, row)


def all_slots(session: Session, environment: str | None = None) -> Sequence[tables.Slot]:
    """Every slot (of an environment), by environment and model."""
    table = tables.Slot
    query = select(table).order_by(table.environment, table.model)
    if environment is not None:
        query = query.where(table.environment == environment)
    return session.exec(query).all()


def held_by(session: Session, version_id: int | None) -> Sequence[tables.Slot]:
    """The slots in which a version serves, stands by or is staged, by environment and model."""
    table = tables.Slot
    query = select(table).where(
        or_(*(col(getattr(table, f"{side}_version_id")) == version_id for side in SIDES))
    )
    return session.exec(query.order_by(table.environment, table.model)).all()


def riding_on(session: Session, environment: str, pipeline: str) -> list[tables.Slot]:
    """The slots of an environment in which what serves rests on a pipeline, by model.

    It does so by its proof, or by the waiver that stands in for that.
    """
    table, version = tables.Slot, tables.ModelVersion
    return list(
        session.exec(
            select(table)
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


def staged_on(session: Session, environment: str, pipeline: str) -> list[SlotState]:
    """The slots of an environment in which a version is staged on a pipeline, by model."""
    table = tables.Slot
    query = select(table).where(
        table.environment == environment, col(table.staged_pipeline) == pipeline
    )
    return [slot_state(session, row) for row in session.exec(query.order_by(table.model))]


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
