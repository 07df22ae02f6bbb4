"""The answer on when to retrain: describes what it holds."""

from __future__ import annotations

from typing import Any

from .responses import Answer


class RetrainingAnswer(Answer):
    """A metric by age, its change with an interval, and schedules with what they cost a year.

    `basis` is what is priced: `measured`, or, where no outcome is known and verdicts are too few,
    `estimated`, of `estimates` from the scores alone, which cannot see concept drift.
    """

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
    estimates: list[dict[str, Any]]
    estimated: dict[str, Any] | None
    basis: str | None
    watched: dict[str, float] | None
