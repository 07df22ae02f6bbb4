"""The lineage graph: what made a version, what something reaches, what leaked, among a million."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import fill
from benchmarks.graph import (
    EVERYWHERE,
    FAMILY,
    HELD_OUT,
    RAW,
    SHARED,
    code,
    connect_versions,
    features,
    module,
    package_set,
    weights,
)
from benchmarks.grown import grow
from benchmarks.measure import seconds
from benchmarks.rows import Row, at_most, milliseconds
from lineage.connection import connect
from lineage.contract.requests import Direction
from lineage.errors import NotFound

from .moves import PAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench import Bench
    from benchmarks.sizes import Sizes
    from lineage.registry.registry import Registry

GOAL: Final = 50.0
"""Milliseconds: what a person does not notice."""


def graph(bench: Bench) -> Iterator[Row]:
    """Trace, impact, leak and lineage in a graph of ten edges a version.

    One model is filled up (:mod:`benchmarks.graph`). In a process, without a server.
    """
    number = bench.sizes.versions[-1]
    for database in (SQLITE, POSTGRESQL):
        filled = fill(bench.empty(database), 1)
        grow(filled.url, PAIR, number)
        edges = connect_versions(filled.url, PAIR)
        yield from rows(bench.sizes, database, filled.url, number, edges)
        bench.drop(filled.url)


def rows(sizes: Sizes, database: str, url: str, number: int, edges: int) -> Iterator[Row]:
    """The rows of a filled database; each says, too, what of a processor an answer took."""
    with connect(url) as registry:
        for work, ask in questions(registry, number).items():
            ask()
            began = _processor(url)
            turns = [[seconds(ask) for _ in range(sizes.rounds)] for _ in range(sizes.turns)]
            spent = (_processor(url) - began) / (sizes.rounds * sizes.turns)
            times = [min(turn) for turn in turns]
            yield Row(
                f"{work}, {database}",
                tuple(best * 1_000 for best in times),
                unit="ms",
                goal=at_most(GOAL),
                figures={
                    "took": milliseconds(times),
                    "of a processor": milliseconds([spent]),
                    "versions": f"{number:,}",
                    "edges": f"{edges:,}",
                },
            )


def _processor(url: str) -> float:
    """The processor's seconds of this process, and of those by which PostgreSQL serves it."""
    spent = time.process_time()
    if url.startswith("sqlite"):
        return spent
    name = url.partition("?")[0].rpartition("/")[2]
    for process in psutil.process_iter(["cmdline"]):
        if f" {name} " in " ".join(process.info["cmdline"] or ()):
            spent += sum(process.cpu_times()[:2])
    return spent


def questions(registry: Registry, number: int) -> dict[str, Callable[[], object]]:
    """What is asked of a graph of so many versions, by what it is called.

    Raises:
        RuntimeError: the graph is not what it should be.
    """
    middle = number // 2 // SHARED * SHARED + 1
    base = number // 2 // FAMILY * FAMILY
    newest, one = f"{PAIR}@{number}", f"{PAIR}@{middle}"
    shown, oldest = registry.show(one).to_json(), registry.show(f"{PAIR}@1").to_json()
    base_tuple = registry.show(f"{PAIR}@{base}").tuple
    first = registry.impact(RAW, limit=100)
    if len(first.versions) != min(100, number) or len(registry.trace(newest).nodes) < 15:
        raise RuntimeError("The graph is not what it should be.")

    def impact(asked: str, after: str | None = None) -> Callable[[], object]:
        return lambda: registry.impact(asked, limit=100, after=after)

    def lineage(digest: str, direction: Direction) -> Callable[[], object]:
        return lambda: registry.lineage(digest, direction)

    pipeline = f"{shown['components']['pipeline']['name']}@{shown['pipeline']}"
    return {
        "trace the newest version": lambda: registry.trace(newest),
        "trace one in the middle": lambda: registry.trace(one),
        "leak of one": lambda: registry.leak(one),
        "impact of the raw data, which all have": impact(RAW),
        "impact of the raw data, the next page": impact(RAW, first.next),
        "impact of the path of the raw data": impact("data/raw.csv"),
        "impact of a path, the content each version's own": impact("train.py"),
        "impact of a path, the content a thousand versions'": impact("src/3.py"),
        "impact of features that a hundred have": impact(features(middle)),
        "impact of the beginning of their digest": impact(features(middle)[:16]),
        "impact of code that ten thousand have": impact(code(middle, 4)),
        "impact of code that one has": impact(code(middle, 0)),
        "impact of a module that all import": impact(module("common")),
        "impact of a module that a thousand import": impact(module("steps", middle)),
        "impact of the path of a module, the content a thousand versions'": impact("lib/steps.py"),
        "impact of weights that one has": impact(weights(middle)),
        "impact of data that all were validated on": impact(HELD_OUT),
        "impact of a data version, which all have": impact(str(shown["data"])),
        "impact of a commit": impact(str(shown["code"])),
        "impact of the beginning of a commit": impact(oldest["code"][:16]),
        "impact of a pipeline version, which all have": impact(pipeline),
        "impact of a package that all have": impact(EVERYWHERE),
        "impact of a package that one in a hundred has": impact(package_set(middle)[1]),
        "impact of a version with a hundred children": impact(f"{PAIR}@{base}"),
        "impact of what nobody has": lambda: _refused(registry),
        "lineage of a tuple, up": lineage(str(shown["tuple"]), Direction.UP),
        "lineage of a tuple with a hundred children, down": lineage(base_tuple, Direction.DOWN),
        "lineage of the raw data, which all have, down": lineage(RAW, Direction.DOWN),
        "lineage of the data version, which all have, up": lineage(shown["data"], Direction.UP),
        "lineage of weights, which all have, down": lineage(shown["weights"], Direction.DOWN),
        "lineage of the pipeline version, which all have": lineage(
            shown["pipeline"], Direction.DOWN
        ),
    }


def _refused(registry: Registry) -> None:
    with contextlib.suppress(NotFound):
        registry.impact("0123456789abcdef")
        raise RuntimeError("Something begins so.")
