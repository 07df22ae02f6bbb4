"""What a person does in a checkout: the project and the registry together, one function a verb."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from lineage.capture import metrics
from lineage.contract.results import NamedPipeline
from lineage.errors import CarryRefused, LineageError, NotFound
from lineage.guard import requirements
from lineage.guard.decision import GuardRefused
from lineage.identity.components import Kind
from lineage.identity.references import Reference, check_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import Captured, CapturedPipelineVersion, Wanted
    from lineage.contract.results import Registered
    from lineage.guard.decision import Check, Decision
    from lineage.hashing.files import Progress


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


@dataclass(frozen=True)
class Registering:
    """What is to be registered besides what is captured.

    ``run`` is JSON of the training that was run for it, ``captured`` what was captured around it.
    ``store`` puts an experiment's weights into the store too; those for production always are.
    """

    wanted: Wanted
    parent: str | None = None
    run: dict[str, Any] | None = None
    captured: Captured | None = None
    store: bool = False


class Bars(Protocol):
    """Shows how far long work is: called with what it is and how many bytes it has."""

    def __call__(self, what: str, total: int) -> AbstractContextManager[Progress | None]:
        """A context whose value is called with the number of bytes just done."""


def no_bars(what: str, total: int) -> AbstractContextManager[Progress | None]:
    """Shows nothing."""
    del what, total
    return nullcontext()


def register(
    project: Project,
    registry: AnyRegistry,
    model: str,
    asked: Registering,
    *,
    bars: Bars = no_bars,
    actor: str,
) -> tuple[Registered, Captured]:
    """Capture a version, store its weights, and record it when they are there.

    Returns:
        The version, and what was captured of it.

    Raises:
        CaptureError: something is missing, does not match or changed, or the tree is dirty.
        StoreUnreachable: the weights cannot be stored; nothing was recorded.
        UsageError: a name or the configuration is not valid.
        NotFound: the parent does not exist.
    """
    from lineage.workflows import weights as storing

    check_name("model", model)
    stores = asked.store or asked.wanted.kind is Kind.PRODUCTION
    wanted = replace(asked.wanted, secure=asked.wanted.secure or stores)
    captured = asked.captured
    if captured is None:
        with bars("Hashing", project.bytes_to_hash(model, wanted)) as progress:
            captured = project.capture(model, wanted, progress)
    weights = captured.components.weights
    if stores and weights is not None:
        with bars("Storing", weights.size) as progress:
            captured = storing.put_into_store(project, registry, model, wanted, captured, progress)
    done = registry.register(
        model,
        captured,
        kind=wanted.kind,
        parent=asked.parent,
        run=asked.run,
        actor=actor,
    )
    return done, captured


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
    outcomes = requirements.evaluate_all(project.config.model(model).requirements, values or {})
    return registry.validate(
        reference,
        _pipeline(project, model, wanted.pipeline),
        passed=requirements.verdict(outcomes, wanted.stated),
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
    from lineage.explain import carry_over as carrying

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
    project: Project, registry: AnyRegistry, reference: str, *, deep: bool = True, actor: str
) -> dict[str, Any]:
    """Look for the weights of a version in every store, and record what was found.

    Those that are in no store are looked for where they were registered.

    Args:
        project: where weights that are in no store were registered.
        registry: where what was found is recorded.
        reference: the version.
        deep: read every byte; else the sizes.
        actor: who looks.

    Returns:
        JSON: ``ref``, ``state`` (``intact`` where one store has them; else ``missing``,
        ``changed`` or ``unreachable``), ``place``, ``looks``.

    Raises:
        NotFound: the version does not exist, or has no weights.
    """
    from lineage.workflows import weights as storing

    if registry.stored(reference).copies:
        stored, looks = storing.verify(registry, reference, deep=deep, actor=actor)
        best = next((one for one in looks if one.state.value == "intact"), looks[0])
        return {
            "ref": stored.ref,
            "state": best.state.value,
            "place": best.store,
            "looks": [one.to_json() for one in looks],
        }
    return _verify_in_project(project, registry, reference, actor)


def stored_refs(registry: AnyRegistry) -> list[str]:
    """Every version whose weights are in a store, by store and version."""
    refs: dict[str, None] = {}
    for store in registry.stores():
        refs |= dict.fromkeys(stored.ref for stored in registry.copies_in(store["name"]))
    return list(refs)


def _verify_in_project(
    project: Project, registry: AnyRegistry, reference: str, actor: str
) -> dict[str, Any]:
    """Look for the weights where they were registered."""
    from lineage.hashing.files import hash_path
    from lineage.hashing.tree import follow_any

    version = registry.show(reference)
    recorded = version["components"]["weights"]
    place = project.root / recorded["path"]
    state = "missing"
    if place.exists():
        found = hash_path(place, secure=True, follow=follow_any, project=project.root)
        same = found.xxh3 == version["weights"] and recorded["blake3"] in (None, found.blake3)
        state = "intact" if same else "changed"
    ref = registry.record_weights(version["ref"], state, str(recorded["path"]), actor=actor)
    return {"ref": ref, "state": state, "place": recorded["path"], "looks": []}


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
    from lineage.explain.changes import Explainer
    from lineage.explain.locations import Places
    from lineage.identity.pipeline_diff import Change

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
    from lineage.explain import carry_over as carrying

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
