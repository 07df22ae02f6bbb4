"""What grows: each operation with ten versions and events, and with a million."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from typing import TYPE_CHECKING

import httpx

from benchmarks import servers
from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import CANDIDATES, WIDE, fill, slot, version_body
from benchmarks.grown import grow
from benchmarks.measure import loaded, seconds
from benchmarks.rows import Row, at_most, milliseconds
from lineage.connection import connect

from .moves import PAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench import Bench
    from benchmarks.filled import Filled
    from benchmarks.servers import Server

Times = dict[str, list[float]]
"""Seconds of each operation, of each turn or call."""

FLAT = 1.2
LINEAR = 1.3


def growth(bench: Bench) -> Iterator[Row]:
    """Every operation over HTTP with a million versions and events, against the same with ten.

    One model is filled by as many versions, each with the event that the product itself writes; the
    audit at each size says that the history holds. Sizes and operations take turns.
    """
    for database in (SQLITE, POSTGRESQL):
        grown = _grown(bench, database)
        yield from _rows(database, _operations(bench, grown))
        for filled in grown.values():
            bench.drop(filled.url)


def _grown(bench: Bench, database: str) -> dict[int, Filled]:
    """A registry of each size: each is the one before it, copied and filled further."""
    filled = fill(bench.empty(database), 1, wide=True)
    found: dict[int, Filled] = {}
    for size in bench.sizes.versions:
        filled = bench.copied(filled) if found else filled
        grow(filled.url, PAIR, size)
        found[size] = filled
    return found


def _rows(database: str, found: dict[int, Times]) -> Iterator[Row]:
    small, *_, large = found
    for name in found[small]:
        against = f"{small:,}"
        per_event = name == AUDIT
        goal = None
        if name in HELD:
            goal = at_most(FLAT)
        elif per_event:
            goal = at_most(LINEAR)
        base = found[sorted(found)[1]][name] if per_event else found[small][name]
        if per_event:  # ten events say nothing of what one costs
            against = f"{sorted(found)[1]:,}"
        values = tuple(one / statistics.median(base) for one in _thirds(found[large][name]))
        said = {f"{size:,}": _shown(name, times[name]) for size, times in found.items()}
        work = f"{name} with {large:,} versions, {database}"
        yield Row(work, values, against, goal=goal, figures=said)


def _shown(name: str, times: list[float]) -> str:
    if name == AUDIT:
        return f"{statistics.median(times) * 1e6:.0f} µs"
    return milliseconds(times)


def _thirds(times: list[float]) -> list[float]:
    """The medians of the first, the second and the last third of the calls: the turns."""
    if len(times) < 3:
        return times
    third = len(times) // 3
    return [statistics.median(times[n * third : (n + 1) * third]) for n in range(3)]


AUDIT = "audit verify, each event"
KNOWN = "look-up, known"
HELD = (
    "promote", f"promote, {CANDIDATES} candidates", "look-up after a change", KNOWN,
    "guard", "register", "page of versions", "page of versions, deep", "log, newest",
    "log of a model",
)  # fmt: skip


def _operations(bench: Bench, grown: dict[int, Filled]) -> dict[int, Times]:
    """Each size's times: servers of all of them run, and every operation asks them in turns."""
    with contextlib.ExitStack() as stack:
        running = {
            size: stack.enter_context(servers.registry(filled.url, filled.token))
            for size, filled in grown.items()
        }
        steps = {
            size: _steps(stack.enter_context(_client(server)), size)
            for size, server in running.items()
        }
        for step in (step for some in steps.values() for step in some.values()):
            step()  # connections are made, plans are known
            step()
        names = list(steps[min(steps)])
        times: dict[int, Times] = {size: {name: [] for name in names} for size in grown}
        for _, name, size in itertools.product(range(bench.sizes.moves), names, grown):
            times[size][name].append(seconds(steps[size][name]))
        for _, size in itertools.product(range(bench.sizes.turns), grown):
            times[size].setdefault(KNOWN, []).append(_known(bench, running[size]))
    for size, filled in grown.items():
        times[size][AUDIT] = [_audit(filled.url)]
    return times


def _client(server: Server) -> httpx.Client:
    headers = {"Authorization": f"Bearer {server.token}"}
    return httpx.Client(base_url=server.address, headers=headers, timeout=300)


def _audit(url: str) -> float:
    """Seconds an event of an audit that finds nothing.

    Raises:
        RuntimeError: it finds something.
    """
    with connect(url) as registry:
        began = time.perf_counter()
        audit = registry.audit()
        took = time.perf_counter() - began
    if audit.problems:
        raise RuntimeError(f"the history does not hold: {audit.problems[:3]}")
    return took / audit.events


def _known(bench: Bench, server: Server) -> float:
    """Seconds of a look-up whose answer is known, at one connection."""
    stream = server.stream(bench.sizes.seconds, warm=0.2, connections=1, paths=[slot(PAIR)])
    return float(loaded(stream)[0]["p50"])


def _steps(client: httpx.Client, size: int) -> dict[str, Callable[[], object]]:
    numbers = itertools.count()
    serving = {PAIR: itertools.cycle("12"), WIDE: itertools.cycle("12")}

    def promote(model: str) -> None:
        body = {"version": next(serving[model])}
        client.post(f"{slot(model)}/promote", json=body).raise_for_status()

    def register() -> None:
        body = version_body(f"grown-{size}-{next(numbers)}")
        client.post(f"/v1/models/{PAIR}/versions", json=body).raise_for_status()

    def get(path: str, **query: str | int) -> None:
        client.get(path, params=query).raise_for_status()

    def page(**query: str | int) -> str:
        found = client.get(f"/v1/models/{PAIR}/versions", params=query).raise_for_status().json()
        return str(found["next"])

    deep = page(limit=1)
    with contextlib.suppress(ValueError):  # cursors are opaque: walk to the middle where it is near
        for _ in range(3):
            deep = page(limit=min(500, max(1, size // 8)), cursor=deep)
    return {
        "promote": lambda: promote(PAIR),
        "look-up after a change": lambda: get(slot(PAIR)),
        f"promote, {CANDIDATES} candidates": lambda: promote(WIDE),
        "guard": lambda: client.post(
            f"{slot(PAIR)}/guard", json={"version": "1"}
        ).raise_for_status(),
        "register": register,
        "page of versions": lambda: get(f"/v1/models/{PAIR}/versions", limit=5),
        "page of versions, deep": lambda: get(f"/v1/models/{PAIR}/versions", limit=5, cursor=deep),
        "log, newest": lambda: get("/v1/events", after=0, limit=5),
        "log of a model": lambda: get("/v1/events", after=0, limit=5, subject=PAIR),
    }
