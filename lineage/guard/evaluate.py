"""The guard: facts in, a decision out. Pure: no I/O.

Every rule of :mod:`lineage.guard.rules` is evaluated, not only up to the first that fails. A rule
whose facts another failing rule reports as missing is skipped: one cause, one failure. An
experimental environment only warns; a waiver turns a failure into a recorded exception. What leaves
a slot empty is asked only what that leaves behind.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.guard.decision import Check, Decision, Status
from lineage.guard.facts import Transition
from lineage.guard.rules import LEAVING, RULES
from lineage.identity.components import EnvironmentKind

if TYPE_CHECKING:
    from lineage.guard.facts import Facts


def decide(facts: Facts) -> Decision:
    """Evaluate every rule."""
    rules = LEAVING if facts.transition is Transition.LEAVE else RULES
    checks = tuple(_excused(facts, rule(facts)) for rule in rules)
    return Decision(facts.model, facts.version, facts.environment, checks, facts.transition)


def _excused(facts: Facts, check: Check) -> Check:
    """A failure, where the environment only warns or somebody waived the rule."""
    if check.status is not Status.FAIL:
        return check
    if facts.environment_kind is EnvironmentKind.EXPERIMENTAL:
        return replace(check, status=Status.WARN)
    waiver = next((waiver for waiver in facts.waivers if waiver.code == check.code), None)
    if waiver is None:
        return check
    details = check.details | {"waiver": waiver.to_json()}
    until = f" until {waiver.until:%Y-%m-%d %H:%M}" if waiver.until else ""
    summary = f"{check.summary}; waived by {waiver.by}{until}: {waiver.reason}"
    return replace(check, status=Status.WAIVED, summary=summary, details=details)
