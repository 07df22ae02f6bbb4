"""A discrete simulation of a registry: servers with one core each, and the database's write lock.

Requests come at random moments. Each takes its time of the core of the process that it came to, in
order; a write then waits for the lock of its lane and holds it, while the core is free for others:
reports have a lane of their own. What comes out is how busy each is and how long requests take,
which no average says.
"""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Constants, World

WRITES, REPORTS = "writes", "reports"
"""The lanes in which writes wait for each other."""

MOST: Final = 400_000
"""Requests of one simulation: long enough for a 99th percentile, short enough to wait for."""


@dataclass
class Told:
    """What a simulation found of one kind of request: seconds, and how many."""

    times: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        """The time that a share of the requests took at the most."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


@dataclass
class Outcome:
    """How busy the processes and the lock were, and what requests of each kind took."""

    busy: float
    locked: float
    told: dict[str, Told]
    seconds: float


@dataclass(frozen=True)
class Kind:
    """A kind of request: how many a second, its time on a core and under the lock of its lane."""

    name: str
    rate: float
    cpu: float
    lock: float = 0.0
    lane: str = WRITES


def kinds_of(world: World, cost: Constants) -> list[Kind]:
    """The requests of a world."""
    look_up = cost.waiting_cpu if world.waits else cost.look_up_cpu
    return [
        Kind("look-up", world.look_ups, look_up),
        Kind("report", world.reports, cost.report_cpu, cost.report_lock, REPORTS),
        Kind("registration", world.registrations, cost.register_cpu, cost.register_lock),
        Kind("move", world.moves, cost.promote_cpu + cost.cold_cpu, cost.promote_lock),
    ]


def simulate(
    kinds: list[Kind], processes: int, *, seconds: float | None = None, seed: int = 0
) -> Outcome:
    """Let requests come for a while.

    Args:
        kinds: what comes.
        processes: servers, each of which takes the next request in turn.
        seconds: how long; by default as long as :data:`MOST` requests take to come.
        seed: of the random moments.
    """
    total = sum(kind.rate for kind in kinds)
    length = seconds if seconds is not None else min(MOST / total, 3_600.0)
    free = [0.0] * processes
    busy = 0.0
    told = {kind.name: Told() for kind in kinds}
    lanes = {lane: _Lane(told) for lane in (WRITES, REPORTS)}
    for turn, (came, kind) in enumerate(_arrivals(kinds, length, random.Random(seed))):
        process = turn % processes
        done = free[process] = max(free[process], came) + kind.cpu
        busy += kind.cpu
        if kind.lock:
            lanes[kind.lane].join(done, came, kind)
        else:
            told[kind.name].times.append(done - came)
    for lane in lanes.values():
        lane.drain()
    return Outcome(busy / length / processes, lanes[WRITES].held / length, told, length)


class _Lane:
    """Writes that wait for one lock."""

    def __init__(self, told: dict[str, Told]) -> None:
        self._told = told
        self._waiting: list[tuple[float, float, int, Kind]] = []
        self._free = 0.0
        self._numbers = itertools.count()
        self.held = 0.0

    def join(self, ready: float, came: float, kind: Kind) -> None:
        """Wait for the lock from a moment on; those who are ready before have had it by then."""
        while self._waiting and self._waiting[0][0] <= came:
            self._hold()
        heapq.heappush(self._waiting, (ready, came, next(self._numbers), kind))

    def drain(self) -> None:
        """Let all have it."""
        while self._waiting:
            self._hold()

    def _hold(self) -> None:
        ready, came, _, kind = heapq.heappop(self._waiting)
        self._free = max(ready, self._free) + kind.lock
        self.held += kind.lock
        self._told[kind.name].times.append(self._free - came)


def _arrivals(
    kinds: list[Kind], seconds: float, chance: random.Random
) -> Iterator[tuple[float, Kind]]:
    """Requests in the order in which they come."""
    coming = [
        (chance.expovariate(kind.rate), number, kind)
        for number, kind in enumerate(kinds)
        if kind.rate > 0
    ]
    heapq.heapify(coming)
    while coming:
        at, number, kind = coming[0]
        if at >= seconds:
            heapq.heappop(coming)
            continue
        yield at, kind
        heapq.heapreplace(coming, (at + chance.expovariate(kind.rate), number, kind))
