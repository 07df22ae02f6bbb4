"""How long a rollback takes to be seen, from the command line and over a server."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx

from benchmarks import servers
from benchmarks.bench import SQLITE
from benchmarks.filled import fill, pipeline, slot
from benchmarks.measure import command, seconds
from benchmarks.projects import lineage
from benchmarks.rows import Row, shown
from lineage.connection import connect

from .moves import PAIR
from .starts import IMPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.bench import Bench
    from benchmarks.servers import Server


def rollback(bench: Bench) -> Iterator[Row]:
    """From the start of `lineage rollback` against a server to the first look-up that shows it."""
    filled = fill(bench.empty(SQLITE), 1)
    folder = bench.new_folder()
    values, seen = [], []
    with servers.registry(filled.url, filled.token) as server:
        headers = {"Authorization": f"Bearer {server.token}"}
        with httpx.Client(base_url=server.address, headers=headers, timeout=60) as client:
            for _ in range(bench.sizes.turns):
                _prove(filled.url)
                client.post(f"{slot(PAIR)}/promote", json={"version": "2"}).raise_for_status()
                base = seconds(command(sys.executable, "-c", "import typer, sqlmodel"))
                seen.append(_roll_back(folder, client, server))
                values.append(seen[-1] / base)
    said = {"until a look-up shows it": f"{shown(min(seen) * 1000)} ms"}
    yield Row("rollback, until a look-up shows it", tuple(values), IMPORTS, figures=said)


def _prove(url: str) -> None:
    """What was rolled back may serve again once it was validated again."""
    with connect(url) as registry:
        for number in (1, 2):
            registry.validate(f"{PAIR}@{number}", pipeline(), passed=True, actor="bench")


def _roll_back(folder: Path, client: httpx.Client, server: Server) -> float:
    shown_at: list[float] = []

    def watch() -> None:
        while client.get(slot(PAIR)).json()["serving"]["version"] != 1:
            time.sleep(0.001)
        shown_at.append(time.perf_counter())

    watching = threading.Thread(target=watch)
    watching.start()
    began = time.perf_counter()
    lineage(
        folder, "rollback", PAIR, "--env", "production",
        LINEAGE_REGISTRY=server.address, LINEAGE_TOKEN=server.token, LINEAGE_ACTOR="bench",
    )  # fmt: skip
    watching.join(20)
    return shown_at[0] - began
