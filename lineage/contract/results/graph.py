"""Answers of the lineage graph: what made a version, and what something reaches. Pure.

A node is called by its content: its ``id`` is a digest (``md5:…``, ``blake3:…``), but for a version
(``churn@7``) and an origin (``origin:…``). So nodes of several models and repositories are one
where they share bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage.contract.fields import from_fields
from lineage.contract.results.documents import Document, Key, optional, several
from lineage.display import Shown
from lineage.identity.chain import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class NodeKind(StrEnum):
    """What a node of the graph is."""

    VERSION = "version"
    RUN = "run"
    """One run of a stage, or one import, by the digest of all that it used and made."""
    WATCHED = "watched"
    """A run that was watched, by the digest of what was observed."""
    FILE = "file"
    DIRECTORY = "directory"
    PARAMETERS = "parameters"
    CODE = "code"
    """A commit."""
    PIPELINE = "pipeline"
    ORIGIN = "origin"
    """A path at a revision of another repository, or an address, that data was imported from."""


@dataclass(frozen=True)
class GraphNode:
    """A node: ``name`` is for people (a reference, a stage, a path).

    ``details`` are those of its kind: ``stage``, ``cmd`` and ``parameters`` of a run, ``url``,
    ``rev`` and ``path`` of an origin, ``size`` in bytes of a file, ``kind`` of a version. ``basis``
    is how its digest is known, where that is recorded. ``missing`` tells that a stage makes it,
    and no run is recorded that made this content. ``more`` tells that what it comes from was not
    followed, for there was no room.
    """

    id: str
    kind: NodeKind
    name: str
    details: Mapping[str, Any] = field(default_factory=dict)
    basis: Basis | None = None
    missing: bool = False
    more: bool = False

    def to_json(self) -> dict[str, Any]:
        """JSON of the node."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "name": self.name,
            "details": dict(self.details),
            "basis": self.basis.value if self.basis is not None else None,
            "missing": self.missing,
            "more": self.more,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> GraphNode:
        """Read back what :meth:`to_json` wrote."""
        basis = Basis(body["basis"]) if body["basis"] is not None else None
        return from_fields(cls, body, kind=NodeKind(body["kind"]), basis=basis)


@dataclass(frozen=True)
class GraphEdge:
    """From what was used to what was made of it, by their ids; ``role`` says as what.

    ``input``, ``code``, ``parameters`` of a run; ``output`` of one; ``code`` of a pipeline, of
    files that no run of the chain names; ``weights``, ``code``, ``data``, ``pipeline`` and
    ``validation`` (its data) of a version; the relation of a parent (``fine-tuned-from``);
    ``origin`` of an import.
    """

    source: str
    target: str
    role: str

    def to_json(self) -> dict[str, str]:
        """JSON of the edge."""
        return {"from": self.source, "to": self.target, "role": self.role}

    @classmethod
    def from_json(cls, body: Mapping[str, str]) -> GraphEdge:
        """Read back what :meth:`to_json` wrote."""
        return cls(body["from"], body["to"], body["role"])


@dataclass(frozen=True, repr=False)
class Trace(Shown):
    """All that made a version: ``nodes``, the version first, and ``edges`` between them.

    ``gaps`` say in sentences what of it is not recorded. ``more`` tells that there is more than was
    asked for: nodes that were not followed say so too.
    """

    ref: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    gaps: tuple[str, ...] = ()
    more: bool = False

    @override
    def _line(self) -> str:
        return f"{self.ref}: made of {len(self.nodes) - 1} nodes{' and more' if self.more else ''}"

    @override
    def _facts(self) -> dict[str, object]:
        kinds = [node.kind.value for node in self.nodes]
        return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}

    def node(self, id: str) -> GraphNode:  # noqa: A002
        """The node of an id.

        Raises:
            KeyError: there is none.
        """
        for node in self.nodes:
            if node.id == id:
                return node
        raise KeyError(id)

    def sources(self, id: str) -> Iterator[tuple[str, GraphNode]]:  # noqa: A002
        """What a node was made of: the role of each, and the node."""
        nodes = {node.id: node for node in self.nodes}
        for edge in self.edges:
            if edge.target == id and edge.source in nodes:
                yield edge.role, nodes[edge.source]

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of `trace`."""
        return {
            "ref": self.ref,
            "nodes": [node.to_json() for node in self.nodes],
            "edges": [edge.to_json() for edge in self.edges],
            "gaps": list(self.gaps),
            "more": self.more,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Trace:
        """Read back what :meth:`to_json` wrote."""
        return from_fields(
            cls,
            body,
            nodes=tuple(map(GraphNode.from_json, body["nodes"])),
            edges=tuple(map(GraphEdge.from_json, body["edges"])),
            gaps=tuple(body["gaps"]),
        )


@dataclass(frozen=True)
class Held:
    """A side of a slot that holds a version: ``serving`` or ``backup``, since a moment."""

    environment: str
    side: str
    since: str | None

    def to_json(self) -> dict[str, Any]:
        """JSON of it."""
        return {"environment": self.environment, "side": self.side, "since": self.since}


@dataclass(frozen=True)
class Impacted:
    """A version that something reaches, and the sides of slots that hold it now.

    ``how`` says as what: ``version`` itself, ``weights``, ``code`` (the commit, or a file that its
    pipeline holds), ``data``, ``validation``, ``pipeline``, ``package``, ``run`` (of a stage that
    made it) or ``parent``.
    """

    ref: str
    model: str
    version: int
    kind: str
    how: str
    registered_at: str
    held: tuple[Held, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON of it."""
        return {
            "ref": self.ref,
            "model": self.model,
            "version": self.version,
            "kind": self.kind,
            "how": self.how,
            "registered_at": self.registered_at,
            "held": [side.to_json() for side in self.held],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Impacted:
        """Read back what :meth:`to_json` wrote."""
        held = tuple(from_fields(Held, side) for side in body["held"])
        return from_fields(cls, body, held=held)


@dataclass(frozen=True, repr=False)
class Impact(Shown):
    """Which versions something reaches, the newest first, page by page.

    ``subject`` is what was asked, ``meant`` the digests (or the commit, the pipeline version, the
    package) that it stands for. ``next`` is the cursor of the page behind this one, None at the
    end. ``more`` tells that the walk reached its bound: there may be versions that it did not come
    to.
    """

    subject: str
    meant: tuple[str, ...]
    versions: tuple[Impacted, ...]
    next: str | None = None
    more: bool = False

    @override
    def _line(self) -> str:
        more = " and more" if self.next is not None or self.more else ""
        return f"{self.subject}: reaches {len(self.versions)} versions{more}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            version.ref: ", ".join(
                [version.how, *(f"{one.side} in {one.environment}" for one in version.held)]
            )
            for version in self.versions
        }

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of `impact`."""
        return {
            "subject": self.subject,
            "meant": list(self.meant),
            "versions": [version.to_json() for version in self.versions],
            "next": self.next,
            "more": self.more,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Impact:
        """Read back what :meth:`to_json` wrote."""
        versions = tuple(map(Impacted.from_json, body["versions"]))
        return from_fields(cls, body, meant=tuple(body["meant"]), versions=versions)


class LineageNode(Document):
    """Something with a lineage."""

    id = Key(str)
    """By what edges name it."""
    type = Key(str)
    """``version``, ``code``, ``data``, ``data-item``, ``pipeline``, ``weights`` or ``slot``."""
    digest = Key(optional(str))
    """Its digest; None of a slot."""

    @override
    def _line(self) -> str:
        return f"{self.type} {self.id}"


class LineageGraph(Document):
    """What made a digest, or what was made from it."""

    digest = Key(str)
    """The digest that was asked for, whole."""
    direction = Key(str)
    """``up``: what made it; ``down``: what was made from it."""
    nodes = Key(several(LineageNode))
    """What is part of it."""
    next = Key(optional(str))
    """The cursor of further versions of the digest; None where these are the last."""
    truncated = Key(bool)
    """Whether there is more than these."""

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Ids of nodes: of what was used, and of what was made from it."""
        return tuple((edge["from"], edge["to"]) for edge in self["edges"])

    @override
    def _line(self) -> str:
        way = "made from" if self.direction == "up" else "led to"
        return f"{self.digest} {way} {len(self.nodes) - 1} others"

    @override
    def _facts(self) -> dict[str, object]:
        return {node.id: node.type for node in self.nodes}
