"""What the guard looks at, and what it says: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lineage.errors import LineageError
from lineage.guard.facts import Transition


class Status(StrEnum):
    """What a rule came to."""

    PASS = "pass"  # nosec B105 # noqa: S105 - not a password
    FAIL = "fail"
    WARN = "warn"
    WAIVED = "waived"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One rule's verdict: a stable code, a status, a sentence, details and what to do."""

    code: str
    status: Status
    summary: str
    remedy: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The check as the guard's JSON lists it."""
        return {
            "code": self.code,
            "status": self.status.value,
            "summary": self.summary,
            "remedy": self.remedy,
            "details": self.details,
        }


@dataclass(frozen=True)
class Decision:
    """What the guard says of one version in one environment."""

    model: str
    version: int
    environment: str
    checks: tuple[Check, ...]
    move: Transition = Transition.ENTER

    @property
    def ref(self) -> str:
        """The version as a person writes it."""
        return f"{self.model}@{self.version}"

    @property
    def allowed(self) -> bool:
        """Whether no rule fails."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that fail."""
        return tuple(check for check in self.checks if check.status is Status.FAIL)

    def check(self, code: str) -> Check:
        """The check of a rule."""
        return next(check for check in self.checks if check.code == code)

    def to_json(self) -> dict[str, Any]:
        """The guard's JSON (docs/reference/json.md)."""
        return {
            "allowed": self.allowed,
            "model": self.model,
            "version": self.version,
            "environment": self.environment,
            "checks": [check.to_json() for check in self.checks],
        }


class GuardRefused(LineageError):
    """The guard said no; ``decisions`` holds every rule's verdict, one decision per model."""

    code = "guard-refused"
    exit_code = 3
    http_status = 409

    def __init__(self, message: str, *, remedy: str, decisions: tuple[Decision, ...]) -> None:
        super().__init__(message, remedy=remedy)
        self.decisions = decisions
