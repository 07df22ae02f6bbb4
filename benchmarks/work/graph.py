"""The lineage graph: tracing a version and asking what a file reaches, among very many versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import fill
from benchmarks.grown import grow, insert, settle
from benchmarks.measure import seconds
from benchmarks.rows import Row, at_most, milliseconds
from lineage.connection import connect
from lineage.database import triggers
from lineage.database.engine import open_engine, transaction
from lineage.identity.chain import Chain, StageRun
from lineage.identity.digest import blake3_of

from .moves import PAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench import Bench
    from lineage.registry.registry import Registry

SHARED: Final = 100
"""Versions that share their features, made by one run."""
CODE: Final = 6
"""Code files of each training."""
BATCH: Final = 20_000
GOAL: Final = 50.0
"""Milliseconds: what a person does not notice."""
RAW: Final = "md5:" + "a" * 32
RUNS: Final = {
    "stage_run": ("digest", "document"),
    "version_chain": ("version_id", "digest", "document"),
}
GRAPH: Final = {
    "lineage_node": ("id", "digest", "kind"),
    "lineage_edge": ("source", "target", "role"),
    "lineage_version": ("node", "version_id", "role"),
    "lineage_label": ("path", "node", "repository"),
}


def graph(bench: Bench) -> Iterator[Row]:
    """Trace and impact in a graph of ten edges a version.

    One model is filled up; every version has a training of its own, a hundred share features, and
    all share the raw data. In a process, without a server.
    """
    number = bench.sizes.versions[-1]
    for database in (SQLITE, POSTGRESQL):
        filled = fill(bench.empty(database), 1)
        grow(filled.url, PAIR, number)
        edges = _connect(filled.url)
        with connect(filled.url) as registry:
            yield from _rows(bench, database, registry, number, edges)
        bench.drop(filled.url)


def _rows(
    bench: Bench, database: str, registry: Registry, number: int, edges: int
) -> Iterator[Row]:
    first = registry.impact(RAW, limit=100)
    if (
        len(first.versions) != min(100, number)
        or len(registry.trace(f"{PAIR}@{number}").nodes) < 10
    ):
        raise RuntimeError("The graph is not what it should be.")
    middle = number // 2 // SHARED * SHARED + 1
    questions: dict[str, Callable[[], object]] = {
        "trace the newest version": lambda: registry.trace(f"{PAIR}@{number}"),
        "trace one in the middle": lambda: registry.trace(f"{PAIR}@{middle}"),
        "the newest 100 that raw data reaches": lambda: registry.impact(RAW, limit=100),
        "the next 100": lambda: registry.impact(RAW, limit=100, after=first.next),
        "the versions of one file of features": lambda: registry.impact(_features(middle)),
        "the version of one file of code": lambda: registry.impact(_code(middle, 0)),
        "a path that all have": lambda: registry.impact("data/raw.csv", limit=100),
        "the leak of one version": lambda: registry.leak(f"{PAIR}@{middle}"),
    }
    for work, ask in questions.items():
        ask()
        times = [
            min(seconds(ask) for _ in range(bench.sizes.rounds)) for _ in range(bench.sizes.turns)
        ]
        yield Row(
            f"{work}, {number:,} versions, {edges:,} edges, {database}",
            tuple(time * 1_000 for time in times),
            unit="ms",
            goal=at_most(GOAL),
            figures={"took": milliseconds(times)},
        )


def _features(version_id: int) -> str:
    return f"md5:f{version_id // SHARED:031x}"


def _code(version_id: int, file: int) -> str:
    return f"md5:c{file}{version_id:030x}"


def _weights(version_id: int) -> str:
    return f"md5:e{version_id:031x}"


def _connect(url: str) -> int:
    """Give every version its chain, and the graph what these come to; how many edges it has."""
    engine = open_engine(url)
    prepare: dict[int, StageRun] = {}
    nodes: dict[str, int] = {}
    edges = 0
    try:
        with engine.connect() as connection:
            ids = (
                connection.execute(text("SELECT id FROM model_version ORDER BY id")).scalars().all()
            )
        for begin in range(0, len(ids), BATCH):
            rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in (*RUNS, *GRAPH)}

            def node(digest: str, kind: str, rows: dict[str, list[tuple[Any, ...]]] = rows) -> int:
                if digest not in nodes:
                    nodes[digest] = len(nodes) + 1
                    rows["lineage_node"].append((nodes[digest], digest, kind))
                    if digest == RAW:
                        rows["lineage_label"].append(("data/raw.csv", nodes[digest], ""))
                return nodes[digest]

            for version_id in ids[begin : begin + BATCH]:
                runs = [_training(version_id)]
                group = version_id // SHARED
                new = [*runs]
                if group not in prepare:
                    prepare[group] = _preparing(version_id)
                    new.append(prepare[group])
                runs.append(prepare[group])
                for run in new:
                    rows["stage_run"].append((run.blake3, run.canonical.decode()))
                    own = node(run.blake3, "run")
                    for role, _, digest in run.files:
                        other = node(digest, "file")
                        edge = (own, other, role) if role == "output" else (other, own, role)
                        rows["lineage_edge"].append(edge)
                chain = Chain(tuple(runs), _weights(version_id)).document(None)
                held = (version_id, str(blake3_of(chain)), chain.decode())
                rows["version_chain"].append(held)
                held_by = {run.blake3 for run in runs}
                held_by |= {digest for run in runs for _, _, digest in run.files}
                rows["lineage_version"] += [
                    *((nodes[digest], version_id, "run") for digest in held_by),
                    (nodes[_weights(version_id)], version_id, "weights"),
                ]
            edges += len(rows["lineage_edge"])
            with (
                transaction(engine, writing=True) as connection,
                triggers.left_out(connection, [*RUNS]),
            ):
                for table, columns in (RUNS | GRAPH).items():
                    insert(connection, table, columns, rows[table])
    finally:
        engine.dispose()
    settle(url)
    return edges


def _preparing(version_id: int) -> StageRun:
    return StageRun(
        "prepare",
        inputs={"data/raw.csv": RAW},
        outputs={"data/features.csv": _features(version_id)},
    )


def _training(version_id: int) -> StageRun:
    return StageRun(
        "train",
        cmd=("python train.py",),
        code={f"src/{file}.py": _code(version_id, file) for file in range(CODE)},
        inputs={"data/features.csv": _features(version_id)},
        outputs={"model.pkl": _weights(version_id), "loss.json": f"md5:d{version_id:031x}",
                 "log.csv": f"md5:b{version_id:031x}"},
    )  # fmt: skip
