"""Moving what serves, as a person does it: a promotion, a rollback, a release, a backup.

Each looks at the weights that the move rests on, lets the registry decide and move, and explains a
refusal from the repository. There is no other place that puts these together.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lineage.contract.results import NamedPipeline
from lineage.errors import UsageError
from lineage.explain.decision import explained
from lineage.guard.decision import GuardRefused
from lineage.identity.references import Reference, check_name
from lineage.workflows.registered_files import mean_newest_files
from lineage.workflows.weights import quick_check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.requests import WaiverRequest
    from lineage.contract.results import MoveResult


def promote(
    project: Project,
    registry: AnyRegistry,
    reference: str,
    environment: str,
    *,
    expect_revision: int | None = None,
    reason: str | None = None,
    waive: WaiverRequest | None = None,
    actor: str,
) -> MoveResult:
    """Promote a version, if the guard allows it; what served before becomes the backup.

    Raises:
        GuardRefused: a rule fails; each decision is explained from the repository.
        NotFound: the version or the environment does not exist.
        NotPermitted: the environment lets this person waive no such rule.
        Conflict: the slot's revision is not ``expect_revision``.
    """
    with _explaining(project, registry):
        model = Reference.parse(reference).model
        quick_check(registry, [reference, f"{model}@{environment}"], actor=actor)
        return registry.promote(
            reference,
            environment,
            expect_revision=expect_revision,
            reason=reason,
            waive=waive,
            actor=actor,
        )


def rollback(
    project: Project,
    registry: AnyRegistry,
    model: str,
    environment: str,
    *,
    with_pipeline: bool = False,
    leave: Sequence[str] = (),
    show_plan: Callable[[MoveResult], None] | None = None,
    dry_run: bool = False,
    expect_revision: int | None = None,
    reason: str | None = None,
    waive: WaiverRequest | None = None,
    actor: str,
) -> MoveResult:
    """Roll back to the backup, and its pipeline with it where that has to move.

    Args:
        project: whose repository explains a refusal.
        registry: which decides and moves.
        model: the model's name.
        environment: where.
        with_pipeline: let other models that ride on the pipeline go back with it.
        leave: those of them that have nothing to go back to: they are retired.
        show_plan: called with the plan of a rollback that moves a pipeline, before it is carried
            out; it holds or the rollback fails.
        dry_run: decide and plan, change nothing.
        expect_revision: the slot's revision as it was seen.
        reason: why; kept in the history.
        waive: rules to waive.
        actor: who moves it.

    Raises:
        NotFound: there is no backup.
        OthersMove: other models move too, and ``with_pipeline`` is not set.
        GuardRefused: the backup may not serve; the decision is explained from the repository.
        NotPermitted: the environment lets this person waive no such rule.
        Conflict: the slot's revision is not ``expect_revision``, or it moved meanwhile.
    """
    with _explaining(project, registry):
        slot = registry.serving(model, environment)
        refs = [f"{model}@{environment}/backup"]
        seen = None
        if dry_run or slot.moves_pipeline:
            plan = registry.rollback(
                model,
                environment,
                with_pipeline=True,
                leave=leave,
                reason=reason,
                expect_revision=expect_revision,
                waive=waive,
                dry_run=True,
                actor=actor,
            )
            if show_plan is not None:
                show_plan(plan)
            if dry_run:
                return plan
            seen = plan.revisions
            refs = [step.serving_after for step in plan.steps if step.serving_after is not None]
        quick_check(registry, refs, actor=actor)
        return registry.rollback(
            model,
            environment,
            with_pipeline=with_pipeline,
            leave=leave,
            reason=reason,
            expect_revision=slot.revision if expect_revision is None else expect_revision,
            waive=waive,
            seen=seen,
            actor=actor,
        )


def set_backup(
    project: Project,
    registry: AnyRegistry,
    model: str,
    reference: str,
    environment: str,
    *,
    pipeline: str | None = None,
    expect_revision: int | None = None,
    reason: str | None = None,
    actor: str,
) -> MoveResult:
    """Make a version the backup of what serves, if it could take over at once.

    ``pipeline`` is the pipeline version that it is to stand by with, ``NAME@DIGEST`` or a digest.

    Raises:
        UsageError: the version is another model's.
        NotFound: nothing serves there.
        GuardRefused: a rule fails; the decision is explained from the repository.
        Conflict: the slot's revision is not ``expect_revision``, or the version serves there.
    """
    if Reference.parse(reference).model != model:
        raise UsageError(
            f"{reference} is no version of {model}.", remedy=f"Write it as {model}@NUMBER."
        )
    with _explaining(project, registry):
        quick_check(registry, [reference], actor=actor)
        return registry.set_backup(
            reference,
            environment,
            pipeline=pipeline,
            expect_revision=expect_revision,
            reason=reason,
            actor=actor,
        )


def release(
    project: Project,
    registry: AnyRegistry,
    environment: str,
    target: CapturedPipelineVersion | NamedPipeline,
    references: Sequence[str] = (),
    *,
    show_plan: Callable[[MoveResult], None] | None = None,
    stage: bool = False,
    dry_run: bool = False,
    reason: str | None = None,
    waive: WaiverRequest | None = None,
    actor: str,
) -> MoveResult:
    """Move a pipeline, and the models that are named, in one step; without any it is a deployment.

    Args:
        project: whose repository explains a refusal.
        registry: which decides and moves.
        environment: where.
        target: the pipeline version; see :func:`pipeline_target`.
        references: the versions that are promoted with it.
        show_plan: called with the plan before it is carried out; it holds or the release fails.
        stage: declare it alone; nothing serves by it yet.
        dry_run: decide and plan, change nothing.
        reason: why; kept in the history.
        waive: rules to waive.
        actor: who moves it.

    Raises:
        UsageError: a model is named twice, or rides on another pipeline.
        GuardRefused: a rule fails for a model, be it moved or left behind.
        NotPermitted: the environment lets this person waive no such rule.
        Conflict: a slot moved after the plan was shown, or another release is staged.
    """
    here = None if isinstance(target, NamedPipeline) else target
    with _explaining(project, registry, here):
        seen = None
        if dry_run or show_plan is not None:
            plan = registry.release(
                environment,
                target,
                references,
                reason=reason,
                waive=waive,
                stage=stage,
                dry_run=True,
                actor=actor,
            )
            if show_plan is not None:
                show_plan(plan)
            if dry_run:
                return plan
            seen = plan.revisions
            _look_at(registry, plan, actor=actor)
        return registry.release(
            environment,
            target,
            references,
            waive=waive,
            reason=reason,
            seen=seen,
            stage=stage,
            actor=actor,
        )


def finish_release(
    project: Project,
    registry: AnyRegistry,
    environment: str,
    pipeline: str,
    *,
    show_plan: Callable[[MoveResult], None],
    dry_run: bool = False,
    reason: str | None = None,
    waive: WaiverRequest | None = None,
    actor: str,
) -> MoveResult:
    """Make a staged release serve; the arguments are those of :func:`release`.

    Raises:
        NotFound: nothing is staged on this pipeline.
        GuardRefused: a rule fails for a model, be it moved or left behind.
        NotPermitted: the environment lets this person waive no such rule.
        Conflict: a slot moved after the plan was shown.
    """
    with _explaining(project, registry):
        plan = registry.finish_release(
            environment, pipeline, reason=reason, waive=waive, dry_run=True, actor=actor
        )
        show_plan(plan)
        if dry_run:
            return plan
        _look_at(registry, plan, actor=actor)
        return registry.finish_release(
            environment,
            pipeline,
            reason=reason,
            waive=waive,
            seen=plan.revisions,
            actor=actor,
        )


def _look_at(registry: AnyRegistry, plan: MoveResult, *, actor: str) -> None:
    """Look at the weights of what is to serve by a plan, or is to be staged."""
    sides = [side for step in plan.steps for side in (step.serving_after, step.staged_after)]
    quick_check(registry, [ref for ref in dict.fromkeys(sides) if ref is not None], actor=actor)


def pipeline_target(
    project: Project, registry: AnyRegistry, name: str | None, digest: str | None
) -> CapturedPipelineVersion | NamedPipeline:
    """The pipeline version that a deployment or a release moves to.

    Args:
        project: whose pipeline is captured.
        registry: which knows the files that a model from elsewhere was registered with.
        name: the pipeline; None where the configuration describes only one.
        digest: a recorded version; None for the pipeline as captured here.

    Raises:
        UsageError: the name is not valid, or the configuration does not describe it.
        CaptureError: the pipeline here cannot be captured.
    """
    if digest is None:
        mean_newest_files(project, registry, name)
        return project.capture_pipeline(project.pipeline_name(name))
    named = project.pipeline_name(None) if name is None else check_name("pipeline", name)
    return NamedPipeline(named, digest)


@contextmanager
def _explaining(
    project: Project, registry: AnyRegistry, here: CapturedPipelineVersion | None = None
) -> Iterator[None]:
    """Explain the decisions of a refusal that comes out of the block.

    ``here`` is a captured pipeline that was to move: the registry may not know it yet.
    """
    try:
        yield
    except GuardRefused as error:
        error.decisions = tuple(
            explained(project, registry, made, here) for made in error.decisions
        )
        error.remedy = error.decisions[0].failures[0].remedy or error.remedy
        raise
