"""Moving a pipeline, and what it moves under."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.database import slots, tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session


def deploy(
    session: Session, environment: str, target: tables.PipelineVersion, at: str, actor: str
) -> str | None:
    """Record that a pipeline version runs; the identity of what ran before, None for nothing."""
    row = slots.deployment(session, environment, target.pipeline)
    former = row.digest if row is not None else None
    if former == target.digest:
        return former
    if row is None:
        row = tables.PipelineDeployment(
            environment=environment,
            pipeline=target.pipeline,
            digest=target.digest,
            revision=0,
            deployed_at=at,
            deployed_by=actor,
        )
        session.add(row)
    row.digest = target.digest
    row.revision += 1
    row.deployed_at, row.deployed_by = at, actor
    session.flush()
    return former


def riders(
    session: Session, environment: str, target: tables.PipelineVersion, promoted: Sequence[str]
) -> list[tables.Slot]:
    """The slots that a pipeline's move touches, but for those of the models that are promoted."""
    found = slots.riding_on(session, environment, target.pipeline)
    return [slot for slot in found if slot.model not in promoted]


def staying(
    session: Session, affected: Iterable[tables.Slot], target: tables.PipelineVersion
) -> list[tables.ModelVersion]:
    """The versions that serve on a moved pipeline and stay."""
    found = []
    for slot in affected:
        version = session.get(tables.ModelVersion, slot.serving_version_id)
        if version is not None and rests_on(slot, version, target):
            found.append(version)
    return found


def rests_on(
    slot: tables.Slot, version: tables.ModelVersion, target: tables.PipelineVersion
) -> bool:
    """Whether what serves rests, by its proof or by its waiver, on a pipeline."""
    rests = slot.serving_pipeline is not None or slot.serving_waiver_id is not None
    return rests and version.pipeline == target.pipeline
