"""Drift as it is told: JSON of the windows and the changes, and a sentence for each. Pure."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from lineage.evidence.kinds import CHANGES, TIERS
from lineage.evidence.questions import in_words
from lineage.evidence.summary import part
from lineage.evidence.timeline import SCORE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.evidence.columns import Column
    from lineage.evidence.drift import Drift
    from lineage.evidence.kinds import Event
    from lineage.evidence.performance import Estimate
    from lineage.evidence.profile import Profile
    from lineage.evidence.timeline import Change

_NAMED: Final = 3
"""Columns, hosts and events that a sentence names."""
_MANY: Final = 1_000_000


def of_changes(
    found: Drift,
    reference: Profile,
    rows: Mapping[float, int],
    numbers: Mapping[Event, int | None],
) -> dict[str, Any]:
    """JSON of a drift: its ``state`` and ``tier``, ``windows`` and ``changes``.

    Args:
        found: the drift.
        reference: the profile that it was held against.
        rows: how many rows each window has, by its start.
        numbers: the events' numbers in the history.
    """
    going_on = [change for change in found.timeline.changes if change.ended is None]
    gravest = min(
        going_on,
        key=lambda one: (TIERS.index(one.tier), CHANGES.index(one.kind)),
        default=None,
    )
    return {
        "state": gravest.kind if gravest is not None else "quiet",
        "tier": gravest.tier if gravest is not None else None,
        "windows": [
            {
                "start": _written(start),
                "rows": rows.get(start, 0),
                "kind": kind,
                "loss": _loss(found.losses.get(start)),
            }
            for start, kind in found.timeline.windows
        ],
        "changes": [
            _change(change, cost, reference, numbers)
            for change, cost in zip(found.timeline.changes, found.costs, strict=True)
        ],
    }


def _change(
    change: Change,
    cost: Estimate | None,
    reference: Profile,
    numbers: Mapping[Event, int | None],
) -> dict[str, Any]:
    question = in_words(change.question, _column(change.columns[0], reference))
    return {
        "kind": change.kind,
        "tier": change.tier,
        "since": _written(change.begins),
        "told": _written(change.told),
        "ended": None if change.ended is None else _written(change.ended),
        "columns": [
            {"name": _name(name, reference), "distance": round(distance, 4)}
            for name, distance in zip(change.columns, change.distances, strict=True)
        ],
        "question": question,
        "expected": change.expected,
        "seen": change.seen,
        "breaks_contract": change.breaks_contract,
        "hosts": list(change.hosts),
        "events": [
            {"at": _written(event.at), "what": event.what, "seq": numbers.get(event)}
            for event in change.events
        ],
        "loss": _loss(cost),
        "sentence": _sentence(change, cost, reference, question),
    }


def _sentence(change: Change, cost: Estimate | None, reference: Profile, question: str) -> str:
    names = [_name(name, reference) for name in change.columns]
    said = (
        f"since {_written(change.begins)[:10]}, {names[0]} {question} in {_percent(change.seen)} "
        f"of the rows, and {_percent(change.expected)} were expected"
    )
    if change.ended is not None:
        said += f"; it ended {_written(change.ended)[:10]}"
    if names[1:]:
        said += f"; changed too: {_some(names[1:])}"
    if change.hosts:
        said += f"; on {_some(change.hosts)} alone"
    if change.events:
        said += f"; near it: {_some([event.what for event in change.events])}"
    if cost is not None and cost.low > 0:
        said += f"; estimated to cost {cost.value:.3f} of AUC ({cost.low:.3f} to {cost.high:.3f})"
    return said


def _some(words: Sequence[str]) -> str:
    more = len(words) - _NAMED
    return ", ".join(words[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _percent(share: float) -> str:
    shown = part(round(share * _MANY), _MANY)
    return "none" if shown == "-" else shown


def _name(name: str, reference: Profile) -> str:
    """A column's name; the model's own score is called ``(score)``."""
    return "(score)" if name == SCORE and reference.score is not None else name


def _column(name: str, reference: Profile) -> Column:
    if name == SCORE and reference.score is not None:
        return reference.score
    return reference.columns[name]


def _loss(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    shown = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: round(value, 6) for name, value in shown.items()}


def _written(moment: float) -> str:
    return f"{dt.datetime.fromtimestamp(moment, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
