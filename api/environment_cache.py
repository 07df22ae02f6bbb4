"""The environments as pages show them: of their slots, those are read anew that a change touched.

Each slot is kept with what it rests on, as an answer about it alone is (:mod:`.serving_cache`).
What else is said of an environment is read each time, which is little.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lineage import timestamps

from .known import Known, Shared
from .serving_cache import ends_at

if TYPE_CHECKING:
    from lineage.contract.results import Serving
    from lineage.contract.results.environments import EnvironmentRecord
    from lineage.display import Listing
    from lineage.registry.declared import Slot
    from lineage.registry.registry import Registry

    from .known import Look, RegistryVersion


@dataclass(frozen=True, slots=True)
class _KeptSlot:
    """A slot as it was read, and until when that is so by itself."""

    answer: Serving
    until: str | None
    known: Known

    def holds(self, version: RegistryVersion) -> bool:
        """Whether it is so at a version."""
        ended = self.until is not None and self.until <= timestamps.now()
        return not ended and self.known.holds(version)


class EnvironmentCache:
    """The environments, as all who may see all of them share them."""

    def __init__(self) -> None:
        self._shared: Shared[Listing[EnvironmentRecord]] = Shared()
        self._kept: dict[Slot, _KeptSlot] = {}

    def at(self, version: RegistryVersion, registry: Registry) -> Listing[EnvironmentRecord]:
        """Every environment with its slots, at a version that was asked for before."""
        return self._shared.at(version, partial(self._read, version, registry))

    def confirm(self, look: Look, span: float) -> None:
        """Take what a look found to be the same for true for a span of seconds."""
        for slot, kept in self._kept.items():  # another dict takes its place: it never changes
            if look.is_same(*slot):
                kept.known.confirm(look, span)

    def _read(
        self, version: RegistryVersion, registry: Registry
    ) -> tuple[Listing[EnvironmentRecord], bool]:
        """Every environment, and whether no slot of it waits to be confirmed."""
        held = {slot: kept for slot, kept in self._kept.items() if kept.holds(version)}
        answers = {slot: kept.answer for slot, kept in held.items()}
        environments, read = registry.environments_on_grounds(answers)
        self._kept = held | {
            slot: _KeptSlot(answer, ends_at(answer), Known(version, things))
            for slot, (answer, things) in read.items()
        }
        return environments, all(kept.known.is_sure(version) for kept in held.values())
