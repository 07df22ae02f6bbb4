"""The guard: facts in, a decision out. Pure: no I/O.

A rule is a function from :class:`Facts` to a :class:`Check`; :data:`RULES` lists them all, and all
are evaluated, not only up to the first that fails. A rule whose facts another failing rule reports
as missing is skipped: one cause, one failure. An experimental environment only warns.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from lineage.components import EnvironmentKind, Kind
from lineage.pipeline import Change, PipelineVersion, differences

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.policy import Outcome


class Status(StrEnum):
    """What a rule came to."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    WARN = "warn"
    WAIVED = "waived"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Verdict:
    """The newest validation of the version with one pipeline version."""

    id: int
    pipeline: PipelineVersion
    passed: bool
    validated_at: str
    validated_by: str
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True)
class Facts:
    """All that the rules look at.

    ``deployed`` is the pipeline version that runs in the environment, or is about to. ``staying``
    tells that the version serves there already and the pipeline moves under it; ``recorded`` that
    the registry knows that pipeline version.
    ``verdicts`` holds the newest verdict for each pipeline version, the newest of them last.
    """

    model: str
    version: int
    kind: Kind
    missing: tuple[str, ...]
    dirty: bool
    environment: str
    environment_kind: EnvironmentKind
    pipeline: str | None
    deployed: PipelineVersion | None
    verdicts: tuple[Verdict, ...] = ()
    staying: bool = False
    recorded: bool = True

    @property
    def ref(self) -> str:
        """The version as a person writes it."""
        return f"{self.model}@{self.version}"

    @property
    def verdict(self) -> Verdict | None:
        """The newest verdict on the deployed pipeline version, if there is one."""
        if self.deployed is None:
            return None
        identity = self.deployed.identity
        return next((v for v in self.verdicts if v.pipeline.identity == identity), None)


@dataclass(frozen=True)
class Check:
    """One rule's verdict: a stable code, a status, a sentence, details and what to do."""

    code: str
    status: Status
    summary: str
    remedy: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The check as the guard's JSON lists it."""
        return {
            "code": self.code,
            "status": self.status.value,
            "summary": self.summary,
            "remedy": self.remedy,
            "details": self.details,
        }


@dataclass(frozen=True)
class Decision:
    """What the guard says of one version in one environment."""

    model: str
    version: int
    environment: str
    checks: tuple[Check, ...]
    staying: bool = False

    @property
    def allowed(self) -> bool:
        """Whether no rule fails."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that fail."""
        return tuple(check for check in self.checks if check.status is Status.FAIL)

    def to_json(self) -> dict[str, Any]:
        """The guard's JSON (design §7)."""
        return {
            "allowed": self.allowed,
            "model": self.model,
            "version": self.version,
            "environment": self.environment,
            "checks": [check.to_json() for check in self.checks],
        }


def decide(facts: Facts) -> Decision:
    """Evaluate every rule."""
    checks = tuple(_for_environment(facts, rule(facts)) for rule in RULES)
    return Decision(facts.model, facts.version, facts.environment, checks, facts.staying)


def pipeline_deployed(facts: Facts) -> Check:
    """Fails when no version of the model's pipeline is deployed in the environment."""
    code = "pipeline-deployed"
    if facts.pipeline is None:
        return Check(
            code,
            Status.FAIL,
            f"{facts.ref} was registered without a pipeline",
            "Register a version with its pipeline: describe it in dvc.yaml or lineage.toml.",
        )
    if facts.deployed is None:
        return Check(
            code,
            Status.FAIL,
            f"no version of pipeline {facts.pipeline} is deployed in {facts.environment}",
            f"Record the one that runs there: lineage pipeline deploy {facts.pipeline} "
            f"--env {facts.environment}",
            {"pipeline": facts.pipeline},
        )
    return Check(
        code,
        Status.PASS,
        f"pipeline {facts.pipeline} {_runs(facts)} in {facts.environment} as "
        f"{facts.deployed.digest.short}",
        details={"pipeline": facts.pipeline, "digest": facts.deployed.digest},
    )


def validated(facts: Facts) -> Check:
    """Fails when the version was never validated, or failed with the deployed pipeline version."""
    code = "validated"
    remedy = f"Validate it with the deployed pipeline: lineage validate {facts.ref}"
    if not facts.verdicts:
        return Check(code, Status.FAIL, f"{facts.ref} was never validated", remedy)
    verdict = facts.verdict
    if verdict is None:
        return Check(
            code, Status.SKIPPED, f"there is no verdict on what runs in {facts.environment}"
        )
    details = {
        "validation": verdict.id,
        "validated_at": verdict.validated_at,
        "validated_by": verdict.validated_by,
    }
    if not verdict.passed:
        return Check(
            code,
            Status.FAIL,
            f"{facts.ref} failed its newest validation with the deployed pipeline "
            f"{verdict.pipeline.digest.short}",
            f"Promote another version, or mend the cause and validate again: "
            f"lineage validate {facts.ref}",
            details,
        )
    return Check(
        code,
        Status.PASS,
        f"{facts.ref} passed with {verdict.pipeline.digest.short} on "
        f"{verdict.validated_at[:10]} ({verdict.validated_by})",
        details=details,
    )


def pipeline_match(facts: Facts) -> Check:
    """Fails when the version was validated, but never with the deployed pipeline version."""
    code = "pipeline-match"
    if facts.deployed is None or not facts.verdicts:
        return Check(
            code,
            Status.SKIPPED,
            "needs a deployed pipeline and a validation to compare",
        )
    if facts.verdict is not None:
        return Check(
            code,
            Status.PASS,
            f"the deployed pipeline is the one {facts.ref} was validated with",
            details={"digest": facts.deployed.digest},
        )
    nearest, changes = _nearest(facts)
    return Check(
        code,
        Status.FAIL,
        f"{facts.ref} was validated with pipeline {nearest.pipeline.digest.short}, but "
        f"{facts.environment} {_runs(facts)} {facts.deployed.digest.short}",
        _match_remedy(facts, nearest, facts.deployed),
        {
            "validated": nearest.pipeline.digest,
            "deployed": facts.deployed.digest,
            "changes": [change.to_json() for change in changes],
            "explanation": [str(change) for change in changes],
        },
    )


def kind(facts: Facts) -> Check:
    """Fails when an experiment is promoted into a production environment."""
    if facts.kind is Kind.EXPERIMENT:
        return Check(
            "kind",
            Status.FAIL,
            f"{facts.ref} is an experiment, and experiments never enter {facts.environment}",
            f"Register it for production from a clean tree: lineage register {facts.model} "
            "--kind production",
        )
    return Check("kind", Status.PASS, f"{facts.ref} was registered for production")


def tuple_complete(facts: Facts) -> Check:
    """Fails when a component is missing."""
    if facts.missing:
        return Check(
            "tuple-complete",
            Status.FAIL,
            f"{facts.ref} was registered without its {' and '.join(facts.missing)}",
            f"Register it with all four components: lineage register {facts.model}",
            {"missing": list(facts.missing)},
        )
    return Check("tuple-complete", Status.PASS, "code, data, pipeline and weights are recorded")


def code_clean(facts: Facts) -> Check:
    """Fails when the code had changes that no commit holds."""
    if "code" in facts.missing:
        return Check("code-clean", Status.SKIPPED, "no code is recorded")
    if facts.dirty:
        return Check(
            "code-clean",
            Status.FAIL,
            f"{facts.ref} was registered from a tree with uncommitted changes",
            f"Commit them, train again and register: lineage register {facts.model}",
        )
    return Check("code-clean", Status.PASS, "the code is a commit, unchanged")


def requirements(facts: Facts) -> Check:
    """Fails when a metric requirement does not hold on the validation that counts."""
    code = "requirements"
    verdict = facts.verdict
    if verdict is None:
        return Check(code, Status.SKIPPED, "there is no validation to read metrics from")
    broken = [outcome for outcome in verdict.outcomes if not outcome.holds]
    details = {"requirements": [outcome.to_json() for outcome in verdict.outcomes]}
    if broken:
        return Check(
            code,
            Status.FAIL,
            "; ".join(outcome.sentence for outcome in broken),
            "Improve the model, or change the requirement in lineage.toml where it is wrong, "
            f"and validate again: lineage validate {facts.ref}",
            details,
        )
    count = len(verdict.outcomes)
    summary = f"all {count} requirements hold" if count else "no requirement was configured"
    return Check(code, Status.PASS, summary, details=details)


RULES: Final[tuple[Callable[[Facts], Check], ...]] = (
    pipeline_deployed,
    validated,
    pipeline_match,
    kind,
    tuple_complete,
    code_clean,
    requirements,
)


def _for_environment(facts: Facts, check: Check) -> Check:
    """An experimental environment shows what a production one would refuse, and lets it pass."""
    experimental = facts.environment_kind is EnvironmentKind.EXPERIMENTAL
    if experimental and check.status is Status.FAIL:
        return replace(check, status=Status.WARN)
    return check


def _nearest(facts: Facts) -> tuple[Verdict, tuple[Change, ...]]:
    """The verdict whose pipeline is fewest changes away from the deployed one."""
    candidates = [v for v in facts.verdicts if v.passed] or list(facts.verdicts)
    compared = [
        (verdict, changes_between(verdict.pipeline, facts.deployed)) for verdict in candidates
    ]
    return min(reversed(compared), key=lambda pair: (not pair[1], len(pair[1])))


def _runs(facts: Facts) -> str:
    return "would run" if facts.staying else "runs"


def _match_remedy(facts: Facts, nearest: Verdict, deployed: PipelineVersion) -> str:
    validate = f"lineage validate {facts.ref} --pipeline {deployed.digest.short}"
    release = f"lineage release --env {facts.environment} --pipeline {facts.pipeline}"
    if not facts.recorded:
        return (
            f"Validate {facts.ref} with the pipeline as it is here (lineage validate {facts.ref}), "
            f"or release it together with a version that was: {release} --model {facts.model}@N"
        )
    if facts.staying:
        return (
            f"Release it together with a version that was validated with it ({release}"
            f"@{deployed.digest.short} --model {facts.model}@N), or validate the one that serves: "
            f"{validate}"
        )
    if not nearest.passed:
        return f"Validate it with the deployed pipeline: {validate}"
    return (
        f"Move both together ({release}@{nearest.pipeline.digest.short} --model {facts.ref}), or "
        f"validate it with the deployed pipeline: {validate}"
    )


def changes_between(
    validated: PipelineVersion, deployed: PipelineVersion | None
) -> tuple[Change, ...]:
    """The changes between two pipeline versions; none where either is only stated by a digest."""
    if deployed is None or validated.manifest is None or deployed.manifest is None:
        return ()
    return differences(validated.manifest, deployed.manifest)
