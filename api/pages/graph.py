"""The graph of a version: what made it, hop by hop as it is opened, and the versions it reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Query, Response

from lineage.contract.results.graph import GraphEdge, GraphNode, NodeKind
from lineage.errors import NotFound, NotPermitted
from lineage.identity.digest import xxh3
from lineage.identity.references import Reference
from lineage.registry.access import OF_VERSIONS, Scope

from ..schemas.parameters import ModelPath, VersionPath
from . import addresses, site
from .graph_layout import Drawing, drawing
from .site import Visit, visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.contract.results.graph import Trace
    from lineage.registry.registry import Registry

router = site.router()

NODES: Final = 280
"""Nodes of what made a version."""

AT_A_GLANCE: Final = 40
"""Nodes of the first hop that the page of a version draws; one with more leads to its graph."""

REACHED: Final = 20
"""Versions that it reaches, the newest first."""

_SEARCHED: Final = frozenset({NodeKind.FILE, NodeKind.DIRECTORY, NodeKind.CODE})
"""The kinds whose digests the search finds."""


@router.get(addresses.GRAPH)
def graph(
    model: ModelPath,
    n: VersionPath,
    visit: Annotated[Visit, visit(Scope.READ, OF_VERSIONS)],
    opened: Annotated[str, Query(alias="open", max_length=8000)] = "",
    everything: Annotated[bool, Query(alias="all")] = False,
) -> Response:
    """One hop, and what was used for the nodes that are open."""
    registry = visit.registry
    trace = registry.trace(Reference.from_selector(model, n), limit=NODES)
    keys = {_key(node.id) for node in trace.nodes} if everything else set(opened.split(","))
    hops, used = _hops(trace, keys), _used(trace)
    nodes = {node.id: node for node in trace.nodes if node.id in hops}
    page = addresses.graph(trace.ref)
    links = {name: _link(node, used, hops, keys, page) for name, node in nodes.items()}
    reached, further = _reached(registry, trace.ref)
    for node, edge in reached:
        used.setdefault(node.id, []).append(edge)
        if node.id not in nodes:
            nodes[node.id], hops[node.id] = node, -1
            links[node.id] = addresses.graph(node.id)
    edges = [*trace.edges, *(edge for _, edge in reached)]
    return visit.page(
        "graph.html",
        ref=trace.ref,
        drawing=drawing(list(nodes.values()), edges, hops),
        nodes=nodes,
        links=links,
        used={name: [edge for edge in made if edge.source in nodes] for name, made in used.items()},
        hidden=sum(node.id not in hops for node in trace.nodes),
        open_all=addresses.with_query(page, all=1),
        closed=page if opened or everything else None,
        gaps=trace.gaps,
        most=NODES,
        more=trace.more,
        further=further,
    )


@dataclass(frozen=True)
class FirstHop:
    """What a version was made of, drawn; nodes lead to where they are opened."""

    drawing: Drawing
    links: Mapping[str, str | None]


def first_hop(registry: Registry, ref: str) -> FirstHop | None:
    """What a version was made of, for its page; None where nothing is known, or too much."""
    trace = registry.trace(ref, limit=AT_A_GLANCE)
    hops, used, page = _hops(trace, set()), _used(trace), addresses.graph(ref)
    nodes = [node for node in trace.nodes if node.id in hops]
    if len(nodes) == 1 or any(node.more for node in nodes if node.id == ref):
        return None
    links = {node.id: _link(node, used, hops, set(), page) for node in nodes if node.id != ref}
    return FirstHop(drawing(nodes, trace.edges, hops), links)


def _used(trace: Trace) -> dict[str, list[GraphEdge]]:
    """What each node was made of."""
    used: dict[str, list[GraphEdge]] = {}
    for edge in trace.edges:
        used.setdefault(edge.target, []).append(edge)
    return used


def _key(id: str) -> str:  # noqa: A002
    """A short name of a node, for addresses."""
    return xxh3(id.encode()).value[:10]


def _hops(trace: Trace, opened: set[str]) -> dict[str, int]:
    """The nodes that are shown, each with how many hops it is from the version."""
    known = {node.id for node in trace.nodes}
    sources: dict[str, list[str]] = {}
    for edge in trace.edges:
        if edge.source in known:
            sources.setdefault(edge.target, []).append(edge.source)
    hops = {trace.ref: 0}
    waiting = [trace.ref]
    for id in waiting:  # noqa: A001 - it grows as it is walked
        if id == trace.ref or _key(id) in opened:
            for source in sources.get(id, ()):
                if source not in hops:
                    hops[source] = hops[id] + 1
                    waiting.append(source)
    return hops


def _link(
    node: GraphNode,
    used: Mapping[str, list[GraphEdge]],
    hops: Mapping[str, int],
    opened: set[str],
    page: str,
) -> str | None:
    """Where a node leads to: what it was made of, where that is hidden; else a page of it."""
    if any(edge.source not in hops for edge in used.get(node.id, ())):
        keys = sorted({*opened, _key(node.id)} - {""})
        return addresses.with_query(page, open=",".join(keys))
    if node.kind is NodeKind.VERSION:
        return addresses.version(node.id)
    if node.kind is NodeKind.PIPELINE and node.name:
        return addresses.pipeline(node.name)
    if node.kind in _SEARCHED:
        return addresses.with_query(addresses.SEARCH, q=node.id)
    return None


def _reached(registry: Registry, ref: str) -> tuple[list[tuple[GraphNode, GraphEdge]], bool]:
    """The versions that a version reaches, and as what; whether there are further ones."""
    try:
        impact = registry.impact(ref, limit=REACHED)
    except (NotFound, NotPermitted):
        return [], False
    reached = [
        (GraphNode(one.ref, NodeKind.VERSION, one.ref), GraphEdge(ref, one.ref, one.how))
        for one in impact.versions
        if one.ref != ref
    ]
    return reached, impact.more or impact.next is not None
