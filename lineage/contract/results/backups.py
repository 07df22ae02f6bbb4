"""What is answered about backups: whether one is ready, and which version could be one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineage.guard.facts import HeldCopy


@dataclass(frozen=True)
class Readiness:
    """Whether a backup could take over at once, as far as the registry knows.

    ``reasons`` tell why not; ``checked_at`` is when somebody last looked into a store for it,
    ``copies`` what they found in each.
    """

    ready: bool
    checked_at: str | None
    reasons: tuple[str, ...] = ()
    copies: tuple[HeldCopy, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What `serving`'s JSON says of a backup besides."""
        return {
            "ready": self.ready,
            "checked_at": self.checked_at,
            "reasons": list(self.reasons),
            "copies": [copy.to_json() for copy in self.copies],
        }


@dataclass(frozen=True)
class Candidate:
    """A version that could stand by; ``reasons`` tell why it cannot, or why it is not the best.

    ``stands`` is the side of the slot where it stands already.
    """

    ref: str
    version: int
    ready: bool
    reasons: tuple[str, ...]
    stands: str | None
    served_at: str | None
    validated_at: str | None
    copies: tuple[HeldCopy, ...]
    best: bool = False

    def to_json(self) -> dict[str, Any]:
        """One of the ``candidates`` in the JSON of `backup candidates`."""
        return {
            "ref": self.ref,
            "version": self.version,
            "best": self.best,
            "ready": self.ready,
            "reasons": list(self.reasons),
            "stands": self.stands,
            "served_at": self.served_at,
            "validated_at": self.validated_at,
            "copies": [copy.to_json() for copy in self.copies],
        }
