"""The numbers of a verdict's metrics, by the names that a search finds them by. Pure.

>>> flattened({"auc": 0.9, "slices": {"new": {"auc": 0.8}}, "model": "tree"})
{'auc': 0.9, 'slices.new.auc': 0.8}
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from lineage.evidence.attributions import is_of_attributions
from lineage.guard.expressions import MISSING, Budget, TooMuchWork, value_at
from lineage.strict_json import finite

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST: Final = 1000
"""Numbers of one verdict that can be searched, those that are nested least first."""

COMMAND: Final = "command"
"""The first segment of what a command took that a verdict rests on: ``command.seconds``."""

LONGEST: Final = 200
"""Characters of the name of one."""


def flattened(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Each number by its path, as a requirement reads it: the segments with dots between them.

    Left out is what no expression can name, what is no finite number, and what is more than
    :data:`MOST`.
    """
    found: dict[str, float] = {}
    budget = Budget()
    waiting: deque[tuple[str, Mapping[str, Any]]] = deque([("", metrics)])
    while waiting and len(found) < MOST:
        before, inner = waiting.popleft()
        for key in sorted(inner):
            name, value = f"{before}{key}", inner[key]
            if '"' in key or "\0" in key or len(name) > LONGEST or name in found:
                continue
            if isinstance(value, dict):
                waiting.append((f"{name}.", value))
                continue
            number = finite(_read(metrics, name, budget))
            if number is not None:
                found[name] = number
    return dict(list(found.items())[:MOST])


def tells_no_worth(name: str) -> bool:
    """Whether a metric tells of the run on a machine, what a model relies on, or where data leaked.

    Those say nothing of its worth.
    """
    return is_of_attributions(name) or name.startswith((f"{COMMAND}.", "leakage.found."))


def _read(metrics: Mapping[str, Any], name: str, budget: Budget) -> Any:  # noqa: ANN401 - any JSON
    """What a requirement reads at a name: keys with dots in them may take another's place."""
    try:
        return value_at(metrics, tuple(name.split(".")), budget)
    except TooMuchWork:
        return MISSING
