"""The answer on when to retrain: describes what it holds."""

from __future__ import annotations

from typing import Any

from .responses import Answer


class RetrainingAnswer(Answer):
    """A metric by age, its change with an interval, and schedules with what they cost a year."""

    model: str
    metric: str
    observations: list[dict[str, Any]]
    change: dict[str, Any] | None
    same_data: dict[str, Any] | None
    missing: str | None
    costs: dict[str, float] | None
    advice: dict[str, Any] | None
    left_out: dict[str, int]
    notes: list[str]
