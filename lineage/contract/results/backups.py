"""What is answered about backups: whether one is ready, and which version could be one. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage.contract.decisions import held_copy_from_json
from lineage.contract.fields import from_fields
from lineage.contract.moments import read, written
from lineage.display import Shown

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from lineage.guard.facts import HeldCopy


@dataclass(frozen=True, repr=False)
class Readiness(Shown):
    """Whether a backup could take over at once, as far as the registry knows.

    ``reasons`` tell why not; ``checked_at`` is when somebody last looked into a store for it,
    ``copies`` what they found in each. ``standby`` tells that a serving host holds it, every byte
    checked. ``changes_at`` is when time alone can change it: only the
    registry knows.
    """

    ready: bool
    checked_at: dt.datetime | None
    reasons: tuple[str, ...] = ()
    copies: tuple[HeldCopy, ...] = ()
    standby: bool = False
    changes_at: str | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """What `serving`'s JSON says of a backup besides."""
        return {
            "ready": self.ready,
            "checked_at": written(self.checked_at),
            "reasons": list(self.reasons),
            "copies": [copy.to_json() for copy in self.copies],
            "standby": self.standby,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Readiness | None:
        """Read back what :meth:`to_json` wrote; None where nothing is known, as of the past."""
        if body.get("ready") is None:
            return None
        return from_fields(
            cls,
            body,
            checked_at=read(body["checked_at"]),
            reasons=tuple(body["reasons"]),
            copies=_copies(body),
            changes_at=None,
        )

    @override
    def _line(self) -> str:
        return "ready" if self.ready else f"not ready: {'; '.join(self.reasons)}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "ready": self.ready,
            "why not": list(self.reasons) or None,
            "checked": self.checked_at,
            "intact in": [copy.store for copy in self.copies if copy.intact] or None,
            "held by a host": self.standby,
        }


@dataclass(frozen=True, repr=False)
class Candidate(Shown):
    """A pair that could stand by; ``reasons`` tell why it cannot, or why it is not the best.

    ``stands`` is the side of the slot where it stands already, ``pipeline`` the pipeline version of
    the pair, None where none runs; ``moves_pipeline`` tells that another one runs.
    """

    ref: str
    version: int
    ready: bool
    reasons: tuple[str, ...]
    stands: str | None
    served_at: dt.datetime | None
    validated_at: dt.datetime | None
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
            "served_at": written(self.served_at),
            "validated_at": written(self.validated_at),
            "copies": [copy.to_json() for copy in self.copies],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Candidate:
        """Read back what :meth:`to_json` wrote."""
        return from_fields(
            cls,
            body,
            reasons=tuple(body["reasons"]),
            served_at=read(body["served_at"]),
            validated_at=read(body["validated_at"]),
            copies=_copies(body),
        )

    @override
    def _line(self) -> str:
        state = "best" if self.best else self.stands or ("ready" if self.ready else "not ready")
        return f"{self.ref} ({state})"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "version": self.ref,
            "pipeline": self.pipeline,
            "best": self.best,
            "ready": self.ready,
            "stands": self.stands,
            "served": self.served_at,
            "validated": self.validated_at,
            "why not": list(self.reasons) or None,
        }


def _copies(body: Mapping[str, Any]) -> tuple[HeldCopy, ...]:
    return tuple(held_copy_from_json(copy) for copy in body["copies"])
