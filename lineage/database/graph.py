"""The graph of contents: works its rows out of the documents of runs, chains and watched runs.

The documents are the truth, which the history tells by their digests: these rows are written with
them and anew by an upgrade, and `audit verify` works them out again. Nodes are digests; edges go
from what was used to what was made of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.database.lists import ask
from lineage.errors import LineageError
from lineage.identity.chain import RunKind, StageRun
from lineage.identity.digest import blake3_of, canonical_bytes
from lineage.identity.run_environment import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import Connection, TextClause
    from sqlmodel import Session

    from lineage.identity.watched import WatchedRun

BATCH: Final = 500
"""Documents that are read at once."""

MOST_LINKED: Final = 100
"""Files of a run that are linked with each version of it; those of larger ones by the run alone."""

JOINTS: Final = frozenset({"run", "import", "packages"})
"""The kinds of nodes that every edge has at one of its ends."""

TABLES: Final = ("lineage_version", "lineage_label", "lineage_edge", "lineage_node")

_ADD_NODES: Final = text(
    "INSERT INTO lineage_node (digest, kind) VALUES (:digest, :kind) "
    "ON CONFLICT (digest) DO NOTHING"
)
_NODES: Final = "SELECT digest, id FROM lineage_node WHERE digest IN :digests"


def _adding(table: str, *columns: str) -> TextClause:
    places = ", ".join(f":{name}" for name in columns)
    return text(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) ON CONFLICT DO NOTHING"  # nosec B608 # noqa: S608 - our own names
    )


_ADD_EDGES: Final = _adding("lineage_edge", "source", "target", "role")
_ADD_LABELS: Final = _adding("lineage_label", "path", "node", "repository")
_ADD_VERSIONS: Final = _adding("lineage_version", "node", "version_id", "role")

_RUNS: Final = text(
    "SELECT digest, document FROM stage_run WHERE digest > :after ORDER BY digest LIMIT :most"
)
_SOME_RUNS: Final = "SELECT digest, document FROM stage_run WHERE digest IN :digests"
_KNOWN_RUNS: Final = "SELECT digest FROM stage_run WHERE digest IN :digests"
_CHAINS: Final = text(
    "SELECT c.version_id, c.document, v.code_remote FROM version_chain c "
    "JOIN model_version v ON v.id = c.version_id "
    "WHERE c.version_id > :after ORDER BY c.version_id LIMIT :most"
)
_WATCHED: Final = text(
    "SELECT id, version_id, document FROM watched_run WHERE id > :after ORDER BY id LIMIT :most"
)


@dataclass
class Part:
    """A part of the graph, its nodes by their digests.

    ``nodes`` are kinds by digest, ``edges`` from, to and role, ``labels`` path, node and
    repository, ``versions`` node, version and role.
    """

    nodes: dict[str, str] = field(default_factory=dict)
    edges: set[tuple[str, str, str]] = field(default_factory=set)
    labels: set[tuple[str, str, str]] = field(default_factory=set)
    versions: set[tuple[str, int, str]] = field(default_factory=set)

    def add_run(self, run: StageRun) -> None:
        """What a run used and made."""
        node = run.blake3
        self.nodes[node] = "run" if run.kind is RunKind.STAGE else "import"
        for role, _, digest in run.files:
            self.nodes.setdefault(digest, kind_of(digest))
            made = role == "output"
            self.edges.add((node, digest, role) if made else (digest, node, role))
        for role, digest_ in (("parameters", run.params_digest), ("origin", run.origin_digest)):
            if digest_ is not None:
                self.nodes[digest_] = role
                self.edges.add((digest_, node, role))

    def add_chain(
        self,
        version_id: int,
        chain: Mapping[str, Any],
        repository: str | None,
        runs: Mapping[str, StageRun],
    ) -> None:
        """Which runs led to a version, and under which paths its repository knows their files."""
        for digest in chain["runs"]:
            run = runs.get(digest)
            if run is None:
                continue
            self.nodes[digest] = "run" if run.kind is RunKind.STAGE else "import"
            self.versions.add((digest, version_id, "run"))
            files = list(run.files)
            for _, path, content in files:
                self.nodes.setdefault(content, kind_of(content))
                self.labels.add((path, content, repository or ""))
            contents = {content for _, _, content in files}
            for role, node in (("parameters", run.params_digest), ("origin", run.origin_digest)):
                if node is not None:
                    self.nodes.setdefault(node, role)
                    contents.add(node)
            if run.params_digest is not None:
                self.labels |= {(file, run.params_digest, repository or "") for file in run.params}
            if len(files) <= MOST_LINKED:
                self.versions |= {(content, version_id, "run") for content in contents}
        if chain["weights"] is not None:
            self.nodes.setdefault(chain["weights"], kind_of(chain["weights"]))
            self.versions.add((chain["weights"], version_id, "weights"))

    def add_watched(self, version_id: int, document: Mapping[str, Any]) -> None:
        """The packages that a watched run of a version, or of its validation, imported."""
        names = sorted(
            {f"{normalised(one['name'])}=={one['version']}" for one in document["distributions"]}
        )
        if not names:
            return
        together = str(blake3_of(canonical_bytes({"packages": names})))
        self.nodes[together] = "packages"
        self.versions.add((together, version_id, "package"))
        for name in names:
            node = package_node(name)
            self.nodes[node] = "package"
            self.edges.add((node, together, "package"))

    def write(self, connection: Connection) -> None:
        """Write what of it is not there yet."""
        if not self.nodes:
            return
        rows = [{"digest": digest, "kind": kind} for digest, kind in sorted(self.nodes.items())]
        connection.execute(_ADD_NODES, rows)
        ids = node_ids(connection, self.nodes)
        edges = [{"source": ids[s], "target": ids[t], "role": r} for s, t, r in self.edges]
        labels = [{"path": p, "node": ids[n], "repository": r} for p, n, r in self.labels]
        held = [{"node": ids[n], "version_id": v, "role": r} for n, v, r in self.versions]
        for statement, values in (
            (_ADD_EDGES, edges),
            (_ADD_LABELS, labels),
            (_ADD_VERSIONS, held),
        ):
            if values:
                connection.execute(statement, values)


def kind_of(digest: str) -> str:
    """Whether a content is a file or a directory: DVC ends the digests of directories so."""
    return "directory" if digest.endswith(".dir") else "file"


def package_node(name: str) -> str:
    """What a package's version (``numpy==1.26.4``) is called as a node."""
    return f"package:{name}"


def node_ids(connection: Connection, digests: Iterable[str]) -> dict[str, int]:
    """The keys of the nodes that are there, by their digests."""
    return dict(list(ask(connection, _NODES, {"digests": sorted(digests)})))


def runs_of(connection: Connection, digests: Iterable[str]) -> dict[str, StageRun]:
    """The recorded runs of some digests."""
    rows = ask(connection, _SOME_RUNS, {"digests": sorted(set(digests))})
    documents = dict(sorted(map(tuple, rows)))
    return {digest: StageRun.from_json(json.loads(held)) for digest, held in documents.items()}


def recorded(connection: Connection, digests: Iterable[str]) -> set[str]:
    """Those of some runs that are recorded."""
    return {digest for (digest,) in ask(connection, _KNOWN_RUNS, {"digests": sorted(digests)})}


def note_watched(session: Session, version_id: int, runs: Iterable[WatchedRun]) -> None:
    """Write the packages of watched runs that were recorded for a version."""
    part = Part()
    for run in runs:
        part.add_watched(version_id, run.to_json())
    part.write(session.connection())


def rebuild(connection: Connection) -> None:
    """Work all rows out again, as after an upgrade from a schema that had none."""
    for table in TABLES:
        connection.execute(text(f"DELETE FROM {table}"))  # nosec B608 # noqa: S608 - our own names
    for part in _parts(connection):
        part.write(connection)


def problems(session: Session) -> Iterator[str]:
    """Where the graph is not what the documents come to."""
    connection = session.connection()
    try:
        expected = _Expected()
        for part in _parts(connection):
            expected.see(connection, part)
    except (LineageError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        yield "the lineage graph cannot be worked out: a document is not of its shape"
        return
    yield from expected.problems(connection)


class _Expected:
    """What the documents come to, held against what is there; totals tell what is too much."""

    _HELD: Final = {
        "lineage_edge": ("source", "target", "role"),
        "lineage_label": ("path", "node", "repository"),
        "lineage_version": ("node", "version_id", "role"),
    }

    def __init__(self) -> None:
        self._seen: dict[str, set[int]] = {table: set() for table in TABLES}
        self._missing: dict[str, int] = dict.fromkeys(TABLES, 0)

    def see(self, connection: Connection, part: Part) -> None:
        """Count what of a part is not there."""
        ids = node_ids(connection, part.nodes)
        self._count("lineage_node", part.nodes, lambda digest: digest in ids)
        joints = [ids[node] for node, kind in part.nodes.items() if kind in JOINTS and node in ids]
        versions = {version for _, version, _ in part.versions}
        for table, rows, keys in (
            ("lineage_edge", part.edges, {"source": joints, "target": joints}),
            ("lineage_label", part.labels, {"node": ids.values()}),
            ("lineage_version", part.versions, {"version_id": versions}),
        ):
            there = self._there(connection, table, keys)
            self._count(
                table,
                rows,
                lambda row, there=there: tuple(ids.get(v, v) for v in row) in there,
            )

    def problems(self, connection: Connection) -> Iterator[str]:
        """A sentence for each table that is not what it should be."""
        for table in TABLES:
            count = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # nosec B608 # noqa: S608 - our own names
            missing = self._missing[table]
            more = count - (len(self._seen[table]) - missing)
            if missing or more:
                yield (
                    f"{table} was changed: {missing:,} rows are missing and {more:,} are too many "
                    "by the runs that are recorded"
                )

    def _count(self, table: str, rows: Iterable[Any], is_there: Any) -> None:  # noqa: ANN401 - a test of a row
        seen = self._seen[table]
        for row in rows:
            key = hash((table, row))
            if key not in seen:
                seen.add(key)
                self._missing[table] += not is_there(row)

    def _there(
        self, connection: Connection, table: str, keys: Mapping[str, Iterable[int]]
    ) -> set[tuple[Any, ...]]:
        """The rows of a table of which a column is one of some keys."""
        columns = ", ".join(self._HELD[table])
        found: set[tuple[Any, ...]] = set()
        for name, values in keys.items():
            query = f"SELECT {columns} FROM {table} WHERE {name} IN :ids"  # nosec B608 # noqa: S608 - our own names
            found |= {tuple(row) for row in ask(connection, query, {"ids": sorted(values)})}
        return found


def _parts(connection: Connection) -> Iterator[Part]:
    """The graph, part by part."""
    after: Any = ""
    while rows := connection.execute(_RUNS, {"after": after, "most": BATCH}).all():
        part = Part()
        for _, document in rows:
            part.add_run(StageRun.from_json(json.loads(document)))
        yield part
        after = rows[-1][0]
    after = 0
    while rows := connection.execute(_CHAINS, {"after": after, "most": BATCH}).all():
        part, chains = Part(), [(row[0], json.loads(row[1]), row[2]) for row in rows]
        runs = runs_of(connection, (run for _, chain, _ in chains for run in chain["runs"]))
        for version_id, chain, repository in chains:
            part.add_chain(version_id, chain, repository, runs)
        yield part
        after = rows[-1][0]
    after = 0
    while rows := connection.execute(_WATCHED, {"after": after, "most": BATCH}).all():
        part = Part()
        for _, version_id, document in rows:
            part.add_watched(version_id, json.loads(document))
        yield part
        after = rows[-1][0]
