"""What a person does in a checkout: the project and the registry together, one function a verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage import policy
from lineage.answers import NamedPipeline
from lineage.names import Reference, check_name

if TYPE_CHECKING:
    from lineage.guard import Decision
    from lineage.project import CapturedPipelineVersion, Project
    from lineage.registry import Registry


def validate(
    project: Project,
    registry: Registry,
    reference: str,
    *,
    metrics: str | None = None,
    stated: bool | None = None,
    pipeline: str | None = None,
    actor: str,
) -> dict[str, Any]:
    """Record the verdict that the configured requirements and a person's word come to.

    Args:
        project: whose configuration, metrics and pipeline count.
        registry: where the verdict is recorded.
        reference: the version.
        metrics: a JSON file; None for the configured one.
        stated: a person's verdict, where one was said.
        pipeline: a recorded pipeline version's digest; None for the pipeline as captured here.
        actor: who validates.

    Returns:
        JSON of the verdict.

    Raises:
        UsageError: nothing decides the verdict.
        CaptureError: the metrics or the pipeline cannot be read.
        NotFound: the version or the named pipeline version does not exist.
    """
    model = Reference.parse(reference).model
    values = project.read_metrics(model, metrics)
    outcomes = policy.evaluate_all(project.config.model(model).requirements, values or {})
    return registry.validate(
        reference,
        NamedPipeline(None, pipeline)
        if pipeline is not None
        else project.capture_pipeline(project.config.pipeline_of(model)),
        passed=policy.verdict(outcomes, stated),
        metrics=values,
        outcomes=outcomes,
        actor=actor,
    )


def guard_working_tree(
    project: Project, registry: Registry, reference: str, environment: str
) -> Decision:
    """What a pull request asks: would a version still be valid with the pipeline in this checkout?

    Raises:
        NotFound: the version or the environment does not exist, or it has no pipeline.
        UsageError: the configuration does not describe the version's pipeline.
        CaptureError: the pipeline here cannot be captured.
    """
    name = registry.pipeline_of(reference).name
    captured = project.capture_pipeline(project.pipeline_name(name))
    return registry.guard(reference, environment, running=captured.version)


def pipeline_target(
    project: Project, name: str | None, digest: str | None
) -> CapturedPipelineVersion | NamedPipeline:
    """The pipeline version that a deployment or a release moves to.

    Args:
        project: whose pipeline is captured.
        name: the pipeline; None where the configuration describes only one.
        digest: a recorded version; None for the pipeline as captured here.

    Raises:
        UsageError: the name is not valid, or the configuration does not describe it.
        CaptureError: the pipeline here cannot be captured.
    """
    if digest is None:
        return project.capture_pipeline(project.pipeline_name(name))
    named = project.pipeline_name(None) if name is None else check_name("pipeline", name)
    return NamedPipeline(named, digest)
