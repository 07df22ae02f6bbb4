"""What is answered about backups: whether one is ready, and which version could be one. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineage.contract.decisions import held_copy_from_json
from lineage.contract.fields import from_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.guard.facts import HeldCopy


@dataclass(frozen=True)
class Readiness:
    """Whether a backup could take over at once, as far as the registry knows.

    ``reasons`` tell why not; ``checked_at`` is when somebody last looked into a store for it,
    ``copies`` what they found in each. ``standby`` tells that a serving host holds it, every byte
    checked. ``changes_at`` is when time alone can change it: only the
    registry knows.
    """

    ready: bool
    checked_at: str | None
    reasons: tuple[str, ...] = ()
    copies: tuple[HeldCopy, ...] = ()
    standby: bool = False
    changes_at: str | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """What `serving`'s JSON says of a backup besides."""
        return {
            "ready": self.ready,
            "checked_at": self.checked_at,
            "reasons": list(self.reasons),
            "copies": [copy.to_json() for copy in self.copies],
            "standby": self.standby,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Readiness | None:
        """Read back what :meth:`to_json` wrote; None where nothing is known, as of the past."""
        if body.get("ready") is None:
            return None
        reasons, copies = tuple(body["reasons"]), _copies(body)
        return from_fields(cls, body, reasons=reasons, copies=copies, changes_at=None)


@dataclass(frozen=True)
class Candidate:
    """A pair that could stand by; ``reasons`` tell why it cannot, or why it is not the best.

    ``stands`` is the side of the slot where it stands already, ``pipeline`` the pipeline version of
    the pair, None where none runs; ``moves_pipeline`` tells that another one runs.
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
    pipeline: str | None = None
    moves_pipeline: bool = False

    def to_json(self) -> dict[str, Any]:
        """One of the ``candidates`` in the JSON of `backup candidates`."""
        return {
            "ref": self.ref,
            "version": self.version,
            "best": self.best,
            "ready": self.ready,
            "reasons": list(self.reasons),
            "stands": self.stands,
            "pipeline": self.pipeline,
            "moves_pipeline": self.moves_pipeline,
            "served_at": self.served_at,
            "validated_at": self.validated_at,
            "copies": [copy.to_json() for copy in self.copies],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Candidate:
        """Read back what :meth:`to_json` wrote."""
        return from_fields(cls, body, reasons=tuple(body["reasons"]), copies=_copies(body))


def _copies(body: Mapping[str, Any]) -> tuple[HeldCopy, ...]:
    return tuple(held_copy_from_json(copy) for copy in body["copies"])
