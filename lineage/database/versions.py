"""The rows of model versions and of their data: finding, recording and reading them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, bindparam, text

from lineage.acts import act
from lineage.database import bulk, tables, telling
from lineage.database.environments import require_environment
from lineage.database.sql import col, select
from lineage.database.version_values import origin_of as origin_of
from lineage.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from lineage.identity.components import Components, DataVersion, Kind
    from lineage.identity.origin import WeightsOrigin
    from lineage.identity.references import Reference


def find_version(session: Session, reference: Reference) -> tables.ModelVersion:
    """The row that a reference names.

    Raises:
        NotFound: there is no such model, version or environment, or nothing serves there.
    """
    require_model(session, reference.model)
    if reference.environment is not None:
        return _serving_version(session, reference)
    query = select(tables.ModelVersion).where(tables.ModelVersion.model == reference.model)
    if reference.number is not None:
        query = query.where(tables.ModelVersion.number == reference.number)
    row = session.exec(query.order_by(col(tables.ModelVersion.number).desc()).limit(1)).first()
    if row is None:
        raise NotFound(
            f"{reference} does not exist.",
            remedy=f"See what is registered: {act('versions', reference.model)}",
        )
    return row


def require_model(session: Session, name: str) -> None:
    """Raise :class:`NotFound` unless a model of this name is registered."""
    if session.get(tables.Model, name) is None:
        raise NotFound(
            f"There is no model {name!r}.",
            remedy=f"Register its first version: {act('register', name)}",
        )


def same_version(
    session: Session, model: str, kind: Kind, components: Components, pipeline: str
) -> tables.ModelVersion | None:
    """The version that already holds this tuple, compared component by component."""
    candidates = session.exec(
        select(tables.ModelVersion).where(
            tables.ModelVersion.model == model,
            tables.ModelVersion.kind == kind.value,
            tables.ModelVersion.tuple_xxh3 == components.tuple_xxh3,
        )
    )
    wanted = (*components.identity, pipeline if components.pipeline else None)
    for row in candidates:
        weights = (row.weights_xxh3, row.weights_blake3) if row.weights_xxh3 else None
        held = (row.code_digest, row.data_blake3, row.pipeline_blake3, weights, row.pipeline)
        if held == wanted:
            return row
    return None


@dataclass(frozen=True)
class Recorded:
    """What is recorded already of all that a new version needs.

    ``pipeline`` tells that its pipeline version is, with a commit that holds it where this
    registration could tell one.
    """

    newest: int
    model: bool
    data: bool
    pipeline: bool


_RECORDED: Final = text(
    "SELECT (SELECT max(number) FROM model_version WHERE model = :model), "
    "(SELECT count(*) FROM model WHERE name = :model), "
    "(SELECT count(*) FROM data_version WHERE digest = :data), "
    "(SELECT count(*) FROM pipeline_version p WHERE p.pipeline = :pipeline AND p.digest = :blake3 "
    "AND (:commit IS NULL OR (p.code_commit IS NOT NULL AND NOT p.code_dirty) OR EXISTS "
    "(SELECT 1 FROM pipeline_commit c WHERE c.pipeline = p.pipeline "
    "AND c.pipeline_digest = p.digest)))"
).bindparams(bindparam("commit", type_=String()))


def recorded(session: Session, model: str, components: Components, pipeline: str) -> Recorded:
    """What is recorded already of all that a new version of a model needs: one question."""
    code, runs = components.code, components.pipeline
    clean = code is not None and not code.dirty
    row = session.connection().execute(
        _RECORDED,
        {
            "model": model,
            "data": components.data.blake3 if components.data is not None else None,
            "pipeline": pipeline,
            "blake3": runs.blake3 if runs is not None else None,
            "commit": code.commit if code is not None and clean else None,
        },
    )
    newest, models, data, pipelines = row.one()
    return Recorded(newest or 0, models > 0, data > 0, pipelines > 0)


def add_version(
    session: Session,
    known: Recorded,
    model: str,
    kind: Kind,
    components: Components,
    origin: WeightsOrigin | None,
    pipeline: str,
    parent: int | None,
    run: dict[str, Any] | None,
    at: str,
    actor: str,
    person: str | None,
) -> tables.ModelVersion:
    """Record a new version with the next number."""
    code, weights = components.code, components.weights
    row = tables.ModelVersion(
        model=model,
        number=known.newest + 1,
        kind=kind.value,
        tuple_xxh3=components.tuple_xxh3,
        data_blake3=_data(session, known, components.data),
        data_asserted=_asserted(components.data),
        pipeline=pipeline if components.pipeline else None,
        pipeline_blake3=components.pipeline.blake3 if components.pipeline else None,
        parent_id=parent,
        run=json.dumps(run) if run is not None else None,
        registered_at=at,
        registered_by=actor,
        registered_by_person=person,
    )
    if code is not None:
        row.code_digest, row.code_dirty = code.digest, code.dirty
        row.code_remote, row.code_branch, row.code_subfolder = (
            code.remote,
            code.branch,
            code.subfolder,
        )
    if weights is not None:
        row.weights_xxh3, row.weights_blake3 = weights.xxh3, weights.blake3
        row.weights_path, row.weights_size, row.weights_files = (
            weights.path,
            weights.size,
            weights.files,
        )
        row.weights_made = json.dumps(origin.to_json()) if origin is not None else None
    telling.tell(session, row)
    return row


def _data(session: Session, known: Recorded, data: DataVersion | None) -> str | None:
    if data is None:
        return None
    return data.blake3 if known.data else add_data(session, data)


def add_data(session: Session, data: DataVersion) -> str:
    """Record a data version unless it is there; its key."""
    if session.get(tables.DataVersion, data.blake3) is None:
        items = [(data.blake3, item.name, str(item.digest), item.size) for item in data.items]
        bulk.insert(session, "data_item", ("data_digest", "name", "digest", "size"), items)
        telling.tell(session, tables.DataVersion(blake3=data.blake3, xxh3=data.xxh3))
    return data.blake3


def shown_digests(session: Session, row: tables.ModelVersion) -> dict[str, str | None]:
    """The four components as people and JSON see them."""
    data = session.get(tables.DataVersion, row.data_blake3) if row.data_blake3 else None
    pipeline = (
        session.get(tables.PipelineVersion, (row.pipeline, row.pipeline_blake3))
        if row.pipeline_blake3
        else None
    )
    return {
        "code": row.code_digest,
        "data": data.xxh3 if data else None,
        "pipeline": pipeline.xxh3 if pipeline else None,
        "weights": row.weights_xxh3,
    }


def data_items(session: Session, data_blake3: str | None) -> Iterable[tables.DataItem]:
    """The items of a data version, by name."""
    table = tables.DataItem
    return session.exec(select(table).where(table.data_blake3 == data_blake3).order_by(table.name))


def _asserted(data: DataVersion | None) -> str:
    return json.dumps(data.asserted if data else ())


def _serving_version(session: Session, reference: Reference) -> tables.ModelVersion:
    environment = reference.environment or ""
    slot = session.get(tables.Slot, (environment, reference.model))
    version_id = None
    if slot is not None:
        version_id = slot.backup_version_id if reference.backup else slot.serving_version_id
    row = session.get(tables.ModelVersion, version_id) if version_id is not None else None
    if row is None:
        require_environment(session, environment)
        what = "has no backup" if reference.backup else "does not serve"
        raise NotFound(
            f"{reference.model} {what} in {environment}.",
            remedy=f"See what serves: {act('serving', reference.model, env=environment)}",
        )
    return row
