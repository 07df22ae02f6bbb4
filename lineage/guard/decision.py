"""What the guard looks at, and what it says: plain values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final

from typing_extensions import override

from lineage.acts import typed
from lineage.display import Shown, table
from lineage.errors import LineageError
from lineage.guard.facts import Transition


class Status(StrEnum):
    """What a rule came to."""

    PASS = "pass"  # nosec B105 # noqa: S105 - not a password
    FAIL = "fail"
    WARN = "warn"
    WAIVED = "waived"
    SKIPPED = "skipped"


_VERBS: Final = {
    Transition.ENTER: "enter",
    Transition.STAY: "stay in",
    Transition.RETURN: "return to",
    Transition.STAND_BY: "stand by in",
    Transition.LEAVE: "leave",
}
_TOLD: Final = (Status.FAIL, Status.WARN, Status.WAIVED)
"""The statuses that a person is told each by itself, the gravest first."""


@dataclass(frozen=True, repr=False)
class Check(Shown):
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

    @override
    def _line(self) -> str:
        return f"{self.code} {self.status.value}: {self.summary}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "rule": self.code,
            "status": self.status.value,
            "why": self.summary,
            "what to do": typed(self.remedy) if self.remedy and self.status in _TOLD else "",
        }


@dataclass(frozen=True, repr=False)
class Decision(Shown):
    """What the guard says of one version in one environment; true where it is allowed."""

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

    @property
    def told(self) -> tuple[Check, ...]:
        """The checks that a person is told each by itself: failures, warnings, waivers."""
        return tuple(check for status in _TOLD for check in self.checks if check.status is status)

    @property
    def others(self) -> str:
        """The rest in a few words: ``9 more hold, 2 are skipped``; empty where there is none."""
        count = Counter(check.status for check in self.checks)
        hold, skipped = count[Status.PASS], count[Status.SKIPPED]
        words = []
        if hold:
            more = " more" if self.told else ""
            words.append(f"{hold}{more} {'holds' if hold == 1 else 'hold'}")
        if skipped:
            words.append(f"{skipped} {'is' if skipped == 1 else 'are'} skipped")
        return ", ".join(words)

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def sentence(self) -> str:
        """What it comes to: ``churn@7 may not enter production``."""
        word = "may" if self.allowed else "may not"
        return f"{self.ref} {word} {_VERBS[self.move]} {self.environment}"

    @property
    def pipeline(self) -> dict[str, str | None]:
        """The ``name`` and the ``digest`` of the pipeline version that was decided on, or None."""
        details = next((c.details for c in self.checks if c.code == "pipeline-deployed"), {})
        return {"name": details.get("pipeline"), "digest": details.get("digest")}

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
            "pipeline": self.pipeline,
            "checks": [check.to_json() for check in self.checks],
        }

    @override
    def _line(self) -> str:
        failing = ", ".join(check.code for check in self.failures)
        return f"{self.sentence}: {failing}" if failing else self.sentence

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "version": self.ref,
            "environment": self.environment,
            "allowed": self.allowed,
            "failing": [check.code for check in self.failures],
        }

    @override
    def _repr_html_(self) -> str:
        rows = [list(check._facts().values()) for check in self.told]
        if self.others:
            rows.append([self.others, "", "", ""])
        return table(self.sentence, ("rule", "status", "why", "what to do"), rows)


@dataclass(frozen=True, repr=False)
class NothingServes(Shown):
    """Nothing serves in a slot yet, so there is nothing to decide on, and nothing to refuse."""

    model: str
    environment: str

    allowed: ClassVar[bool] = True
    checks: ClassVar[tuple[Check, ...]] = ()
    failures: ClassVar[tuple[Check, ...]] = ()

    @property
    def ref(self) -> str:
        """What was asked about: the model."""
        return self.model

    @property
    def sentence(self) -> str:
        """What it comes to."""
        return (
            f"Nothing serves for {self.model} in {self.environment} yet: there is nothing to "
            "decide on."
        )

    def to_json(self) -> dict[str, Any]:
        """JSON of it (docs/reference/json.md): a decision of no version, by no rule."""
        return {
            "allowed": self.allowed,
            "model": self.model,
            "version": None,
            "environment": self.environment,
            "pipeline": {"name": None, "digest": None},
            "checks": [],
            "nothing_serves": True,
        }

    @override
    def _line(self) -> str:
        return self.sentence

    @override
    def _facts(self) -> dict[str, object]:
        return {"model": self.model, "environment": self.environment, "allowed": self.allowed}


class GuardRefused(LineageError):
    """The guard said no; ``decisions`` holds every rule's verdict, one decision per model."""

    code = "guard-refused"
    exit_code = 3
    http_status = 409

    def __init__(self, message: str, *, remedy: str, decisions: tuple[Decision, ...]) -> None:
        super().__init__(message, remedy=remedy)
        self.decisions = decisions
