"""What is answered about the history: checkpoints of it, and proofs. Pure."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.errors import IntegrityFailure
from lineage.identity import merkle
from lineage.identity.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = "lineage-proof/1"


@dataclass(frozen=True)
class InclusionProof:
    """That an event is in the history that a checkpoint tells of (RFC 6962).

    Attributes:
        entry: the canonical JSON of the event, whose bytes are the leaf.
        event: its number.
        hashes: the roots beside its way up the tree, from below.
        checkpoint: what they lead to.
    """

    entry: str
    event: int
    hashes: tuple[bytes, ...]
    checkpoint: Checkpoint

    @property
    def holds(self) -> bool:
        """Whether it shows what it says."""
        leaf = merkle.leaf_hash(self.entry.encode())
        size, root = self.checkpoint.size, self.checkpoint.root
        return merkle.included(leaf, self.event - 1, size, self.hashes, root)

    def to_json(self, note: str | None = None) -> dict[str, Any]:
        """JSON of `audit prove`; ``note`` is the checkpoint as it was signed."""
        return {
            "format": FORMAT,
            "event": self.event,
            "entry": self.entry,
            "hashes": _encoded(self.hashes),
            "checkpoint": note or self.checkpoint.text,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> InclusionProof:
        """Read back what :meth:`to_json` wrote."""
        checkpoint = Checkpoint.parse(body["checkpoint"])
        return cls(body["entry"], int(body["event"]), _decoded(body["hashes"]), checkpoint)

    def require(self) -> InclusionProof:
        """The proof itself.

        Raises:
            IntegrityFailure: it does not hold, or is of another event.
        """
        if not self.holds or json.loads(self.entry).get("seq") != self.event:
            raise IntegrityFailure(
                f"What was given as a proof of event {self.event} is none.",
                remedy=f"Check the history where the database is: {act('audit verify')}",
            )
        return self


@dataclass(frozen=True)
class ConsistencyProof:
    """That the history of a checkpoint goes on with the one of so many events (RFC 6962)."""

    size: int
    hashes: tuple[bytes, ...]
    checkpoint: Checkpoint

    def holds_for(self, kept: Checkpoint) -> bool:
        """Whether it shows that the history goes on with what a checkpoint saw of it."""
        now = self.checkpoint
        return kept.size == self.size and merkle.consistent(
            self.size, kept.root, now.size, now.root, self.hashes
        )

    def to_json(self) -> dict[str, Any]:
        """JSON of `GET /v1/audit/consistency`."""
        return {
            "size": self.size,
            "hashes": _encoded(self.hashes),
            "checkpoint": self.checkpoint.text,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ConsistencyProof:
        """Read back what :meth:`to_json` wrote."""
        checkpoint = Checkpoint.parse(body["checkpoint"])
        return cls(int(body["size"]), _decoded(body["hashes"]), checkpoint)


def _encoded(hashes: tuple[bytes, ...]) -> list[str]:
    return [base64.b64encode(digest).decode() for digest in hashes]


def _decoded(hashes: list[str]) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(text, validate=True) for text in hashes)
