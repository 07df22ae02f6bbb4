"""The explanation of a decision: adds where its causes stand and what git shows of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lineage.acts import act
from lineage.contract.results import NamedPipeline
from lineage.errors import CarryRefused, LineageError, NotFound

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.results import FoundPipeline
    from lineage.explain.encodings import AcrossEncodings
    from lineage.guard.decision import Check, Decision
    from lineage.identity.change import Change


_TOLD: Final = ("fail", "warn", "waived")
"""The statuses that are worth an explanation."""


def explained(
    project: Project,
    registry: AnyRegistry,
    decision: Decision,
    here: CapturedPipelineVersion | None = None,
) -> Decision:
    """A decision whose failing checks say where, and what git shows of it.

    Only what the guard left unexplained is added: it never changes a status.
    """
    checks = []
    for check in decision.checks:
        explained = check
        if check.status in _TOLD and check.code in ("requirements", "pipeline-match"):
            with suppress(LineageError):
                explained = _explained_check(project, registry, decision, check, here)
        checks.append(explained)
    return replace(decision, checks=tuple(checks))


def _explained_check(
    project: Project,
    registry: AnyRegistry,
    decision: Decision,
    check: Check,
    here: CapturedPipelineVersion | None,
) -> Check:
    from lineage.explain.changes import Explainer
    from lineage.explain.locations import Places
    from lineage.explain.reasons import ways
    from lineage.identity.change import Change

    places = Places(project)
    if check.code == "requirements":
        texts = [
            outcome["requirement"]
            for outcome in check.details["requirements"]
            if not outcome["holds"] and outcome["source"] == "repository"
        ]
        found = [places.of_requirement(text) for text in texts]
        return replace(check, details=check.details | {"places": found})
    changes = [Change.from_json(change) for change in check.details["changes"]]
    commit = here.commit if here is not None else check.details["deployed_commit"]
    explanation = Explainer(project).explain(changes, check.details["validated_commit"], commit)
    details = check.details | explanation.to_json()
    across = _across(project, registry, changes, check, here)
    if across is not None:
        details["encodings"] = across.to_json()
        details["explanation"] = [*details["explanation"], *across.lines(changes)]
    told = [*changes, *(across.changes if across is not None else ())]
    details["reached"] = list(ways(project, told, _sides(registry, check, here)))
    details["places"] = [places.of_change(change, explanation.diffs) for change in changes]
    proposal = _proposal(project, registry, decision, check, here)
    details["carry_over"] = proposal
    remedy = check.remedy
    if proposal is not None:
        encoding = across is not None and across.same
        differs = "the encoding differs" if encoding else "comments and formatting differ"
        remedy = f"Only {differs}, so carry the verdict over: {proposal}"
    return replace(check, remedy=remedy, details=details)


def _sides(
    registry: AnyRegistry, check: Check, here: CapturedPipelineVersion | None
) -> list[FoundPipeline | CapturedPipelineVersion]:
    """The deployed and the validated version, as far as they can be read."""
    sides: list[FoundPipeline | CapturedPipelineVersion] = [] if here is None else [here]
    for key in ("validated",) if here is not None else ("deployed", "validated"):
        with suppress(LineageError):
            sides.append(registry.pipeline(NamedPipeline(None, check.details[key])))
    return sides


def _across(
    project: Project,
    registry: AnyRegistry,
    changes: list[Change],
    check: Check,
    here: CapturedPipelineVersion | None,
) -> AcrossEncodings | None:
    """What the sources tell, where the two versions were recorded in different encodings."""
    from lineage.explain.encodings import across_encodings
    from lineage.identity.change import ChangeKind

    if not any(change.kind is ChangeKind.ENCODING for change in changes):
        return None
    old = registry.pipeline(NamedPipeline(None, check.details["validated"]))
    new = here or registry.pipeline(NamedPipeline(None, check.details["deployed"]))
    return across_encodings(project, old, new)


def _proposal(
    project: Project,
    registry: AnyRegistry,
    decision: Decision,
    check: Check,
    here: CapturedPipelineVersion | None,
) -> str | None:
    """The act that would carry a verdict over, if it would succeed and count here."""
    from lineage.explain import carry_over
    from lineage.guard.evidence import Basis
    from lineage.guard.policy import EnvironmentPolicy

    policy = registry.environment(decision.environment)["policy"]
    evidence = EnvironmentPolicy.from_json(policy).evidence
    if not evidence.accepts(Basis.CARRIED):
        return None
    target = here or registry.pipeline(NamedPipeline(None, check.details["deployed"]))
    named = target.version.xxh3 if here is None else None
    try:
        root = carry_over.find(project, registry, decision.ref, target).verdict
    except (CarryRefused, NotFound):
        return None
    if not (evidence.accepts(root.basis) and evidence.may_validate(root.counts_as)):
        return None
    return act("validate", decision.ref, carry_over=True, pipeline=named)
