"""The graph of contents: works its rows out of what documents name.

The documents are those of runs, chains, pipelines and watched runs. They are the truth, which the
history tells by their digests: these rows are written with them and anew by an upgrade, and `audit
verify` works them out again. Nodes are digests; edges go from what was used to what was made of it.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.database.lists import ask
from lineage.identity.chain import RunKind, StageRun
from lineage.identity.digest import blake3_of, canonical_bytes
from lineage.identity.pipeline import Manifest
from lineage.identity.run_environment import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import Connection, TextClause
    from sqlmodel import Session

    from lineage.identity.watched import WatchedRun

BATCH: Final = 500
"""Documents that are read at once."""

MANIFESTS: Final = 50
"""Manifests of pipelines that are read at once: each may take megabytes."""

MOST_LINKED: Final = 100
"""Files of a run that are linked with each version of it; those of larger ones by the run alone."""

JOINTS: Final = frozenset({"run", "import", "packages", "code"})
"""The kinds of nodes that every edge has at one of its ends."""

LISTED: Final = "pipeline"
"""The role of the edge from a file to the code of the pipelines that hold it."""

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

_LINK_CODE: Final = text(
    "INSERT INTO lineage_version (node, version_id, role) "
    "SELECT id, :version_id, 'code' FROM lineage_node WHERE digest = :code ON CONFLICT DO NOTHING"
)

_IS_CODE: Final = text(
    "SELECT 1 FROM lineage_node n JOIN lineage_edge e ON e.target = n.id "
    "WHERE n.digest = :code AND e.role = :role LIMIT 1"
)

_RUNS: Final = text(
    "SELECT digest, document FROM stage_run WHERE digest > :after ORDER BY digest LIMIT :most"
)
_SOME_RUNS: Final = "SELECT digest, document FROM stage_run WHERE digest IN :digests"
_KNOWN_RUNS: Final = "SELECT digest FROM stage_run WHERE digest IN :digests"
_PIPELINES: Final = text(
    "SELECT digest, min(manifest) FROM pipeline_version WHERE digest > :after "
    "AND manifest IS NOT NULL GROUP BY digest ORDER BY digest LIMIT :most"
)
_MANIFESTS: Final = (
    "SELECT digest, min(manifest) FROM pipeline_version "
    "WHERE digest IN :digests AND manifest IS NOT NULL GROUP BY digest"
)
_VERSIONS: Final = text(
    "SELECT v.id, v.pipeline_digest, v.code_remote, c.document FROM model_version v "
    "LEFT JOIN version_chain c ON c.version_id = v.id "
    "WHERE v.id > :after ORDER BY v.id LIMIT :most"
)
_PIPELINES_OF_VERSIONS: Final = text(
    "SELECT id, pipeline_digest, NULL, NULL FROM model_version "
    "WHERE id > :after ORDER BY id LIMIT :most"
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

    def add_pipeline(self, manifest: Manifest) -> None:
        """The files of a pipeline, and all of them together as its code, which many may have."""
        code = code_node(manifest)
        if code is None:
            return
        self.nodes[code] = "code"
        for path, content in _files_of(manifest):
            self.nodes.setdefault(content, kind_of(content))
            self.edges.add((content, code, LISTED))
            self.labels.add((path, content, ""))

    def add_code(self, version_id: int, code: str) -> None:
        """The code of the pipeline that a version was registered with."""
        self.nodes[code] = "code"
        self.versions.add((code, version_id, "code"))

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


def code_node(manifest: Manifest) -> str | None:
    """What the files of a pipeline are called together, as a node; None where it holds none."""
    files = _files_of(manifest)
    return str(blake3_of(canonical_bytes({"code": files}))) if files else None


def _files_of(manifest: Manifest) -> list[tuple[str, str]]:
    """The paths and digests of a pipeline's files: the BLAKE3 that every capture takes."""
    return sorted(
        (path, str(digest)) for path, digest in manifest.contents if digest.algorithm == "blake3"
    )


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


def note_pipeline(session: Session, manifest: Manifest) -> None:
    """Write the code of a pipeline version that was recorded, unless it is there already.

    A node of that digest alone is none: whoever registers a version names the digests of its runs.
    """
    code = code_node(manifest)
    connection = session.connection()
    if code is None:
        return
    if connection.execute(_IS_CODE, {"code": code, "role": LISTED}).first() is None:
        part = Part()
        part.add_pipeline(manifest)
        part.write(connection)


def note_code(session: Session, version_id: int, manifest: Manifest) -> None:
    """Link a new version with the code of its recorded pipeline: one statement, nothing read."""
    code = code_node(manifest)
    if code is not None:
        session.connection().execute(_LINK_CODE, {"version_id": version_id, "code": code})


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
    for part in parts(connection):
        part.write(connection)


def add_code(connection: Connection) -> None:
    """Write the code of all pipelines, as after an upgrade from a schema without it."""
    of_versions = _versions(connection, _PIPELINES_OF_VERSIONS)
    for part in itertools.chain(_pipelines(connection), of_versions):
        part.write(connection)


def parts(connection: Connection) -> Iterator[Part]:
    """The graph, part by part."""
    after: Any = ""
    while rows := connection.execute(_RUNS, {"after": after, "most": BATCH}).all():
        part = Part()
        for _, document in rows:
            part.add_run(StageRun.from_json(json.loads(document)))
        yield part
        after = rows[-1][0]
    yield from _pipelines(connection)
    yield from _versions(connection, _VERSIONS)
    after = 0
    while rows := connection.execute(_WATCHED, {"after": after, "most": BATCH}).all():
        part = Part()
        for _, version_id, document in rows:
            part.add_watched(version_id, json.loads(document))
        yield part
        after = rows[-1][0]


def _pipelines(connection: Connection) -> Iterator[Part]:
    """The code of pipelines, part by part."""
    after = ""
    while rows := connection.execute(_PIPELINES, {"after": after, "most": MANIFESTS}).all():
        part = Part()
        for _, manifest in rows:
            part.add_pipeline(Manifest.from_json(json.loads(manifest)))
        yield part
        after = rows[-1][0]


def _versions(connection: Connection, query: TextClause) -> Iterator[Part]:
    """What versions hold by their chains and by their pipelines, part by part."""
    after = 0
    while rows := connection.execute(query, {"after": after, "most": BATCH}).all():
        part = Part()
        code = _code_of(connection, {row[1] for row in rows} - {None})
        chains = [(row[0], json.loads(row[3]), row[2]) for row in rows if row[3] is not None]
        runs = runs_of(connection, (run for _, chain, _ in chains for run in chain["runs"]))
        for version_id, chain, repository in chains:
            part.add_chain(version_id, chain, repository, runs)
        for version_id, pipeline, *_ in rows:
            if pipeline in code:
                part.add_code(version_id, code[pipeline])
        yield part
        after = rows[-1][0]


def _code_of(connection: Connection, pipelines: Iterable[str]) -> dict[str, str]:
    """The nodes of the code of pipeline versions, by their BLAKE3, where they hold any."""
    waiting, found = sorted(pipelines), dict[str, str]()
    while waiting:
        some, waiting = waiting[:MANIFESTS], waiting[MANIFESTS:]
        for digest, manifest in ask(connection, _MANIFESTS, {"digests": some}):
            code = code_node(Manifest.from_json(json.loads(manifest)))
            if code is not None:
                found[digest] = code
    return found
