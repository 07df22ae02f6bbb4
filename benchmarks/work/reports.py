"""What many hosts report, beside the look-ups."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks import servers
from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import slot
from benchmarks.measure import Loading
from benchmarks.rows import Row, at_least, at_most, shown

from .lookups import CONNECTIONS, WARM, look_up, report, write_requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.bench import Bench
    from benchmarks.filled import Filled
    from benchmarks.servers import Server

MINUTE = 60.0
"""Between two reports of a host."""


def reports(bench: Bench) -> Iterator[Row]:
    """Reports of 10,000 hosts, one a minute each, beside look-ups on all connections.

    Every host reports once before, so that all are known. Reports go out at fixed moments, answered
    or not, and their times count from these. The look-ups take all that is left of the machine.
    """
    for database in (SQLITE, POSTGRESQL):
        filled = bench.slots(database)
        rate = bench.sizes.hosts / MINUTE
        with servers.registry(filled.url, filled.token) as server:
            folder = bench.new_folder()
            _known(bench, folder, filled, server)
            turns = [_turn(bench, folder, filled, server, rate) for _ in range(bench.sizes.turns)]
        yield from _rows(bench, database, rate, turns)
        bench.drop(filled.url)


Turn = tuple[dict[str, Any], dict[str, Any], dict[str, Any], float]
"""Look-ups that are quiet, those beside reports, the reports, and the processor's share."""


def _rows(bench: Bench, database: str, rate: float, turns: list[Turn]) -> Iterator[Row]:
    work = f"reports of {bench.sizes.hosts:,} hosts a minute, {database}"
    _, beside, found, share = turns[0]
    yield Row(
        f"{work}: answered",
        tuple(found["answers"] / max(found["sent"], 1) for _, _, found, _ in turns),
        "those sent",
        goal=at_least(1),
        figures={
            "pace": f"{shown(rate)} a second",
            "p50": f"{shown(found['p50'] * 1000)} ms",
            "look-ups beside them": f"{beside['rate']:,.0f}/s",
            "the server's processor for reports alone": f"{share * 100:.0f} % of a core",
        },
    )
    yield Row(
        f"{work}: p99",
        tuple(found["p99"] * 1000 for _, _, found, _ in turns),
        unit="ms",
        goal=at_most(100),
    )
    yield Row(
        f"look-ups beside them, {database}",
        tuple(beside["rate"] / quiet["rate"] for quiet, beside, _, _ in turns),
        "the same quiet",
    )


def _known(bench: Bench, folder: Path, filled: Filled, server: Server) -> None:
    """Let each host report once, as fast as the server takes it."""
    requests = _requests(bench, filled, bench.sizes.hosts)
    stream = server.stream(
        bench.sizes.hosts / 400, method="POST", rate=500.0, connections=16,
        requests=write_requests(folder / "first.jsonl", requests),
    )  # fmt: skip
    Loading([stream]).ended()


def _turn(bench: Bench, folder: Path, filled: Filled, server: Server, rate: float) -> Turn:
    seconds = max(bench.sizes.seconds, 2.0)
    requests = _requests(bench, filled, int(rate * (seconds + 4)) + 1)
    file = write_requests(folder / "reports.jsonl", requests)

    def stream(length: float) -> dict[str, Any]:
        return server.stream(length, method="POST", rate=rate, requests=file, connections=16)

    before = server.cpu()
    Loading([stream(seconds)]).ended()
    share = (server.cpu() - before) / seconds
    quiet = look_up(bench, server, filled.paths, CONNECTIONS)
    reporting = Loading([stream(bench.sizes.seconds + 2 * WARM + 1)])
    time.sleep(WARM)
    beside = look_up(bench, server, filled.paths, CONNECTIONS)
    (found,) = reporting.ended()
    return quiet, beside, found, share


def _requests(bench: Bench, filled: Filled, number: int) -> list[list[Any]]:
    hosts = bench.sizes.hosts
    return [
        [
            f"{slot(filled.models[n % hosts % len(filled.models)])}/observations",
            report(f"host-{n % hosts}"),
        ]
        for n in range(number)
    ]
