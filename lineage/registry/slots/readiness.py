"""Whether a version could take over at once, and which one stands by. Pure: no session.

A version is ready when a rollback to it would be allowed and a store holds its weights. Behind a
version that comes to serve stands what served before it, if that is ready; else the present backup,
if that is. In an experimental environment whatever stands there does. Where what serves stays, its
backup does too: it is not the slot's move that makes it less ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineage.guard.decision import Status
from lineage.guard.evaluate import decide
from lineage.guard.facts import Standby, Transition
from lineage.identity.components import EnvironmentKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.database.slots import SlotSide, SlotState
    from lineage.guard.facts import Facts


def reasons_against(facts: Facts) -> tuple[str, ...]:
    """Why a backup could not take over at once, or a version not stand by; nothing where it could.

    Args:
        facts: what the guard sees of it: a backup were to return, any other version to stand by.
    """
    decision = decide(facts)
    reasons = [check.summary for check in decision.failures]
    weights = decision.check("weights-intact")
    if facts.transition is Transition.RETURN and weights.status not in (Status.PASS, Status.FAIL):
        reasons.append(weights.summary)
    return tuple(reasons)


def may_stand(side: SlotSide, environment_kind: str) -> bool:
    """Whether a version has the proof that an environment of this kind demands."""
    return side.proven or environment_kind == EnvironmentKind.EXPERIMENTAL


@dataclass(frozen=True)
class BackupFacts:
    """A version that could stand by: as it would, and why it could not take over at once.

    ``stays`` tells that it is the backup already, and what serves stays too.
    """

    side: SlotSide
    environment_kind: str
    reasons: tuple[str, ...] = ()
    stays: bool = False

    @property
    def stands(self) -> bool:
        """Whether it stands by."""
        lenient = self.environment_kind == EnvironmentKind.EXPERIMENTAL
        ready = lenient or self.stays or not self.reasons
        return ready and may_stand(self.side, self.environment_kind)

    @property
    def standby(self) -> Standby:
        """The version as the guard sees it."""
        return Standby(self.side.ref, next(iter(self.reasons), None))


@dataclass(frozen=True)
class BackupChoice:
    """What could stand by behind a version, the preferred first; nothing behind one that does."""

    considered: tuple[BackupFacts, ...] = ()

    @property
    def chosen(self) -> SlotSide | None:
        """What stands by."""
        return next((backup.side for backup in self.considered if backup.stands), None)

    @property
    def standby(self) -> Standby | None:
        """What the guard sees: what stands by, or the first that could not."""
        if not self.considered:
            return None
        stands = next((backup for backup in self.considered if backup.stands), None)
        return (stands or self.considered[0]).standby

    @property
    def passed_over(self) -> dict[str, str]:
        """What speaks against each that was considered, by its reference."""
        return {backup.side.ref: backup.reasons[0] for backup in self.considered if backup.reasons}


def choose_backup(
    state: SlotState,
    serves: int | None,
    consider: Callable[[SlotSide], tuple[SlotSide, tuple[str, ...]]],
) -> BackupChoice:
    """What stands by behind a version: what serves now, else the present backup.

    Args:
        state: the slot, before the move.
        serves: the id of what serves after it.
        consider: what stands in the slot with the proof that it has on what is to run, and why it
            could not take over at once; asked of no more than it takes to find one that stands by.
    """
    stays = state.serving is not None and state.serving.version_id == serves
    considered: list[BackupFacts] = []
    for side in state.sides:
        if side is None or side.version_id == serves:
            continue
        renewed, reasons = consider(side)
        backup = BackupFacts(
            renewed, state.environment_kind, reasons, stays=stays and side is state.backup
        )
        considered.append(backup)
        if backup.stands:
            break
    return BackupChoice(tuple(considered))
