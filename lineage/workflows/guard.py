"""Asking the guard, and explaining what it says from the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.errors import NotFound, UsageError
from lineage.explain.decision import explained
from lineage.guard.decision import NothingServes
from lineage.identity.references import Reference
from lineage.workflows.registered_files import mean_registered_files

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion
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
    captured = pipeline_here(project, registry, reference)
    made = registry.guard(reference, environment, running=captured)
    return explained(project, registry, made, captured)


def pipeline_here(
    project: Project, registry: AnyRegistry, reference: str
) -> CapturedPipelineVersion:
    """The pipeline of a version as it stands in this checkout.

    Raises:
        NotFound: the version does not exist, or it has no pipeline.
        UsageError: the configuration does not describe the version's pipeline.
        CaptureError: the pipeline here cannot be captured.
    """
    mean_registered_files(project, registry, registry.show(reference))
    name = registry.pipeline_of(reference).name
    return project.capture_pipeline(project.pipeline_name(name))


def nothing_serves(
    project: Project, registry: AnyRegistry, reference: str, environment: str
) -> NothingServes | None:
    """That nothing serves yet where a reference is to be decided on; None where something does.

    The slot is the one that the reference names (``churn@production``). A model that nobody
    registered yet has none, if the project here describes it.

    Raises:
        NotFound: there is no such environment; or no such model, and it is not described here.
        UsageError: the reference cannot be read, or names a version: that may not serve just
            because nothing does.
    """
    named = Reference.parse(reference)
    slot = named.environment
    if slot is None:
        serving = f"{named.model}@{environment}"
        raise UsageError(
            f"{named} is decided on whether or not anything serves in {environment}.",
            remedy="Ask without 'if serving', or about what serves: "
            f"{act('guard', serving, env=environment, if_serving=True)}",
        )
    try:
        if registry.serving(named.model, slot).serving is not None:
            return None
    except NotFound:
        if named.model not in project.config.models:
            raise
    for where in dict.fromkeys((slot, environment)):
        registry.environment(where)
    return NothingServes(named.model, slot)
