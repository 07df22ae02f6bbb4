"""The values of slots: what serves, what stands by and what is staged at one moment. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lineage.database import tables

SIDES: Final = ("serving", "backup", "staged")
_COLUMNS: Final = (
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
_ATTRIBUTES: Final = {
    side: tuple((column, f"{side}_{column}") for column in _COLUMNS) for side in SIDES
}
"""The columns of each side, with what a slot's row calls them."""


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
        return f"{self.model}@{self.environment}"

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


def side_columns(row: tables.Slot, name: str) -> dict[str, Any]:
    """What a slot's row says of one side, by the names of :class:`SlotSide`."""
    return {column: getattr(row, attribute, None) for column, attribute in _ATTRIBUTES[name]}


def columns_of(state: SlotState) -> dict[str, Any]:
    """A slot as its row holds it, by the names of its attributes."""
    found = {
        f"{name}_{column}": getattr(side, column, None)
        for name, side in zip(SIDES, state.sides, strict=True)
        for column in _COLUMNS
        if name == "serving" or not column.startswith("waiver")
    }
    return found | {
        "environment": state.environment,
        "environment_kind": state.environment_kind,
        "model": state.model,
        "revision": state.revision,
        "waivers_after": state.waivers_after,
    }
