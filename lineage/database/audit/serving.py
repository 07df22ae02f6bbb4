"""What serves: the slots are what the newest event about each says, and so are the pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.database import names, pairs, slots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from lineage.database.audit.entries import Entry

Served = tuple[str, int, str]
"""A pair that served: the slot's subject, the version's number, the pipeline version's BLAKE3."""


class Slots:
    """Checks the slots and the pairs that served in them; it keeps the newest of each."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._became = names.renamed(session.connection())
        self._told: dict[str, Any] = {}
        self._pairs: dict[Served, int] = {}

    def see(self, entry: Entry) -> Iterator[str]:
        """Note what an event says of slots."""
        states = entry.payload.get("slots", {})
        try:
            states = {
                names.under_present(subject, self._became): state
                for subject, state in states.items()
            }
            self._pairs.update((pair, entry.seq) for pair in _serving(states))
            self._told.update(states)
        except (AttributeError, KeyError, TypeError, ValueError):
            yield f"event {entry.seq} does not tell of slots as events do"

    def end(self) -> Iterator[str]:
        """Where the present is not what was told."""
        present = self._present()
        for subject in sorted({*self._told, *present}):
            if self._told.get(subject, "") != present.get(subject, ""):
                yield f"{subject} is not what the newest event about it says"
        served = pairs.all_served(self._session)
        for pair in sorted({*self._pairs, *served}, key=str):
            if self._pairs.get(pair) != served.get(pair):
                subject, number, _ = pair
                yield f"that version {number} served {subject} is not what the history says"

    def _present(self) -> dict[str, Any]:
        """The state of each slot by its subject; None of one that points to what is not there."""
        states: dict[str, Any] = {}
        for row in slots.all_slots(self._session):
            try:
                states |= slots.event_states(self._session, [row])
            except (AssertionError, AttributeError, LookupError, TypeError, ValueError):
                states[slots.subject(row.model, row.environment)] = None
        return states


def _serving(states: dict[str, Any]) -> Iterator[Served]:
    """The pairs that serve in the slots of an event, each on a validation."""
    for subject, state in states.items():
        side = state.get("serving")
        if side is not None and side["validation"] is not None:
            yield subject, side["version"], side["pipeline_digest"]
