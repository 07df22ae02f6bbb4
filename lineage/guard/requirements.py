"""Metric requirements: expressions that must hold, and what they came to. Pure: no I/O.

>>> requirement = Requirement.parse("slices.*.auc >= 0.75")
>>> requirement.evaluate({"slices": {"new": {"auc": 0.71}, "old": {"auc": 0.9}}}).sentence
'slices.*.auc >= 0.75 does not hold: slices.new.auc is 0.71'
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import DigestMismatch, UsageError
from lineage.guard import expression_parser, expressions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_SHOWN: Final = 6


def _word(holds: bool | None) -> str:
    return "holds" if holds else "does not hold"


@dataclass(frozen=True)
class Outcome:
    """What one requirement came to, with the metrics that were looked at.

    ``holds`` is None for a comparison with what serves: it is decided where the model is to serve.
    """

    requirement: str
    holds: bool | None
    sentence: str
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def beside_a_mark(self) -> str:
        """What it came to, where a mark says already whether it holds.

        >>> Outcome("auc >= 0.8", True, "auc >= 0.8 holds: auc is 0.9").beside_a_mark
        'auc >= 0.8: auc is 0.9'
        """
        said = f"{self.requirement} {_word(self.holds)}: "
        if not self.sentence.startswith(said):
            return self.sentence
        return f"{self.requirement}: {self.sentence.removeprefix(said)}"

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
    """An expression over metrics that must hold (see :mod:`lineage.guard.expression_parser`)."""

    text: str
    expression: expressions.Expression

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read ``auc >= 0.80``, ``slices.*.auc >= 0.75`` or ``auc >= serving.auc - 0.005``.

        Raises:
            UsageError: the text is no expression; the message points at the place.
        """
        return cls(" ".join(text.split()), expression_parser.parse(text))

    @property
    def compares_with_serving(self) -> bool:
        """Whether it names a metric of what serves."""
        return expressions.compares_with_serving(self.expression)

    def evaluate(
        self,
        metrics: Mapping[str, Any],
        serving: Mapping[str, Any] | None = None,
        budget: expressions.Budget | None = None,
    ) -> Outcome:
        """Whether ``metrics`` satisfy it; what needs a metric that is no number does not hold.

        Args:
            metrics: of the validation that counts.
            serving: of what serves now; None where nothing does, and then comparisons with it are
                left out.
            budget: the steps that it may take, with others; by default as many as all may.
        """
        expression: expressions.Expression | None = self.expression
        if serving is None:
            expression = expressions.without_serving(self.expression)
        if expression is None:
            return Outcome(self.text, True, f"{self.text}: nothing serves yet to compare with")
        known = dict(metrics) if serving is None else {**metrics, expressions.SERVING: serving}
        return self._evaluated(expression, known, budget)

    def of_a_return(
        self, metrics: Mapping[str, Any], budget: expressions.Budget | None = None
    ) -> Outcome:
        """Whether what is absolute in it holds: comparisons with what serves count as held."""
        expression = expressions.without_serving(self.expression, held=True)
        if expression is None:
            return Outcome(self.text, True, f"{self.text}: judges who enters, not who returns")
        return self._evaluated(expression, metrics, budget)

    def _evaluated(
        self,
        expression: expressions.Expression,
        known: Mapping[str, Any],
        budget: expressions.Budget | None,
    ) -> Outcome:
        looked = expressions.Looked(budget or expressions.Budget())
        try:
            holds = expressions.holds(expression, known, looked)
            facts = _listed(looked.all if holds else looked.failed or looked.all)
        except expressions.Unknown as unknown:
            holds, facts = False, str(unknown)
        return Outcome(self.text, holds, f"{self.text} {_word(holds)}: {facts}", looked.all)


def evaluate_all(
    requirements: Iterable[Requirement], metrics: Mapping[str, Any]
) -> tuple[Outcome, ...]:
    """Each requirement's outcome at a validation, where nobody knows yet what will serve then.

    Raises:
        UsageError: they stand for more metrics than are looked at.
    """
    budget = expressions.Budget()
    outcomes = tuple(
        Outcome(requirement.text, None, f"{requirement.text} is decided where it is to serve")
        if requirement.compares_with_serving
        else requirement.evaluate(metrics, budget=budget)
        for requirement in requirements
    )
    if budget.is_spent:
        raise UsageError(
            f"The requirements take more than {expressions.MOST_STEPS:,} steps to evaluate.",
            remedy="Name the metrics that decide: a `*` stands for every key at its place.",
        )
    return outcomes


def outcomes_of(
    texts: Iterable[str], metrics: Mapping[str, Any], *, passed: bool
) -> tuple[Outcome, ...]:
    """What a verdict's requirements come to, as whoever receives the verdict finds it out.

    Raises:
        UsageError: a requirement cannot be read.
        DigestMismatch: the verdict is said to be a pass, and one does not hold.
    """
    outcomes = evaluate_all([Requirement.parse(text) for text in texts], metrics)
    broken = next((outcome for outcome in outcomes if outcome.holds is False), None)
    if passed and broken is not None:
        raise DigestMismatch(
            f"The verdict is said to be a pass, but {broken.sentence}.",
            remedy="Record it as failed, or send the metrics that it was made on.",
        )
    return outcomes


def _listed(values: Mapping[str, float]) -> str:
    facts = [f"{name} is {value:.6g}" for name, value in values.items()]
    more = f" and {len(facts) - _SHOWN} more" if len(facts) > _SHOWN else ""
    return ", ".join(facts[:_SHOWN]) + more or "nothing to compare"


def verdict(outcomes: tuple[Outcome, ...], stated: bool | None) -> bool:
    """The verdict that requirements and a person's word come to.

    Every requirement must hold; a person may fail what holds, never pass what does not.

    Raises:
        UsageError: there are no requirements that decide it and nobody said.
    """
    decided = [outcome.holds for outcome in outcomes if outcome.holds is not None]
    if stated is None and not decided:
        raise UsageError(
            "No requirement is configured, so nothing decides the verdict.",
            remedy='Say whether it passed, or add require = ["auc >= 0.80"] to lineage.toml.',
        )
    return all(decided) and stated is not False
