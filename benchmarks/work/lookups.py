"""What serves, asked on several connections: quiet, and while others write."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks import servers
from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import slot, version_body
from benchmarks.measure import Loading, loaded
from benchmarks.rows import Row, at_least, at_most, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.bench import Bench
    from benchmarks.filled import Filled
    from benchmarks.servers import Server

CONNECTIONS = 16
REPORTS, REGISTRATIONS = 50.0, 10.0
"""A second, while others write."""
WARM = 0.5
LOOKS = 50
"""Right after promotions, at least, where 20 seconds are enough for them."""


def lookups(bench: Bench) -> Iterator[Row]:
    """Look-ups over the slots, against a bare FastAPI route and MLflow's alias.

    Nobody writes. All three are asked by the same client, in turns.
    """
    with contextlib.ExitStack() as stack:
        ours = {}
        for database in (SQLITE, POSTGRESQL):
            filled = bench.slots(database)
            server = stack.enter_context(servers.registry(filled.url, filled.token))
            ours[database] = (server, filled.paths)
        asked = {"bare": (stack.enter_context(servers.bare()), ["/bare"])} | ours
        one = _rates(bench, asked, 1)
        many = _rates(bench, asked, CONNECTIONS)
        for database, (server, paths) in ours.items():
            goal = at_least(0.6) if database == POSTGRESQL else None
            yield _against_bare(f"look-up, 1 connection, {database}", one, database, goal)
            goal = at_least(0.7 if database == POSTGRESQL else 0.8)
            work = f"look-up, {CONNECTIONS} connections, {database}"
            yield _against_bare(work, many, database, goal, _cost(bench, server, paths))
        yield _against_mlflow(bench, stack, many)


def busy(bench: Bench) -> Iterator[Row]:
    """Look-ups while 50 reports and 10 registrations arrive each second, against the same quiet.

    The look-ups, and the reports and registrations, come from a process each; the latter at fixed
    moments, answered or not. Then versions are promoted beside the same load: as soon as a
    promotion is acknowledged, a look-up must show it.
    """
    for database in (SQLITE, POSTGRESQL):
        filled = bench.slots(database)
        with servers.registry(filled.url, filled.token) as server:
            yield from _busy(bench, database, filled, server)
        bench.drop(filled.url)


def look_up(bench: Bench, server: Server, paths: list[str], connections: int) -> dict[str, Any]:
    """One look at a server's look-ups."""
    stream = server.stream(bench.sizes.seconds, warm=WARM, connections=connections, paths=paths)
    (found,) = loaded(stream)
    return whole(found)


def whole(found: dict[str, Any]) -> dict[str, Any]:
    """What a stream found, if all of it was answered.

    Raises:
        RuntimeError: some was refused or not answered.
    """
    if found["failed"] or not found["answers"]:
        raise RuntimeError(f"not all was answered: {found}")
    return found


def writers(
    folder: Path, filled: Filled, server: Server, seconds: float, turn: int
) -> list[dict[str, Any]]:
    """The streams of reports and of registrations at a fixed pace."""
    models = filled.models
    reports = [
        [f"{slot(models[n % len(models)])}/observations", report(f"host-{n % 3000}")]
        for n in range(int(REPORTS * seconds * 2) + 100)
    ]
    versions = [
        [f"/v1/models/{models[n % len(models)]}/versions", version_body(f"busy-{turn}-{n}")]
        for n in range(int(REGISTRATIONS * seconds * 2) + 100)
    ]
    streams = []
    for name, rate, requests in (
        ("reports", REPORTS, reports),
        ("registrations", REGISTRATIONS, versions),
    ):
        file = write_requests(folder / f"{name}.jsonl", requests)
        streams.append(
            server.stream(seconds, method="POST", rate=rate, requests=file, connections=8)
        )
    return streams


def report(instance: str) -> dict[str, Any]:
    """The body of a host's report."""
    return {
        "instance": instance,
        "weights": "xxh3:" + "1" * 32,
        "loaded_at": "2026-01-01T00:00:00Z",
        "holds_for": 86_400,
    }


def write_requests(file: Path, requests: list[list[Any]]) -> str:
    """A file of paths and bodies, for `benchmarks.load`."""
    lines = (json.dumps({"path": path, "body": body}) for path, body in requests)
    file.write_text("\n".join(lines))
    return str(file)


def _busy(bench: Bench, database: str, filled: Filled, server: Server) -> Iterator[Row]:
    folder = bench.new_folder()
    seconds = bench.sizes.seconds
    turns = []
    for turn in range(bench.sizes.turns):
        quiet = look_up(bench, server, filled.paths, CONNECTIONS)
        writing = Loading(writers(folder, filled, server, seconds + 2 * WARM + 1, turn))
        time.sleep(WARM)
        beside = look_up(bench, server, filled.paths, CONNECTIONS)
        turns.append((quiet, beside, writing.ended()))
    work = f"look-up over {len(filled.models)} slots while others write, {database}"
    yield Row(
        f"{work}: answers",
        tuple(beside["rate"] / quiet["rate"] for quiet, beside, _ in turns),
        "the same quiet",
        goal=at_least(0.8),
        figures=_said(turns),
    )
    yield Row(
        f"{work}: p99",
        tuple(beside["p99"] / quiet["p99"] for quiet, beside, _ in turns),
        "the same quiet",
        goal=at_most(3.0),
    )
    writing = Loading(writers(folder, filled, server, seconds + 1, bench.sizes.turns))
    checked, stale = _stale(server, filled, seconds)
    writing.ended()
    yield Row(
        f"stale answers after an acknowledged promotion, {database}",
        (float(stale),),
        unit=f"of {checked:,} looks",
        goal=at_most(0),
    )


def _stale(server: Server, filled: Filled, seconds: float) -> tuple[int, int]:
    """How many looks right after a promotion, and how many of them showed what was before."""
    headers = {"Authorization": f"Bearer {server.token}"}
    looks = stale = 0
    with (
        httpx.Client(base_url=server.address, headers=headers, timeout=60) as moving,
        httpx.Client(base_url=server.address, headers=headers, timeout=60) as looking,
    ):
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds or (looks < LOOKS and passed < 20):
            model = filled.models[looks % len(filled.models)]
            version = 1 + looks // len(filled.models) % 2
            looking.get(slot(model)).raise_for_status()  # so that it is known
            moving.post(f"{slot(model)}/promote", json={"version": str(version)}).raise_for_status()
            serving = looking.get(slot(model)).raise_for_status().json()["serving"]["version"]
            looks += 1
            stale += serving != version
    return looks, stale


def _said(
    turns: list[tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]],
) -> dict[str, str]:
    quiet, beside, written = max(turns, key=lambda turn: turn[1]["rate"])
    said = {"quiet": _look(quiet), "beside writers": _look(beside)}
    for name, rate, found in zip(
        ("reports", "registrations"), (REPORTS, REGISTRATIONS), written, strict=True
    ):
        said[name] = (
            f"{found['rate']:.0f} of {rate:.0f} a second answered, p50 {_ms(found, 'p50')}, "
            f"p99 {_ms(found, 'p99')}, failed {sum(found['failed'].values())}"
        )
    return said


def _look(found: dict[str, Any]) -> str:
    return f"{found['rate']:,.0f}/s, p50 {_ms(found, 'p50')}, p99 {_ms(found, 'p99')}"


def _ms(found: dict[str, Any], name: str) -> str:
    return f"{shown(found[name] * 1000)} ms" if name in found else "none"


def _rates(
    bench: Bench, asked: dict[str, tuple[Server, list[str]]], connections: int
) -> list[dict[str, dict[str, Any]]]:
    return [
        {
            name: look_up(bench, server, paths, connections)
            for name, (server, paths) in asked.items()
        }
        for _ in range(bench.sizes.turns)
    ]


def _against_bare(
    work: str,
    turns: list[dict[str, dict[str, Any]]],
    name: str,
    goal: Any,  # noqa: ANN401 - a goal or none
    further: dict[str, str] | None = None,
) -> Row:
    fastest = max(turns, key=lambda turn: turn[name]["rate"])
    said = {"bare route": _look(fastest["bare"]), "lineage": _look(fastest[name])}
    values = tuple(turn[name]["rate"] / turn["bare"]["rate"] for turn in turns)
    return Row(work, values, "the bare route", goal=goal, figures=said | (further or {}))


def _cost(bench: Bench, server: Server, paths: list[str]) -> dict[str, str]:
    """What an answer takes of the server's processor."""
    before = server.cpu()
    found = look_up(bench, server, paths, CONNECTIONS)
    answers = found["rate"] * (bench.sizes.seconds + WARM)
    return {"the server's processor": f"{(server.cpu() - before) / answers * 1e6:.0f} µs each"}


def _against_mlflow(
    bench: Bench, stack: contextlib.ExitStack, ours: list[dict[str, dict[str, Any]]]
) -> Row:
    folder = bench.new_folder()
    server = stack.enter_context(servers.mlflow(f"sqlite:///{folder}/mlflow.db", folder))
    with httpx.Client(base_url=f"{server.address}/api/2.0/mlflow", timeout=60) as client:
        mlflow_version(client, "churn", first=True)
    alias = "/api/2.0/mlflow/registered-models/alias?name=churn&alias=production"
    stream = server.stream(2.0, warm=1.0, connections=CONNECTIONS, paths=[alias])
    rates = [whole(loaded(stream)[0])["rate"] for _ in range(bench.sizes.turns)]
    values = tuple(turn[SQLITE]["rate"] / rate for turn, rate in zip(ours, rates, strict=True))
    said = {"MLflow": f"{max(rates):,.0f}/s"}
    work = f"look-up, {CONNECTIONS} connections, SQLite"
    return Row(work, values, "MLflow's alias", goal=at_least(30), figures=said)


def mlflow_version(client: httpx.Client, model: str, *, first: bool = False) -> None:
    """Make a version of an MLflow model, and point an alias at it."""
    if first:
        client.post("/registered-models/create", json={"name": model}).raise_for_status()
    body = {"name": model, "source": "s3://bucket/model"}
    made = client.post("/model-versions/create", json=body).raise_for_status().json()
    alias = {"name": model, "alias": "production", "version": made["model_version"]["version"]}
    client.post("/registered-models/alias", json=alias).raise_for_status()
