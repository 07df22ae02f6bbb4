"""What is recorded: versions and verdicts, in the caller's write transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import select

from lineage import timestamps
from lineage.contract.results import NamedPipeline, Registered
from lineage.database import events, pipelines, slots, tables, validations, versions
from lineage.errors import Conflict, NotFound, UsageError
from lineage.guard.facts import Basis
from lineage.identity.components import Kind
from lineage.identity.digest import canonical_bytes
from lineage.identity.references import Reference, check_name
from lineage.registry import views
from lineage.registry import weights as weights_records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from lineage.contract.captured import Captured, CapturedPipelineVersion
    from lineage.guard.requirements import Outcome
    from lineage.identity.components import Components, DataVersion


@dataclass(frozen=True)
class NewVerdict:
    """What a validation came to, and what it rests on.

    ``run`` is JSON of the command that was run for it, ``data`` the data that it was made on.
    """

    passed: bool
    metrics: Mapping[str, Any] | None = None
    outcomes: tuple[Outcome, ...] = ()
    run: dict[str, Any] | None = None
    data: DataVersion | None = None


def add_model(session: Session, name: str, at: str, actor: str) -> bool:
    """Record a model without versions; False where it was there already.

    Raises:
        UsageError: the name is not valid.
    """
    check_name("model", name)
    if session.get(tables.Model, name) is not None:
        return False
    session.add(tables.Model(name=name, created_at=at, created_by=actor))
    session.flush()
    events.append(session, at=at, actor=actor, kind="model-created", subject=name, payload={})
    return True


def register(
    session: Session,
    model: str,
    captured: Captured,
    kind: Kind,
    parent: str | None,
    run: dict[str, Any] | None,
    actor: str,
) -> Registered:
    """Record a model version; the one that already holds this tuple, if there is one.

    Raises:
        UsageError: the model's name is not valid.
        NotFound: the parent does not exist.
    """
    check_name("model", model)
    components = captured.components
    if kind is Kind.PRODUCTION:
        _require_complete(components)
    parent_row = versions.find_version(session, Reference.parse(parent)) if parent else None
    same = versions.same_version(session, model, kind, components, captured.pipeline_name)
    at = timestamps.now()
    if same is not None:
        weights_records.add_copies(session, same, captured.stored, at, actor)
        return views.registered(session, same, created=False)
    if session.get(tables.Model, model) is None:
        session.add(tables.Model(name=model, created_at=at, created_by=actor))
        session.flush()
    if components.pipeline is not None:
        code = components.code
        pipelines.add_pipeline(
            session,
            captured.pipeline_name,
            components.pipeline,
            code.commit if code else None,
            code.dirty if code else False,
            at,
            actor,
        )
    row = versions.add_version(
        session,
        model,
        kind,
        components,
        captured.pipeline_name,
        parent_row.id if parent_row else None,
        run,
        at,
        actor,
    )
    registered = views.registered(session, row, created=True)
    events.append(
        session,
        at=at,
        actor=actor,
        kind="registered",
        subject=registered.ref,
        payload={"kind": kind.value, "tuple": registered.tuple, **components.digests}
        | ({"run": run} if run is not None else {}),
        also=[model],
    )
    weights_records.add_copies(session, row, captured.stored, at, actor)
    return registered


def _require_complete(components: Components) -> None:
    """Refuse a production version that lacks what the schema demands of one.

    Raises:
        UsageError: a component is missing, the code is dirty, or the weights have no BLAKE3.
    """
    code, weights = components.code, components.weights
    lacks = list(components.missing)
    if code is not None and code.dirty:
        lacks.append("clean code")
    if weights is not None and weights.blake3 is None:
        lacks.append("the BLAKE3 of the weights")
    if lacks:
        raise UsageError(
            f"A production version needs more: {', '.join(lacks)}.",
            remedy="Give what is missing, or register it as an experiment.",
        )


def validate(
    session: Session,
    reference: str,
    pipeline: CapturedPipelineVersion | NamedPipeline,
    verdict: NewVerdict,
    actor: str,
) -> dict[str, Any]:
    """Record a verdict on a version with a pipeline version; JSON of it.

    Raises:
        NotFound: the version or the named pipeline version does not exist.
        UsageError: the pipeline is not the one that the version was registered with.
    """
    at = timestamps.now()
    version, target = _pair(session, reference, pipeline, at, actor)
    metrics, run = verdict.metrics, verdict.run
    row = tables.Validation(
        version_id=version.id or 0,
        pipeline=target.pipeline,
        pipeline_digest=target.digest,
        passed=verdict.passed,
        metrics=canonical_bytes(metrics).decode() if metrics is not None else None,
        outcomes=json.dumps([outcome.to_json() for outcome in verdict.outcomes]),
        basis=Basis.RUN if run is not None else Basis.STATED,
        run=json.dumps(run) if run is not None else None,
        data_digest=versions.add_data(session, verdict.data) if verdict.data else None,
        validated_at=at,
        validated_by=actor,
    )
    return _record_verdict(session, version, row, target)


def carry_over(
    session: Session,
    reference: str,
    pipeline: CapturedPipelineVersion | NamedPipeline,
    rests_on: int,
    difference: str,
    actor: str,
) -> dict[str, Any]:
    """Record that a passing verdict also holds for a pipeline that behaves alike; JSON of it.

    Raises:
        NotFound: the version, its validation or the named pipeline version does not exist.
        Conflict: the validation is no longer a pass that counts, or carried itself.
    """
    at = timestamps.now()
    version, target = _pair(session, reference, pipeline, at, actor)
    root = session.get(tables.Validation, rests_on)
    if root is None or root.version_id != version.id:
        raise NotFound(
            f"{reference} has no validation {rests_on}.",
            remedy=f"See its validations: lineage show {reference}",
        )
    newest = validations.newest_validation(session, root.version_id, root.pipeline_digest)
    if not root.passed or root.rests_on is not None or newest is None or newest.id != root.id:
        raise Conflict(
            f"Validation {rests_on} of {reference} is not a pass that counts.",
            remedy=f"Validate it anew: lineage validate {reference}",
        )
    row = tables.Validation(
        version_id=root.version_id,
        pipeline=target.pipeline,
        pipeline_digest=target.digest,
        passed=True,
        metrics=root.metrics,
        outcomes=root.outcomes,
        basis=Basis.CARRIED,
        rests_on=root.id,
        difference=difference,
        data_digest=root.data_digest,
        validated_at=at,
        validated_by=actor,
    )
    return _record_verdict(session, version, row, target)


def pipeline_row(
    session: Session,
    pipeline: CapturedPipelineVersion | NamedPipeline,
    default_name: str | None,
    at: str,
    actor: str,
) -> tables.PipelineVersion:
    """The row of a pipeline version: the named one, or the captured one, recorded if it is new.

    Raises:
        NotFound: the named one is not recorded.
    """
    if isinstance(pipeline, NamedPipeline):
        return pipelines.find_pipeline(session, pipeline.name or default_name, pipeline.digest)
    check_name("pipeline", pipeline.name)
    return pipelines.add_pipeline(
        session, pipeline.name, pipeline.version, pipeline.commit, pipeline.dirty, at, actor
    )


def _pair(
    session: Session,
    reference: str,
    pipeline: CapturedPipelineVersion | NamedPipeline,
    at: str,
    actor: str,
) -> tuple[tables.ModelVersion, tables.PipelineVersion]:
    """The version and the pipeline version that a verdict is about."""
    version = versions.find_version(session, Reference.parse(reference))
    target = pipeline_row(session, pipeline, version.pipeline, at, actor)
    if version.pipeline not in (None, target.pipeline):
        raise UsageError(
            f"{reference} rides on pipeline {version.pipeline}, not on {target.pipeline}.",
            remedy=f"Validate it with a version of pipeline {version.pipeline}.",
        )
    return version, target


def _record_verdict(
    session: Session,
    version: tables.ModelVersion,
    row: tables.Validation,
    pipeline: tables.PipelineVersion,
) -> dict[str, Any]:
    """Add a verdict and its event; JSON of the verdict."""
    session.add(row)
    session.flush()
    ref = f"{version.model}@{version.number}"
    contradicted = [
        slots.subject(slot)
        for slot in session.exec(
            select(tables.Slot).where(tables.Slot.serving_version_id == version.id)
        )
        if not row.passed and slot.serving_pipeline_digest == pipeline.digest
    ]
    payload: dict[str, Any] = {
        "validation": row.id,
        "passed": row.passed,
        "basis": row.basis,
        "pipeline": {"name": pipeline.pipeline, "digest": pipeline.public_digest},
    }
    if row.rests_on is not None:
        payload |= {"rests_on": row.rests_on, "difference": row.difference}
    if contradicted:
        payload["contradicted"] = contradicted
    events.append(
        session,
        at=row.validated_at,
        actor=row.validated_by,
        kind="validated",
        subject=ref,
        payload=payload,
        also=[version.model, pipeline.pipeline, *contradicted],
    )
    answer = views.validation(session, row, pipeline.public_digest)
    return {"model": version.model, "version": version.number, "ref": ref} | answer
