"""The links: every event is there, follows the one before, and is what its digest says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.database.audit.entries import Entry


class Links:
    """Checks each event and its link; ``count`` events were seen, the last digest is ``head``."""

    def __init__(self) -> None:
        self.count = 0
        self.head = ""
        self._last = 0

    def see(self, entry: Entry) -> Iterator[str]:
        """What is wrong with an event."""
        self.count += 1
        if entry.seq != self._last + 1:
            yield f"event {self._last + 1} is missing: {entry.seq} stands in its place"
        self._last = entry.seq
        if entry.previous != self.head:
            yield f"event {entry.seq} does not follow the one before it"
        if not entry.sound:
            yield f"event {entry.seq} was changed: its digest does not match"
        self.head = str(entry.blake3)

    def end(self) -> Iterator[str]:
        """Nothing more: what was cut off at the end shows only against what somebody kept."""
        yield from ()
