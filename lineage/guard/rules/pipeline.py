"""Whether the pipeline that is deployed is the one that the version was validated with.

The one invariant (docs/design.md, "The problem"), with :mod:`lineage.guard.rules.validation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.acts import act
from lineage.guard.decision import Check, Status
from lineage.guard.facts import Facts, Transition, Verdict
from lineage.guard.rules.evidence import proof_waived
from lineage.guard.rules.replays import replay
from lineage.identity.pipeline import Scope
from lineage.identity.pipeline_diff import changes_between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.identity.change import Change
    from lineage.identity.pipeline import PipelineVersion

MOST_COMPARED: Final = 1 << 20
"""Bytes of manifests that are held against what runs, to tell what changed: others wait for it."""


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
            f"Record the one that runs there: "
            f"{act('pipeline deploy', facts.pipeline, env=facts.environment)}",
            {"pipeline": facts.pipeline},
        )
    return Check(
        code,
        Status.PASS,
        f"{facts.environment} {facts.runs} pipeline {facts.named(facts.deployed)}",
        details={"pipeline": facts.pipeline, "digest": facts.deployed.xxh3},
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
            f"the deployed pipeline is the one {facts.ref} was validated with"
            f"{_without_imports(facts.deployed)}",
            details={"digest": facts.deployed.xxh3},
        )
    nearest, changes = _nearest(facts)
    return Check(
        code,
        Status.FAIL,
        f"{facts.ref} was validated with pipeline {facts.named(nearest.pipeline)}, but "
        f"{facts.environment} {facts.runs} {facts.named(facts.deployed)}",
        _match_remedy(facts, nearest, facts.deployed),
        {
            "validated": nearest.pipeline.xxh3,
            "deployed": facts.deployed.xxh3,
            "validation": nearest.id,
            "validated_commit": nearest.commit,
            "deployed_commit": facts.deployed_commit,
            "changes": [change.to_json() for change in changes],
            "explanation": [str(change) for change in changes],
        },
    )


def pipeline_clean(facts: Facts) -> Check:
    """Fails when the deployed pipeline comes from a tree that no commit holds.

    What serves already, or comes back, only warns: to leave it as it is makes nothing worse.
    """
    code = "pipeline-clean"
    deployed = facts.deployed
    if deployed is None:
        return Check(code, Status.SKIPPED, "needs a deployed pipeline")
    if deployed.manifest is None:
        summary = f"pipeline {facts.pipeline} is named by a digest from outside"
        return Check(code, Status.SKIPPED, summary)
    if facts.dirty or (facts.verdict is None and not proof_waived(facts)):
        summary = "needs a clean version that was validated with the deployed pipeline"
        return Check(code, Status.SKIPPED, summary)
    shown = f"pipeline {facts.named(deployed)}"
    details = {"digest": deployed.xxh3, "commit": facts.deployed_commit}
    if facts.deployed_is_commit:
        commit = (facts.deployed_commit or "")[:12]
        return Check(code, Status.PASS, f"{shown} is what commit {commit} holds", details=details)
    if facts.deployed_is_commit is None:
        summary = f"nobody said which commit holds {shown}"
        return Check(code, Status.SKIPPED, summary, details=details)
    returns = facts.transition is Transition.RETURN
    is_new = facts.transition is Transition.ENTER or (facts.pipeline_moves and not returns)
    return Check(
        code,
        Status.FAIL if is_new else Status.WARN,
        f"{shown} was captured with uncommitted changes, and no commit is known to hold it",
        "Commit it, and deploy it from that commit: "
        f"{act('pipeline deploy', facts.pipeline or 'NAME', env=facts.environment)}",
        details,
    )


def _nearest(facts: Facts) -> tuple[Verdict, tuple[Change, ...]]:
    """The verdict whose pipeline is fewest changes away from the deployed one."""
    candidates = [v for v in facts.verdicts if v.passed] or list(facts.verdicts)
    compared = [(verdict, _changes(verdict, facts)) for verdict in _comparable(candidates)]
    return min(compared, key=lambda pair: (not pair[1], len(pair[1])))


def _changes(verdict: Verdict, facts: Facts) -> tuple[Change, ...]:
    return changes_between(verdict.pipeline, facts.deployed)


def _comparable(candidates: list[Verdict]) -> Iterator[Verdict]:
    """The verdicts that are held against what runs, the newest first; at least that one."""
    left = MOST_COMPARED
    for verdict in reversed(candidates):
        yield verdict
        left -= len(verdict.pipeline.canonical)
        if left < 0:
            return


def _match_remedy(facts: Facts, nearest: Verdict, deployed: PipelineVersion) -> str:
    program = ("--", "COMMAND") if deployed.manifest is not None else ()
    validate = act("validate", facts.ref, *program, pipeline=facts.named(deployed))
    another = f"{facts.model}@N"
    if not facts.recorded:
        return (
            f"Validate {facts.ref} with the pipeline as it is here ({act('validate', facts.ref)}), "
            "or release it together with a version that was: "
            f"{_release(facts, facts.pipeline, another)}"
        )
    if facts.transition is Transition.STAY and facts.pipeline_moves:
        return (
            "Release it together with a version that was validated with it "
            f"({_release(facts, facts.named(deployed), another)}), "
            f"or validate the one that serves, where that pipeline is checked out: {validate}"
        )
    ran = replay(facts)
    alone = (
        f"let it be run with the deployed pipeline: {ran}"
        if ran is not None
        else f"validate it where the deployed pipeline is checked out: {validate}"
    )
    if not nearest.passed:
        return alone[0].upper() + alone[1:]
    return (
        "Move both together "
        f"({_release(facts, facts.named(nearest.pipeline), facts.ref)}), or "
        f"{alone}"
    )


def _release(facts: Facts, pipeline: str | None, ref: str) -> str:
    return act("release", env=facts.environment, pipeline=pipeline, model=ref)


def _without_imports(pipeline: PipelineVersion) -> str:
    """What is to be known of a pipeline that holds declared dependencies alone by choice."""
    if pipeline.manifest is None or pipeline.manifest.code is not Scope.DECLARED:
        return ""
    return " (captured with imports = false: declared dependencies alone are compared)"
