"""The answers to moves that this server gave last, for retries of them."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, Final

MOST: Final = 500
"""Answers that are kept at the most; the oldest goes first."""

Key = tuple[str, str, str]
"""Who asked, under which key, and what for."""


class RecentAnswers:
    """Whole answers by what was asked; safe among threads, and empty after a restart."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Key, dict[str, Any]] = OrderedDict()
        self._lock = Lock()

    def keep(self, key: Key, answer: dict[str, Any]) -> None:
        """Keep an answer."""
        with self._lock:
            self._answers[key] = answer
            if len(self._answers) > MOST:
                self._answers.popitem(last=False)

    def find(self, key: Key) -> dict[str, Any] | None:
        """The answer that was given, if it is still here."""
        with self._lock:
            return self._answers.get(key)
