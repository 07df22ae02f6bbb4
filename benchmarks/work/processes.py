"""Several server processes over one PostgreSQL: what each further one brings on this machine."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from benchmarks import machine, servers
from benchmarks.bench import POSTGRESQL
from benchmarks.measure import Loading
from benchmarks.rows import Row, shown

from .lookups import CONNECTIONS, WARM, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from benchmarks.filled import Filled
    from benchmarks.servers import Server


def processes(bench: Bench) -> Iterator[Row]:
    """Look-ups of 1, 2 and 4 servers over one PostgreSQL, each asked by a client of its own.

    The database, the servers and the clients share this machine's cores: past them no more
    answers can come, and what an answer costs is what scales.
    """
    filled = bench.slots(POSTGRESQL)
    cores = machine.machine()["cores"]
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(servers.registry(filled.url, filled.token))
            for _ in range(max(bench.sizes.processes))
        ]
        turns = [
            {number: _asked(bench, running[:number], filled) for number in bench.sizes.processes}
            for _ in range(bench.sizes.turns)
        ]
    first = bench.sizes.processes[0]
    for number in bench.sizes.processes[1:]:
        rate = max(turn[number][0] for turn in turns)
        yield Row(
            f"look-ups of {number} servers over one PostgreSQL",
            tuple(turn[number][0] / turn[first][0] for turn in turns),
            "one server",
            figures={
                "one server": f"{max(turn[first][0] for turn in turns):,.0f}/s",
                f"{number} servers": f"{rate:,.0f}/s on {cores} cores",
                "the servers' processor": f"{shown(turns[0][number][1] * 1e6)} µs an answer "
                f"(one server: {shown(turns[0][first][1] * 1e6)})",
            },
        )


def _asked(bench: Bench, running: list[Server], filled: Filled) -> tuple[float, float]:
    """Answers a second of some servers, and the processor's seconds of each answer."""
    before = sum(server.cpu() for server in running)
    connections = max(1, CONNECTIONS // len(running))
    asking = [
        Loading(
            [
                server.stream(
                    bench.sizes.seconds, warm=WARM, connections=connections, paths=filled.paths
                )
            ]
        )
        for server in running
    ]
    found: list[dict[str, Any]] = [whole(one.ended()[0]) for one in asking]
    rate = sum(one["rate"] for one in found)
    spent = sum(server.cpu() for server in running) - before
    return rate, spent / (sum(one["sent"] for one in found))
