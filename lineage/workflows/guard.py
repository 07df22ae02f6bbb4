"""Asking the guard, and explaining what it says from the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.explain.decision import explained

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.guard.decision import Decision


def guard(
    project: Project,
    registry: AnyRegistry,
    reference: str,
    environment: str,
    *,
    working_tree: bool = False,
) -> Decision:
    """Decide whether a version may serve, and explain a refusal from the repository.

    Args:
        project: whose repository explains.
        registry: which decides.
        reference: the version.
        environment: the environment's name.
        working_tree: decide as if the pipeline in this checkout ran there: what a pull request
            asks.

    Raises:
        NotFound: the version or the environment does not exist, or it has no pipeline.
        UsageError: the configuration does not describe the version's pipeline.
        CaptureError: the pipeline here cannot be captured.
    """
    if not working_tree:
        return explained(project, registry, registry.guard(reference, environment))
    name = registry.pipeline_of(reference).name
    captured = project.capture_pipeline(project.pipeline_name(name))
    made = registry.guard(reference, environment, running=captured)
    return explained(project, registry, made, captured)
