"""A lineage graph of ten edges a version, filled in minutes: chains, packages, families, verdicts.

Every version has a training of its own. What this used is shared by as many versions as such things
are: of its code one file is its own, others stand for ten, a hundred and so on up to all; a hundred
share features, and all share the raw data, its cleaning, and the data of their validations. A
thousand share the code of their pipeline, of which one module is the same for all. Rows are those
that the product works out of the same documents; digests are spread as those of contents are. Only
the packages have no watched runs behind them, the pipelines' code no manifests, and the validations
no events of their own.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from benchmarks.filled import pipeline
from benchmarks.grown import insert, settle
from lineage.connection import connect
from lineage.database import graph, triggers
from lineage.database.engine import open_engine, transaction
from lineage.identity.chain import Chain, StageRun
from lineage.identity.components import DataItem, DataVersion, Known
from lineage.identity.digest import Digest, blake3_of, xxh3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

SHARED: Final = 100
"""Versions that share their features, made by one run."""
CODE: Final = (1, 10, 100, 1_000, 10_000, 1_000_000_000)
"""Versions that share each file of a training's code."""
MODULES: Final = 1_000
"""Versions that share the code of their pipeline."""
SETS: Final = 100
"""Sets of packages, of which each version was watched with one."""
PACKAGES: Final = 40
FAMILY: Final = 1_000
"""Versions of which the first is the base of every tenth."""
BATCH: Final = 20_000

RAW: Final = "md5:" + "a" * 32
CLEAN: Final = "md5:" + "b" * 32
HELD_OUT: Final = "md5:" + "c" * 32
EVERYWHERE: Final = "numpy==2.1.0"
"""A package that every version was watched with."""

COLUMNS: Final = {
    "stage_run": ("digest", "document"),
    "version_chain": ("version_id", "digest", "document"),
    "lineage_node": ("id", "digest", "kind"),
    "lineage_edge": ("source", "target", "role"),
    "lineage_version": ("node", "version_id", "role"),
    "lineage_label": ("path", "node", "repository"),
}
DOCUMENTS: Final = ("stage_run", "version_chain")


def content(kind: str, number: int) -> str:
    """The digest of the so manieth content of a kind."""
    return f"md5:{xxh3(f'{kind}-{number}'.encode()).value}"


def features(version_id: int) -> str:
    """The features that a version was trained on."""
    return content("features", version_id // SHARED)


def code(version_id: int, file: int) -> str:
    """A file of a version's code."""
    return content(f"code{file}", version_id // CODE[file])


def module(name: str, version_id: int = 0) -> str:
    """A file of the code of a version's pipeline: ``common``, which all have, or ``steps``."""
    number = version_id // MODULES if name == "steps" else 0
    return str(blake3_of(f"{name}-{number}".encode()))


def weights(version_id: int) -> str:
    """A version's weights."""
    return content("weights", version_id)


def package_set(version_id: int) -> list[str]:
    """The packages that a version was watched with."""
    number = version_id % SETS
    return [EVERYWHERE, *(f"package-{n}=={number if n % 4 else 1}" for n in range(1, PACKAGES))]


def connect_versions(url: str, model: str) -> int:
    """Give every version of a model its chain, and the graph what they come to; its edges."""
    held_out = DataItem("data/held_out.csv", Digest(HELD_OUT), Known.VERIFIED, 8)
    with connect(url) as registry:
        registry.validate(
            f"{model}@1", pipeline(), passed=True, data=DataVersion((held_out,)), actor="bench"
        )
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            newest = connection.execute(text("SELECT max(id) FROM model_version")).scalar_one()
            filler = _Filler(connection.execute(text("SELECT max(id) FROM lineage_node")).scalar())
        with transaction(engine, writing=True) as connection:
            indexes = _drop_indexes(connection)
        for begin in range(1, newest + 1, BATCH):
            rows = filler.rows(range(begin, min(begin + BATCH, newest + 1)))
            with _written(engine) as connection:
                for table, columns in COLUMNS.items():
                    insert(connection, table, columns, rows[table])
        with _written(engine) as connection:
            _validate(connection)
            _tell_apart(connection)
        for definition in indexes:
            with transaction(engine, writing=True) as connection:
                connection.exec_driver_sql(definition)
    finally:
        engine.dispose()
    settle(url)
    return filler.edges


@contextmanager
def _written(engine: Engine) -> Iterator[Connection]:
    """A transaction without the triggers, which take rows one after the other."""
    tables = [*DOCUMENTS, "validation", "model_version"]
    with transaction(engine, writing=True) as connection, triggers.left_out(connection, tables):
        yield connection


@dataclass
class _Shared:
    """A run that many versions have in their chains, and the nodes that they hold by it."""

    run: StageRun
    nodes: list[int]


class _Filler:
    """Makes the rows of one batch of versions after another."""

    def __init__(self, newest_node: int | None) -> None:
        self.edges = 0
        self._node = newest_node or 0
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._known: dict[str, int] = {}
        self._cleaning: _Shared | None = None
        self._featurizing: tuple[int, _Shared] | None = None
        self._packages: dict[int, int] = {}
        self._code: dict[int, int] = {}

    def rows(self, version_ids: range) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of some versions, by their tables."""
        self._rows = defaultdict(list)
        for version_id in version_ids:
            self._version(version_id)
        self.edges += len(self._rows["lineage_edge"])
        return self._rows

    def _version(self, version_id: int) -> None:
        if self._cleaning is None:
            self._cleaning = self._shared(_cleaning())
        group = version_id // SHARED
        if self._featurizing is None or self._featurizing[0] != group:
            self._featurizing = group, self._shared(_featurizing(version_id))
        shared = (self._cleaning, self._featurizing[1])
        run = training(version_id)
        own = self._run(run)
        chain = Chain((run, *(one.run for one in shared)), weights(version_id)).document(None)
        self._rows["version_chain"].append((version_id, str(blake3_of(chain)), chain.decode()))
        held = {*own, *(node for one in shared for node in one.nodes)}
        self._rows["lineage_version"] += [
            *((node, version_id, "run") for node in held),
            (own[-1], version_id, "weights"),
            (self._package_set(version_id), version_id, "package"),
            (self._code_of(version_id), version_id, "code"),
        ]

    def _shared(self, run: StageRun) -> _Shared:
        return _Shared(run, self._run(run))

    def _run(self, run: StageRun) -> list[int]:
        """The rows of a run; the nodes that a version holds by it, what it made at the end."""
        self._rows["stage_run"].append((run.blake3, run.canonical.decode()))
        own = self._new(run.blake3, "run")
        nodes = [own]
        edges = self._rows["lineage_edge"]
        if run.params_digest is not None:
            node = self._new(run.params_digest, "parameters")
            self._rows["lineage_label"] += [(path, node, "") for path in run.params]
            edges.append((node, own, "parameters"))
            nodes.append(node)
        for role, path, digest in run.files:
            node = self._file(path, digest)
            edges.append((own, node, role) if role == "output" else (node, own, role))
            nodes.append(node)
        return nodes

    def _file(self, path: str, digest: str) -> int:
        node = self._known.get(digest)
        if node is None:
            node = self._new(digest, "file")
            self._rows["lineage_label"].append((path, node, ""))
            if path not in ("model.pkl", "metrics.json", "train.py"):  # what only one version has
                self._known[digest] = node
        return node

    def _package_set(self, version_id: int) -> int:
        number = version_id % SETS
        if number not in self._packages:
            self._packages[number] = self._new(
                f"blake3:{content('set', number)[4:] * 2}", "packages"
            )
            for name in package_set(version_id):
                digest = graph.package_node(name)
                if digest not in self._known:
                    self._known[digest] = self._new(digest, "package")
                edge = (self._known[digest], self._packages[number], "package")
                self._rows["lineage_edge"].append(edge)
        return self._packages[number]

    def _code_of(self, version_id: int) -> int:
        number = version_id // MODULES
        if number not in self._code:
            code = self._new(str(blake3_of(f"code-{number}".encode())), "code")
            self._code[number] = code
            for name in ("common", "steps"):
                file = self._file(f"lib/{name}.py", module(name, version_id))
                self._rows["lineage_edge"].append((file, code, graph.LISTED))
        return self._code[number]

    def _new(self, digest: str, kind: str) -> int:
        self._node += 1
        self._rows["lineage_node"].append((self._node, digest, kind))
        return self._node


def _cleaning() -> StageRun:
    return StageRun(
        "clean",
        cmd=("python clean.py",),
        code={"clean.py": content("clean", 0)},
        inputs={"data/raw.csv": RAW},
        outputs={"data/clean.csv": CLEAN},
    )


def _featurizing(version_id: int) -> StageRun:
    return StageRun(
        "featurize",
        cmd=("python featurize.py",),
        code={"featurize.py": content("featurize", 0)},
        inputs={"data/clean.csv": CLEAN},
        outputs={"data/features.csv": features(version_id)},
    )


def training(version_id: int) -> StageRun:
    """The training of a version."""
    names = ("train.py", *(f"src/{file}.py" for file in range(1, len(CODE))))
    return StageRun(
        "train",
        cmd=("python train.py",),
        code={name: code(version_id, file) for file, name in enumerate(names)},
        inputs={"data/features.csv": features(version_id)},
        params={"params.yaml": {"train.seed": version_id}},
        outputs={"metrics.json": content("metrics", version_id), "model.pkl": weights(version_id)},
    )


def _validate(connection: Connection) -> None:
    """Give every version the validation that the newest one is."""
    newest = text("SELECT * FROM validation ORDER BY id DESC LIMIT 1")
    first = connection.execute(newest).mappings().one()
    names = [name for name in first if name not in ("id", "version_id")]
    columns, chosen = ", ".join(names), ", ".join(f"w.{name}" for name in names)
    connection.execute(
        text(
            f"INSERT INTO validation (id, version_id, {columns}) "
            f"SELECT v.id + :id, v.id, {chosen} FROM model_version v, validation w "
            "WHERE w.id = :id AND v.id <> w.version_id"
        ),
        {"id": first["id"]},
    )


def _tell_apart(connection: Connection) -> None:
    """Give every version weights of its own, and let every tenth be made from another."""
    digits = (
        "lpad(to_hex(id), 32, '0')"
        if connection.dialect.name == "postgresql"
        else "printf('%032x', id)"
    )
    connection.execute(
        text(
            f"UPDATE model_version SET weights_digest = 'xxh3:' || {digits}, "
            f"weights_blake3 = 'blake3:' || {digits} || {digits}, "
            "parent_id = CASE WHEN id % 10 = 0 AND id % :family > 0 AND id > :family "
            "THEN id - id % :family END WHERE id > 2"
        ),
        {"family": FAMILY},
    )


def _drop_indexes(connection: Connection) -> list[str]:
    """Drop the further indexes of the graph's tables; how each is made anew at the end."""
    if connection.dialect.name == "postgresql":
        query = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = :table "
            "AND indexname NOT LIKE '%\\_pkey'"
        )
    else:
        query = (
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :table "
            "AND sql IS NOT NULL"
        )
    definitions = []
    for table in COLUMNS:
        if table not in DOCUMENTS:
            for name, definition in connection.execute(text(query), {"table": table}).all():
                connection.exec_driver_sql(f"DROP INDEX {name}")
                definitions.append(definition)
    return definitions
