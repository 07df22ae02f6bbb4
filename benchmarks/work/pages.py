"""The pages: each at the server, over a registry with very many versions, at both databases."""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING, Final

import httpx
import psutil

from benchmarks import servers
from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.grown import grow
from benchmarks.measure import seconds
from benchmarks.rows import Row, at_most, milliseconds, shown
from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, Observed
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.digest import xxh3

from .lists import add_metrics
from .moves import PAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench import Bench
    from lineage.connection import AnyRegistry

GOAL: Final = 100.0
"""Milliseconds that a page may take at the server."""

ASKED: Final = 10
"""How often each page is asked for in a turn."""

MOVES: Final = 30
HOSTS: Final = 200

_MODEL: Final = f"/models/{PAIR}"
_SLOT: Final = f"/environments/production{_MODEL}"

PAGES: Final = {
    "environments": "/",
    "slot": _SLOT,
    "plan of a promotion": f"{_SLOT}/promote?version=1",
    "plan of a rollback": f"{_SLOT}/rollback",
    "models": "/models",
    "model": _MODEL,
    "model, searched and sorted": f"{_MODEL}?where=value+%3D+77&sort=-value",
    "version": f"{_MODEL}/versions/2",
    "version, exported": f"{_MODEL}/versions/2/export?format=cyclonedx",
    "graph": f"{_MODEL}/versions/2/graph",
    "pipeline": "/pipelines/features",
    "guard": f"/guard?version={PAIR}@2&environment=production",
    "history": "/history",
    "history of a model": f"/history?model={PAIR}",
    "history of a person": "/history?who=bench&what=promoted",
    "search for a name": "/search?q=model",
    "search for a version": f"/search?q={PAIR}@77",
    "search for a digest": f"/search?q={xxh3(f'{PAIR}@77'.encode())}",
}


def pages(bench: Bench) -> Iterator[Row]:
    """Each page: the processor that it takes, of the server and the database together.

    That is what it takes where nothing else runs; what was waited for on this machine is told too.
    One model has the versions, each with a metric; the others have two. Every slot serves with a
    backup behind it, one was moved often and has hosts that report.
    """
    for database in (SQLITE, POSTGRESQL):
        filled = bench.slots(database)
        grow(filled.url, PAIR, bench.sizes.listed)
        add_metrics(filled.url)
        _live_in(filled.url)
        with (
            servers.registry(filled.url, filled.token) as server,
            httpx.Client(
                base_url=server.address, headers={"Cookie": f"lineage-token={server.token}"}
            ) as client,
        ):
            used = _processor(server, filled.url)
            for name, path in PAGES.items():
                yield _row(bench, f"{name}, {database}", client, path, used)
            with connect(filled.url) as registry:
                for name, change in _changes(registry).items():
                    yield _row(
                        bench, f"environments after {name}, {database}", client, "/", used, change
                    )
        bench.drop(filled.url)


def _live_in(url: str) -> None:
    """Move the slot of the model often, and let hosts report of it."""
    with connect(url) as registry:
        for number in range(MOVES):
            registry.promote(f"{PAIR}@{1 + number % 2}", "production", actor="bench")
        for number in range(HOSTS):
            seen = Observed(f"host-{number}", xxh3(b"1"), "2026-11-20T08:00:00Z")
            registry.report(PAIR, "production", seen, actor="bench")


def _changes(registry: AnyRegistry) -> dict[str, Callable[[int], object]]:
    """What is changed before a page is asked for; each time to something else."""

    def demand(number: int) -> object:
        policy = EnvironmentPolicy(look_within=f"{100 + number}d")
        return registry.apply_environments(
            [DeclaredEnvironment("production", policy)], actor="bench"
        )

    return {
        "a change": lambda number: registry.edit(PAIR, description=f"{number}", actor="bench"),
        "a change of what all slots rest on": demand,
    }


def _row(
    bench: Bench,
    work: str,
    client: httpx.Client,
    path: str,
    used: Callable[[], list[float]],
    change: Callable[[int], object] | None = None,
) -> Row:
    """A page, as it is asked for again, or each time after something was changed."""
    numbers = itertools.count()

    def ask() -> None:
        client.get(path).raise_for_status()

    def timed() -> float:
        if change is not None:
            change(next(numbers))
        return seconds(ask)

    for _ in range(3):
        ask()
    times: list[float] = []
    spent: list[list[float]] = []
    for _ in range(bench.sizes.turns):
        before = used()
        times += [timed() for _ in range(ASKED)]
        spent.append([1000 * (now - one) / ASKED for now, one in zip(used(), before, strict=True)])
    of_each = [statistics.median(one) for one in zip(*spent, strict=True)]
    figures = {
        f"processor of {name}": f"{shown(one)} ms"
        for name, one in zip(("the server", "the database"), of_each, strict=False)
    }
    figures["waited for"] = f"{milliseconds(times)}, at the most {milliseconds([max(times)])}"
    return Row(work, tuple(map(sum, spent)), unit="ms", goal=at_most(GOAL), figures=figures)


def _processor(server: servers.Server, url: str) -> Callable[[], list[float]]:
    """What tells the seconds of processor that the server used, and PostgreSQL's processes."""
    if url.startswith("sqlite"):
        return lambda: [server.cpu()]
    import psycopg

    with psycopg.connect(url) as connection:
        postmaster = psutil.Process(connection.info.backend_pid).parent()
    assert postmaster is not None  # nosec B101 - a backend is its child

    def used() -> list[float]:
        theirs = sum(sum(one.cpu_times()[:2]) for one in postmaster.children())
        return [server.cpu(), theirs]

    return used
