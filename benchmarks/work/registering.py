"""A new version that is registered and pointed at, beside MLflow's create and alias."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import time
from typing import TYPE_CHECKING

import httpx

from benchmarks import servers
from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import captured, slot, version_body
from benchmarks.measure import seconds
from benchmarks.peers import peer
from benchmarks.rows import Row, at_most, milliseconds
from lineage.connection import connect

from .lookups import mlflow_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from benchmarks.servers import Server

MODEL = "model-0000"
REST = 0.2
_MLFLOW = """
import sys, time
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1], sys.argv[1])
for number in range(int(sys.argv[2]) + 1):
    began = time.perf_counter()
    made = client.create_model_version("churn", "s3://bucket/model")
    client.set_registered_model_alias("churn", "production", made.version)
    if number:
        print(time.perf_counter() - began)
"""


def registering(bench: Bench) -> Iterator[Row]:
    """Register a version and point at it, against MLflow's create and alias on the same database.

    By plain HTTP, and by each one's own client, as a training job does it. Ours makes a whole tuple
    serve in an environment that demands nothing, as an alias does.
    """
    home = peer("mlflow")
    for database in (SQLITE, POSTGRESQL):
        with contextlib.ExitStack() as stack:
            folder = bench.new_folder()
            url = f"sqlite:///{folder}/mlflow.db"
            if database == POSTGRESQL:
                url = bench.empty(database)
            theirs = stack.enter_context(servers.mlflow(url, folder))
            filled = bench.slots(database)
            ours = stack.enter_context(servers.registry(filled.url, filled.token))
            work = f"register and point at it, {database}"
            against = "MLflow's create and alias"
            for how, turns in (
                ("over HTTP", _over_http(bench, ours, theirs)),
                (f"over HTTP, each after {REST} s of rest", _over_http(bench, ours, theirs, REST)),
                ("by each one's client", _by_clients(bench, home, ours, theirs)),
            ):
                values = tuple(
                    statistics.median(one) / statistics.median(their) for one, their in turns
                )
                said = {
                    "MLflow": milliseconds([t for _, their in turns for t in their]),
                    "lineage": milliseconds([t for one, _ in turns for t in one]),
                }
                goal = None if "rest" in how else at_most(0.5)
                yield Row(f"{work}, {how}", values, against, goal=goal, figures=said)


Turn = tuple[list[float], list[float]]
"""Seconds of ours, and of MLflow's."""


def _over_http(bench: Bench, ours: Server, theirs: Server, rest: float = 0) -> list[Turn]:
    """In each turn one after the other of MLflow's, then of ours: neither cools the other's caches.

    Before each there are so many seconds of ``rest``.
    """
    headers = {"Authorization": f"Bearer {ours.token}"}
    count = min(bench.sizes.moves, 10) if rest else bench.sizes.moves
    with (
        httpx.Client(base_url=ours.address, headers=headers, timeout=60) as client,
        httpx.Client(base_url=f"{theirs.address}/api/2.0/mlflow", timeout=60) as peers,
    ):
        mlflow_version(peers, "churn", first=not rest)
        _version(client, f"first-{rest}")
        turns: list[Turn] = []
        for turn in range(bench.sizes.turns):
            one, their = [], []
            for _ in range(count):
                time.sleep(rest)
                their.append(seconds(lambda: mlflow_version(peers, "churn")))
            for number in range(count):
                time.sleep(rest)
                seed = f"http-{rest}-{turn}-{number}"
                one.append(seconds(lambda: _version(client, seed)))  # noqa: B023 - called now
            turns.append((one, their))
    return turns


def _version(client: httpx.Client, seed: str) -> None:
    made = client.post(f"/v1/models/{MODEL}/versions", json=version_body(seed))
    body = {"version": str(made.raise_for_status().json()["version"])}
    client.post(f"{slot(MODEL, 'staging')}/promote", json=body).raise_for_status()


def _by_clients(bench: Bench, home: object, ours: Server, theirs: Server) -> list[Turn]:
    turns: list[Turn] = []
    for turn in range(bench.sizes.turns):
        words = [f"{home}/python", "-c", _MLFLOW, theirs.address, str(bench.sizes.moves)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        one = []
        with connect(ours.address, token=ours.token) as registry:
            for number in range(bench.sizes.moves + 1):
                began = time.perf_counter()
                made = registry.register(MODEL, captured(f"client-{turn}-{number}"), actor="b")
                registry.promote(made.ref, "staging", actor="b")
                if number:  # the first one connects
                    one.append(time.perf_counter() - began)
        turns.append((one, [float(line) for line in done.stdout.split()]))
    return turns
