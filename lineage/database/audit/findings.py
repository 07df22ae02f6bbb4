"""What a check finds, kept within bounds: a history that was written anew has no end of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST: Final = 1_000
"""Findings that are told at the most."""


class Findings:
    """Sentences in the order in which they were found; those beyond the bound are counted."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._more = 0

    def __iadd__(self, found: Iterable[str]) -> Findings:
        """Add sentences."""
        for sentence in found:
            if len(self._kept) < MOST:
                self._kept.append(sentence)
            else:
                self._more += 1
        return self

    def told(self) -> tuple[str, ...]:
        """The sentences, and how many more there were."""
        return (*self._kept, *([f"{self._more} more were found"] if self._more else []))
