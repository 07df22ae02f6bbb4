"""What was found before a move, while nobody had to wait. Pure, and quickly loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.database.known import Known
    from lineage.registry.slots.lately import Looks
    from lineage.registry.slots.readiness import BackupChoice


@dataclass(frozen=True)
class Foreseen:
    """What would stand by in a slot, as it was found when the slot had this revision.

    ``version_id`` is what would come to serve in it.
    """

    revision: int
    choice: BackupChoice
    version_id: int | None = None


@dataclass(frozen=True)
class Foresight:
    """What would stand by after a move, by model, and all that was known as it was looked for.

    The move uses what was known if no event came since; else it reads it anew, and judges what was
    found again.
    """

    found: Mapping[str, Foreseen] = field(default_factory=dict)
    known: Known | None = None
    seen: Looks = field(default_factory=dict)
    """What production saw lately, as the guard looked: no event tells whether that still holds."""

    def get(self, model: str) -> Foreseen | None:
        """What would stand by for a model, if it was looked for."""
        return self.found.get(model)


NOTHING: Final = Foresight()
