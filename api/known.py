"""What a server knows of its registry, and whether that still holds (decision 10).

What was read rests on things (:mod:`lineage.database.touched`), and holds until an event touches
one of them. Rows that somebody changes without an event (plain SQL past the triggers) make another
state of the database, as other commits do, on PostgreSQL any in any database: what was known at the
state before is asked for anew after :data:`CONFIRMED_FOR`, unless a look confirms it
(:mod:`.confirming`).
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from lineage.database.touched import touched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lineage.database.basis import Basis
    from lineage.database.touched import Thing

T = TypeVar("T")

VERSION: Final = "lineage.version"
"""Where the scope of a look-up holds the registry's version, once it was asked for."""

CONFIRMED_FOR: Final = 0.5
"""Seconds that something is taken for true at another state of the database."""

SHARED_FOR: Final = 5.0
"""Seconds that something is shared for, where nothing is committed."""

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
            self._last.pop(thing, None)  # those that were touched last stand last
            self._last[thing] = self.count

    def since(self, count: int, things: Iterable[Thing]) -> bool:
        """Whether any of some things was touched after a count."""
        if self._all > count:
            return True
        last = self._last
        return any(last.get(thing, 0) > count for thing in things)

    def after(self, count: int) -> frozenset[Thing] | None:
        """What was touched after a count; None where that may be all."""
        if self._all > count:
            return None
        recent = reversed(self._last.items())
        return frozenset(thing for thing, _ in takewhile(lambda one: one[1] > count, recent))


@dataclass(frozen=True, slots=True)
class RegistryVersion:
    """The version of a registry: what was touched up to it; ``asked`` is when it was asked for.

    An equal ``state`` means that nothing at all was committed. ``newest`` is the newest event's
    number and digest; ``reported`` the newest change by reports, where a standby may be asked.
    """

    count: int
    state: object
    asked: float = field(default=0.0, compare=False)
    touches: Touches = field(default_factory=Touches, compare=False)
    newest: tuple[int, str] | None = field(default=None, compare=False)
    reported: int = field(default=0, compare=False)


class History:
    """Follows the history of events: notes what the new ones touch."""

    def __init__(self) -> None:
        self.known = 0
        self.touches = Touches()
        self._digest: str | None = None

    @property
    def newest(self) -> tuple[int, str] | None:
        """The newest event that is known, by its number and digest."""
        return (self.known, self._digest) if self._digest is not None else None

    def read(self, rows: Sequence[tuple[int, str, str | None]]) -> None:
        """Take in what :func:`new_events` asks for, from the known number on."""
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


class Shared(Generic[T]):
    """Something that many ask for, read once for each state of the database.

    What time alone changes of it shows after :data:`SHARED_FOR` at the latest.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[object, float, T] | None = None

    def at(self, version: RegistryVersion, read: Callable[[], tuple[T, bool]]) -> T:
        """What was read at the version, which was asked for before; by the first who comes.

        ``read`` gives it, and whether it may be shared.
        """
        with self._lock:
            known, now = self._known, time.monotonic()
            state = version.state, version.count  # reports change what was touched alone
            if known is not None and known[0] == state and now - known[1] <= SHARED_FOR:
                return known[2]
            found, is_sure = read()
            self._known = (state, now, found) if is_sure else None
            return found


class Look:
    """What a look found, beside the one before.

    ``began`` is when, and ``made`` when the basis had been read. What is older than ``since``, when
    that of the look before had been, may be from before it: the look cannot tell of that.
    """

    def __init__(
        self, began: float, version: RegistryVersion, basis: Basis, last: Look | None
    ) -> None:
        before: Basis = last.basis if last is not None else {}
        self.began = began
        self.made = time.monotonic()
        self.since = last.made if last is not None else math.inf
        self.version = version
        self.basis: Basis = basis
        self._other = {key for key in before.keys() | basis if before.get(key) != basis.get(key)}

    def is_same(self, environment: str | None, model: str | None) -> bool:
        """Whether nothing of a slot is different; False where nothing ever stood in it.

        Of no slot, whether nothing of the tokens is.
        """
        here = (environment, model)
        return here in self.basis and self._other.isdisjoint((here, (environment, None)))


class Known:
    """When, at which version, something was found to be so, and what it rests on.

    It is made before that is looked for.
    """

    __slots__ = ("_as_in", "_asked_anew", "_count", "_span", "_state", "_things", "_true_at")

    def __init__(self, version: RegistryVersion, things: Iterable[Thing] = ()) -> None:
        self._count = version.count
        self._state = version.state
        self._true_at = version.asked
        self._span = CONFIRMED_FOR
        self._asked_anew = self._as_in = -math.inf
        self._things = tuple(things)

    @property
    def things(self) -> tuple[Thing, ...]:
        """What it rests on."""
        return self._things

    def rest_on(self, things: Iterable[Thing]) -> None:
        """Say what it rests on, once it was found."""
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
        if self.is_sure(version):
            self._true_at = max(self._true_at, version.asked)
            return True
        now = time.monotonic()
        return now - self._true_at < self._span or now - self._asked_anew < CONFIRMED_FOR

    def is_sure(self, version: RegistryVersion) -> bool:
        """Whether it was found to be so at this very state of the database."""
        return version.state == self._state

    def holds(self, version: RegistryVersion) -> bool:
        """Whether it may be taken for true at a version."""
        return self.is_untouched(version) and self.is_confirmed(version)

    def wait(self) -> None:
        """Take it for true a little longer: somebody asks for it anew."""
        self._asked_anew = time.monotonic()

    def confirm(self, look: Look, span: float) -> bool:
        """Take it for true for a while after a look that found nothing different since it was.

        Whether the look can tell that.
        """
        tells = self._as_in == look.since or self._true_at >= look.since
        if tells:
            self.is_as_in(look, span)
        return tells

    def is_as_in(self, look: Look, span: float) -> None:
        """Take it for true for a while: it is as a look found it."""
        self._span = max(CONFIRMED_FOR, span)
        self._as_in = look.made
        if self._true_at < look.began:  # else it was found to be so later
            self._true_at, self._state = look.began, look.version.state

    def is_as_at(self, version: RegistryVersion) -> None:
        """Take it for true: it was found to be the same at a version."""
        self._true_at, self._state = version.asked, version.state
