"""Metric requirements, and what an environment demands. Pure: no I/O.

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

ANYBODY: Final = "*"

WAIVABLE: Final = (
    "pipeline-deployed",
    "validated",
    "pipeline-match",
    "weights-intact",
    "requirements",
    "promotion-path",
    "approvals",
    "backup-ready",
)
"""The rules that an environment may let people waive."""

PROOF: Final = frozenset(WAIVABLE[:3])
"""Those among them that the registry's schema holds by itself: they are a slot's proof."""


@dataclass(frozen=True)
class Outcome:
    """What one requirement came to, with the metrics that were looked at.

    ``holds`` is None for a comparison with what serves: it is decided where the model is to serve.
    """

    requirement: str
    holds: bool | None
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
        self, metrics: Mapping[str, Any], serving: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Whether ``metrics`` satisfy it; what needs a metric that is no number does not hold.

        Args:
            metrics: of the validation that counts.
            serving: of what serves now; None where nothing does, and then comparisons with it are
                left out.
        """
        expression: expressions.Expression | None = self.expression
        if serving is None:
            expression = expressions.without_serving(self.expression)
        if expression is None:
            return Outcome(self.text, True, f"{self.text}: nothing serves yet to compare with")
        known = dict(metrics) if serving is None else {**metrics, expressions.SERVING: serving}
        looked = expressions.Looked()
        try:
            holds = expressions.holds(expression, known, looked)
            facts = _listed(looked.all if holds else looked.failed or looked.all)
        except expressions.Unknown as unknown:
            holds, facts = False, str(unknown)
        word = "holds" if holds else "does not hold"
        return Outcome(self.text, holds, f"{self.text} {word}: {facts}", looked.all)


def evaluate_all(
    requirements: Iterable[Requirement], metrics: Mapping[str, Any]
) -> tuple[Outcome, ...]:
    """Each requirement's outcome at a validation, where nobody knows yet what will serve then."""
    return tuple(
        Outcome(requirement.text, None, f"{requirement.text} is decided where it is to serve")
        if requirement.compares_with_serving
        else requirement.evaluate(metrics)
        for requirement in requirements
    )


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
            remedy='Say --passed or --failed, or add require = ["auc >= 0.80"] to lineage.toml.',
        )
    return all(decided) and stated is not False


@dataclass(frozen=True)
class EnvironmentPolicy:
    """What an environment demands of a version before it may serve there.

    ``models`` holds requirements for single models. ``approvals`` is how many distinct people must
    approve, ``not_approvers`` who may not. ``waive`` maps a rule to the people who may waive it.
    """

    require: tuple[str, ...] = ()
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    promote_from: str | None = None
    approvals: int = 0
    not_approvers: tuple[str, ...] = ()
    backup: bool = False
    accept_carried: bool = True
    waive: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def requirements_of(self, model: str) -> tuple[Requirement, ...]:
        """The requirements that hold for a model here."""
        return tuple(
            Requirement.parse(text) for text in (*self.require, *self.models.get(model, ()))
        )

    def may_waive(self, code: str, person: str) -> bool:
        """Whether a person may waive a rule here."""
        return any(
            name == ANYBODY or same_person(name, person) for name in self.waive.get(code, ())
        )

    def may_approve(self, person: str) -> bool:
        """Whether a person's approval counts here."""
        return not any(same_person(name, person) for name in self.not_approvers)

    def to_json(self) -> dict[str, Any]:
        """The policy as the registry keeps it and `env show` prints it."""
        return {
            "require": list(self.require),
            "models": {name: list(texts) for name, texts in sorted(self.models.items())},
            "promote_from": self.promote_from,
            "approvals": self.approvals,
            "not_approvers": list(self.not_approvers),
            "backup": self.backup,
            "accept_carried": self.accept_carried,
            "waive": {code: list(people) for code, people in sorted(self.waive.items())},
        }

    @classmethod
    def from_json(cls, policy: Mapping[str, Any]) -> EnvironmentPolicy:
        """Read back what :meth:`to_json` wrote."""
        return cls(
            require=tuple(policy["require"]),
            models={name: tuple(texts) for name, texts in policy["models"].items()},
            promote_from=policy["promote_from"],
            approvals=policy["approvals"],
            not_approvers=tuple(policy["not_approvers"]),
            backup=policy["backup"],
            accept_carried=policy["accept_carried"],
            waive={code: tuple(people) for code, people in policy["waive"].items()},
        )


def same_person(first: str, second: str) -> bool:
    """Whether two names are one person's; letter case and spaces around them do not tell apart."""
    return first.strip().casefold() == second.strip().casefold()
