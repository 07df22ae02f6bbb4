"""What is answered about stores of weights, and about what made what. Pure."""

from __future__ import annotations

from typing_extensions import override

from lineage.contract.results.documents import (
    Document,
    Key,
    moment,
    optional,
    several,
    values,
)


class StoreRecord(Document):
    """A store of weights."""

    name = Key(str)
    """Its name."""
    url = Key(str)
    """Where it is."""
    config = Key(values)
    """The public settings of its DVC remote."""
    shared = Key(bool)
    """Whether every host reaches it."""
    copies = Key(int)
    """How many copies of weights it holds."""
    added_at = Key(moment)
    """When it was recorded."""
    added_by = Key(str)
    """Who recorded it."""

    @override
    def _line(self) -> str:
        return f"{self.name} at {self.url}, {self.copies} copies"


class CollectableCopy(Document):
    """A copy of weights that nothing can need any more."""

    ref = Key(str)
    """The version as a person writes it."""
    store = Key(str)
    """The store that holds it."""
    weights = Key(str)
    """The digest of the weights."""
    size = Key(int)
    """Bytes, over all files."""
    files = Key(int)
    """How many files it is."""
    registered_at = Key(moment)
    """When the version was registered."""
    last_served_at = Key(optional(moment))
    """When it served or stood by last; None where it never did."""

    @override
    def _line(self) -> str:
        return f"{self.ref} in {self.store}, {self.size:,} bytes"


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
    truncated = Key(bool)
    """Whether there is more, which is left out."""

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
