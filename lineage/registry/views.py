"""From rows to answers: what a session shows, in the registry's own words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlmodel import col, func, select

from lineage import timestamps
from lineage.contract.results import FoundPipeline, Occupying, Registered, Serving, Step
from lineage.database import events, policies, slots, tables, versions
from lineage.identity.references import Reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlmodel import Session


def registered(session: Session, row: tables.ModelVersion, *, created: bool) -> Registered:
    """A version's row as `register` and `versions` answer it."""
    return Registered(
        model=row.model,
        version=row.number,
        kind=row.kind,
        created=created,
        tuple=row.tuple_digest,
        registered_at=row.registered_at,
        registered_by=row.registered_by,
        **versions.public_digests(session, row),
    )


def described(session: Session, row: tables.ModelVersion) -> dict[str, Any]:
    """All that is recorded of a version: JSON of `show`."""
    asserted = set(json.loads(row.data_asserted))
    parent = session.get(tables.ModelVersion, row.parent_id) if row.parent_id else None
    return registered(session, row, created=False).to_json() | {
        "components": {
            "code": {
                "digest": row.code_digest,
                "dirty": row.code_dirty,
                "remote": row.code_remote,
                "branch": row.code_branch,
                "subfolder": row.code_subfolder,
            },
            "data": [
                {
                    "name": item.name,
                    "digest": item.digest,
                    "known": "asserted" if item.name in asserted else "verified",
                    "size": item.size,
                }
                for item in versions.data_items(session, row.data_digest)
            ],
            "pipeline": {"name": row.pipeline, "blake3": row.pipeline_digest},
            "weights": {
                "path": row.weights_path,
                "blake3": row.weights_blake3,
                "size": row.weights_size,
                "files": row.weights_files,
            },
        },
        "stored": _stored(session, row),
        "run": json.loads(row.run) if row.run else None,
        "parent": f"{parent.model}@{parent.number}" if parent else None,
        "validations": validations(session, row),
    }


def _stored(session: Session, row: tables.ModelVersion) -> dict[str, Any]:
    """Where the weights of a version are."""
    from lineage.database import weights as copies

    return {"copies": [copy.to_json() for copy in copies.of_version(session, row.id or 0)]}


def model(session: Session, row: tables.Model) -> dict[str, Any]:
    """JSON of a model, with the reference of its newest version."""
    table = tables.ModelVersion
    newest = session.exec(select(func.max(table.number)).where(table.model == row.name)).one()
    return {
        "name": row.name,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "latest": f"{row.name}@{newest}" if newest else None,
    }


def approvals(session: Session, version: tables.ModelVersion) -> list[dict[str, Any]]:
    """Every approval of a version, the oldest first."""
    table = tables.Approval
    rows = session.exec(select(table).where(table.version_id == version.id).order_by(col(table.id)))
    answers = []
    for row in rows:
        key = (row.pipeline, row.pipeline_digest)
        found = session.get(tables.PipelineVersion, key) if all(key) else None
        answers.append(
            {
                "environment": row.environment,
                "pipeline": {
                    "name": row.pipeline,
                    "digest": found.public_digest if found else None,
                },
                "approved_at": row.approved_at,
                "approved_by": row.approved_by,
            }
        )
    return answers


def validations(session: Session, version: tables.ModelVersion) -> list[dict[str, Any]]:
    """Every verdict on a version, the newest first."""
    rows = session.exec(
        select(tables.Validation, tables.PipelineVersion.public_digest)
        .where(
            tables.Validation.version_id == version.id,
            tables.PipelineVersion.pipeline == tables.Validation.pipeline,
            tables.PipelineVersion.digest == tables.Validation.pipeline_digest,
        )
        .order_by(col(tables.Validation.id).desc())
    )
    return [validation(session, row, public) for row, public in rows]


def validation(session: Session, row: tables.Validation, pipeline: str) -> dict[str, Any]:
    """JSON of one verdict."""
    return {
        "id": row.id,
        "pipeline": {"name": row.pipeline, "digest": pipeline},
        "passed": row.passed,
        "metrics": json.loads(row.metrics) if row.metrics else None,
        "requirements": json.loads(row.outcomes),
        "basis": row.basis,
        "rests_on": row.rests_on,
        "difference": row.difference,
        "run": json.loads(row.run) if row.run else None,
        "data": [
            {"name": item.name, "digest": item.digest, "size": item.size}
            for item in versions.data_items(session, row.data_digest)
        ],
        "validated_at": row.validated_at,
        "validated_by": row.validated_by,
    }


def serving(session: Session, environment: str, model: str) -> Serving:
    """What serves for a model in an environment, and its backup."""
    slot = session.get(tables.Slot, (environment, model))
    sides = {side: slots.occupant(slot, side) for side in slots.SIDES}
    name = _pipeline_name(session, model, sides["serving"])
    deployed = slots.deployment(session, environment, name)
    digest = public_digest(session, deployed)
    return Serving(
        environment=environment,
        model=model,
        revision=slot.revision if slot else 0,
        pipeline={"name": name, "digest": digest},
        serving=occupying(session, sides["serving"]),
        backup=occupying(session, sides["backup"]),
        contradicted=slots.contradicted(session, sides["serving"]),
        proven=sides["serving"] is not None and sides["serving"].validation_id is not None,
        **_waivers(session, slot, name),
    )


def _waivers(session: Session, slot: tables.Slot | None, pipeline: str | None) -> dict[str, Any]:
    if slot is None or slot.serving_version_id is None:
        return {}
    running = slots.Running(session, slot.environment).of(pipeline)
    in_force = policies.waivers_in_force(
        session, slot, slot.serving_version_id, running, timestamps.now()
    )
    return {"waivers": in_force, "rests_on": policies.waiver_by_id(session, slot.serving_waiver_id)}


def serving_at(session: Session, environment: str, model: str, at: str) -> Serving:
    """What served at a past moment, from the history."""
    state = events.slot_at(session, f"{model}@{environment}", at) or {"revision": 0}
    sides = {side: _occupying_at(session, model, state.get(side)) for side in slots.SIDES}
    proof = state.get("serving") or {}
    key = (proof.get("pipeline"), proof.get("pipeline_digest"))
    row = session.get(tables.PipelineVersion, key) if all(key) else None
    waiver = policies.waiver_by_id(session, proof.get("waiver"))
    in_force = waiver is not None and (waiver.until is None or at < waiver.until)
    return Serving(
        environment=environment,
        model=model,
        revision=state["revision"],
        pipeline={"name": key[0], "digest": row.public_digest if row else None},
        serving=sides["serving"],
        backup=sides["backup"],
        waivers=(waiver,) if waiver is not None and in_force else (),
        rests_on=waiver,
    )


def _occupying_at(session: Session, model: str, side: dict[str, Any] | None) -> Occupying | None:
    if side is None:
        return None
    row = versions.find_version(session, Reference(model, number=side["version"]))
    return _occupying(session, row, side["promoted_at"], side["promoted_by"])


def occupying(session: Session, occupant: slots.Occupant | None) -> Occupying | None:
    """One side of a slot with the digests of its version."""
    if occupant is None:
        return None
    row = session.get(tables.ModelVersion, occupant.version_id)
    assert row is not None  # noqa: S101 - a foreign key holds it
    return _occupying(session, row, occupant.promoted_at, occupant.promoted_by)


def step(session: Session, slot: tables.Slot) -> Step:
    """What stands in a slot now, as both sides of a plan's step."""
    sides = [occupying(session, slots.occupant(slot, side)) for side in slots.SIDES]
    refs = [side.ref if side else None for side in sides]
    return Step(slot.model, slot.environment, refs[0], refs[1], refs[0], refs[1], slot.revision)


def _occupying(session: Session, row: tables.ModelVersion, at: str, by: str) -> Occupying:
    return Occupying(
        model=row.model,
        version=row.number,
        tuple=row.tuple_digest,
        promoted_at=at,
        promoted_by=by,
        **versions.public_digests(session, row),
    )


def _pipeline_name(session: Session, model: str, serving: slots.Occupant | None) -> str | None:
    """The pipeline that the serving version was registered with; else the newest version's."""
    table = tables.ModelVersion
    if serving is not None:
        row = session.get(table, serving.version_id)
        return row.pipeline if row else None
    return session.exec(
        select(table.pipeline)
        .where(table.model == model, col(table.pipeline).is_not(None))
        .order_by(col(table.number).desc())
        .limit(1)
    ).first()


def public_digest(session: Session, deployed: tables.PipelineDeployment | None) -> str | None:
    """What a deployment runs, as people and JSON see it."""
    if deployed is None:
        return None
    row = session.get(tables.PipelineVersion, (deployed.pipeline, deployed.digest))
    return row.public_digest if row else None


def environment(
    session: Session, row: tables.Environment, slot: Callable[[Session, str, str], Serving]
) -> dict[str, Any]:
    """JSON of an environment: its kind, every pipeline deployment and every ``slot`` as read."""
    deployed = session.exec(
        select(tables.PipelineDeployment, tables.PipelineVersion.public_digest)
        .where(
            tables.PipelineDeployment.environment == row.name,
            tables.PipelineVersion.pipeline == tables.PipelineDeployment.pipeline,
            tables.PipelineVersion.digest == tables.PipelineDeployment.digest,
        )
        .order_by(tables.PipelineDeployment.pipeline)
    )
    models = session.exec(
        select(tables.Slot.model)
        .where(tables.Slot.environment == row.name)
        .order_by(tables.Slot.model)
    )
    return {
        "name": row.name,
        "kind": row.kind,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "policy": policies.policy_of(session, row.name).to_json(),
        "pipelines": [
            {
                "name": deployment.pipeline,
                "digest": public,
                "revision": deployment.revision,
                "deployed_at": deployment.deployed_at,
                "deployed_by": deployment.deployed_by,
            }
            for deployment, public in deployed
        ],
        "slots": [slot(session, row.name, model).to_json() for model in models],
    }


def found_pipeline(row: tables.PipelineVersion) -> FoundPipeline:
    """A recorded pipeline version."""
    from lineage.database import pipelines

    return FoundPipeline(
        row.pipeline,
        pipelines.pipeline_version(row),
        row.code_commit,
        row.code_dirty,
        row.recorded_at,
        row.recorded_by,
    )


def event_json(event: tables.Event) -> dict[str, Any]:
    """JSON of an event."""
    return events.document(event) | {"digest": event.digest}
