"""Whether the version passed its newest validation with the pipeline that is deployed.

The one invariant (docs/design.md, "The problem"), with :mod:`lineage.guard.rules.pipeline`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.guard.decision import Check, Status
from lineage.guard.evidence import Basis
from lineage.guard.rules.evidence import basis_told, never_run, not_taken, remedy, run_it, which
from lineage.identity.run_environment import changes_json

if TYPE_CHECKING:
    from lineage.guard.facts import Facts, Verdict


def validated(facts: Facts) -> Check:
    """Fails when the version was never validated, or failed with the deployed pipeline version."""
    code = "validated"
    if not facts.verdicts:
        return Check(code, Status.FAIL, f"{facts.ref} was never validated", remedy(facts))
    verdict = facts.verdict
    if verdict is None:
        return Check(
            code, Status.SKIPPED, f"there is no verdict on what {facts.runs} in {facts.environment}"
        )
    details = _details(verdict) | {"environment": _environment(facts)}
    problem = _problem(facts, verdict) or _returning(facts)
    if problem is not None:
        return Check(code, Status.FAIL, problem, remedy(facts), details)
    where = ", validated elsewhere" if verdict.elsewhere else ""
    summary = (
        f"{facts.ref} passed with {verdict.pipeline.xxh3.short} on "
        f"{verdict.validated_at[:10]} ({verdict.validated_by}){where}, {basis_told(verdict)}"
    )
    if never_run(facts, verdict):
        summary += ", and nobody ran it with that pipeline"
        return Check(code, Status.WARN, summary, f"Validate it {run_it(facts)}", details)
    return Check(code, Status.PASS, summary, details=details)


def _details(verdict: Verdict) -> dict[str, Any]:
    return {
        "validation": verdict.id,
        "validated_at": verdict.validated_at,
        "validated_by": verdict.validated_by,
        "person": verdict.counts_as,
        "basis": verdict.basis.value,
        "on_word": verdict.on_word,
        "elsewhere": verdict.elsewhere,
        "rests_on": verdict.rests_on,
    }


def _environment(facts: Facts) -> dict[str, Any] | None:
    """What differs from the environment that what serves now was validated in."""
    if facts.reached_in is None or facts.serving_reached_in is None:
        return None
    return changes_json(facts.serving_reached_in.changes_to(facts.reached_in))


def _problem(facts: Facts, verdict: Verdict) -> str | None:
    """Why a verdict on the deployed pipeline does not count as a pass."""
    with_pipeline = f"with {which(facts)} {verdict.pipeline.xxh3.short}"
    if not verdict.passed:
        return f"{facts.ref} failed its newest validation {with_pipeline}"
    if verdict.basis is Basis.CARRIED and verdict.overturned:
        return (
            f"{facts.ref}'s verdict {with_pipeline} rests on validation {verdict.rests_on}, which "
            "a newer failure has replaced"
        )
    return not_taken(facts, verdict)


def _returning(facts: Facts) -> str | None:
    """Why what was rolled back may not come back yet."""
    out = facts.rolled_back
    if out is None or not facts.barred:
        return None
    why = f" ({out.reason})" if out.reason else ""
    return (
        f"{facts.ref} was rolled back from {facts.environment} on {out.at[:10]} by {out.by}{why}, "
        "and has not been validated since"
    )
