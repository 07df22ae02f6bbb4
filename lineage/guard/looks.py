"""How old the looks at copies of weights are, and how old they may be. Pure: no clock.

A look tells what was there when somebody looked. An environment says how long that counts:
``look_within`` for any look, ``deep_within`` for one that read every byte.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lineage import timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.guard.facts import Facts, HeldCopy

COUNTS_AT_MOST: Final = "365d"
"""How long a look counts where the environment says nothing."""

_UNITS: Final = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
_LETTERS: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}


@dataclass(frozen=True)
class _Limit:
    """A look at a copy, how long it counts, and who says so; ``at`` is None where none was made."""

    look: str
    at: dt.datetime | None
    within: str
    who: str

    def age(self, now: str) -> dt.timedelta | None:
        """How old the look is; None where there is none."""
        return timestamps.moment(now) - self.at if self.at is not None else None

    def problem(self, copy: HeldCopy, now: str) -> str | None:
        """Why the look does not count any more."""
        age = self.age(now)
        demand = f"{self.who} wants one within {_span(self.within)}"
        if age is None:
            return f"no {self.look} at the copy in store {copy.store} counts, and {demand}"
        if age <= timestamps.span(self.within):
            return None
        return (
            f"the newest {self.look} at the copy in store {copy.store} is {_age(age)} old, "
            f"and {demand}"
        )

    def changes_at(self, now: str) -> str | None:
        """When time alone changes what is said of the look."""
        age, span = self.age(now), timestamps.span(self.within)
        if age is None or self.at is None:
            return None
        if age <= span:
            return timestamps.written(self.at + span + dt.timedelta(microseconds=1))
        _, count, seconds = _counted(age)
        return timestamps.written(self.at + dt.timedelta(seconds=(count + 1) * seconds))


def outdated(facts: Facts) -> str | None:
    """Why no look at an intact copy counts any more; None where one does, or none is intact.

    A host that holds the weights has read every byte of them, and a rollback needs no more.
    """
    if facts.now is None or facts.held:
        return None
    intact = sorted((c for c in facts.usable if c.intact), key=lambda c: c.at, reverse=True)
    problems = [_problem(facts, copy, facts.now) for copy in intact]
    return problems[0] if problems and all(problems) else None


def changes_at(facts: Facts) -> str | None:
    """When time alone can change what is said of the copies; None for never."""
    if facts.now is None:
        return None
    if not facts.shared and not all(copy.shared for copy in facts.copies):
        return facts.now  # a folder of this host may go at any moment
    if facts.held:
        return facts.held_until
    now = facts.now
    moments = (
        limit.changes_at(now)
        for copy in facts.usable
        if copy.intact
        for limit in _limits(facts, copy)
    )
    return min((moment for moment in moments if moment is not None), default=None)


def deep_is_due(
    deep_at: str | None,
    deep_within: str | None,
    now: str,
    ahead: dt.timedelta = dt.timedelta(0),
) -> bool:
    """Whether every byte of a copy is to be read, for what is demanded is about to run out.

    Args:
        deep_at: the newest deep look that counts.
        deep_within: how old that may be.
        now: the present moment.
        ahead: how long before it runs out; at most half of what is demanded.
    """
    if deep_within is None:
        return False
    span = timestamps.span(deep_within)
    if deep_at is None:
        return True
    left = timestamps.moment(deep_at) + span - timestamps.moment(now)
    return left <= min(ahead, span / 2)


def _problem(facts: Facts, copy: HeldCopy, now: str) -> str | None:
    problems = (limit.problem(copy, now) for limit in _limits(facts, copy))
    return next((problem for problem in problems if problem is not None), None)


def _limits(facts: Facts, copy: HeldCopy) -> Iterator[_Limit]:
    policy, where = facts.policy, facts.environment
    if policy.look_within is not None:
        yield _Limit("look", copy.at, policy.look_within, where)
    else:
        yield _Limit("look", copy.at, COUNTS_AT_MOST, "any environment")
    if policy.deep_within is not None:
        yield _Limit("deep look", copy.deep_at, policy.deep_within, where)


def _counted(age: dt.timedelta) -> tuple[str, int, int]:
    """An age in its largest unit: the unit, how many, and how many seconds it has."""
    whole = int(age.total_seconds())
    unit, seconds = next(((u, s) for u, s in _UNITS if whole >= s), _UNITS[-1])
    return unit, whole // seconds, seconds


def _age(age: dt.timedelta) -> str:
    unit, count, _ = _counted(age)
    return _plural(count, unit)


def _span(text: str) -> str:
    """A span as a sentence says it: ``7 days``."""
    return _plural(int(text[:-1]), _LETTERS[text[-1]])


def _plural(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"
