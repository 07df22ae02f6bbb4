"""What made a version: walks up from it, through the runs that led to it, to where data came from.

A level at a time. Within the version's own chain its own runs are followed; of other content, any
run that made it, whichever model or repository it is known from. All empty files are one content,
which tells of no run. The code that a pipeline holds and no run of the chain names comes at the
end, as far as there is room: nothing lies behind it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lineage.contract.results.graph import GraphEdge, GraphNode, NodeKind, Trace
from lineage.database import graph, graph_query, pipelines, tables, versions
from lineage.database.sql import col, select
from lineage.identity.chain import FINE_TUNED, Basis, RunKind, StageRun
from lineage.identity.digest import EMPTY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from lineage.registry.sight import Sight

_MAKERS: Final = 5
"""Runs of others that are followed from one content."""
_WATCHED: Final = 5
_NAMES: Final = 20
"""Further names of a content that are told."""


def trace(
    sight: Sight, row: tables.ModelVersion, most: int, *, training_alone: bool = False
) -> Trace:
    """All that made a version, at most so many nodes.

    Args:
        sight: what is open to who asks.
        row: the version.
        most: nodes at the most.
        training_alone: leave out the data of validations, and the code of pipelines.
    """
    return _Walk(sight, most, training_alone=training_alone).walk(row)


class _Walk:
    def __init__(self, sight: Sight, most: int, *, training_alone: bool) -> None:
        self._sight, self._most = sight, most
        self._training_alone = training_alone
        self._session = sight.session
        self._nodes: dict[str, GraphNode] = {}
        self._edges: dict[GraphEdge, None] = {}
        self._gaps: dict[str, None] = {}
        self._more = False
        self._own: dict[str, list[StageRun]] = {}
        """The runs of versions' chains, by what they made."""
        self._missing: set[str] = set()
        """Contents that stages of their chains make, and that no recorded run made."""
        self._unchecked: dict[str, Mapping[str, str]] = {}
        self._contents: list[str] = []
        self._versions: list[tables.ModelVersion] = []
        self._followed: set[str] = set()
        self._pipelines = sight.pipelines
        self._code: dict[str, dict[str, list[str]]] = {}
        """The paths of the files of pipelines by their digests, by the pipelines' nodes."""

    def walk(self, row: tables.ModelVersion) -> Trace:
        ref = self._add_version(row)
        while self._versions or self._contents:
            while self._versions:
                self._version(self._versions.pop(0))
            level, self._contents = self._contents, []
            self._follow(level)
        self._add_code()
        made = {edge.target for edge in self._edges}
        for id_ in (self._missing & self._nodes.keys()) - made:
            self._nodes[id_] = replace(self._nodes[id_], missing=True)
        return Trace(
            ref or "",
            tuple(self._nodes.values()),
            tuple(self._edges),
            tuple(self._gaps),
            more=self._more,
        )

    def _add_version(self, row: tables.ModelVersion) -> str | None:
        ref = f"{row.model}@{row.number}"
        new = ref not in self._nodes
        details = {
            "model": row.model,
            "version": row.number,
            "kind": row.kind,
            "registered_at": row.registered_at,
            "registered_by": row.registered_by,
        }
        if not self._add(GraphNode(ref, NodeKind.VERSION, ref, details)):
            return None
        if new:
            self._versions.append(row)
        return ref

    def _add(self, node: GraphNode) -> bool:
        """Add a node, or what is known better of it; whether there is room for it."""
        known = self._nodes.get(node.id)
        if known is None:
            if len(self._nodes) >= self._most:
                self._more = True
                return False
            self._nodes[node.id] = node
        elif node.basis is not None and known.basis is not Basis.CHECKED:
            self._nodes[node.id] = replace(known, basis=node.basis)
        return True

    def _edge(self, node: GraphNode, target: str, role: str, *, follow: bool = False) -> None:
        """What was used, and an edge from it to what was made of it."""
        if not self._add(node):
            if target in self._nodes and not self._nodes[target].more:
                self._nodes[target] = replace(self._nodes[target], more=True)
            return
        self._edges[GraphEdge(node.id, target, role)] = None
        if follow and node.id not in self._followed:
            self._followed.add(node.id)
            self._contents.append(node.id)

    def _version(self, row: tables.ModelVersion) -> None:
        """What a version names, and the runs that led to it."""
        ref = f"{row.model}@{row.number}"
        chain = graph_query.chain_of(self._session, row.id or 0)
        runs = self._chain(ref, chain) if chain is not None else ()
        if chain is None and row.weights_xxh3 is not None:
            self._gaps[f"What led to {ref} was not recorded when it was registered."] = None
        self._parent(ref, row, chain)
        weights = chain["weights"] if chain is not None else None
        digest = weights or row.weights_blake3 or row.weights_xxh3
        if digest is not None:
            details: dict[str, Any] = {"size": row.weights_size, "files": row.weights_files}
            details |= {"xxh3": row.weights_xxh3, "blake3": row.weights_blake3}
            name = row.weights_path or "weights"
            node = _content(digest, name, Basis.CHECKED, details)
            self._edge(node, ref, "weights", follow=True)
        shown = versions.shown_digests(self._session, row)
        if shown["code"] is not None:
            details = {"remote": row.code_remote, "branch": row.code_branch}
            details |= {"dirty": row.code_dirty, "subfolder": row.code_subfolder}
            node = GraphNode(shown["code"], NodeKind.CODE, shown["code"], details)
            self._edge(node, ref, "code")
        if shown["pipeline"] is not None:
            node = GraphNode(shown["pipeline"], NodeKind.PIPELINE, row.pipeline or "")
            self._edge(node, ref, "pipeline")
            self._pipeline(node.id, row, runs)
        asserted = set(json.loads(row.data_asserted))
        for node in self._items(row.data_blake3, asserted):
            self._edge(node, ref, "data", follow=True)
        for data in () if self._training_alone else _validated_on(self._sight, row):
            for node in self._items(data, None):
                self._edge(node, ref, "validation", follow=True)
        self._watched(ref, row)

    def _items(self, data: str | None, asserted: set[str] | None) -> Iterator[GraphNode]:
        for item in versions.data_items(self._session, data) if data is not None else ():
            basis = None
            if asserted is not None:
                basis = Basis.STATED if item.name in asserted else Basis.CHECKED
            yield _content(item.digest, item.name, basis, {"size": item.size})

    def _pipeline(self, node: str, row: tables.ModelVersion, runs: Collection[StageRun]) -> None:
        """Keep the files that a version's pipeline holds and no run of its chain names."""
        is_open = self._pipelines is None or row.pipeline in self._pipelines
        if self._training_alone or not is_open:
            return
        held = self._session.get(tables.PipelineVersion, (row.pipeline, row.pipeline_blake3))
        manifest = pipelines.pipeline_version(held).manifest if held is not None else None
        named = {path for run in runs for _, path, _ in run.files}
        for path, digest in sorted(manifest.contents if manifest is not None else ()):
            if path not in named:
                paths = self._code.setdefault(node, {}).setdefault(digest, [])
                if path not in paths:
                    paths.append(path)

    def _add_code(self) -> None:
        """Add the code of pipelines; a file that is in the trace already gets an edge."""
        for pipeline, files in self._code.items():
            for digest, paths in files.items() if pipeline in self._nodes else ():
                self._edge(_content(digest, paths[0], None), pipeline, "code")
                self._call_also(digest, paths)

    def _chain(self, ref: str, chain: Mapping[str, Any]) -> Collection[StageRun]:
        """Keep what is known of the runs that led to a version."""
        runs = graph.runs_of(self._session.connection(), chain["runs"])
        lost = {*chain["runs"]} - runs.keys()
        if lost:
            told = f"Of the runs that led to {ref}, {len(lost):,} are no longer recorded."
            self._gaps[told] = None
        for run in runs.values():
            for digest in run.outputs.values():
                if run not in self._own.setdefault(digest, []):
                    self._own[digest].append(run)
        self._unchecked |= {run: chain["unchecked"].get(run, {}) for run in chain["runs"]}
        missing = {*chain["missing"]}
        self._missing |= {
            digest
            for run in runs.values()
            for path, digest in run.inputs.items()
            if path in missing
        }
        self._gaps |= dict.fromkeys(chain["gaps"])
        return runs.values()

    def _parent(self, ref: str, row: tables.ModelVersion, chain: Mapping[str, Any] | None) -> None:
        if row.parent_id is None:
            return
        parent = self._session.get(tables.ModelVersion, row.parent_id)
        if parent is None or not self._sight.sees(parent.model):
            self._gaps[f"The version that {ref} was made from is not open to you."] = None
            return
        relation = (chain or {}).get("relation") or FINE_TUNED
        source = self._add_version(parent)
        if source is None:
            self._nodes[ref] = replace(self._nodes[ref], more=True)
            return
        self._edges[GraphEdge(source, ref, relation)] = None

    def _watched(self, ref: str, row: tables.ModelVersion) -> None:
        """The runs of the version that were watched, the newest."""
        table = tables.WatchedRun
        query = select(table).where(table.version_id == row.id, col(table.validation_id).is_(None))
        for run in self._session.exec(query.order_by(col(table.id).desc()).limit(_WATCHED)):
            document = json.loads(run.document)
            details = {
                "command": document["run"].get("command"),
                "packages": {one["name"]: one["version"] for one in document["distributions"]},
                "gaps": document["gaps"],
                "recorded_at": run.recorded_at,
            }
            node = GraphNode(run.blake3, NodeKind.WATCHED, "watched run", details)
            self._edge(node, ref, "watched")

    def _follow(self, contents: list[str]) -> None:
        """The runs that made contents, and what these used."""
        strange = [digest for digest in contents if digest not in self._own.keys() | EMPTY]
        made = graph_query.makers(self._session, strange, self._sight.models, _MAKERS + 1)
        wanted = {run for some in made.values() for run in some[:_MAKERS]}
        others = graph.runs_of(self._session.connection(), wanted)
        for content in contents:
            runs = self._own.get(content) or [
                others[run] for run in made.get(content, ())[:_MAKERS] if run in others
            ]
            for run in runs:
                self._run(run, content)
            if len(made.get(content, ())) > _MAKERS:
                self._nodes[content] = replace(self._nodes[content], more=True)
                self._more = True

    def _run(self, run: StageRun, content: str) -> None:
        new = run.blake3 not in self._nodes
        stage = run.kind is RunKind.STAGE
        details: dict[str, Any] = {"run": run.kind.value, "cmd": list(run.cmd)}
        node = GraphNode(run.blake3, NodeKind.RUN, run.name, details)
        self._edge(node, content, "output")
        if not new or node.id not in self._nodes:
            return
        if run.origin is not None and run.origin_digest is not None:
            # what was recorded before origins were checked may have no url
            name = " ".join(run.origin[key] for key in ("url", "path") if key in run.origin)
            origin = GraphNode(
                run.origin_digest, NodeKind.ORIGIN, name or run.name, dict(run.origin)
            )
            self._edge(origin, node.id, "origin")
        if stage and run.params_digest is not None:
            values = {"values": {file: dict(held) for file, held in run.params.items()}}
            name = ", ".join(run.params)
            parameters = GraphNode(run.params_digest, NodeKind.PARAMETERS, name, values)
            self._edge(parameters, node.id, "parameters")
        own = self._unchecked.get(node.id)
        names: dict[str, list[str]] = {}
        for _, path, digest in run.files:
            names.setdefault(digest, []).append(path)
        for role, path, digest in run.files:
            basis = Basis(own.get(path, Basis.CHECKED)) if own is not None else None
            used = _content(digest, path, basis)
            if role != "output":
                self._edge(used, node.id, role, follow=role == "input")
            elif digest in self._nodes:
                self._add(used)
        for digest, paths in names.items():
            self._call_also(digest, paths)

    def _call_also(self, content: str, names: list[str]) -> None:
        """Keep the names under which one run, or pipeline, knows a content, if it has several."""
        if len(names) < 2 or content not in self._nodes:
            return
        node = self._nodes[content]
        also = dict.fromkeys((*node.details.get("also", ()), *names))
        also.pop(node.name, None)
        self._nodes[content] = replace(node, details={**node.details, "also": [*also][:_NAMES]})


def _content(
    digest: str, name: str, basis: Basis | None, details: Mapping[str, Any] | None = None
) -> GraphNode:
    known = {key: value for key, value in (details or {}).items() if value is not None}
    return GraphNode(digest, NodeKind(graph.kind_of(digest)), name, known, basis)


def _validated_on(sight: Sight, row: tables.ModelVersion) -> list[str]:
    """The data versions that validations of a version were made on, each once, the newest first."""
    table = tables.Validation
    query = (
        select(table.data_blake3)
        .where(table.version_id == row.id, col(table.data_blake3).is_not(None))
        .order_by(col(table.id).desc())
        .limit(100)
    )
    return list(dict.fromkeys(data for data in sight.session.exec(query) if data is not None))
