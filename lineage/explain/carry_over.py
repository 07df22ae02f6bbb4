"""Carrying a verdict over to a pipeline version that can only behave alike (decision 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.contract.results import FoundPipeline, NamedPipeline
from lineage.errors import CarryRefused, LineageError, NotFound
from lineage.explain.changes import Explainer, Explanation
from lineage.explain.encodings import AcrossEncodings, across_encodings
from lineage.guard.evidence import Basis
from lineage.identity.change import Change, ChangeKind
from lineage.identity.pipeline_diff import changes_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.explain.encodings import Captured
    from lineage.guard.facts import Verdict


@dataclass(frozen=True)
class Carriable:
    """A verdict that holds for another pipeline version too; ``difference`` says why, in words."""

    verdict: Verdict
    difference: str


@dataclass(frozen=True)
class _Tried:
    verdict: Verdict
    changes: tuple[Change, ...]
    explanation: Explanation


def find(
    project: Project,
    registry: AnyRegistry,
    reference: str,
    target: Captured,
) -> Carriable:
    """The passing verdict on a model version that can be carried over to a pipeline version.

    Only verdicts that were found out themselves are looked at, the newest first: a chain of carried
    ones rests on the first real one.

    Args:
        project: in whose repository the sources are looked for.
        registry: where the verdicts and their pipeline versions are recorded.
        reference: the model version.
        target: the pipeline version that is to be covered, with where it was captured.

    Raises:
        NotFound: there is no such version, or no passing verdict to carry over.
        CarryRefused: what differs may change the behaviour.
    """
    verdicts = registry.verdicts(reference)
    explainer = Explainer(project)
    real = [v for v in reversed(verdicts) if v.passed and v.basis is not Basis.CARRIED]
    tried = []
    for verdict in real:
        changes = changes_between(verdict.pipeline, target.version)
        if not changes:
            continue
        across = _across(project, registry, verdict, target) if _by_encoding(changes) else None
        if across is not None and across.same is not None:
            if across.same:
                return Carriable(verdict, across.sentence)
            changes = across.changes
        explanation = explainer.explain(changes, verdict.commit, target.commit)
        if explanation.harmless:
            paths = ", ".join(sorted({change.name for change in changes}))
            return Carriable(verdict, f"only comments and formatting differ in {paths}")
        tried.append(_Tried(verdict, changes, explanation))
    if not tried:
        raise NotFound(
            "There is no passing verdict with another described pipeline version to carry over.",
            remedy=f"Validate the version itself: {_validation(reference, target)}",
        )
    nearest = min(tried, key=lambda one: len(one.changes))
    raise _refused(nearest, _validation(reference, target))


def _validation(reference: str, target: Captured) -> str:
    """The act that validates a version with a pipeline, which is named unless it is that here."""
    named = target.version.xxh3.short if isinstance(target, FoundPipeline) else None
    return act("validate", reference, pipeline=named)


def _by_encoding(changes: Sequence[Change]) -> bool:
    return any(change.kind is ChangeKind.ENCODING for change in changes)


def _across(
    project: Project, registry: AnyRegistry, verdict: Verdict, target: Captured
) -> AcrossEncodings | None:
    """What the sources of a verdict's pipeline tell, recorded in another encoding."""
    try:
        old = registry.pipeline(NamedPipeline(None, verdict.pipeline.blake3))
    except LineageError:
        return None
    return across_encodings(project, old, target)


def _refused(tried: _Tried, validation: str) -> CarryRefused:
    """The refusal, with the difference shown and the act that validates instead."""
    sentences = [str(change) for change in tried.changes]
    more = f" and {len(sentences) - 3} more" if len(sentences) > 3 else ""
    details: dict[str, Any] = {
        "validation": tried.verdict.id,
        "changes": [change.to_json() for change in tried.changes],
        "explanation": sentences,
    }
    return CarryRefused(
        f"Validation {tried.verdict.id} cannot be carried over, for more than comments and "
        f"formatting differs (or git lacks a side of it): {'; '.join(sentences[:3])}{more}.",
        remedy=f"Validate the version with this pipeline: {validation}",
        details=details | tried.explanation.to_json(),
    )
