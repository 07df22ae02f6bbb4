"""What a pull request asks: would what serves still be valid with the pipeline in this checkout?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineage.guard import Decision
    from lineage.project import Project
    from lineage.registry import Registry


def guard_working_tree(
    project: Project, registry: Registry, reference: str, environment: str
) -> Decision:
    """Decide as if the pipeline in the working tree ran in the environment; change nothing.

    Raises:
        NotFound: the version or the environment does not exist, or it has no pipeline.
        UsageError: the configuration does not describe the version's pipeline.
        CaptureError: the pipeline here cannot be captured.
    """
    name = registry.pipeline_of(reference).name
    captured = project.capture_pipeline(project.pipeline_name(name))
    return registry.guard(reference, environment, running=captured.version)
