"""A model of what a registry costs: constants that `make bench` measured, and what follows. Pure.

Times are seconds, sizes bytes. A server process is one core for its event loop and what its threads
run in Python. Every write holds the database's write lock while its transaction is open; reports
are written apart, many at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

MINUTE: Final = 60.0
DAY: Final = 86_400.0


@dataclass(frozen=True)
class Constants:
    """What one of each costs over one kind of database.

    ``…_cpu`` is the server's processor, ``…_lock`` how long the write lock is held: the time that
    one write takes from the next while nothing but writes run; of reports it is the same, in a lane
    of their own. ``waiting_cpu`` is what one renewal of a waiting host takes, ``told_cpu`` what
    it takes to tell one of a move and to let it wait again.
    """

    look_up_cpu: float
    cold_cpu: float
    promote_cpu: float
    promote_lock: float
    register_cpu: float
    register_lock: float
    report_cpu: float
    report_lock: float
    look_up_bytes: float
    version_bytes: float
    waiting_cpu: float
    told_cpu: float
    waiting_bytes: float
    connected_bytes: float


@dataclass(frozen=True)
class World:
    """A fleet: its models, the hosts that serve them, and how often things happen.

    ``waits`` tells that hosts wait for a move instead of asking ``every`` so many seconds.
    """

    models: int
    hosts: int
    waits: bool = False
    every: float = 30.0
    report_every: float = MINUTE
    moves_a_day: float = 2.0
    """Of each model."""
    registrations_a_day: float = 10.0
    """Of each model."""

    @property
    def look_ups(self) -> float:
        """Look-ups a second, renewed waits among them."""
        return self.hosts / self.every

    @property
    def reports(self) -> float:
        """Reports a second."""
        return self.hosts / self.report_every

    @property
    def moves(self) -> float:
        """Moves a second."""
        return self.models * self.moves_a_day / DAY

    @property
    def registrations(self) -> float:
        """Registrations a second."""
        return self.models * self.registrations_a_day / DAY


@dataclass(frozen=True)
class Demand:
    """What a world takes: cores, shares of the write lock and of the reports' lane, and bytes."""

    cores: float
    lock: float
    reports: float
    memory: float
    sent: float
    grown: float
    burst: float
    """Seconds that one process needs to tell all hosts of a model that it moved."""

    @property
    def first(self) -> str:
        """What breaks first."""
        needed = {"a core": self.cores, "the write lock": self.lock, "reports": self.reports}
        return max(needed, key=needed.__getitem__)


def demand(world: World, cost: Constants) -> Demand:
    """What a world takes of servers and database."""
    per_model = world.hosts / world.models
    look_up = cost.waiting_cpu if world.waits else cost.look_up_cpu
    told = per_model * cost.told_cpu if world.waits else 0.0
    cores = (
        world.look_ups * look_up
        + world.moves * (cost.promote_cpu + cost.cold_cpu + told)
        + world.registrations * cost.register_cpu
        + world.reports * cost.report_cpu
    )
    lock = world.moves * cost.promote_lock + world.registrations * cost.register_lock
    each = cost.connected_bytes + (cost.waiting_bytes if world.waits else 0.0)
    return Demand(
        cores=cores,
        lock=lock,
        reports=world.reports * cost.report_lock,
        memory=world.hosts * each,
        sent=(0.0 if world.waits else world.look_ups * cost.look_up_bytes)
        + (world.moves * per_model * cost.look_up_bytes if world.waits else 0.0),
        grown=(world.registrations + world.moves) * DAY * cost.version_bytes,
        burst=per_model * cost.told_cpu,
    )


def constants_of(run: dict[str, Any], database: str) -> Constants:
    """The constants of a run of `make bench`, from its JSON.

    Raises:
        ValueError: it did not measure some.
    """
    found: dict[str, float] = {}
    for one in run["benchmarks"]:
        for row in one["rows"]:
            if database in row["work"]:
                found |= row["constants"]
    missing = [field.name for field in fields(Constants) if field.name not in found]
    if missing:
        raise ValueError(f"the run did not measure {', '.join(missing)} on {database}")
    return Constants(**{field.name: found[field.name] for field in fields(Constants)})
