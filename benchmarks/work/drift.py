"""Drift: false alarms in quiet years, and how soon and how rightly faults are told."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.flight_windows import DAY, FAULTS, MONDAY, Scale, flights, save, world
from benchmarks.peers import PEERS, peer, version
from benchmarks.rows import LeftOut, Row, at_least, at_most, shown
from lineage.evidence.kinds import Event
from lineage.evidence.reference import Reference
from lineage.evidence.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from benchmarks.flight_windows import Fault, World
    from benchmarks.sizes import Sizes
    from lineage.evidence.timeline import Timeline

MONITORS: Final = ("evidently", "nannyml")
SILENT: Final = {
    "DO_NOT_TRACK": "1",
    "EVIDENTLY_DISABLE_TELEMETRY": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
}
"""Both tell their makers of each use unless they are told not to."""
OURS: Final = "lineage-guard"
FAULT_DAY: Final = 112
FAULT_YEAR: Final = 238
"""Days of a year with a fault: it begins on the hundred and thirteenth."""
OTHER_EVENTS: Final = (20, 60, 150, 200)
"""Days with promotions that change nothing."""
PEER_DAYS: Final = 12
"""Days from a fault on that the other monitors see: one of them takes a second for each day."""
PEER_QUIET_DAYS: Final = 112
"""Days of a quiet year that they see."""
AT_ONCE: Final = 8
"""Years that are looked at side by side; what each took is counted in processor time."""
SECRETLY: Final = 10_000
"""Seeds of years with faults begin here: no quiet year has them."""


@dataclass
class Found:
    """What one program said of some years."""

    quiet_years: int = 0
    alarms: int = 0
    alarm_days: int = 0
    seconds: float = 0.0
    windows: int = 0
    early: int = 0
    """Alarms before the fault of a year with one."""
    delays: dict[str, list[int | None]] = field(default_factory=dict)
    told: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, other: Found) -> None:
        """Take in what was said of other years."""
        self.quiet_years += other.quiet_years
        self.alarms += other.alarms
        self.seconds += other.seconds
        self.windows += other.windows
        self.early += other.early
        for name, delays in other.delays.items():
            self.delays.setdefault(name, []).extend(delays)
        for name, told in other.told.items():
            self.told.setdefault(name, Counter()).update(told)


def drift(bench: Bench) -> Iterator[Row]:
    """Alarms in quiet years of flights, and delays over injected faults, beside two monitors.

    Eight columns, one window a day of 300 rows; what a year is stands in `flight_windows.py`.
    """
    quiet, ours = _ours(bench.sizes)
    peers: dict[str, Found | LeftOut] = {}
    for name in MONITORS:
        try:
            peers[name] = _peer(bench, name)
        except LeftOut as why:
            peers[name] = why
    yield from rows(quiet, ours, peers)


def rows(per_year: list[int], ours: Found, asked: dict[str, Found | LeftOut]) -> Iterator[Row]:
    """What was found, as rows: alarms of each quiet year, and what ours and the others said."""
    peers = {name: found for name, found in asked.items() if isinstance(found, Found)}
    years = len(per_year)
    yield Row(
        f"{OURS}: alarms in {years} quiet years, where 1 a year is granted",
        (sum(per_year) / years,),
        unit="alarms a year",
        goal=at_most(1.0),
        figures={
            "years by their number of alarms": ", ".join(
                f"{number}: {many}" for number, many in sorted(Counter(per_year).items())
            ),
        }
        | {
            PEERS[name].title: f"left out: {why}"
            for name, why in asked.items()
            if isinstance(why, LeftOut)
        },
    )
    for name, found in peers.items():
        yield Row(
            f"{PEERS[name].title} {version(name)}: alarms in such years",
            (found.alarms / found.quiet_years * 365 / PEER_QUIET_DAYS,),
            unit="alarms a year",
            figures={
                "alarms, and days with one": f"{found.alarms}, and {found.alarm_days} days "
                f"of {found.quiet_years * PEER_QUIET_DAYS}"
            },
        )
    for fault in FAULTS:
        yield _fault_row(fault, ours, peers)
    right = sum(ours.told[fault.name][fault.kind] for fault in FAULTS)
    all_told = sum(sum(counts.values()) for counts in ours.told.values())
    yield Row(
        "hard, soft, drift and quiet told right, two weeks after the alarm",
        (100 * right / all_told,),
        unit="% of the years",
        goal=at_least(90),
        figures={fault.name: _kinds(ours.told[fault.name]) for fault in FAULTS}
        | {"alarms in the 112 days before": f"{ours.early} in {all_told} years"},
    )
    yield Row(
        f"{OURS}: a window of eight columns, from its counts",
        (1000 * ours.seconds / ours.windows,),
        unit="ms",
        figures={
            PEERS[name].title: f"{shown(1000 * found.seconds / found.windows)} ms, from its rows"
            for name, found in peers.items()
        },
    )


def _ours(sizes: Sizes) -> tuple[list[int], Found]:
    """The alarms of each quiet year, and all that was said of quiet and faulty ones."""
    flights()  # once, before the processes part
    with ProcessPoolExecutor(AT_ONCE, mp_context=get_context("fork")) as pool:
        quiet = list(pool.map(_quiet, range(sizes.quiet_years)))
        tasks = [(fault.name, number) for fault in FAULTS for number in range(sizes.fault_years)]
        faulty = list(pool.map(_tell, tasks))
    all_years = Found()
    for part in (*quiet, *faulty):
        all_years.add(part)
    return [one.alarms for one in quiet], all_years


def _fault_row(fault: Fault, ours: Found, peers: dict[str, Found]) -> Row:
    delays = ours.delays[fault.name]
    if fault.kind == "quiet":
        alarms = sum(delay is not None for delay in delays)
        return Row(
            f"no fault: years with an alarm in the {FAULT_YEAR - FAULT_DAY} days of a fault",
            (float(alarms),),
            unit=f"of {len(delays)}",
            figures={
                f"{PEERS[name].title}, in {PEER_DAYS} days": f"{_found(found, fault)} "
                f"of {len(found.delays[fault.name])}"
                for name, found in peers.items()
            },
        )
    missed = sum(delay is None for delay in delays)
    return Row(
        f"{fault.name} ({fault.kind}): days until it is told",
        tuple(float(FAULT_YEAR if delay is None else delay) for delay in delays),
        unit="days",
        figures={OURS: f"{missed} of {len(delays)} missed"}
        | {PEERS[name].title: _delays(found.delays[fault.name]) for name, found in peers.items()},
    )


def _found(found: Found, fault: Fault) -> int:
    return sum(delay is not None for delay in found.delays[fault.name])


def _delays(delays: list[int | None]) -> str:
    there = [delay for delay in delays if delay is not None]
    said = f"{shown(median(there))} days" if there else "never"
    return f"{said}, {len(delays) - len(there)} of {len(delays)} missed"


def _kinds(counts: Counter[str]) -> str:
    return ", ".join(f"{kind} {number}" for kind, number in counts.most_common())


def _read(found: Found, years: World, events: list[Event], *, hosts: bool) -> Timeline:
    scale = Scale(years.reference)
    reference = scale.windows(years.reference, MONDAY - 17 * 7 * DAY)
    served = scale.windows(years.served, MONDAY, hosts=hosts)
    began = time.process_time()
    said = timeline(Reference(reference), served, events)
    found.seconds += time.process_time() - began
    found.windows += len(served)
    return said


def _quiet(seed: int) -> Found:
    found = Found(quiet_years=1)
    found.alarms = len(_read(found, world(seed), [], hosts=False).changes)
    return found


def _faulty(fault: Fault, number: int) -> World:
    seed = SECRETLY + number
    years = world(seed, FAULT_YEAR)
    fault.put(years.served, FAULT_DAY, np.random.default_rng(seed))
    return years


def _tell(task: tuple[str, int]) -> Found:
    name, number = task
    fault = next(one for one in FAULTS if one.name == name)
    days = (*OTHER_EVENTS, FAULT_DAY) if fault.event else OTHER_EVENTS
    events = [Event(MONDAY + (day + 0.4) * DAY, "promotion") for day in days]
    found = Found()
    said = _read(found, _faulty(fault, number), events, hosts=True)
    told = [(round((one.told - MONDAY) / DAY) - FAULT_DAY, one.kind) for one in said.changes]
    found.early = sum(day < 0 for day, _ in told)
    after = [one for one in told if one[0] >= 0]
    found.delays[name] = [after[0][0] if after else None]
    found.told[name] = Counter([after[0][1] if after else "quiet"])
    return found


def _peer(bench: Bench, name: str) -> Found:
    """What a monitor with its defaults says of the first of the same years."""
    program, sizes = peer(name) / "python", bench.sizes
    found = Found(quiet_years=sizes.peer_years)
    faults = [(fault, number) for fault in FAULTS for number in range(sizes.peer_faults)]

    def asked(task: int | tuple[Fault, int]) -> set[int]:
        if isinstance(task, int):
            years, first, end = world(task), 0, PEER_QUIET_DAYS
        else:
            years, first, end = _faulty(*task), FAULT_DAY, FAULT_DAY + PEER_DAYS
        day = years.served["day"]  # each day is judged by itself: those before say nothing
        seen = (day >= first) & (day < end)
        years = replace(years, served={key: rows[seen] for key, rows in years.served.items()})
        return _asked(bench, found, program, name, years)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        quiet = list(pool.map(asked, range(sizes.peer_years)))
        faulty = list(pool.map(asked, faults))
    for days in quiet:
        found.alarm_days += len(days)
        found.alarms += sum(day - 1 not in days for day in days)
    for (fault, _), days in zip(faults, faulty, strict=True):
        after = [day - FAULT_DAY for day in sorted(days) if day >= FAULT_DAY]
        found.delays.setdefault(fault.name, []).append(after[0] if after else None)
    return found


def _asked(bench: Bench, found: Found, program: Path, name: str, years: World) -> set[int]:
    """The days of a year on which a monitor alarms."""
    folder = bench.new_folder()
    save(years, folder)
    script = Path(__file__).parents[1] / "monitors.py"
    done = subprocess.run(
        [program, script, name, folder],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | SILENT,
    )
    if done.returncode != 0:
        raise LeftOut(f"it ends with {' '.join(done.stderr.strip().splitlines()[-1:])}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found.seconds += said["seconds"]
    found.windows += said["windows"]
    return set(said["alarms"])
