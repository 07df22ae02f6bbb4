"""The environments as pages show them: of their slots, those are read anew that a change touched.

Each slot is kept with what it rests on, as an answer about it alone is (:mod:`.serving_cache`).
What else is said of an environment is read each time, which is little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lineage import timestamps

from .known import Known, Shared
from .serving_cache import ends_at

if TYPE_CHECKING:
    from lineage.contract.results import Serving
    from lineage.contract.results.environments import EnvironmentRecord
    from lineage.database.basis import Basis
    from lineage.display import Listing
    from lineage.registry.declared import Slot
    from lineage.registry.registry import Registry

    from .known import Look, RegistryVersion

    _Numbers = tuple[int | None, int | None]


@dataclass(slots=True)
class _KeptSlot:
    """A slot as it was read, until when that is so by itself, and what it was made of, if known."""

    answer: Serving
    until: str | None
    known: Known
    basis: _Numbers | None

    def may_hold(self, version: RegistryVersion) -> bool:
        """Whether neither time nor an event up to a version has ended it."""
        ended = self.until is not None and self.until <= timestamps.now()
        return not ended and self.known.is_untouched(version)

    def confirm(self, look: Look, span: float) -> None:
        """Take it for true for a span of seconds, if it is as a look found it."""
        slot = self.answer.environment, self.answer.model
        numbers = _numbers(look.basis, slot)
        if self.basis == numbers:
            self.known.is_as_in(look, span)
        elif self.basis is None and look.is_same(*slot) and self.known.confirm(look, span):
            self.basis = numbers


def _numbers(basis: Basis, slot: Slot) -> _Numbers:
    """What a basis has of a slot, and of what all slots of its environment rest on."""
    return basis.get(slot), basis.get((slot[0], None))


class EnvironmentCache:
    """The environments, as all who may see all of them share them."""

    def __init__(self) -> None:
        self._shared: Shared[Listing[EnvironmentRecord]] = Shared()
        self._kept: dict[Slot, _KeptSlot] = {}
        self._looked = -math.inf

    def at(self, version: RegistryVersion, registry: Registry) -> Listing[EnvironmentRecord]:
        """Every environment with its slots, at a version that was asked for before."""
        return self._shared.at(version, partial(self._read, version, registry))

    def confirm(self, look: Look, span: float) -> None:
        """Take what a look found to be the same for true for a span of seconds."""
        self._looked = look.began
        for kept in self._kept.values():  # another dict takes its place: it never changes
            kept.confirm(look, span)

    def _read(
        self, version: RegistryVersion, registry: Registry
    ) -> tuple[Listing[EnvironmentRecord], bool]:
        """Every environment, and whether no slot of it waits to be confirmed."""
        held = {slot: kept for slot, kept in self._kept.items() if kept.may_hold(version)}
        doubtful = [slot for slot, kept in held.items() if not kept.known.is_confirmed(version)]
        if doubtful:  # to read what they are made of takes a part of the time that they take
            basis = registry.basis()
            for slot in doubtful:
                if held[slot].basis == _numbers(basis, slot):
                    held[slot].known.is_as_at(version)
                else:
                    del held[slot]
        answers = {slot: kept.answer for slot, kept in held.items()}

        def was_looked() -> bool:
            """Whether a look came meanwhile: the next one cannot tell whether this is so still."""
            return self._looked > version.asked

        environments, read, found = registry.environments_on_grounds(answers, was_looked)
        self._kept = held | {
            slot: _KeptSlot(
                answer,
                ends_at(answer),
                Known(version, things),
                _numbers(found, slot) if found is not None else None,
            )
            for slot, (answer, things) in read.items()
        }
        return environments, all(kept.known.is_sure(version) for kept in held.values())
