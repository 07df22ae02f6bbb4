"""What serves and what stands by, row by row: a second reading beside that of the registry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from lineage.contract.results import ServedVersion, Serving
from lineage.database import clock, policies, slots, tables, values
from lineage.database.deployments import DeployedPipelines, deployment
from lineage.registry import views
from lineage.registry.slots.serving import newest_pipeline, readiness, served_version

if TYPE_CHECKING:
    from sqlmodel import Session


def now(session: Session, environment: str, model: str) -> Serving:
    """What serves for a model in an environment, its backup, and whether that is ready."""
    answer = _slot(session, environment, model)
    if answer.backup is None:
        return answer
    return replace(answer, readiness=readiness(session, answer))


def _slot(session: Session, environment: str, model: str) -> Serving:
    row = session.get(tables.Slot, (environment, model))
    serving, backup, staged = (slots.slot_side(session, row, name) for name in slots.SIDES)
    pipeline = _pipeline_name(session, model, serving)
    deployed = deployment(session, environment, pipeline)
    moves = None if backup is None else _moves_pipeline(session, environment, backup)
    return Serving(
        environment=environment,
        model=model,
        revision=row.revision if row else 0,
        pipeline={"name": pipeline, "digest": views.xxh3_of(session, deployed)},
        serving=_side(session, serving),
        backup=_side(session, backup),
        contradicted=slots.contradicted(session, serving) or slots.contradicted(session, staged),
        proven=serving is not None and serving.proven,
        moves_pipeline=moves,
        staged=_side(session, staged),
        **_waivers(session, row, pipeline),
    )


def _pipeline_name(session: Session, model: str, serving: slots.SlotSide | None) -> str | None:
    """The pipeline that the serving version was registered with; else the newest version's."""
    if serving is not None:
        row = session.get(tables.ModelVersion, serving.version_id)
        return row.pipeline if row else None
    return newest_pipeline(session, model)


def _moves_pipeline(session: Session, environment: str, backup: slots.SlotSide) -> bool:
    """Whether a backup is on another pipeline version than the one that runs."""
    if backup.pipeline_blake3 is None:
        return False
    runs = deployment(session, environment, backup.pipeline)
    return runs is None or runs.blake3 != backup.pipeline_blake3


def _side(session: Session, side: slots.SlotSide | None) -> ServedVersion | None:
    """One side of a slot with the digests of its version."""
    if side is None:
        return None
    row = session.get(tables.ModelVersion, side.version_id)
    assert row is not None
    pair = side.pipeline, side.pipeline_blake3
    return served_version(session, row, pair, side.promoted_at, side.promoted_by)


def _waivers(session: Session, row: tables.Slot | None, pipeline: str | None) -> dict[str, Any]:
    """The waivers that hold for what serves, the newest of each rule, and the one it rests on."""
    if row is None or row.serving_version_id is None:
        return {}
    deployed = DeployedPipelines(session, row.environment).of(pipeline)
    table = tables.Waiver
    given = session.exec(
        select(table)
        .where(
            table.version_id == row.serving_version_id,
            table.environment == row.environment,
            col(table.id) > row.waivers_after,
        )
        .order_by(col(table.id))
    )
    blake3, at = deployed.blake3 if deployed is not None else None, clock.now(session)
    in_force = {
        one.code: values.waiver(one)
        for one in given
        if one.pipeline_blake3 == blake3 and (one.until is None or at < one.until)
    }
    rests_on = policies.waiver_by_id(session, row.serving_waiver_id)
    return {"waivers": tuple(in_force.values()), "rests_on": rests_on}
