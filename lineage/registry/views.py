"""The JSON of rows: showing versions, validations, environments, pipelines and events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select as select_columns

from lineage.contract.results import FoundPipeline, Registered
from lineage.database import (
    events,
    labels,
    policies,
    profiles,
    slots,
    tables,
    versions,
    watched_runs,
)
from lineage.database.sql import col, select
from lineage.guard.evidence import Basis
from lineage.identity import parameters
from lineage.identity.components import Kind
from lineage.identity.run_environment import RunEnvironment, changes_json
from lineage.identity.watched import WatchedRun
from lineage.timestamps import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlmodel import Session

    from lineage.contract.results import Serving
    from lineage.identity.components import Components
    from lineage.registry.sight import Sight


def registered(session: Session, row: tables.ModelVersion, *, created: bool) -> Registered:
    """A version's row as `register` and `versions` answer it."""
    return Registered(
        model=row.model,
        version=row.number,
        kind=Kind(row.kind),
        created=created,
        tuple=row.tuple_xxh3,
        registered_at=moment(row.registered_at),
        registered_by=row.registered_by,
        columns=None,
        **versions.shown_digests(session, row),
    )


def newly_registered(row: tables.ModelVersion, components: Components) -> Registered:
    """The same of a version that was recorded just now, by what it was recorded of."""
    return Registered(
        model=row.model,
        version=row.number,
        kind=Kind(row.kind),
        created=True,
        tuple=row.tuple_xxh3,
        registered_at=moment(row.registered_at),
        registered_by=row.registered_by,
        columns=None,
        **components.digests,
    )


def described(session: Session, row: tables.ModelVersion, sight: Sight) -> dict[str, Any]:
    """All that is recorded of a version, as far as it is open: JSON of `show`."""
    asserted = set(json.loads(row.data_asserted))
    parent = session.get(tables.ModelVersion, row.parent_id) if row.parent_id else None
    shown = parent if parent is not None and sight.sees(parent.model) else None
    return registered(session, row, created=False).to_json() | {
        "registered_by_person": row.registered_by_person or row.registered_by,
        **labels.of_versions(session, [row.id or 0]).get(row.id or 0, labels.NOTHING).to_json(),
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
                for item in versions.data_items(session, row.data_blake3)
            ],
            "pipeline": {"name": row.pipeline, "blake3": row.pipeline_blake3},
            "weights": {
                "path": row.weights_path,
                "blake3": row.weights_blake3,
                "size": row.weights_size,
                "files": row.weights_files,
                "made": json.loads(row.weights_made) if row.weights_made else None,
            },
        },
        "stored": _stored(session, row),
        "parameters": _parameters(session, row),
        "run": json.loads(row.run) if row.run else None,
        "parent": f"{shown.model}@{shown.number}" if shown else None,
        "watched": watched_runs.shown(session, row.id or 0).get(None, []),
        "validations": validations(session, row),
        **_attestations(session, row),
    }


def _parameters(session: Session, row: tables.ModelVersion) -> dict[str, dict[str, Any]]:
    """The parameters of the stages that a version's pipeline has, by their files and names."""
    key = (row.pipeline, row.pipeline_blake3)
    recorded = session.get(tables.PipelineVersion, key) if row.pipeline_blake3 else None
    manifest = json.loads(recorded.manifest) if recorded and recorded.manifest else {"stages": {}}
    found: dict[str, dict[str, Any]] = {}
    for stage in manifest["stages"].values():
        for file, values in stage["params"].items():
            found.setdefault(file, {}).update(
                {name: parameters.natural(value) for name, value in values.items()}
            )
    return found


def _attestations(session: Session, row: tables.ModelVersion) -> dict[str, Any]:
    """The signed statements on a version; what verifies them is loaded where there are some."""
    table = tables.Attestation
    if session.exec(select(table.id).where(table.version_id == row.id).limit(1)).first() is None:
        return {"attestations": [], "more_attestations": 0}
    from lineage.registry import attestation_lists

    return attestation_lists.newest(session, row)


def _stored(session: Session, row: tables.ModelVersion) -> dict[str, Any]:
    """Where the weights of a version are."""
    from lineage.database import stored

    return {"copies": [copy.to_json() for copy in stored.of_version(session, row.id or 0)]}


def models(
    session: Session,
    sight: Sight,
    among: Iterable[str] | None,
    *,
    after: str,
    limit: int | None,
    archived: bool,
) -> list[dict[str, Any]]:
    """JSON of models by name, each with its newest version and what serves of it."""
    table, version = tables.Model, tables.ModelVersion
    newest = select(version.number).where(version.model == table.name, labels.not_deleted())
    # not a maximum: for that PostgreSQL looks at all versions of a model
    number = newest.order_by(col(version.number).desc()).limit(1).scalar_subquery()
    columns: tuple[Any, ...] = (table.name, table.created_at, table.created_by, table.archived_at)
    query = select_columns(*columns, number)
    query = query.where(col(table.name) > after, col(table.became).is_(None))
    query = query.order_by(col(table.name)).limit(limit)
    if not archived:
        query = query.where(col(table.archived_at).is_(None))
    for names in (among, sight.models):
        if names is not None:
            query = query.where(col(table.name).in_(list(names)))
    rows = session.connection().execute(query).all()
    listed = [str(row[0]) for row in rows]
    said, serving = labels.of_models(session, listed), _serving(session, sight, listed)
    return [
        {
            "name": name,
            "created_at": at,
            "created_by": by,
            "latest": f"{name}@{latest}" if latest else None,
            "serving": serving.get(name, {}),
            **said.get(name, labels.NOTHING).to_json(),
            "archived_at": archived_at,
        }
        for name, at, by, archived_at, latest in (tuple(row) for row in rows)
    ]


def _serving(session: Session, sight: Sight, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """What serves of models in the environments that are open, by model and environment."""
    slot, version = tables.Slot, tables.ModelVersion
    query = (
        select_columns(col(slot.model), col(slot.environment), col(version.number))
        .join(version, col(version.id) == col(slot.serving_version_id))
        .where(col(slot.model).in_(names))
        .order_by(col(slot.environment))
    )
    if sight.environments is not None:
        query = query.where(col(slot.environment).in_(list(sight.environments)))
    found: dict[str, dict[str, str]] = {}
    for name, environment, number in session.connection().execute(query):
        found.setdefault(name, {})[environment] = f"{name}@{number}"
    return found


def approvals(session: Session, version: tables.ModelVersion) -> list[dict[str, Any]]:
    """Every approval of a version, the oldest first."""
    table = tables.Approval
    rows = session.exec(select(table).where(table.version_id == version.id).order_by(col(table.id)))
    answers = []
    for row in rows:
        key = (row.pipeline, row.pipeline_blake3)
        pipeline = session.get(tables.PipelineVersion, key) if all(key) else None
        answers.append(
            {
                "environment": row.environment,
                "pipeline": {
                    "name": row.pipeline,
                    "digest": pipeline.xxh3 if pipeline else None,
                },
                "approved_at": row.approved_at,
                "approved_by": row.approved_by,
                "person": row.approved_by_person or row.approved_by,
                "claimed": row.claimed,
            }
        )
    return answers


def validations(session: Session, version: tables.ModelVersion) -> list[dict[str, Any]]:
    """Every validation of a version, the newest first."""
    rows = session.exec(
        select(tables.Validation, tables.PipelineVersion.xxh3)
        .where(
            tables.Validation.version_id == version.id,
            tables.PipelineVersion.pipeline == tables.Validation.pipeline,
            tables.PipelineVersion.blake3 == tables.Validation.pipeline_blake3,
        )
        .order_by(col(tables.Validation.id).desc())
    )
    watched = watched_runs.shown(session, version.id or 0)
    seen = profiles.digests(session, version.id or 0)
    answers = [
        validation(session, row, xxh3)
        | with_environment(row, watched.get(row.id, []))
        | {"profile": seen.get(row.id or 0)}
        for row, xxh3 in rows
    ]
    _tell_changes(answers)
    return answers


def with_environment(row: tables.Validation, watched: list[dict[str, Any]]) -> dict[str, Any]:
    """The watched runs of a validation, and the environment that it was reached in, where run."""
    is_run = row.basis == Basis.RUN
    known = RunEnvironment.of_runs(map(WatchedRun.from_json, watched)) if is_run else None
    return {"watched": watched, "environment": known.to_json() if known else None}


def _tell_changes(answers: list[dict[str, Any]]) -> None:
    """Tell of each environment what differs from that of the one before whose is known."""
    earlier: dict[str, Any] | None = None
    for answer in reversed(answers):
        document = answer["environment"]
        if document is None:
            continue
        if earlier is None:
            answer["environment"] = document | {"since": None}
        else:
            before, after = map(RunEnvironment.from_json, (earlier["environment"], document))
            since = {"validation": earlier["id"]} | changes_json(before.changes_to(after))
            answer["environment"] = document | {"since": since}
        earlier = answer


def validation(session: Session, row: tables.Validation, pipeline: str) -> dict[str, Any]:
    """JSON of one validation, but for what was watched."""
    return {
        "id": row.id,
        "pipeline": {"name": row.pipeline, "digest": pipeline},
        "passed": row.passed,
        "metrics": json.loads(row.metrics) if row.metrics else None,
        "requirements": json.loads(row.outcomes),
        "basis": row.basis,
        "on_word": bool(row.on_word),
        "elsewhere": bool(row.elsewhere),
        "rests_on": row.rests_on,
        "difference": row.difference,
        "run": json.loads(row.run) if row.run else None,
        "data": [
            {"name": item.name, "digest": item.digest, "size": item.size}
            for item in versions.data_items(session, row.data_blake3)
        ],
        "validated_at": row.validated_at,
        "validated_by": row.validated_by,
        "person": row.validated_by_person or row.validated_by,
    }


def xxh3_of(session: Session, deployed: tables.PipelineDeployment | None) -> str | None:
    """What a deployment runs, as people and JSON see it."""
    if deployed is None:
        return None
    row = session.get(tables.PipelineVersion, (deployed.pipeline, deployed.blake3))
    return row.xxh3 if row else None


def environment(
    session: Session,
    row: tables.Environment,
    read: Callable[[Session, str, Sequence[str]], Iterable[Serving]],
) -> dict[str, Any]:
    """JSON of an environment: its kind, every pipeline deployment and every slot, as ``read``."""
    deployed = session.exec(
        select(tables.PipelineDeployment, tables.PipelineVersion.xxh3)
        .where(
            tables.PipelineDeployment.environment == row.name,
            tables.PipelineVersion.pipeline == tables.PipelineDeployment.pipeline,
            tables.PipelineVersion.blake3 == tables.PipelineDeployment.blake3,
        )
        .order_by(tables.PipelineDeployment.pipeline)
    )
    models = [model for _, model in slots.names(session, row.name)]
    return {
        "name": row.name,
        "kind": row.kind,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "policy": policies.policy_of(session, row.name).to_json(),
        "pipelines": [
            {
                "name": deployment.pipeline,
                "digest": xxh3,
                "revision": deployment.revision,
                "deployed_at": deployment.deployed_at,
                "deployed_by": deployment.deployed_by,
            }
            for deployment, xxh3 in deployed
        ],
        "slots": [slot.to_json() for slot in read(session, row.name, models)],
    }


def found_pipeline(session: Session, row: tables.PipelineVersion) -> FoundPipeline:
    """A recorded pipeline version."""
    from lineage.database import pipelines

    taken = pipelines.taken_from(session, row)
    return FoundPipeline(
        row.pipeline,
        pipelines.pipeline_version(row),
        taken.commit,
        taken.dirty,
        moment(row.recorded_at),
        row.recorded_by,
    )


def event_json(event: tables.Event) -> dict[str, Any]:
    """JSON of an event."""
    return events.document(event) | {"digest": event.blake3}
