"""Metric requirements: what a validation's metrics must satisfy. Pure: no I/O.

>>> requirement = Requirement.parse("slices.*.auc >= 0.75")
>>> requirement.evaluate({"slices": {"new": {"auc": 0.71}, "old": {"auc": 0.9}}}).sentence
'slices.*.auc >= 0.75 does not hold: slices.new.auc is 0.71'
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lineage import expression_parser, expressions
from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHOWN: Final = 6


@dataclass(frozen=True)
class Outcome:
    """What one requirement came to, with the metrics that were looked at."""

    requirement: str
    holds: bool
    sentence: str
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The outcome as a validation keeps it."""
        return {
            "requirement": self.requirement,
            "holds": self.holds,
            "sentence": self.sentence,
            "metrics": dict(self.metrics),
        }

    @classmethod
    def from_json(cls, outcome: Mapping[str, Any]) -> Outcome:
        """Read back what :meth:`to_json` wrote."""
        return cls(**outcome)


@dataclass(frozen=True)
class Requirement:
    """An expression over metrics that must hold (see :mod:`lineage.expression_parser`)."""

    text: str
    expression: expressions.Expression

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read ``auc >= 0.80`` or ``slices.*.auc >= 0.75 and latency_p99_ms <= 200``.

        Raises:
            UsageError: the text is no expression; the message points at the place.
        """
        return cls(" ".join(text.split()), expression_parser.parse(text))

    def evaluate(self, metrics: Mapping[str, Any]) -> Outcome:
        """Whether ``metrics`` satisfy it; what needs a metric that is no number does not hold."""
        looked = expressions.Looked()
        try:
            holds = expressions.holds(self.expression, metrics, looked)
            facts = _listed(looked.all if holds else looked.failed or looked.all)
        except expressions.Unknown as unknown:
            holds, facts = False, str(unknown)
        word = "holds" if holds else "does not hold"
        return Outcome(self.text, holds, f"{self.text} {word}: {facts}", looked.all)


def evaluate_all(
    requirements: Iterable[Requirement], metrics: Mapping[str, Any]
) -> tuple[Outcome, ...]:
    """Each requirement's outcome, in their order."""
    return tuple(requirement.evaluate(metrics) for requirement in requirements)


def _listed(values: Mapping[str, float]) -> str:
    facts = [f"{name} is {value:.6g}" for name, value in values.items()]
    more = f" and {len(facts) - _SHOWN} more" if len(facts) > _SHOWN else ""
    return ", ".join(facts[:_SHOWN]) + more or "nothing to compare"


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
