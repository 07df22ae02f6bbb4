"""What is answered about the registry itself: its environments, its history, its database. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage.contract.fields import from_fields
from lineage.display import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, repr=False)
class PlannedChange(Shown):
    """What applying does to one environment: ``create``, ``change`` or ``keep``, line by line.

    ``notes`` say what a person should know of it, ``loosened`` the settings by which more may pass
    than before.
    """

    environment: str
    action: str
    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()
    loosened: tuple[str, ...] = ()

    @override
    def to_json(self) -> dict[str, Any]:
        """One entry of the JSON of `env apply`."""
        return {
            "environment": self.environment,
            "action": self.action,
            "changes": list(self.lines),
        } | {
            name: list(texts)
            for name, texts in (("notes", self.notes), ("loosened", self.loosened))
            if texts
        }

    @override
    def _line(self) -> str:
        return f"{self.action} {self.environment}: {'; '.join(self.lines) or 'nothing'}"

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> PlannedChange:
        """Read back what :meth:`to_json` wrote."""
        notes = tuple(body.get("notes", ()))
        loosened = tuple(body.get("loosened", ()))
        return from_fields(cls, body, lines=tuple(body["changes"]), notes=notes, loosened=loosened)


@dataclass(frozen=True, repr=False)
class Audit(Shown):
    """What checking the chain found: its length, the newest digest, and where it is broken."""

    events: int
    head: str | None
    problems: tuple[str, ...]

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of `GET /v1/audit`."""
        return {
            "valid": not self.problems,
            "events": self.events,
            "head": self.head,
            "problems": list(self.problems),
        }

    @override
    def _line(self) -> str:
        return f"{self.events} events: {'; '.join(self.problems) or 'all is whole'}"

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Audit:
        """Read back what :meth:`to_json` wrote."""
        return from_fields(cls, body, problems=tuple(body["problems"]))


@dataclass(frozen=True, repr=False)
class SchemaCheck(Shown):
    """What ``lineage db check`` found; ``problems`` is empty where all is well.

    ``notes`` tell what could not be looked at.
    """

    revision: str | None
    head: str
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of `GET /v1/database`."""
        return {
            "revision": self.revision,
            "head": self.head,
            "problems": list(self.problems),
        } | ({"notes": list(self.notes)} if self.notes else {})

    @override
    def _line(self) -> str:
        return f"schema {self.revision} of {self.head}: {'; '.join(self.problems) or 'all is well'}"

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> SchemaCheck:
        """Read back what :meth:`to_json` wrote."""
        notes = tuple(body.get("notes", ()))
        return from_fields(cls, body, problems=tuple(body["problems"]), notes=notes)


@dataclass(frozen=True, repr=False)
class Head(Shown):
    """The newest event, and the digest of one that somebody saw before.

    Attributes:
        registry: the registry's id; None before its first event.
        events: the newest event's number.
        digest: its digest.
        then: the digest of the event that was asked for; None where there is none.
    """

    registry: str | None
    events: int
    digest: str | None
    then: str | None = None

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of `GET /v1/head`."""
        return {
            "registry": self.registry,
            "events": self.events,
            "head": self.digest,
            "then": self.then,
        }

    @override
    def _line(self) -> str:
        return f"event {self.events}, {self.digest}"

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Head:
        """Read back what :meth:`to_json` wrote."""
        return cls(body["registry"], int(body["events"]), body["head"], body["then"])
