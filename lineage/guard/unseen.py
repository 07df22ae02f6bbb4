"""Code that a capture could not follow: a plain value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class UnseenCode:
    """Something that a stage runs and that could not be followed: where it stands, and what."""

    stage: str
    where: str
    what: str
    text: str

    @property
    def file(self) -> str:
        """The file that it stands in: ``src/a.py`` of ``src/a.py:3`` and ``src/a.py cell 2``."""
        name, colon, line = self.where.rpartition(":")
        return (name if colon and line.isdecimal() else self.where).partition(" cell ")[0]

    def to_json(self) -> dict[str, str]:
        """One of ``unseen`` in the JSON of a pipeline version."""
        return {"stage": self.stage, "where": self.where, "what": self.what, "text": self.text}

    @classmethod
    def from_json(cls, body: Mapping[str, str]) -> UnseenCode:
        """Read back what :meth:`to_json` wrote."""
        return cls(body["stage"], body["where"], body["what"], body["text"])
