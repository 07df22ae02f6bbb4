"""What the guard decided and what a move did, as a person reads it: failures first and whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.acts import typed
from lineage.guard.decision import Status

from .options import State
from .output import (
    dim,
    emit,
    environment_lines,
    explanation,
    note,
    paint,
    passed_over,
    say,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.contract.results import MoveResult
    from lineage.guard.decision import Check, Decision

_COLOURS: Final = {
    Status.PASS: "32",
    Status.FAIL: "1;31",
    Status.WARN: "33",
    Status.WAIVED: "33",
    Status.SKIPPED: "2",
}
_MOST_CHANGES: Final = 20


def show(*decisions: Decision, here: bool = False) -> None:
    """Print decisions: each failure, warning and waiver with why and what to do, failures first.

    What explains several of them is printed once. ``here`` tells that they were made with the
    pipeline in this checkout, which is named.
    """
    explained: set[str] = set()
    for made in decisions:
        say(paint(made.sentence, "1;32" if made.allowed else "1;31"))
        if here:
            named = made.pipeline
            say(f"  with {named['name']}@{named['digest']}, the pipeline in this checkout")
        for check in made.told:
            _told(check, explained)
        _others(made)


def show_check(check: Check) -> None:
    """Print one check by itself, and what to do where it does not hold."""
    if check.status in (Status.PASS, Status.SKIPPED):
        _line(check)
    else:
        _told(check, set())


def moved(what: str, done: MoveResult) -> None:
    """Print what a promotion, deployment, release or rollback did."""
    say(what)
    for slot in done.slots:
        serving(slot)
    for step in done.steps:
        passed_over(step)
    for name in done.emptied_backups:
        say(paint(f"  {name} has no backup now", "33"))
    for name, ref in done.proposed.items():
        model, _, environment = name.partition("@")
        say(f"  {ref} could stand by: lineage backup set {model} {ref} --env {environment}")
    serve = {slot.serving.ref for slot in done.slots if slot.serving is not None}
    for ref in done.rolled_back:
        what = f"{ref} with the pipeline of before" if ref in serve else ref
        say(f"  {what} was taken back: it returns only after a new validation")
    _warnings(done.decisions)
    for code in done.unused_waivers:
        note(f"note: {code} did not fail, so nothing was waived for it.")


def slot_moved(
    done: MoveResult, what: str, as_json: bool, more: dict[str, Any] | None = None
) -> None:
    """Print what a move of one slot did; as JSON the slot, and ``more`` beside it."""
    if as_json:
        emit(done.slots[0].to_json() | {"changed": done.changed} | (more or {}))
    else:
        moved(what, done)


def _warnings(decisions: Iterable[Decision]) -> None:
    """Print what the guard warned of as it allowed a move, and what was waived."""
    several = len({made.ref for made in decisions}) > 1
    explained: set[str] = set()
    for made in decisions:
        if several and (made.told or State.verbose):
            say(f"  {made.sentence}")
        for check in made.told:
            _told(check, explained)
        if State.verbose:
            _others(made)


def _others(made: Decision) -> None:
    """The rules that hold or were skipped: a line for all, or for each where it was asked for."""
    others = [check for check in made.checks if check not in made.told]
    for check in others:
        if State.verbose:
            _line(check)
        else:
            _environment(check)
    if others and not State.verbose:
        say(dim(f"  {made.others} (-v shows {'them' if len(others) > 1 else 'it'})"))


def _line(check: Check) -> None:
    status = paint(check.status.value.ljust(7), _COLOURS[check.status])
    say(f"  {status}  {check.code.ljust(17)}  {check.summary}")
    _environment(check)


def _environment(check: Check) -> None:
    """What differs between where a version was validated, and where what serves now was."""
    environment = check.details.get("environment")
    if environment is not None and environment["explanation"]:
        say("           validated in another environment than what serves now was:")
        environment_lines(environment, " " * 13)


def _told(check: Check, explained: set[str]) -> None:
    """A check with what explains it, unless that was printed already, and what to do."""
    _line(check)
    changes = check.details.get("explanation", [])
    what = repr((changes, check.details.get("diffs")))
    if changes and what in explained:
        say("           the changes are those above")
    else:
        explained.add(what)
        for change in changes[:_MOST_CHANGES]:
            say(f"           {paint(change, '33')}")
        if len(changes) > _MOST_CHANGES:
            say(f"           and {len(changes) - _MOST_CHANGES} more (see --json)")
        explanation(check.details, "           ")
    if check.remedy:
        say(dim(f"           → {typed(check.remedy)}"))
