"""What a move is planned on: the slots that it touches, and what the guard sees. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from lineage.database.slot_state import SlotSide
from lineage.registry.slots.readiness import BackupChoice

if TYPE_CHECKING:
    from lineage.database.deployments import DeployedPipeline
    from lineage.database.slots import SlotState
    from lineage.guard.facts import Facts, Waiver
    from lineage.registry.slots.request import Request


class MoveKind(StrEnum):
    """What a move is, as the history calls it."""

    PROMOTED = "promoted"
    DEPLOYED = "deployed"
    """A pipeline moves under the models that serve."""
    RELEASED = "released"
    """A pipeline and models on it move in one step."""
    ROLLED_BACK = "rolled-back"
    RETIRED = "retired"
    BACKUP_SET = "backup-set"
    STAGED = "staged"
    """A release is declared: hosts with its pipeline may load it, and nothing serves by it yet."""
    WITHDRAWN = "withdrawn"
    """What was staged is to serve no more."""


@dataclass(frozen=True)
class VersionFacts:
    """A version that is to stand in a slot: what the guard sees of it, and what is to run there."""

    id: int
    guard: Facts
    deployed: DeployedPipeline | None

    def side(self, since: str, by: str) -> SlotSide:
        """The version as it would stand, with its proof where it has one.

        The proof is the newest validation with what is to run, if that is a pass.
        """
        newest = self.guard.verdict
        proven = self.deployed is not None and newest is not None and newest.passed
        return SlotSide(
            model=self.guard.model,
            number=self.guard.version,
            version_id=self.id,
            version_kind=self.guard.kind.value,
            pipeline=self.deployed.pipeline if proven and self.deployed else None,
            pipeline_blake3=self.deployed.blake3 if proven and self.deployed else None,
            validation_id=newest.id if proven and newest else None,
            passed=True if proven else None,
            promoted_at=since,
            promoted_by=by,
        )


@dataclass(frozen=True)
class SlotFacts:
    """A slot that a move touches.

    ``version`` is what is decided on: what is to serve (or to stand by), or what serves and stays
    while its pipeline moves; None in a slot that a rollback finds nothing for. ``named`` tells that
    the one who moves named it. ``backups`` are what could stand by behind it. ``takes_back`` tells
    that what serves until then is rolled back.
    """

    state: SlotState
    version: VersionFacts | None = None
    named: bool = False
    backups: BackupChoice = field(default_factory=BackupChoice)
    takes_back: bool = False


@dataclass(frozen=True)
class PipelineMove:
    """The pipeline version that is to run, and the BLAKE3 of the one that runs until then."""

    pipeline: str
    blake3: str
    xxh3: str
    previous: str | None

    @property
    def moves(self) -> bool:
        """Whether another version runs until then."""
        return self.previous != self.blake3


@dataclass(frozen=True)
class MoveFacts:
    """All that a move is planned on.

    ``asked`` are the waivers that are asked for, ``staged`` the slots in which a version is staged
    on the pipeline that moves. ``finishes`` tells that the move is what was staged.
    """

    kind: MoveKind
    request: Request
    slots: tuple[SlotFacts, ...]
    pipeline: PipelineMove | None = None
    asked: tuple[Waiver, ...] = ()
    staged: tuple[SlotState, ...] = ()
    finishes: bool = False
