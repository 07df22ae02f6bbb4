"""A capture's destination: names the registry it was made for, and tells it from every other."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineage.errors import IntegrityFailure, NotFound, NotPermitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.connection import AnyRegistry


@dataclass(frozen=True)
class Destination:
    """A registry: its ``url`` without secrets, and its own ``id``; None where nobody could tell it.

    A registry has none before its first event, and tells it to no token that may not read.
    """

    url: str
    id: str | None = None

    @classmethod
    def of(cls, registry: AnyRegistry) -> Destination:
        """Which registry it is.

        Raises:
            RegistryUnreachable: it cannot be asked.
        """
        known: str | None = None
        with suppress(NotPermitted, NotFound, IntegrityFailure):
            known = registry.head().registry
        return cls(registry.url, known)

    def is_same(self, other: Destination) -> bool:
        """Whether both are one registry: by the id wherever it was moved to, else by the URL."""
        if self.id is not None and other.id is not None:
            return self.id == other.id
        return self.url == other.url

    def to_json(self) -> dict[str, Any]:
        """The registry as a capture names it."""
        return {"url": self.url, "id": self.id}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Destination:
        """Read back what :meth:`to_json` wrote.

        Raises:
            KeyError: a key is missing.
            TypeError: one is no text.
        """
        url, known = body["url"], body["id"]
        if not isinstance(url, str) or not isinstance(known, str | None):
            raise TypeError("no registry")
        return cls(url, known)
