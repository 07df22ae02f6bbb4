"""The plan of a move as a value: what it changes in which slot. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineage.contract.results import SlotChange
from lineage.registry.slots.facts import MoveKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lineage.database.deployments import DeployedPipeline
    from lineage.database.slots import SlotSide, SlotState
    from lineage.guard.decision import Decision
    from lineage.guard.facts import Waiver
    from lineage.registry.slots.facts import PipelineMove
    from lineage.registry.slots.request import Request


@dataclass(frozen=True)
class WaiverGrant:
    """A waiver that a decision needed, tied to the pipeline version that it is given for.

    ``id`` is None until it is recorded.
    """

    version_id: int
    waiver: Waiver
    deployed: DeployedPipeline | None
    id: int | None = None


@dataclass(frozen=True)
class RolledBackPair:
    """A pair that is rolled back; ``version_left`` tells that its version goes with it."""

    side: SlotSide
    version_left: bool

    def to_event(self) -> dict[str, Any]:
        """The pair as events write it."""
        return {
            "ref": self.side.ref,
            "pipeline_digest": self.side.pipeline_blake3,
            "version_left": self.version_left,
        }


@dataclass(frozen=True)
class SlotPlan:
    """What a move does to one slot; ``named`` is the version that was named for it."""

    before: SlotState
    after: SlotState
    named: str | None = None
    passed_over: Mapping[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything changes in it."""
        return self.after.revision != self.before.revision

    @property
    def loses_backup(self) -> bool:
        """Whether something stood by, and nothing does after it."""
        return self.before.backup is not None and self.after.backup is None

    def step(self) -> SlotChange:
        """The change as answers show it."""
        return SlotChange(
            self.before.model,
            self.before.environment,
            _ref(self.before.serving),
            _ref(self.before.backup),
            _ref(self.after.serving),
            _ref(self.after.backup),
            self.before.revision,
            self.passed_over,
            self._backup_moves_pipeline,
            _ref(self.before.staged),
            _ref(self.after.staged),
        )

    @property
    def _backup_moves_pipeline(self) -> bool:
        """Whether what stands by after it is on another pipeline version than what serves."""
        serving, backup = self.after.serving, self.after.backup
        if serving is None or backup is None or backup.pipeline_blake3 is None:
            return False
        return backup.pipeline_blake3 != serving.pipeline_blake3


@dataclass(frozen=True)
class MovePlan:
    """What a move does, and the decisions that allow it.

    ``unused_waivers`` are rules that were asked to be waived and do not fail. ``rolled_back`` are
    the pairs that may not come back without a new validation.
    """

    kind: MoveKind
    request: Request
    slots: tuple[SlotPlan, ...]
    decisions: tuple[Decision, ...] = ()
    pipeline: PipelineMove | None = None
    waivers: tuple[WaiverGrant, ...] = ()
    unused_waivers: tuple[str, ...] = ()
    rolled_back: tuple[RolledBackPair, ...] = ()

    @property
    def changed(self) -> tuple[SlotPlan, ...]:
        """The slots in which anything changes."""
        return tuple(slot for slot in self.slots if slot.changed)

    @property
    def deployed(self) -> PipelineMove | None:
        """The pipeline version that is to run by it; what is only staged does not."""
        return None if self.kind in (MoveKind.STAGED, MoveKind.WITHDRAWN) else self.pipeline

    @property
    def changes_anything(self) -> bool:
        """Whether a slot or the pipeline moves."""
        return bool(self.changed) or (self.deployed is not None and self.deployed.moves)

    @property
    def has_event(self) -> bool:
        """Whether the history is to tell of it."""
        return self.changes_anything or bool(self.waivers)

    @property
    def shown(self) -> tuple[SlotPlan, ...]:
        """The slots of an answer: those that were named, or all that the pipeline moves under."""
        return tuple(slot for slot in self.slots if slot.named) or self.slots

    @property
    def named(self) -> tuple[str, ...]:
        """The versions that were named."""
        return tuple(slot.named for slot in self.slots if slot.named is not None)

    def emptied(self, slots: Iterable[SlotPlan]) -> tuple[str, ...]:
        """Those of some slots whose backup the move took away without being asked to."""
        if self.kind in (MoveKind.ROLLED_BACK, MoveKind.RETIRED):
            return ()
        return tuple(slot.after.subject for slot in slots if slot.loses_backup)


def _ref(side: SlotSide | None) -> str | None:
    return side.ref if side is not None else None
