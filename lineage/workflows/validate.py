"""Recording a verdict on a version with a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.capture import metrics
from lineage.contract.results import NamedPipeline
from lineage.contract.results.records import Validation
from lineage.errors import CaptureError
from lineage.guard import requirements
from lineage.identity.digest import Digest
from lineage.identity.references import Reference
from lineage.workflows.data_profile import profile_here, untimed
from lineage.workflows.own_metrics import evaluation, made_of_others, require_own_metrics
from lineage.workflows.own_parts import (
    own_weights_here,
    pipeline_here,
    require_weights_here,
    weights_place,
)
from lineage.workflows.own_pipeline import require_own_pipeline
from lineage.workflows.registered_files import mean_registered_files
from lineage.workflows.validation_evidence import (
    ValidationEvidence,
    attributions_named,
    attributions_path,
    besides_named,
)
from lineage.workflows.watched_runs import kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.evidence.profile import Profile
    from lineage.workflows.validating import Validating


def validate(
    project: Project, registry: AnyRegistry, reference: str, wanted: Validating, *, actor: str
) -> Validation:
    """Record the verdict that the configured requirements and a person's word come to.

    A word on what is not here counts only where it says so: the weights must be the version's, and
    a pipeline that is named the one here. A failure that is stated needs none of it. A metrics file
    that is known to be of other weights is refused; of a failure, the configured one is left out.

    Args:
        project: whose configuration, metrics and pipeline count.
        registry: where the verdict is recorded.
        reference: the version.
        wanted: what the person says.
        actor: who validates.

    Returns:
        The verdict; ``notes`` say what a person should know of it.

    Raises:
        UsageError: nothing decides the verdict.
        CaptureError: the metrics, the data or the pipeline cannot be read, the weights or the
            named pipeline are not here, or the metrics are of others.
        NotFound: the version or the named pipeline version does not exist.
    """
    model = Reference.parse(reference).model
    file = project.metrics_path(model, wanted.metrics) if wanted.values is None else None
    values = metrics.checked(wanted.values) if wanted.values is not None else None
    if file is not None:
        values = metrics.read(file)
    version = registry.show(reference)
    mean_registered_files(project, registry, version)
    with project.read_once():
        pipeline = _pipeline(project, registry, version, wanted, file)
        left_out = _of_others(project, version, wanted, file)
        older = [*_of_older_pipelines(project, version, pipeline, wanted, file)]
        data = project.validation_data(model, wanted.data)
        besides = ValidationEvidence.of(project, version, wanted)
    values = metrics.joined(None if left_out else values, wanted.besides)
    values, unlooked = besides.joined(values)
    outcomes = requirements.evaluate_all(project.config.model(model).requirements, values or {})
    profile = profile_here(project, model, wanted.profile)
    done = registry.validate(
        version["ref"],
        pipeline,
        passed=requirements.verdict(outcomes, wanted.stated),
        metrics=values,
        outcomes=outcomes,
        data=data,
        watched=()
        if isinstance(pipeline, NamedPipeline)
        else kept(project, pipeline.version, of=version),
        elsewhere=wanted.elsewhere,
        profile=profile,
        actor=actor,
    )
    notes = [
        *_notes(version, done, wanted, profile),
        *([left_out] if left_out else []),
        *unlooked,
        *dict.fromkeys(older),
    ]
    return Validation(done | {"notes": notes})


def _notes(
    version: Mapping[str, Any],
    done: Mapping[str, Any],
    wanted: Validating,
    profile: Profile | None,
) -> Iterator[str]:
    """What a person should know of the data, and who did not say what the verdict is on."""
    if profile is not None and (said := untimed(profile)) is not None:
        yield said
    here, own = done["pipeline"]["digest"], version["pipeline"]
    if wanted.pipeline is None and own not in (None, here):
        yield (
            f"the pipeline here ({Digest(here).short}) is not the one that {version['ref']} was "
            f"registered with ({Digest(own).short}): the verdict is on the one here"
        )


def _of_others(
    project: Project, version: Mapping[str, Any], wanted: Validating, file: Path | None
) -> str | None:
    """Why the configured metrics are left out of a failure: they are known to be of other weights.

    None where nothing is left out. What was validated elsewhere is not held against what is here,
    but its metrics are not those that were measured here of others.

    Raises:
        CaptureError: such metrics are named, or are said to be of a validation elsewhere.
    """
    if not (wanted.elsewhere or wanted.stated is False):
        return None
    own, left_out = own_weights_here(project, version) is not None, None
    besides = zip(besides_named(wanted), wanted.besides, strict=True)
    attributions = attributions_named(wanted), wanted.attributions
    for path, name in ((file, wanted.metrics), *besides, attributions):
        said = made_of_others(project, version, path, own_here=own) if path is not None else None
        if said is None:
            continue
        if name is not None or wanted.stated is not False:
            raise CaptureError(said, remedy=_name_own(version, wanted, name))
        left_out = f"{said.removesuffix('.')}; they are not recorded"
    return left_out


def _name_own(version: Mapping[str, Any], wanted: Validating, name: str | None) -> str:
    """What to do about files that are of other weights."""
    is_metrics = name is None or name != wanted.attributions
    again = act(
        "validate",
        version["ref"],
        metrics="FILE" if is_metrics else wanted.metrics,
        attributions=wanted.attributions if is_metrics else "FILE",
        pipeline=wanted.pipeline,
        elsewhere=wanted.elsewhere,
        passed=wanted.stated,
        failed=wanted.stated is False,
    )
    return f"Name the file that was written with the version's own: {again}"


def _pipeline(
    project: Project,
    registry: AnyRegistry,
    version: Mapping[str, Any],
    wanted: Validating,
    file: Path | None,
) -> CapturedPipelineVersion | NamedPipeline:
    """What the verdict is on, held against what is here where the verdict depends on that.

    So are the weights, and the file that the metrics are of.
    """
    model, named = version["model"], wanted.pipeline
    if wanted.elsewhere or wanted.stated is False:
        return pipeline_to_validate(project, model, named)
    ref = version["ref"]
    remedy = (
        "where it was validated elsewhere, say so: "
        f"{act('validate', ref, pipeline=named, elsewhere=True)}"
    )
    command = evaluation(project, model, weights_place(project, version))
    run = act("validate", ref, "--", *command, pipeline=named)
    require_weights_here(project, version, f"evaluate it with them ({run}); or {remedy}")
    own = (
        "where it was validated elsewhere, name the file that was written there: "
        f"{act('validate', ref, metrics='FILE', pipeline=named, elsewhere=True)}"
    )
    for path in (file, *besides_named(wanted), attributions_path(project, model, wanted)):
        if path is not None:
            require_own_metrics(project, version, path, f"Evaluate it here: {run}; or {own}")
    if named is not None:
        return pipeline_here(project, registry, model, named, remedy)
    return pipeline_to_validate(project, model, None)


def _of_older_pipelines(
    project: Project,
    version: Mapping[str, Any],
    pipeline: CapturedPipelineVersion | NamedPipeline,
    wanted: Validating,
    file: Path | None,
) -> Iterator[str]:
    """What a person should know of files that may be of what an older pipeline made.

    Raises:
        CaptureError: one is known to be.
    """
    if wanted.elsewhere or wanted.stated is False or isinstance(pipeline, NamedPipeline):
        return
    here = str(pipeline.version.xxh3)
    own = act("validate", version["ref"], metrics="FILE", pipeline=wanted.pipeline, elsewhere=True)
    instead = f"where it was validated elsewhere, name the file that was written there: {own}"
    named = (*besides_named(wanted), attributions_path(project, version["model"], wanted))
    for path in (file, *named):
        if path is not None:
            yield from require_own_pipeline(project, version, path, here, instead)


def carry_over(
    project: Project, registry: AnyRegistry, reference: str, pipeline: str | None, *, actor: str
) -> Validation:
    """Record that a passing verdict also holds for a pipeline that can only behave alike.

    Args:
        project: in whose repository the sources are compared.
        registry: where the verdicts are.
        reference: the version.
        pipeline: a recorded pipeline version, ``NAME@DIGEST`` or a digest alone; None for the
            pipeline as captured here.
        actor: who says so.

    Returns:
        The new verdict.

    Raises:
        NotFound: the version does not exist, or no passing verdict is there to carry over.
        CarryRefused: what differs may change the behaviour.
    """
    from lineage.explain import carry_over

    model = Reference.parse(reference).model
    if pipeline is None:
        mean_registered_files(project, registry, registry.show(reference))
    target = pipeline_to_validate(project, model, pipeline)
    found = registry.pipeline(target) if isinstance(target, NamedPipeline) else target
    carried = carry_over.find(project, registry, reference, found)
    return registry.carry_over(
        reference,
        target,
        rests_on=carried.verdict.id,
        difference=carried.difference,
        actor=actor,
    )


def pipeline_to_validate(
    project: Project, model: str, named: str | None
) -> CapturedPipelineVersion | NamedPipeline:
    """The pipeline version that a verdict is on: the named one, or the model's as captured here."""
    if named is not None:
        return NamedPipeline.parse(named)
    return project.capture_pipeline(project.config.pipeline_of(model))
