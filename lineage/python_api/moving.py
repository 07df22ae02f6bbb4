"""Asking the guard, and moving what serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract.requests import listed
from lineage.python_api.project import PRODUCTION, project_and_registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.contract.results import MoveResult
    from lineage.guard.decision import Decision


def guard(reference: str, environment: str = PRODUCTION, *, working_tree: bool = False) -> Decision:
    """Ask the guard whether a version may serve; change nothing.

    Args:
        reference: the version: ``churn@7``, ``churn@latest``, ``churn@production``.
        environment: where it is to serve.
        working_tree: decide as if the pipeline in this checkout ran there.

    Returns:
        The decision: true where it is allowed; ``failures`` say which rules fail, and what to do.

    Raises:
        NotFound: the version or the environment does not exist.
        CaptureError: the pipeline here cannot be captured.
    """
    from lineage.workflows import guard

    with project_and_registry() as (project, registry, _):
        return guard.guard(project, registry, reference, environment, working_tree=working_tree)


def may_serve(reference: str, environment: str = PRODUCTION) -> Decision:
    """Ask the guard whether a version may serve, as ``guard`` does.

    Raises:
        NotFound: the version or the environment does not exist.
    """
    return guard(reference, environment)


def promote(
    reference: str,
    environment: str = PRODUCTION,
    *,
    expect_revision: int | None = None,
    reason: str | None = None,
) -> MoveResult:
    """Promote a version, if the guard allows it; what served before becomes the backup.

    Raises:
        GuardRefused: a rule fails; its ``decisions`` say which, and what to do.
        NotFound: the version or the environment does not exist.
        Conflict: the slot's revision is not ``expect_revision``.
    """
    from lineage.workflows import promote

    with project_and_registry() as (project, registry, actor):
        return promote.promote(
            project,
            registry,
            reference,
            environment,
            expect_revision=expect_revision,
            reason=reason,
            actor=actor,
        )


def release(
    references: str | Sequence[str] = (),
    environment: str = PRODUCTION,
    *,
    pipeline: str | None = None,
    stage: bool = False,
    dry_run: bool = False,
    reason: str | None = None,
) -> MoveResult:
    """Move a pipeline and models that ride on it in one step, or not at all.

    Args:
        references: the versions that are promoted with it; one, or several. Without any, the
            pipeline alone is deployed.
        environment: where.
        pipeline: the pipeline as captured here, by its name, or a recorded version of it,
            ``NAME@DIGEST``; default: the only one that is configured.
        stage: declare it alone: hosts with that pipeline may load it, and nothing serves by it.
        dry_run: decide and plan, change nothing.
        reason: why; kept in the history.

    Raises:
        GuardRefused: a rule fails for a model, be it moved or left behind.
        NotFound: a version, the pipeline version or the environment does not exist.
        UsageError: a model is named twice, or rides on another pipeline.
        CaptureError: the pipeline here cannot be captured.
        Conflict: a slot moved meanwhile, or another release is staged.
    """
    from lineage.identity.references import pipeline_named
    from lineage.workflows import promote

    name, digest = pipeline_named(pipeline) if pipeline else (None, None)
    with project_and_registry() as (project, registry, actor):
        return promote.release(
            project,
            registry,
            environment,
            promote.pipeline_target(project, registry, name, digest),
            listed(references),
            show_plan=lambda _: None,
            stage=stage,
            dry_run=dry_run,
            reason=reason,
            actor=actor,
        )


def rollback(
    model: str,
    environment: str = PRODUCTION,
    *,
    with_pipeline: bool = False,
    leave: str | Sequence[str] = (),
    reason: str | None = None,
) -> MoveResult:
    """Roll back to the backup, if the guard allows it, and its pipeline where that has to move.

    ``with_pipeline`` lets other models that ride on the pipeline go back with it; those in
    ``leave`` (one, or several) are retired.

    Raises:
        NotFound: there is no backup.
        OthersMove: other models move too, and ``with_pipeline`` is not set.
        GuardRefused: the backup may not serve.
    """
    from lineage.workflows import promote

    with project_and_registry() as (project, registry, actor):
        return promote.rollback(
            project,
            registry,
            model,
            environment,
            with_pipeline=with_pipeline,
            leave=listed(leave),
            reason=reason,
            actor=actor,
        )
