"""A decision whose remedies are typed: the core names acts, the command line spells commands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.acts import typed

if TYPE_CHECKING:
    from lineage.guard.decision import Check, Decision


def typed_decision(decision: Decision) -> Decision:
    """A decision whose remedies are typed."""
    return replace(decision, checks=tuple(typed_check(check) for check in decision.checks))


def typed_check(check: Check) -> Check:
    """A check whose remedy is typed."""
    details = check.details
    if details.get("carry_over"):
        details = details | {"carry_over": typed(details["carry_over"])}
    return replace(check, remedy=typed(check.remedy) if check.remedy else None, details=details)
