"""What an environment demands of a version that is to serve there. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal

from lineage.guard.evidence import Basis, Evidence
from lineage.guard.requirements import Requirement
from lineage.identity.components import Proof
from lineage.identity.persons import same_person

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.identity.persons import Who


ANYBODY: Final = "*"

ALL_PACKAGES: Final = "*"
"""In ``match_packages``: all that the validation imported."""

SAME_PIPELINE: Final = "same-pipeline"
"""As ``backup``: one for which no pipeline has to move."""

WAIVABLE: Final = (
    "pipeline-deployed",
    "validated",
    "pipeline-match",
    "weights-intact",
    "requirements",
    "promotion-path",
    "approvals",
    "backup-ready",
    "data-like-production",
)
"""The rules that an environment may let people waive."""

PROOF: Final = frozenset(WAIVABLE[:3])
"""Those among them that the registry's schema holds by itself: they are a slot's proof."""


class Demand(StrEnum):
    """How much an environment makes of a rule."""

    REQUIRE = "require"
    WARN = "warn"


class LikeProduction(StrEnum):
    """Whether the data of a validation has to be like what production saw lately."""

    OFF = "off"
    WARN = "warn"
    REQUIRE = "require"


@dataclass(frozen=True)
class EnvironmentPolicy:
    """What an environment demands of a version before it may serve there.

    ``models`` holds requirements for single models. ``approvals`` is how many distinct people must
    approve, ``not_approvers`` who may not. ``backup`` demands one that could take over at once, or
    (:data:`SAME_PIPELINE`) does so without moving a pipeline.
    ``look_within`` and ``deep_within`` say how old the newest look at a copy of the weights may be,
    and the newest one that read every byte, as spans (``7d``); None for no limit of its own.
    ``unstored_weights`` says whether a version may enter whose weights are in no store that counts,
    ``pipeline_complete`` whether a pipeline that lacks what its runs read may serve. ``proof`` says
    what serving hosts owe of the pipeline that they run, ``match_packages`` the distributions (by
    normalised names, or all) whose versions on a host must be those of the validation.
    ``rollout`` is how long hosts may go on with the pair that served before, as a span (``1h``).
    ``evidence`` says which verdicts count. ``waive`` maps a rule to the people who may waive it.
    ``alarms_per_year`` is how many false alarms of drift a model may give in a year.
    ``like_production`` says whether the verdict's data has to be like what production saw lately.
    """

    require: tuple[str, ...] = ()
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    promote_from: str | None = None
    approvals: int = 0
    not_approvers: tuple[str, ...] = ()
    backup: bool | Literal["same-pipeline"] = False
    evidence: Evidence = field(default_factory=Evidence)
    look_within: str | None = None
    deep_within: str | None = None
    unstored_weights: Demand = Demand.REQUIRE
    pipeline_complete: Demand = Demand.REQUIRE
    proof: Proof = Proof.CLAIMED
    match_packages: tuple[str, ...] = ()
    rollout: str | None = None
    waive: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alarms_per_year: float = 1.0
    like_production: LikeProduction = LikeProduction.OFF

    def requirements_of(self, model: str) -> tuple[Requirement, ...]:
        """The requirements that hold for a model here."""
        return tuple(
            Requirement.parse(text) for text in (*self.require, *self.models.get(model, ()))
        )

    def renamed(self, became: Mapping[str, str]) -> EnvironmentPolicy:
        """The same, where models are called otherwise now: what each old name became."""
        if not became.keys() & self.models.keys():
            return self
        models: dict[str, tuple[str, ...]] = {}
        for name, texts in self.models.items():
            now = became.get(name, name)
            models[now] = (*models.get(now, ()), *texts)
        return replace(self, models=models)

    def may_waive(self, code: str, person: str) -> bool:
        """Whether a person may waive a rule here."""
        return any(
            name == ANYBODY or same_person(name, person) for name in self.waive.get(code, ())
        )

    def may_approve(self, who: Who) -> bool:
        """Whether an approval counts here: neither the name nor the person is one who may not."""
        return not any(who.is_called(name) for name in self.not_approvers)

    def to_json(self) -> dict[str, Any]:
        """The policy as the registry keeps it and `env show` prints it."""
        return {
            "require": list(self.require),
            "models": {name: list(texts) for name, texts in sorted(self.models.items())},
            "promote_from": self.promote_from,
            "approvals": self.approvals,
            "not_approvers": list(self.not_approvers),
            "backup": self.backup,
            "accept_carried": self.evidence.accepts(Basis.CARRIED),
            "evidence": self.evidence.to_json(),
            "look_within": self.look_within,
            "deep_within": self.deep_within,
            "unstored_weights": self.unstored_weights.value,
            "pipeline_complete": self.pipeline_complete.value,
            "proof": self.proof.value,
            "match_packages": list(self.match_packages),
            "rollout": self.rollout,
            "waive": {code: list(people) for code, people in sorted(self.waive.items())},
            "alarms_per_year": self.alarms_per_year,
            "like_production": self.like_production.value,
        }

    @classmethod
    def from_json(cls, policy: Mapping[str, Any]) -> EnvironmentPolicy:
        """Read back what :meth:`to_json` wrote; earlier versions knew no ``pipeline_complete``."""
        return cls(
            require=tuple(policy["require"]),
            models={name: tuple(texts) for name, texts in policy["models"].items()},
            promote_from=policy["promote_from"],
            approvals=policy["approvals"],
            not_approvers=tuple(policy["not_approvers"]),
            backup=policy["backup"],
            evidence=_evidence(policy),
            look_within=policy.get("look_within"),
            deep_within=policy.get("deep_within"),
            unstored_weights=Demand(policy.get("unstored_weights", Demand.REQUIRE)),
            pipeline_complete=Demand(policy.get("pipeline_complete", Demand.REQUIRE)),
            proof=Proof(policy.get("proof", Proof.CLAIMED)),  # not in what was applied before 0006
            match_packages=tuple(policy.get("match_packages", ())),
            rollout=policy.get("rollout"),
            waive={code: tuple(people) for code, people in policy["waive"].items()},
            alarms_per_year=policy.get("alarms_per_year", 1.0),
            like_production=LikeProduction(policy.get("like_production", LikeProduction.OFF)),
        )


def _evidence(policy: Mapping[str, Any]) -> Evidence:
    """Which verdicts count; policies applied before 0013 only said whether carried ones do."""
    if "evidence" in policy:
        return Evidence.from_json(policy["evidence"])
    return Evidence() if policy["accept_carried"] else Evidence().without(Basis.CARRIED)
