"""What is recorded: model versions and verdicts, inside the caller's write transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import select

from lineage.answers import NamedPipeline, Registered
from lineage.digest import canonical_bytes
from lineage.errors import UsageError
from lineage.names import Reference, check_name
from lineage.store import events, reading, slots, tables, versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from lineage.components import Kind
    from lineage.policy import Outcome
    from lineage.project import Captured, CapturedPipelineVersion


@dataclass(frozen=True)
class Verdict:
    """What a validation came to, with the metrics and requirements it rests on."""

    passed: bool
    metrics: Mapping[str, Any] | None = None
    outcomes: tuple[Outcome, ...] = ()


def register(
    session: Session, model: str, captured: Captured, kind: Kind, parent: str | None, actor: str
) -> Registered:
    """Record a model version; the one that already holds this tuple, if there is one.

    Raises:
        UsageError: the model's name is not valid.
        NotFound: the parent does not exist.
    """
    check_name("model", model)
    components = captured.components
    parent_row = versions.find_version(session, Reference.parse(parent)) if parent else None
    same = versions.same_version(session, model, kind, components, captured.pipeline_name)
    if same is not None:
        return reading.registered(session, same, created=False)
    at = events.now()
    if session.get(tables.Model, model) is None:
        session.add(tables.Model(name=model, created_at=at, created_by=actor))
        session.flush()
    if components.pipeline is not None:
        code = components.code
        versions.add_pipeline(
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
        at,
        actor,
    )
    registered = reading.registered(session, row, created=True)
    events.append(
        session,
        at=at,
        actor=actor,
        kind="registered",
        subject=registered.ref,
        payload={"kind": kind.value, "tuple": registered.tuple, **components.digests},
        also=[model],
    )
    return registered


def validate(
    session: Session,
    reference: str,
    pipeline: CapturedPipelineVersion | NamedPipeline,
    verdict: Verdict,
    actor: str,
) -> dict[str, Any]:
    """Record a verdict on a version with a pipeline version; JSON of it.

    Raises:
        NotFound: the version or the named pipeline version does not exist.
        UsageError: the pipeline is not the one that the version was registered with.
    """
    version = versions.find_version(session, Reference.parse(reference))
    at = events.now()
    target = pipeline_row(session, pipeline, version.pipeline, at, actor)
    if version.pipeline not in (None, target.pipeline):
        raise UsageError(
            f"{reference} rides on pipeline {version.pipeline}, not on {target.pipeline}.",
            remedy=f"Validate it with a version of pipeline {version.pipeline}.",
        )
    metrics = verdict.metrics
    row = tables.Validation(
        version_id=version.id or 0,
        pipeline=target.pipeline,
        pipeline_digest=target.digest,
        passed=verdict.passed,
        metrics=canonical_bytes(metrics).decode() if metrics is not None else None,
        outcomes=json.dumps([outcome.to_json() for outcome in verdict.outcomes]),
        validated_at=at,
        validated_by=actor,
    )
    session.add(row)
    session.flush()
    ref = f"{version.model}@{version.number}"
    _record_verdict(session, version, row, target, ref)
    answer = reading.validation(row, target.public_digest)
    return {"model": version.model, "version": version.number, "ref": ref} | answer


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
        return versions.find_pipeline(session, pipeline.name or default_name, pipeline.digest)
    check_name("pipeline", pipeline.name)
    return versions.add_pipeline(
        session, pipeline.name, pipeline.version, pipeline.commit, pipeline.dirty, at, actor
    )


def _record_verdict(
    session: Session,
    version: tables.ModelVersion,
    verdict: tables.Validation,
    pipeline: tables.PipelineVersion,
    ref: str,
) -> None:
    contradicted = [
        slots.subject(slot)
        for slot in session.exec(
            select(tables.Slot).where(tables.Slot.serving_version_id == version.id)
        )
        if not verdict.passed and slot.serving_pipeline_digest == pipeline.digest
    ]
    payload: dict[str, Any] = {
        "validation": verdict.id,
        "passed": verdict.passed,
        "pipeline": {"name": pipeline.pipeline, "digest": pipeline.public_digest},
    }
    if contradicted:
        payload["contradicted"] = contradicted
    events.append(
        session,
        at=verdict.validated_at,
        actor=verdict.validated_by,
        kind="validated",
        subject=ref,
        payload=payload,
        also=[version.model, pipeline.pipeline, *contradicted],
    )
