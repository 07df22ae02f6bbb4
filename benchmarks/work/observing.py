"""What production sees: counted on a host, and the windows of many hosts taken by a server."""

from __future__ import annotations

import datetime as dt
import random
import time
from typing import TYPE_CHECKING, Any

from benchmarks import filled as fillings
from benchmarks import servers
from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.measure import Loading
from benchmarks.rows import Row, at_least, at_most, shown
from lineage.connection import connect
from lineage.contract.windows import NewWindow, NewWindows
from lineage.evidence.columns import CategoryColumn, NumberColumn, Score
from lineage.evidence.profile import Profile
from lineage.evidence.tally import Tally

from .lookups import write_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench import Bench
    from benchmarks.filled import Filled
    from benchmarks.servers import Server

NUMBERS, CATEGORIES = 80, 20
"""The features: numbers, and categories of 64 values and more."""

MINUTE = 60
ROWS = 1_000
"""Rows that a host serves in a minute."""


def observing(bench: Bench) -> Iterator[Row]:
    """What production sees: counted on a host, and a thousand hosts' windows of a minute recorded.

    A hundred features and the score. Times on the host are of the processor, the least of each
    turn's rounds. At the server each host sends a window of a thousand rows once a minute, at a
    fixed pace, to one slot.
    """
    profile = _profile()
    values = len(profile.columns) + 1
    for work, rows, together in (
        ("lists of 1,000 rows", 1_000, lambda column: column),
        ("lists of 10 rows", 10, lambda column: column),
        ("one row at a time", 1, lambda column: column),
        ("arrays of NumPy, 1,000 rows", 1_000, _array),
    ):
        yield Row(
            f"count {work}",
            tuple(
                _counted(bench, profile, rows, together) / rows / values * 1e6
                for _ in range(bench.sizes.turns)
            ),
            unit="µs a value",
            goal=at_most(2),
        )
    for database in (SQLITE, POSTGRESQL):
        filled = bench.slots(database)
        body = _ready(filled, profile)
        with servers.registry(filled.url, filled.token) as server:
            turns = [_turn(bench, filled, server, body, turn) for turn in range(bench.sizes.turns)]
        hosts = bench.sizes.observing
        work = f"windows of {hosts:,} hosts × {NUMBERS + CATEGORIES} features a minute, {database}"
        yield Row(
            f"{work}: answered",
            tuple(found["answers"] / max(found["sent"], 1) for found, _ in turns),
            "those sent",
            goal=at_least(1),
            figures={
                "pace": f"{shown(hosts / MINUTE)} a second",
                "p50": f"{shown(turns[0][0]['p50'] * 1000)} ms",
                "p99": f"{shown(turns[0][0]['p99'] * 1000)} ms",
            },
        )
        yield Row(
            f"{work}: the server's processor",
            tuple(share * 100 for _, share in turns),
            unit="% of a core",
            goal=at_most(100),
        )
        bench.drop(filled.url)


def _profile() -> Profile:
    """A profile of nothing but scales: what is counted on it is what matters here."""
    edges = tuple(number / 32 for number in range(1, 32))
    number = NumberColumn(
        rows=0, null=0, wrong_type=0, nan=0, infinite=0,
        edges=edges, low=0.0, high=1.0, bins=(0,) * 32, below=0, above=0,
    )  # fmt: skip
    values = tuple(f"value-{place}" for place in range(64))
    category = CategoryColumn(
        rows=0, null=0, wrong_type=0,
        values=values, complete=False, counts=(0,) * 64, other=0, new=0,
    )  # fmt: skip
    score = Score(
        rows=0, null=0, wrong_type=0,
        edges=tuple(place / 50 for place in range(1, 50)), bins=(0,) * 50, positives=None,
    )  # fmt: skip
    numbers = {f"number-{n}": number for n in range(NUMBERS)}
    categories = {f"category-{n}": category for n in range(CATEGORIES)}
    return Profile(rows=0, columns=numbers | categories, score=score)


def _rows(profile: Profile, rows: int) -> dict[str, list[Any]]:
    some = random.Random(1)
    return {
        name: [some.random() for _ in range(rows)]
        if isinstance(column, NumberColumn)
        else [f"value-{some.randrange(80)}" for _ in range(rows)]
        for name, column in profile.columns.items()
    }


def _array(column: list[Any]) -> Any:  # noqa: ANN401 - an array
    import numpy

    return numpy.array(column) if isinstance(column[0], float) else column


def _counted(
    bench: Bench, profile: Profile, number: int, together: Callable[[list[Any]], Any]
) -> float:
    """Seconds of processor that a batch takes, taking the counts included."""
    rows = {name: together(column) for name, column in _rows(profile, number).items()}
    scores = [0.5] * number
    times = max(1, 5_000 // number)
    best = float("inf")
    for _ in range(bench.sizes.rounds):
        tally = Tally(profile)
        began = time.process_time()
        for _ in range(times):
            tally.add(rows, scores)
        tally.take()
        best = min(best, (time.process_time() - began) / times)
    return best


def _ready(filled: Filled, profile: Profile) -> NewWindow:
    """Let what serves have a profile; a window that a host saw of it."""
    tally = Tally(profile)
    tally.add(_rows(profile, ROWS), [number / ROWS for number in range(ROWS)])
    part = tally.take()
    assert part is not None
    with connect(filled.url) as registry:
        done = registry.validate(
            f"{filled.models[0]}@2",
            fillings.pipeline(),
            passed=True,
            profile=profile,
            actor="bench",
        )
    return NewWindow(
        version=2, pipeline=done.pipeline, profile=str(profile.digest), start="", seconds=MINUTE,
        counts=part.to_dict(), sequence=1,
    )  # fmt: skip


def _turn(
    bench: Bench, filled: Filled, server: Server, window: NewWindow, turn: int
) -> tuple[dict[str, Any], float]:
    """What came of the windows of some seconds, and the part of a core that the server took."""
    rate = bench.sizes.observing / MINUTE
    seconds = max(3 * bench.sizes.seconds, 3.0)
    at = int(time.time()) // MINUTE * MINUTE
    start = f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    said = window.to_json() | {"start": start}
    requests: list[list[Any]] = []
    for number in range(int(rate * (seconds + 4)) + 1):
        new = NewWindows(
            instance=f"host-{number % bench.sizes.observing}", stream=f"s{turn}-{number}"
        )
        requests.append(
            [fillings.slot(filled.models[0]) + "/windows", new.to_json() | {"windows": [said]}]
        )
    file = write_requests(bench.new_folder() / "windows.jsonl", requests)
    before = server.cpu()
    stream = server.stream(seconds, method="POST", rate=rate, requests=file, connections=16)
    (found,) = Loading([stream]).ended()
    return found, (server.cpu() - before) / seconds
