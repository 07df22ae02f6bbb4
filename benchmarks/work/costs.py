"""What one of each costs: the constants of the model, and how well the model foretells a server."""

from __future__ import annotations

import concurrent.futures
import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks import servers
from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import slot, version_body
from benchmarks.measure import loaded
from benchmarks.rows import Row, shown
from benchmarks.simulation import REPORTS, Kind, simulate

from .lookups import CONNECTIONS, WARM, look_up, report, whole, write_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench import Bench
    from benchmarks.filled import Filled
    from benchmarks.servers import Server

WRITERS = 8
"""That write at a time: enough for the write lock never to be free."""
REPORTERS = 64
FEWEST = 3
"""Writes of each writer, on a machine that is slow."""
LOADS = (0.25, 0.5, 0.75)
"""Of what the server's core can do, at which the model is held against a real server."""


def costs(bench: Bench) -> Iterator[Row]:
    """What one of each costs the server's core and the write lock, and the model against a server.

    Moves and registrations come from 8 writers without a pause: the time of one is then how long it
    holds the lock. Reports come on 64 connections, for they are written together. The simulation
    gets these constants; a real server gets look-ups at a fixed pace, beside reports and
    registrations, and both say how busy the core was and what requests took.
    """
    for database in (SQLITE, POSTGRESQL):
        filled = bench.slots(database)
        with servers.registry(filled.url, filled.token) as server:
            measured: dict[str, tuple[float, float]] = {}
            for name, action in _writes(filled).items():
                measured[name] = _written(bench, server, action)
            measured["report"] = _reported(bench, server, filled)
            for name, (cpu, lock) in measured.items():
                yield Row(
                    f"{name}, {database}",
                    (cpu * 1e3,),
                    unit="ms of the server's core",
                    figures={"until the next can be taken": f"{shown(lock * 1e3)} ms"},
                    constants={f"{name}_cpu": cpu, f"{name}_lock": lock},
                )
            known, cold, size = _read(bench, server, filled)
            yield Row(
                f"look-up, {database}",
                (known * 1e6,),
                unit="µs of the server's core",
                figures={
                    "after a change": f"{shown(cold * 1e3)} ms",
                    "answer": f"{size:,} bytes",
                },
                constants={"look_up_cpu": known, "cold_cpu": cold, "look_up_bytes": size},
            )
            yield _grown(bench, database, server, filled)
            yield from _foretold(bench, database, server, filled, known, measured)
        bench.drop(filled.url)


def _writes(filled: Filled) -> dict[str, Callable[[httpx.Client, int], httpx.Response]]:
    """Each write as a request; writers take slots of their own, so that no move is refused."""
    models, seeds = filled.models, itertools.count()

    def promote(client: httpx.Client, number: int) -> httpx.Response:
        model = models[number % len(models)]
        body = {"version": str(1 + number // len(models) % 2)}
        return client.post(f"{slot(model)}/promote", json=body)

    def register(client: httpx.Client, number: int) -> httpx.Response:
        path = f"/v1/models/{models[number % len(models)]}/versions"
        return client.post(path, json=version_body(f"cost-{next(seeds)}-{number}"))

    return {"promote": promote, "register": register}


def _written(
    bench: Bench, server: Server, action: Callable[[httpx.Client, int], httpx.Response]
) -> tuple[float, float]:
    """Seconds of the server's core, and of the lock, that one write takes."""
    numbers = itertools.count()
    end = time.monotonic() + bench.sizes.seconds

    def write(_: int) -> int:
        made = 0
        with httpx.Client(
            base_url=server.address,
            headers={"Authorization": f"Bearer {server.token}"},
            timeout=60,
        ) as client:
            while time.monotonic() < end or made < FEWEST:
                action(client, next(numbers)).raise_for_status()
                made += 1
        return made

    before, began = server.cpu(), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(WRITERS) as writers:
        made = sum(writers.map(write, range(WRITERS)))
    return (server.cpu() - before) / made, (time.monotonic() - began) / made


def _reported(bench: Bench, server: Server, filled: Filled) -> tuple[float, float]:
    """The same of a report, from very many hosts at a time: they are written together."""
    models = filled.models
    requests = [
        [f"{slot(models[n % len(models)])}/observations", report(f"host-{n}")]
        for n in range(bench.sizes.hosts)
    ]
    stream = server.stream(
        bench.sizes.seconds, method="POST", connections=REPORTERS, warm=WARM,
        requests=write_requests(bench.new_folder() / "reports.jsonl", requests),
    )  # fmt: skip
    before = server.cpu()
    found = whole(loaded(stream)[0])
    return (server.cpu() - before) / found["sent"], 1 / found["rate"]


def _read(bench: Bench, server: Server, filled: Filled) -> tuple[float, float, int]:
    """Seconds of the core for an answer that is known and for one that is not; its bytes."""
    before = server.cpu()
    found = look_up(bench, server, filled.paths, CONNECTIONS)
    known = (server.cpu() - before) / found["sent"]
    headers = {"Authorization": f"Bearer {server.token}"}
    cold, moves = 0.0, 10
    with httpx.Client(base_url=server.address, headers=headers, timeout=60) as client:
        path = slot(filled.models[0])
        for number in range(moves):
            client.post(f"{path}/promote", json={"version": str(1 + number % 2)}).raise_for_status()
            before = server.cpu()
            size = len(client.get(path).raise_for_status().content)
            cold += server.cpu() - before
    return known, cold / moves, size


def _grown(bench: Bench, database: str, server: Server, filled: Filled) -> Row:
    """What a registration adds to the database."""
    register = _writes(filled)["register"]
    number = 10 * bench.sizes.moves
    headers = {"Authorization": f"Bearer {server.token}"}
    before = _size(bench, filled.url)
    with httpx.Client(base_url=server.address, headers=headers, timeout=60) as client:
        for one in range(number):
            register(client, one).raise_for_status()
    each = (_size(bench, filled.url) - before) / number
    constants = {"version_bytes": each}
    work = f"a registration on the disk, {database}"
    return Row(work, (each / 1024,), unit="kB", constants=constants)


def _size(bench: Bench, url: str) -> int:
    if url.startswith("sqlite"):
        import sqlite3

        path = url.removeprefix("sqlite:///")
        with sqlite3.connect(path) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.close()
        return Path(path).stat().st_size
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    del bench
    return int(row[0]) if row else 0


def _foretold(
    bench: Bench,
    database: str,
    server: Server,
    filled: Filled,
    known: float,
    measured: dict[str, tuple[float, float]],
) -> Iterator[Row]:
    """A real server at some loads, and what the simulation says of it."""
    folder = bench.new_folder()
    seconds = max(2.0, 2 * bench.sizes.seconds)
    reports, registrations = 10.0, 2.0
    for share in LOADS:
        rate = share / known
        kinds = [
            Kind("look-up", rate, known),
            Kind("report", reports, *measured["report"], REPORTS),
            Kind("registration", registrations, *measured["register"]),
        ]
        said = simulate(kinds, 1, seconds=seconds)
        streams = _streams(folder, server, filled, seconds, rate, reports, registrations)
        before, began = server.cpu(), time.monotonic()
        found = loaded(*streams)
        busy = (server.cpu() - before) / max(seconds + WARM, time.monotonic() - began - 0.5)
        yield Row(
            f"the model at {share:.0%} of a core by look-ups, {database}: the core's share",
            (busy / said.busy,),
            "the simulation's",
            figures={
                "the core": f"{busy:.0%}, foretold {said.busy:.0%}",
                "look-ups": f"{found[0]['rate']:,.0f} of {rate:,.0f}/s answered",
                "look-up, half of them": _beside(found[0]["p50"], said.told["look-up"].at(0.5)),
                "look-up, 99 %": _beside(found[0]["p99"], said.told["look-up"].at(0.99)),
                "registration, half of them": _beside(
                    whole(found[2])["p50"], said.told["registration"].at(0.5)
                ),
            },
        )


def _beside(measured: float, foretold: float) -> str:
    return f"{shown(measured * 1e3)} ms, foretold {shown(foretold * 1e3)} ms"


def _streams(
    folder: Path,
    server: Server,
    filled: Filled,
    seconds: float,
    rate: float,
    reports: float,
    registrations: float,
) -> list[dict[str, Any]]:
    length = seconds + WARM
    made = time.monotonic_ns()
    bodies = {
        "observations": [
            [f"{slot(filled.models[n % len(filled.models)])}/observations", report(f"host-{n}")]
            for n in range(int(reports * length) + 1)
        ],
        "versions": [
            [f"/v1/models/{filled.models[0]}/versions", version_body(f"model-{made}-{n}")]
            for n in range(int(registrations * length) + 1)
        ],
    }
    written = [
        server.stream(
            seconds, warm=WARM, method="POST", rate=pace, connections=4,
            requests=write_requests(folder / f"{name}.jsonl", bodies[name]),
        )
        for name, pace in (("observations", reports), ("versions", registrations))
    ]  # fmt: skip
    asked = server.stream(seconds, warm=WARM, rate=rate, connections=32, paths=filled.paths)
    return [asked, *written]
