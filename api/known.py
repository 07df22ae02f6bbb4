"""What a server knows of its registry, and whether that still holds (decision 10).

What was read rests on things (:mod:`lineage.database.touched`), and holds until an event touches
one of them. Rows that somebody changes without an event (plain SQL past the triggers) make another
state of the database: what was known at the state before is asked for anew after
:data:`CONFIRMED_FOR`, for other commits make one too, on PostgreSQL any in any database.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lineage.database.touched import touched

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lineage.database.touched import Thing

CONFIRMED_FOR: Final = 0.5
"""Seconds that something is taken for true at another state of the database."""

MOST_THINGS: Final = 100_000
"""Things of which it is known when they were touched; of more, all count as touched."""

MOST_NEW: Final = 100
"""New events that are read; after more, everything is forgotten."""

LONGEST: Final = 256 << 10
"""Characters of an event that is read; after a longer one, everything is forgotten."""

_NEW_EVENTS: Final = (
    "SELECT seq, digest, "
    "CASE WHEN seq > {known} AND length(payload) <= {longest} THEN payload END{more} "
    "FROM event WHERE seq >= {known} ORDER BY seq DESC LIMIT {most}"
)


def new_events(known: str, more: str = "") -> str:
    """A query of the events from a known one on, the newest first.

    The known one is the last of them, unless the history is another one.
    """
    return _NEW_EVENTS.format(known=known, longest=LONGEST, most=MOST_NEW + 1, more=more)


class Touches:
    """When each thing was touched last: by the ``count`` of looks that found something new."""

    def __init__(self) -> None:
        self.count = 0
        self._all = 0
        self._last: dict[Thing, int] = {}

    def note(self, things: Iterable[Thing] | None) -> None:
        """Things were touched; None for all."""
        self.count += 1
        if things is None or len(self._last) > MOST_THINGS:
            self._all = self.count
            self._last.clear()
            return
        for thing in things:
            self._last[thing] = self.count

    def since(self, count: int, things: Iterable[Thing]) -> bool:
        """Whether any of some things was touched after a count."""
        if self._all > count:
            return True
        last = self._last
        return any(last.get(thing, 0) > count for thing in things)


@dataclass(frozen=True, slots=True)
class RegistryVersion:
    """The version of a registry: what was touched up to it.

    An equal ``state`` means that nothing at all was committed.
    """

    count: int
    state: object
    touches: Touches = field(default_factory=Touches)


class History:
    """Follows the history of events: notes what the new ones touch."""

    def __init__(self) -> None:
        self.known = 0
        self.touches = Touches()
        self._digest: str | None = None

    def read(self, rows: Sequence[tuple[int, str, str | None]]) -> None:
        """Take in what :data:`NEW_EVENTS` gave for the known number."""
        if not rows and self._digest is None:
            return
        if not rows or rows[-1][:2] != (self.known, self._digest):
            self._begin(rows)
            return
        changed: set[Thing] = set()
        for _, _, payload in rows[:-1]:
            things = touched(payload) if payload is not None else None
            if things is None:
                self._begin(rows)
                return
            changed |= things
        if len(rows) > 1:
            self.known, self._digest = rows[0][:2]
            self.touches.note(changed)

    def _begin(self, rows: Sequence[tuple[int, str, str | None]]) -> None:
        """It is another history, or too much happened: everything is forgotten."""
        self.known, self._digest = rows[0][:2] if rows else (0, None)
        self.touches.note(None)


class Known:
    """When, at which version, something was found to be so, and what it rests on."""

    __slots__ = ("_at", "_count", "_state", "_things")

    def __init__(self, version: RegistryVersion, things: Iterable[Thing] = ()) -> None:
        self._count = version.count
        self._state = version.state
        self._at = time.monotonic()
        self._things = tuple(things)

    def is_untouched(self, version: RegistryVersion) -> bool:
        """Whether no event up to a version touched what it rests on."""
        if version.count > self._count:
            if version.touches.since(self._count, self._things):
                return False
            self._count = version.count
        return True

    def is_confirmed(self, version: RegistryVersion) -> bool:
        """Whether it may be taken for true, where no event touched what it rests on."""
        return version.state == self._state or time.monotonic() - self._at < CONFIRMED_FOR

    def holds(self, version: RegistryVersion) -> bool:
        """Whether it may be taken for true at a version."""
        return self.is_untouched(version) and self.is_confirmed(version)

    def wait(self) -> None:
        """Take it for true a little longer: somebody asks for it anew."""
        self._at = time.monotonic()
