"""The rows of model versions and of their data: finding, recording and reading them."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, TextClause, bindparam, text

from lineage.acts import act
from lineage.database import bulk, head, labels, names, tables, telling
from lineage.database.environments import require_environment
from lineage.database.known_query import attribute
from lineage.database.sql import and_, col, select
from lineage.database.version_values import origin_of as origin_of
from lineage.errors import NotFound, VersionDeleted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from lineage.identity.components import Components, DataVersion, Kind
    from lineage.identity.origin import WeightsOrigin
    from lineage.identity.references import Reference


def find_version(
    session: Session, reference: Reference, nameable: frozenset[str] | None = frozenset()
) -> tables.ModelVersion:
    """The row that a reference names.

    Args:
        session: the transaction.
        reference: the version.
        nameable: the models that one who mistyped may be told of; None for all, by default none.

    Raises:
        NotFound: there is no such model, version or environment, or nothing serves there.
    """
    reference = replace(reference, model=names.require_model(session, reference.model, nameable))
    if reference.environment is not None:
        return _serving_version(session, reference)
    table, tombstone = tables.ModelVersion, tables.VersionNote
    deleted = col(tombstone.deleted_at).is_not(None)
    query = (
        select(table, tombstone)
        .join(tombstone, and_(tombstone.version_id == table.id, deleted), isouter=True)
        .where(table.model == reference.model)
    )
    if reference.number is not None:
        query = query.where(table.number == reference.number)
    else:
        query = query.where(col(tombstone.version_id).is_(None))
    found = session.exec(query.order_by(col(table.number).desc()).limit(1)).first()
    if found is None:
        raise NotFound(
            f"{reference} does not exist.",
            remedy=f"See what is registered: {act('versions', reference.model)}",
        )
    row, note = found
    if note is not None:
        raise VersionDeleted(
            f"{reference} was deleted by {note.deleted_by} on {(note.deleted_at or '')[:10]}; its "
            f"tuple was {row.tuple_xxh3}.",
            remedy=f"See the versions that there are: {act('versions', reference.model)}",
        )
    return row


def tombstone(
    session: Session, reference: Reference
) -> tuple[tables.ModelVersion, tables.VersionNote] | None:
    """A version that was deleted, with what says so; None where the reference names none."""
    if reference.number is None:
        return None
    table, note = tables.ModelVersion, tables.VersionNote
    query = (
        select(table, note)
        .join(note, col(note.version_id) == table.id)
        .where(
            table.model == names.present(session, reference.model),
            table.number == reference.number,
            col(note.deleted_at).is_not(None),
        )
    )
    return session.exec(query).first()


def same_version(
    session: Session, model: str, kind: Kind, components: Components, pipeline: str
) -> tables.ModelVersion | None:
    """The version that already holds this tuple, compared component by component."""
    candidates = session.exec(
        select(tables.ModelVersion).where(
            tables.ModelVersion.model == model,
            tables.ModelVersion.kind == kind.value,
            tables.ModelVersion.tuple_xxh3 == components.tuple_xxh3,
            labels.not_deleted(),
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

    ``alike`` tells that a version has this tuple's digest, ``model`` is the model's present name,
    where it is there, ``pipeline`` tells that its pipeline version is there, with a commit that
    holds it where this registration could tell one, and ``shares`` that somebody said whether its
    pipeline is shared with the model.
    """

    newest: int
    alike: bool
    model: str | None
    data: bool
    pipeline: bool
    shares: bool


_NUMBERS: Final = {
    "sqlite": "NULL, NULL, NULL",  # where nobody waits for a round trip
    "postgresql": "nextval(pg_get_serial_sequence('model_version', 'id')), "
    + ", ".join(
        f"ARRAY(SELECT nextval(pg_get_serial_sequence('{table}', 'id')) "  # nosec B608 # noqa: S608 - our own names
        "FROM generate_series(1, CAST(:copies AS integer)))"
        for table in ("weights_copy", "copy_check")
    ),
}
"""Numbers for the version, and for its copies and their checks."""

_RECORDED: Final = (
    "SELECT (SELECT max(number) FROM model_version WHERE model = :model), "
    "EXISTS (SELECT 1 FROM model_version "
    "WHERE model = :model AND kind = :kind AND tuple_digest = :tuple), "
    "(SELECT coalesce(became, name) FROM model WHERE name = :model), "
    "(SELECT archived_at FROM model WHERE name = :model), "
    "EXISTS (SELECT 1 FROM data_version WHERE digest = :data), "
    "EXISTS (SELECT 1 FROM pipeline_version p WHERE p.pipeline = :pipeline AND p.digest = :blake3 "
    "AND (:commit IS NULL OR (p.code_commit IS NOT NULL AND NOT p.code_dirty) OR EXISTS "
    "(SELECT 1 FROM pipeline_commit c WHERE c.pipeline = p.pipeline "
    "AND c.pipeline_digest = p.digest))), "
    "EXISTS (SELECT 1 FROM pipeline_share WHERE pipeline = :pipeline AND model = :model), "
    "h.seq, h.digest, h.at, {numbers} FROM (SELECT 1 AS one) t "
    "LEFT JOIN (SELECT seq, digest, at FROM event ORDER BY seq DESC LIMIT 1) h ON h.seq > 0"
)


@functools.cache
def _recorded(dialect: str) -> TextClause:
    commit = bindparam("commit", type_=String())
    return text(_RECORDED.format(numbers=_NUMBERS[dialect])).bindparams(commit)


def recorded(
    session: Session,
    model: str,
    kind: Kind,
    components: Components,
    pipeline: str,
    commit: str | None,
    copies: int,
) -> Recorded:
    """What is recorded already of all that a new version of a model needs: one question.

    It tells the transaction the newest event, too, and gives numbers to what is to be written of
    the version and its ``copies``. ``commit`` holds the pipeline version, where one is known to. It
    is asked again under the present name of a model that had another.

    Raises:
        ModelArchived: the model is archived.
    """
    runs = components.pipeline
    connection = session.connection()
    row = connection.execute(
        _recorded(connection.dialect.name),
        {
            "copies": copies,
            "model": model,
            "kind": kind.value,
            "tuple": components.tuple_xxh3,
            "data": components.data.blake3 if components.data is not None else None,
            "pipeline": pipeline,
            "blake3": runs.blake3 if runs is not None else None,
            "commit": commit,
        },
    )
    newest, alike, name, archived_at, *there, seq, digest, at, version, stored, checked = row.one()
    if name not in (None, model):
        return recorded(session, name, kind, components, pipeline, commit, copies)
    if archived_at is not None:
        raise names.archived(model)
    head.note(session, head.Head(seq, digest, at) if seq is not None else head.NO_EVENT)
    if version is not None:
        telling.reserve(session, "model_version", [version])
        telling.reserve(session, "weights_copy", stored)
        telling.reserve(session, "copy_check", checked)
    return Recorded(newest or 0, bool(alike), name, *map(bool, there))


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
    """Record a new version with the next number; a plain object like its row.

    Its data and its pipeline version are recorded before.
    """
    code, weights, runs = components.code, components.weights, components.pipeline
    row: dict[str, Any] = {
        "model": model,
        "number": known.newest + 1,
        "kind": kind.value,
        "tuple_digest": components.tuple_xxh3,
        "code_dirty": False,
        "data_digest": components.data.blake3 if components.data is not None else None,
        "data_asserted": _asserted(components.data),
        "parent_id": parent,
        "run": json.dumps(run) if run is not None else None,
        "registered_at": at,
        "registered_by": actor,
        "registered_by_person": person,
    }
    if runs is not None:
        row |= {"pipeline": pipeline, "pipeline_digest": runs.blake3}
    if code is not None:
        row |= {
            "code_digest": code.digest,
            "code_dirty": code.dirty,
            "code_remote": code.remote,
            "code_branch": code.branch,
            "code_subfolder": code.subfolder,
        }
    if weights is not None:
        row |= {
            "weights_digest": weights.xxh3,
            "weights_blake3": weights.blake3,
            "weights_path": weights.path,
            "weights_size": weights.size,
            "weights_files": weights.files,
            "weights_made": json.dumps(origin.to_json()) if origin is not None else None,
        }
    written = telling.add(session, "model_version", row)
    version: Any = SimpleNamespace(**{attribute(name): written[name] for name in written})
    added: tables.ModelVersion = version
    return added


def add_data(session: Session, data: DataVersion) -> str:
    """Record a data version unless it is there; its key."""
    if session.get(tables.DataVersion, data.blake3) is None:
        items = [(data.blake3, item.name, str(item.digest), item.size) for item in data.items]
        bulk.insert(session, "data_item", ("data_digest", "name", "digest", "size"), items)
        telling.add(session, "data_version", {"digest": data.blake3, "public_digest": data.xxh3})
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
