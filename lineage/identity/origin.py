"""Where weights come from: what made them, as far as that is known. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class OriginState(StrEnum):
    """What is known of what made the weights."""

    MADE = "made"
    """They are the output that DVC recorded of a stage; nothing that it was made from changed."""
    RUN = "run"
    """A command that was run for the registration wrote them."""
    STALE = "stale"
    """Code that their stage runs changed since; somebody took that on."""
    UNMADE = "unmade"
    """No stage is recorded to make them."""
    EXTERNAL = "external"
    """They come from elsewhere: a hub, or a folder that somebody gave."""


@dataclass(frozen=True)
class WeightsOrigin:
    """What made the weights.

    ``stage`` is the stage as DVC addresses it, ``commit`` the one that recorded them in its lock.
    ``changed`` are the code files that changed since they or what they are made from were made;
    ``reason`` is why that was taken on, or what is not known of the run that made them. ``source``
    is where they come from that were made elsewhere: ``hf://ORG/NAME@COMMIT``, or a path.
    """

    state: OriginState
    stage: str | None = None
    commit: str | None = None
    changed: tuple[str, ...] = ()
    reason: str | None = None
    source: str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON of it, the ``made`` of `show` and `serving`."""
        return {
            "state": self.state.value,
            "stage": self.stage,
            "commit": self.commit,
            "changed": list(self.changed),
            "reason": self.reason,
        } | ({"source": self.source} if self.source is not None else {})

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> WeightsOrigin:
        """Read back what :meth:`to_json` wrote."""
        return cls(
            OriginState(body["state"]),
            body["stage"],
            body["commit"],
            tuple(body["changed"]),
            body["reason"],
            body.get("source"),
        )

    @property
    def is_external(self) -> bool:
        """Whether the weights were made elsewhere."""
        return self.state is OriginState.EXTERNAL

    @property
    def sentence(self) -> str:
        """What a person reads of it, after "the weights"."""
        match self.state:
            case OriginState.MADE:
                return f"are what stage {self.stage} made"
            case OriginState.RUN:
                gap = f"; {self.reason}" if self.reason is not None else ""
                return f"were made by the run that registered them{gap}"
            case OriginState.UNMADE:
                return "are unmade: no stage is recorded to make them"
            case OriginState.EXTERNAL:
                return f"come from elsewhere: {self.source}"
            case OriginState.STALE:
                return f"{self._staleness}; taken on: {self.reason}"

    @property
    def _staleness(self) -> str:
        if not self.changed:
            return f"may be stale: whether code changed since {self.stage} made them is not known"
        named = ", ".join(self.changed[:3])
        more = f" and {len(self.changed) - 3} more" if self.changed[3:] else ""
        return f"are stale: {named}{more} changed since the stages up to {self.stage} ran"
