"""Metric requirements: what a validation's metrics must satisfy. Pure: no I/O.

>>> requirement = Requirement.parse("slices.new_customers.auc >= 0.75")
>>> requirement.evaluate({"slices": {"new_customers": {"auc": 0.71}}}).sentence
'slices.new_customers.auc >= 0.75 does not hold: slices.new_customers.auc is 0.71'
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lineage.errors import UsageError

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_LONGEST: Final = 500
_FORM = re.compile(
    r"\s*(?P<metric>[A-Za-z_][\w-]*(?:\.[\w-]+)*)\s*(?P<operator>[<>]=?|[=!]=)\s*"
    r"(?P<bound>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*",
    re.ASCII,
)


@dataclass(frozen=True)
class Outcome:
    """What one requirement came to; ``actual`` is None where the metric is missing or no number."""

    requirement: str
    holds: bool
    actual: float | None
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """The outcome as a validation keeps it."""
        return {
            "requirement": self.requirement,
            "holds": self.holds,
            "actual": self.actual,
            "sentence": self.sentence,
        }

    @classmethod
    def from_json(cls, outcome: Mapping[str, Any]) -> Outcome:
        """Read back what :meth:`to_json` wrote."""
        return cls(**outcome)


@dataclass(frozen=True)
class Requirement:
    """A comparison of one metric, named by its dotted path, with a number."""

    text: str
    metric: str
    comparison: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read ``auc >= 0.80`` or ``slices.new_customers.auc >= 0.75``.

        Raises:
            UsageError: the text is not of the form ``metric operator number``.
        """
        match = _FORM.fullmatch(text) if len(text) <= _LONGEST else None
        bound = float(match["bound"]) if match else math.nan
        if match is None or not math.isfinite(bound):
            raise UsageError(
                f"The requirement {text[:80]!r} cannot be read.",
                remedy="Write a metric, one of >= <= > < == != and a number: auc >= 0.80",
            )
        return cls(" ".join(text.split()), match["metric"], match["operator"], bound)

    def evaluate(self, metrics: Mapping[str, Any]) -> Outcome:
        """Whether ``metrics`` satisfy it; a metric that is missing or no finite number does not."""
        value = _look_up(metrics, self.metric)
        if value is _MISSING:
            return self._outcome(None, f"the metrics have no {self.metric}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self._outcome(None, f"{self.metric} is not a number")
        if not math.isfinite(value):
            return self._outcome(None, f"{self.metric} is {value}")
        return self._outcome(value, f"{self.metric} is {value:.6g}")

    def _outcome(self, actual: float | None, fact: str) -> Outcome:
        holds = actual is not None and _OPERATORS[self.comparison](actual, self.bound)
        verdict = "holds" if holds else "does not hold"
        return Outcome(self.text, holds, actual, f"{self.text} {verdict}: {fact}")


def evaluate_all(
    requirements: Iterable[Requirement], metrics: Mapping[str, Any]
) -> tuple[Outcome, ...]:
    """Each requirement's outcome, in their order."""
    return tuple(requirement.evaluate(metrics) for requirement in requirements)


_MISSING: Final = object()


def _look_up(metrics: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - any JSON value
    """The value under a dotted path; a key that itself has dots is found too."""
    if path in metrics:
        return metrics[path]
    head, dot, rest = path.partition(".")
    while dot:
        inner = metrics.get(head)
        if isinstance(inner, Mapping):
            found = _look_up(inner, rest)
            if found is not _MISSING:
                return found
        step, dot, rest = rest.partition(".")
        head = f"{head}.{step}"
    return _MISSING


def verdict(outcomes: tuple[Outcome, ...], stated: bool | None) -> bool:
    """The verdict that requirements and a person's word come to.

    Every requirement must hold; a person may fail what holds, never pass what does not.

    Raises:
        UsageError: there are no requirements and nobody said.
    """
    if stated is None and not outcomes:
        raise UsageError(
            "No requirement is configured, so nothing decides the verdict.",
            remedy='Say --passed or --failed, or add require = ["auc >= 0.80"] to lineage.toml.',
        )
    return all(outcome.holds for outcome in outcomes) and stated is not False
