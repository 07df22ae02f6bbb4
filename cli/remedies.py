"""How a remedy is typed: the core names an act, the command line spells it as a command."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.acts import YES, spelled, split

if TYPE_CHECKING:
    from lineage.guard.decision import Check, Decision


def typed(remedy: str) -> str:
    """A remedy with each act as the command that does it."""
    return spelled(remedy, _command)


def typed_decision(decision: Decision) -> Decision:
    """A decision whose remedies are typed."""
    return replace(decision, checks=tuple(_typed_check(check) for check in decision.checks))


def _typed_check(check: Check) -> Check:
    details = check.details
    if details.get("carry_over"):
        details = details | {"carry_over": typed(details["carry_over"])}
    return replace(check, remedy=typed(check.remedy) if check.remedy else None, details=details)


def _command(words: list[str], _: str) -> str:
    own, program = split(words)
    command = ["lineage"]
    for word in own:
        name, equals, value = word.partition("=")
        if not equals:
            command.append(shlex.quote(word))
        elif value == YES:
            command.append(f"--{name}")
        else:
            command.append(f"--{name} {shlex.quote(value)}")
    return " ".join([*command, *map(shlex.quote, program)])
