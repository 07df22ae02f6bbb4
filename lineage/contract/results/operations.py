"""What is answered about the registry itself: its environments, its history, its database. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PlannedChange:
    """What applying does to one environment: ``create``, ``change`` or ``keep``, line by line."""

    environment: str
    action: str
    lines: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """One entry of the JSON of `env apply`."""
        return {
            "environment": self.environment,
            "action": self.action,
            "changes": list(self.lines),
        }


@dataclass(frozen=True)
class Audit:
    """What checking the chain found: its length, the newest digest, and where it is broken."""

    events: int
    head: str | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class SchemaCheck:
    """What ``lineage db check`` found; ``problems`` is empty where all is well."""

    revision: str | None
    head: str
    problems: tuple[str, ...]
