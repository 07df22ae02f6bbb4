"""A decision as findings: what fails, warns or is waived, at a place where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.guard.decision import Check, Decision, NothingServes

MOST_PLACES: Final = 20


@dataclass(frozen=True)
class Finding:
    """One sentence about one check; ``path`` is relative to the top of the repository."""

    check: Check
    sentence: str
    path: str | None = None
    line: int | None = None


def findings(decision: Decision | NothingServes) -> Iterator[Finding]:
    """What is worth telling: a finding for each place of a check, one without where it has none."""
    for check in decision.checks:
        if check.status.value in ("pass", "skipped"):
            continue
        sentences = check.details.get("explanation") or [
            outcome["sentence"]
            for outcome in check.details.get("requirements", [])
            if not outcome["holds"] and outcome["source"] == "repository"
        ]
        places = check.details.get("places", [])
        told = False
        for sentence, place in list(zip(sentences, places, strict=False))[:MOST_PLACES]:
            told = True
            text = sentence if sentence in check.summary else f"{check.summary}: {sentence}"
            yield Finding(check, text, place["path"], place["line"])
        if not told:
            yield Finding(check, check.summary)


def headline(decision: Decision | NothingServes) -> str:
    """The decision in one line."""
    if not decision.checks:
        return decision.sentence
    word = "may serve" if decision.allowed else "may not serve"
    return f"{decision.ref} {word} in {decision.environment}"
