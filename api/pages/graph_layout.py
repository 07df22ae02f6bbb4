"""Where the nodes of a graph are drawn: in layers, the kinds together in each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lineage.contract.results.graph import GraphNode, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lineage.contract.results.graph import GraphEdge

WIDTH: Final = 176
"""Of a node, in units of the drawing."""
HEIGHT: Final = 40
ACROSS: Final = 240
"""From one layer to the next."""
DOWN: Final = 52
MARGIN: Final = 8
LONGEST: Final = 19
"""Characters of a name that a node has room for."""

_KINDS: Final = {kind: place for place, kind in enumerate(NodeKind)}


@dataclass(frozen=True)
class Drawn:
    """A node, and the upper left corner of where it is drawn."""

    node: GraphNode
    x: int
    y: int

    @property
    def name(self) -> str:
        """Its name, as far as there is room."""
        name = self.node.name
        return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


@dataclass(frozen=True)
class Drawing:
    """The nodes and the lines between them, in units of the drawing; what is made stands right."""

    nodes: tuple[Drawn, ...]
    lines: tuple[tuple[str, GraphEdge], ...]
    width: int
    height: int


def drawing(
    nodes: Sequence[GraphNode], edges: Sequence[GraphEdge], hops: Mapping[str, int]
) -> Drawing:
    """A drawing of some nodes.

    Args:
        nodes: what is drawn.
        edges: from what was used to what was made of it.
        hops: how far each node is from the first, by its id; what was used is farther, and what
            the first one reaches has -1.
    """
    places_of = _apart(hops, edges)
    layers: dict[int, list[GraphNode]] = {}
    for node in nodes:
        layers.setdefault(places_of[node.id], []).append(node)
    most = max(layers)
    places: dict[str, Drawn] = {}
    for hop, layer in layers.items():
        layer.sort(key=lambda node: (_KINDS[node.kind], node.name, node.id))
        for row, node in enumerate(layer):
            places[node.id] = Drawn(node, MARGIN + ACROSS * (most - hop), MARGIN + DOWN * row)
    lines = tuple(
        (_line(places[edge.source], places[edge.target]), edge)
        for edge in edges
        if edge.source in places and edge.target in places
    )
    return Drawing(
        tuple(places.values()),
        lines,
        2 * MARGIN + ACROSS * (most - min(layers)) + WIDTH,
        2 * MARGIN + DOWN * max(map(len, layers.values())),
    )


def _apart(hops: Mapping[str, int], edges: Sequence[GraphEdge]) -> dict[str, int]:
    """The layer of each node: what was used stands left of all that was made of it.

    An edge that closes a circle of contents is passed over: somewhere a line has to go back.
    """
    sources: dict[str, list[str]] = {}
    for edge in edges:
        if edge.source in hops and edge.target in hops:
            sources.setdefault(edge.target, []).append(edge.source)
    layers = dict(hops)
    placed, passed_over = _walked(hops, sources)
    for node in reversed(placed):
        for source in sources.get(node, ()):
            if (source, node) not in passed_over:
                layers[source] = max(layers[source], layers[node] + 1)
    return layers


def _walked(
    hops: Mapping[str, int], sources: Mapping[str, Sequence[str]]
) -> tuple[dict[str, None], set[tuple[str, str]]]:
    """The nodes, each behind all that it was made of, and the edges that close a circle."""
    placed: dict[str, None] = {}
    circles: set[tuple[str, str]] = set()
    on_the_way: dict[str, Iterator[str]] = {}
    for first in sorted(hops, key=lambda one: hops[one]):
        if first not in placed:
            on_the_way[first] = iter(sources.get(first, ()))
        while on_the_way:
            node, waiting = next(reversed(on_the_way.items()))
            source = next(waiting, None)
            if source is None:
                del on_the_way[node]
                placed[node] = None
            elif source in on_the_way:
                circles.add((source, node))
            elif source not in placed:
                on_the_way[source] = iter(sources.get(source, ()))
    return placed, circles


def _line(source: Drawn, target: Drawn) -> str:
    """From the right side of what was used to the left side of what was made."""
    x, y = source.x + WIDTH, source.y + HEIGHT // 2
    to_x, to_y = target.x, target.y + HEIGHT // 2
    bend = (ACROSS - WIDTH) // 2
    return f"M{x} {y}C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}"
