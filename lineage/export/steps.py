"""The runs that led to a version, as exports tell them: from a trace, what came first at the front.

A digest is how contents of several steps, versions and repositories meet. The time of a run is not
recorded, and so not told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage.contract.results.graph import NodeKind
from lineage.masking import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.contract.results.graph import GraphNode, Trace

_FILES: Final = (NodeKind.FILE, NodeKind.DIRECTORY)


@dataclass(frozen=True)
class Content:
    """A file or a directory that a step used or made: its name there, and its digest."""

    name: str
    digest: str
    role: str


@dataclass(frozen=True)
class Step:
    """A run of a stage, or an import: ``id`` is the digest of all that it used and made.

    ``origin`` of an import is ``url``, and of a repository also ``rev`` and ``path``.
    """

    id: str
    name: str
    imported: bool
    commands: tuple[str, ...]
    parameters: tuple[tuple[str, Any], ...]
    used: tuple[Content, ...]
    made: tuple[Content, ...]
    origin: Mapping[str, str]


@dataclass(frozen=True)
class Steps:
    """The steps of a version, and the content that is its weights.

    ``gaps`` say in sentences what of it is not recorded, ``more`` that there are further steps.
    """

    steps: tuple[Step, ...] = ()
    weights: Content | None = None
    gaps: tuple[str, ...] = ()
    more: bool = False


def steps_of(trace: Trace) -> Steps:
    """The steps that a trace holds: each after those that made what it used, but for cycles."""
    nodes = {node.id: node for node in trace.nodes}
    used: dict[str, list[tuple[str, GraphNode]]] = {}
    made: dict[str, list[GraphNode]] = {}
    weights = None
    for edge in trace.edges:
        used.setdefault(edge.target, []).append((edge.role, nodes[edge.source]))
        if edge.role == "output":
            made.setdefault(edge.source, []).append(nodes[edge.target])
        if edge.role == "weights" and edge.target == trace.ref:
            weights = _content(nodes[edge.source], "weights")
    runs = [node for node in trace.nodes if node.kind is NodeKind.RUN]
    steps = tuple(
        _step(run, used.get(run.id, ()), made.get(run.id, ())) for run in _in_order(runs, used)
    )
    if weights is not None and not any(weights.digest in _digests(step) for step in steps):
        weights = None
    # where only files of a pipeline's code had no room, the steps are all there
    more = any(node.more for node in trace.nodes if node.kind is not NodeKind.PIPELINE)
    return Steps(steps, weights, tuple(map(masked, trace.gaps)), more)


def _in_order(
    runs: list[GraphNode], used: Mapping[str, list[tuple[str, GraphNode]]]
) -> list[GraphNode]:
    """Runs, each behind those that made what it used, as far as these do not go round."""
    ordered: dict[str, GraphNode] = {}
    seen: set[str] = set()
    waiting = [(run, False) for run in reversed(runs)]
    while waiting:
        node, is_done = waiting.pop()
        if is_done:
            if node.kind is NodeKind.RUN:
                ordered[node.id] = node
        elif node.id not in seen:
            seen.add(node.id)
            waiting.append((node, True))
            waiting += [(source, False) for _, source in reversed(used.get(node.id, ()))]
    return list(ordered.values())


def _step(run: GraphNode, used: Any, made: Any) -> Step:  # noqa: ANN401 - roles and nodes
    sources = list(used)
    parameters = [node.details["values"] for role, node in sources if role == "parameters"]
    return Step(
        run.id,
        masked(run.name),
        run.details["run"] == "import",
        tuple(map(masked, run.details["cmd"])),
        tuple(
            sorted(
                (f"{file}:{name}", value)
                for values in parameters
                for file, held in values.items()
                for name, value in held.items()
            )
        ),
        tuple(_content(node, role) for role, node in sources if node.kind in _FILES),
        tuple(_content(node, "output") for node in made if node.kind in _FILES),
        next(
            (
                {key: masked(value) for key, value in node.details.items()}
                for role, node in sources
                if role == "origin"
            ),
            {},
        ),
    )


def _content(node: GraphNode, role: str) -> Content:
    return Content(masked(node.name), node.id, role)


def _digests(step: Step) -> set[str]:
    return {content.digest for content in step.made}
