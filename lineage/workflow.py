"""What a person does in a checkout: the project and the registry together, one function a verb."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lineage import metrics, policy
from lineage.answers import NamedPipeline
from lineage.errors import CarryRefused, GuardRefused, LineageError, NotFound
from lineage.names import Reference, check_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.captured import CapturedPipelineVersion
    from lineage.connecting import AnyRegistry
    from lineage.decision import Check, Decision
    from lineage.project import Project


_TOLD: Final = ("fail", "warn", "waived")
"""The statuses that are worth an explanation."""


@dataclass(frozen=True)
class Validating:
    """What a person says of a validation, where not what the configuration says.

    ``metrics`` is a JSON file, ``values`` the metrics themselves, ``stated`` a verdict,
    ``pipeline`` a recorded pipeline version's digest, ``data`` the data sets that it is made on.
    """

    metrics: str | None = None
    stated: bool | None = None
    pipeline: str | None = None
    data: tuple[str, ...] = ()
    values: dict[str, Any] | None = None


def validate(
    project: Project, registry: AnyRegistry, reference: str, wanted: Validating, *, actor: str
) -> dict[str, Any]:
    """Record the verdict that the configured requirements and a person's word come to.

    Args:
        project: whose configuration, metrics and pipeline count.
        registry: where the verdict is recorded.
        reference: the version.
        wanted: what the person says.
        actor: who validates.

    Returns:
        JSON of the verdict.

    Raises:
        UsageError: nothing decides the verdict.
        CaptureError: the metrics, the data or the pipeline cannot be read.
        NotFound: the version or the named pipeline version does not exist.
    """
    model = Reference.parse(reference).model
    values = (
        metrics.checked(wanted.values)
        if wanted.values is not None
        else project.read_metrics(model, wanted.metrics)
    )
    outcomes = policy.evaluate_all(project.config.model(model).requirements, values or {})
    return registry.validate(
        reference,
        _pipeline(project, model, wanted.pipeline),
        passed=policy.verdict(outcomes, wanted.stated),
        metrics=values,
        outcomes=outcomes,
        data=project.validation_data(model, wanted.data),
        actor=actor,
    )


def carry_over(
    project: Project, registry: AnyRegistry, reference: str, pipeline: str | None, *, actor: str
) -> dict[str, Any]:
    """Record that a passing verdict also holds for a pipeline that can only behave alike.

    Args:
        project: in whose repository the sources are compared.
        registry: where the verdicts are.
        reference: the version.
        pipeline: a recorded pipeline version's digest; None for the pipeline as captured here.
        actor: who says so.

    Returns:
        JSON of the new verdict.

    Raises:
        NotFound: the version does not exist, or no passing verdict is there to carry over.
        CarryRefused: what differs may change the behaviour.
    """
    from lineage import carrying

    model = Reference.parse(reference).model
    verdicts = registry.verdicts(reference)
    target = _pipeline(project, model, pipeline)
    found = registry.pipeline(target) if isinstance(target, NamedPipeline) else target
    carried = carrying.find(project, verdicts, found.version, found.commit)
    return registry.carry_over(
        reference,
        target,
        rests_on=carried.verdict.id,
        difference=carried.difference,
        actor=actor,
    )


def verify(
    project: Project, registry: AnyRegistry, reference: str, *, actor: str
) -> dict[str, Any]:
    """Look for the weights of a version where they were registered, and record what was found.

    Returns:
        JSON: ``ref``, ``state`` (``intact``, ``missing`` or ``changed``), ``place``.

    Raises:
        NotFound: the version does not exist, or has no weights.
    """
    from lineage.file_tree import follow_any
    from lineage.hashing import hash_path

    version = registry.show(reference)
    recorded = version["components"]["weights"]
    if version["weights"] is None:
        raise NotFound(
            f"{version['ref']} was registered without weights.", remedy="Name a version with some."
        )
    place = project.root / recorded["path"]
    state = "missing"
    if place.exists():
        found = hash_path(place, secure=True, follow=follow_any, project=project.root)
        same = found.xxh3 == version["weights"] and recorded["blake3"] in (None, found.blake3)
        state = "intact" if same else "changed"
    ref = registry.record_weights(version["ref"], state, str(recorded["path"]), actor=actor)
    return {"ref": ref, "state": state, "place": recorded["path"]}


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
        return _explained(project, registry, registry.guard(reference, environment))
    name = registry.pipeline_of(reference).name
    captured = project.capture_pipeline(project.pipeline_name(name))
    made = registry.guard(reference, environment, running=captured.version)
    return _explained(project, registry, made, captured)


@contextmanager
def explaining(
    project: Project,
    registry: AnyRegistry,
    target: CapturedPipelineVersion | NamedPipeline | None = None,
) -> Iterator[None]:
    """Explain the decisions of a refusal that comes out of the block.

    ``target`` is the pipeline that was to move; a captured one may be nowhere else yet.
    """
    here = None if target is None or isinstance(target, NamedPipeline) else target
    try:
        yield
    except GuardRefused as error:
        error.decisions = tuple(
            _explained(project, registry, made, here) for made in error.decisions
        )
        error.remedy = error.decisions[0].failures[0].remedy or error.remedy
        raise


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


def _pipeline(
    project: Project, model: str, digest: str | None
) -> CapturedPipelineVersion | NamedPipeline:
    if digest is not None:
        return NamedPipeline(None, digest)
    return project.capture_pipeline(project.config.pipeline_of(model))


def _explained(
    project: Project,
    registry: AnyRegistry,
    decision: Decision,
    here: CapturedPipelineVersion | None = None,
) -> Decision:
    """A decision whose failing checks say where, and what git shows of it.

    Only what the guard left unexplained is added: it never changes a status.
    """
    checks = []
    for check in decision.checks:
        explained = check
        if check.status in _TOLD and check.code in ("requirements", "pipeline-match"):
            with suppress(LineageError):
                explained = _explained_check(project, registry, decision, check, here)
        checks.append(explained)
    return replace(decision, checks=tuple(checks))


def _explained_check(
    project: Project,
    registry: AnyRegistry,
    decision: Decision,
    check: Check,
    here: CapturedPipelineVersion | None,
) -> Check:
    from lineage.explain import Explainer
    from lineage.pipeline import Change
    from lineage.places import Places

    places = Places(project)
    if check.code == "requirements":
        texts = [
            outcome["requirement"]
            for outcome in check.details["requirements"]
            if not outcome["holds"] and outcome["source"] == "repository"
        ]
        found = [places.of_requirement(text) for text in texts]
        return replace(check, details=check.details | {"places": found})
    changes = [Change.from_json(change) for change in check.details["changes"]]
    commit = here.commit if here is not None else check.details["deployed_commit"]
    explanation = Explainer(project).explain(changes, check.details["validated_commit"], commit)
    details = check.details | explanation.to_json()
    details["places"] = [places.of_change(change, explanation.diffs) for change in changes]
    proposal = _proposal(project, registry, decision, check, here)
    details["carry_over"] = proposal
    remedy = check.remedy
    if proposal is not None:
        remedy = f"Only comments and formatting differ, so carry the verdict over: {proposal}"
    return replace(check, remedy=remedy, details=details)


def _proposal(
    project: Project,
    registry: AnyRegistry,
    decision: Decision,
    check: Check,
    here: CapturedPipelineVersion | None,
) -> str | None:
    """The command that would carry a verdict over, if it would succeed and count here."""
    from lineage import carrying

    if not registry.environment(decision.environment)["policy"]["accept_carried"]:
        return None
    command = f"lineage validate {decision.ref} --carry-over"
    if here is not None:
        target, commit = here.version, here.commit
    else:
        found = registry.pipeline(NamedPipeline(None, check.details["deployed"]))
        target, commit = found.version, found.commit
        command += f" --pipeline {target.digest}"
    try:
        carrying.find(project, registry.verdicts(decision.ref), target, commit)
    except (CarryRefused, NotFound):
        return None
    return command
