"""Approving a version with the pipeline that runs, one that is named, or the one here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.errors import UsageError
from lineage.workflows.guard import pipeline_here

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.results.records import ApprovalRecord


def approve(
    project: Project,
    registry: AnyRegistry,
    reference: str,
    environment: str,
    *,
    pipeline: str | None = None,
    working_tree: bool = False,
    actor: str,
) -> ApprovalRecord:
    """Record a person's approval of a version for an environment; JSON of it.

    Args:
        project: whose pipeline is captured.
        registry: which records it.
        reference: the version.
        environment: the environment's name.
        pipeline: the pipeline version that it is approved with, ``NAME@DIGEST`` or its digest; by
            default the one that runs there now.
        working_tree: approve it with the pipeline in this checkout, which must be recorded.
        actor: who approves.

    Raises:
        NotFound: the version, the pipeline version or the environment does not exist.
        NotPermitted: the person registered it, has approved it already, or may not approve.
        UsageError: the pipeline version is of another pipeline, or is named in two ways.
        CaptureError: the pipeline here cannot be captured.
    """
    if working_tree and pipeline is not None:
        raise UsageError(
            "The pipeline is named, and it is to be the one in this checkout.",
            remedy="Leave one of the two out.",
        )
    if working_tree:
        captured = pipeline_here(project, registry, reference)
        pipeline = f"{captured.name}@{captured.version.blake3}"
    return registry.approve(reference, environment, pipeline=pipeline, actor=actor)
