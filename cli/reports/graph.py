"""A trace as a picture: a tree of text, DOT for Graphviz, Mermaid for pages that draw it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from lineage.contract.results.graph import NodeKind
from lineage.inert import inert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.contract.results.graph import GraphNode, Trace

_SHAPES: Final = {
    NodeKind.VERSION: "doubleoctagon",
    NodeKind.RUN: "box",
    NodeKind.WATCHED: "box",
    NodeKind.ORIGIN: "house",
    NodeKind.CODE: "note",
    NodeKind.PIPELINE: "note",
    NodeKind.PARAMETERS: "note",
}
_LONGEST: Final = 200


def tree(trace: Trace) -> Iterator[str]:
    """The lines of a tree: below each node what it was made of; each node unfolds once."""
    sources: dict[str, list[tuple[str, GraphNode]]] = {}
    nodes = {node.id: node for node in trace.nodes}
    for edge in trace.edges:
        sources.setdefault(edge.target, []).append((edge.role, nodes[edge.source]))
    shown: set[str] = set()
    pending = [("", "", "", nodes[trace.ref])] if trace.ref in nodes else []
    while pending:
        lead, below, role, node = pending.pop()
        again = node.id in shown and node.id in sources
        shown.add(node.id)
        yield f"{lead}{f'{role}  ' if role else ''}{_described(node)}{'  (above)' if again else ''}"
        made_of = [] if again else sources.get(node.id, [])
        for number, (part, source) in reversed(list(enumerate(made_of, 1))):
            last = number == len(made_of)
            branch, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
            pending.append((below + branch, below + rest, part, source))


def dot(trace: Trace) -> str:
    """The graph for Graphviz."""
    numbers = {node.id: f"n{number}" for number, node in enumerate(trace.nodes)}
    lines = ["digraph lineage {", "  rankdir=LR;"]
    lines += [
        f"  {numbers[node.id]} [label={_quoted(_label(node))}, "
        f"shape={_SHAPES.get(node.kind, 'ellipse')}];"
        for node in trace.nodes
    ]
    lines += [
        f"  {numbers[edge.source]} -> {numbers[edge.target]} [label={_quoted(edge.role)}];"
        for edge in trace.edges
    ]
    return "\n".join([*lines, "}"])


def mermaid(trace: Trace) -> str:
    """The graph for Mermaid."""
    numbers = {node.id: f"n{number}" for number, node in enumerate(trace.nodes)}
    lines = ["flowchart LR"]
    lines += [f'  {numbers[node.id]}["{_entities(_label(node))}"]' for node in trace.nodes]
    lines += [
        f'  {numbers[edge.source]} -- "{_entities(edge.role)}" --> {numbers[edge.target]}'
        for edge in trace.edges
    ]
    return "\n".join(lines)


def _described(node: GraphNode) -> str:
    words = [_name(node)]
    if node.kind in (NodeKind.FILE, NodeKind.DIRECTORY, NodeKind.PARAMETERS):
        words.append(_short(node.id))
    elif node.kind is NodeKind.VERSION:
        words.append(f"({node.details['kind']})")
    elif node.kind is NodeKind.RUN:
        words.append(" && ".join(node.details["cmd"]) or node.details["run"])
    if node.basis is not None:
        words.append(node.basis.value)
    if node.missing:
        words.append("(no run is recorded that made this)")
    if node.more:
        words.append("(there is more)")
    return "  ".join(words)[:_LONGEST]


def _name(node: GraphNode) -> str:
    if node.kind is NodeKind.PARAMETERS:
        values = (held for file in node.details["values"].values() for held in file.items())
        return ", ".join(f"{name}={json.dumps(value)}" for name, value in values)
    if node.kind is NodeKind.ORIGIN and "rev" in node.details:
        return f"{node.name} at {node.details['rev'][:12]}"
    if node.kind is NodeKind.CODE:
        return _short(node.id)
    return " = ".join((node.name, *node.details.get("also", ())))


def _short(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"{algorithm}:{value[:12]}"


def _label(node: GraphNode) -> str:
    name = inert(_name(node))
    return f"{name if len(name) <= _LONGEST else name[: _LONGEST - 1] + '…'}\n{node.kind.value}"


def _quoted(text: str) -> str:
    """A text as DOT writes it: its strings know no other escapes than these."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{plain}"'


def _entities(text: str) -> str:
    """A text as Mermaid writes it: what means something there, by its number."""
    return "".join(
        "<br/>"
        if char == "\n"
        else char
        if char.isalnum() or char in " ._-/="
        else f"#{ord(char)};"
        for char in text
    )
