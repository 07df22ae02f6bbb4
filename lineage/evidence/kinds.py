"""What kind of change it is: hard, soft or drift, from a share's course over windows. Pure.

- **drift**: it grew, over all hosts, from window to window; or it is so little that only weeks of
  windows together show it, as a season is, and breaks no contract.
- **soft**: a step that some hosts alone show, or at which something happened here: a promotion, a
  deployment, another version of a host or a library. What changed is ours.
- **hard**: a step on all hosts, and nothing happened here: what comes from upstream is no longer
  what it was. Either it breaks the column's contract, or its values jumped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["quiet", "hard", "soft", "drift"]

CHANGES: Final = ("hard", "soft", "drift")
"""The kinds of changes."""

TIERS: Final = ("page", "ticket", "explain")
"""How urgent changes are, the most urgent first."""

_SURER: Final = 2.0
"""A course is gradual where a ramp tells more of it than a step by so much: windows times the
logarithm of how much less it misses, which is twice a log-likelihood ratio."""
_SHORT: Final = 4
"""A ramp over fewer windows is a step."""
AT_ONCE: Final = 14
"""What breaks no contract and took more windows to be told is no fault."""
_ENOUGH: Final = 20
"""Rows of a host that say something."""


@dataclass(frozen=True)
class Event:
    """Something that the registry knows of: when (seconds since 1970, UTC), and what."""

    at: float
    what: str


@dataclass(frozen=True)
class Course:
    """How a change came: where it begins, and whether with a step."""

    begins: int
    is_step: bool


def course(excess: Sequence[float], weights: Sequence[float], change: int) -> Course:
    """Whether a step or a ramp tells more of a course (least squares, one change each).

    Args:
        excess: how far each window's share lies from what was expected.
        weights: what each window is worth, such as its rows; none is negative.
        change: the place where the change is thought to begin; looked for near it.
    """
    last = len(excess)
    near = range(max(0, change - 14), last)
    _, step = min((_missed_by_step(excess, weights, at), at) for at in near)
    step_missed = _missed_by_step(excess, weights, step)
    ramps = [(_missed_by_ramp(excess, weights, at), at) for at in near if last - at >= _SHORT]
    if ramps:
        missed, ramp = min(ramps)
        if last * math.log(max(step_missed, 1e-12) / max(missed, 1e-12)) > _SURER:
            return Course(ramp, is_step=False)
    return Course(step, is_step=True)


def _missed_by_step(y: Sequence[float], w: Sequence[float], at: int) -> float:
    """The squares that are left of a level of 0 before ``at`` and one level from there on."""
    return _left(y, w, [0.0] * at + [1.0] * (len(y) - at))


def _missed_by_ramp(y: Sequence[float], w: Sequence[float], at: int) -> float:
    """The same of a straight line that leaves 0 at ``at``."""
    return _left(y, w, [0.0] * at + [float(i + 1) for i in range(len(y) - at)])


def _left(y: Sequence[float], w: Sequence[float], shape: Sequence[float]) -> float:
    square = sum(b * s * s for b, s in zip(w, shape, strict=True))
    product = sum(b * a * s for a, b, s in zip(y, w, shape, strict=True))
    whole = sum(b * a * a for a, b in zip(y, w, strict=True))
    return whole - (product**2 / square if square > 0 else 0.0)


def hosts_that_show(
    counts: Mapping[str, tuple[int, int]], expected: float, all_rows: float
) -> list[str]:
    """The hosts that alone show a change; empty where all do, or where nobody can tell.

    Args:
        counts: k and n of each host since the change began.
        expected: the share that was expected.
        all_rows: the share of all hosts together.
    """
    excess = {host: k / n - expected for host, (k, n) in sorted(counts.items()) if n >= _ENOUGH}
    if len(excess) < 2:
        return []
    sign = 1 if all_rows >= expected else -1
    most = max(sign * one for one in excess.values())
    if most <= 0:
        return []
    showing = [host for host, one in excess.items() if sign * one >= most / 2]
    quiet = [host for host, one in excess.items() if sign * one < most / 4]
    return showing if quiet else []


def events_near(events: Sequence[Event], after: float, until: float) -> list[Event]:
    """The events after one moment and not after another, in order."""
    return sorted(
        (event for event in events if after < event.at <= until),
        key=lambda event: (event.at, event.what),
    )


def kind_of(*, is_step: bool, at_once: bool, hosts: Sequence[str], events: Sequence[Event]) -> Kind:
    """The kind of a change: see the module's text.

    Args:
        is_step: whether it came with a step.
        at_once: whether it breaks a contract, or was told within :data:`AT_ONCE` windows.
        hosts: those that alone show it.
        events: what happened here near it.
    """
    if hosts:
        return "soft"
    if not is_step:
        return "drift"
    if events:
        return "soft"
    return "hard" if at_once else "drift"
