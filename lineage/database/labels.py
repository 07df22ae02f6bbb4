"""The rows of tags and descriptions, of models and of versions: reading and writing them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, exists, text

from lineage.database import tables, telling
from lineage.database.sql import col

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import ColumnElement
    from sqlmodel import Session


@dataclass(frozen=True)
class Labels:
    """What people said of a model or a version: a description, and tags by their names."""

    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON of both."""
        return {"description": self.description, "tags": dict(self.tags)}


NOTHING: Final = Labels()

_OF_VERSIONS: Final = text(
    "SELECT version_id, NULL AS name, description AS value FROM version_note "
    "WHERE version_id IN :of AND description IS NOT NULL UNION ALL "
    "SELECT version_id, name, value FROM version_tag WHERE version_id IN :of "
    "AND value IS NOT NULL"
).bindparams(bindparam("of", expanding=True))
_OF_MODELS: Final = text(
    "SELECT name AS model, NULL AS name, description AS value FROM model "
    "WHERE name IN :of AND description IS NOT NULL UNION ALL "
    "SELECT model, name, value FROM model_tag WHERE model IN :of "
    "AND value IS NOT NULL"
).bindparams(bindparam("of", expanding=True))


def of_versions(session: Session, ids: Collection[int]) -> dict[int, Labels]:
    """The labels of versions, by their keys; those of which nothing is said are not among them."""
    return _read(session, _OF_VERSIONS, ids)


def of_models(session: Session, names: Collection[str]) -> dict[str, Labels]:
    """The labels of models, by their present names; those without any are not among them."""
    return _read(session, _OF_MODELS, names)


def _read(session: Session, query: Any, of: Collection[Any]) -> dict[Any, Labels]:  # noqa: ANN401 - SQLAlchemy's
    if not of:
        return {}
    descriptions: dict[Any, str] = {}
    tags: dict[Any, dict[str, str]] = {}
    for key, name, value in session.connection().execute(query, {"of": sorted(of)}):
        tags.setdefault(key, {})
        if name is None:
            descriptions[key] = value
        else:
            tags[key][name] = value
    return {key: Labels(descriptions.get(key), dict(sorted(tags[key].items()))) for key in tags}


def note(session: Session, version_id: int) -> tables.VersionNote | None:
    """What is noted of a version besides its tags; None where nothing ever was."""
    return session.get(tables.VersionNote, version_id)


def write_tags(
    session: Session, of: tables.Model | tables.ModelVersion, tags: Mapping[str, str | None]
) -> None:
    """Set tags of a model or a version, and take away those whose value is None."""
    rows: list[tables.ModelTag | tables.VersionTag] = []
    for name, value in sorted(tags.items()):
        row = _tag(session, of, name)
        row.value = value
        rows.append(row)
    if rows:
        telling.tell(session, *rows)


def write_description(
    session: Session, of: tables.Model | tables.ModelVersion, description: str | None
) -> None:
    """Set the description of a model or a version, or take it away."""
    row: tables.Model | tables.VersionNote
    if isinstance(of, tables.Model):
        row = of
    else:
        row = note(session, of.id or 0) or tables.VersionNote(version_id=of.id or 0)
    row.description = description
    telling.tell(session, row)


def _tag(
    session: Session, of: tables.Model | tables.ModelVersion, name: str
) -> tables.ModelTag | tables.VersionTag:
    """The row of a tag; a new one where there is none."""
    if isinstance(of, tables.Model):
        key = (of.name, name)
        return session.get(tables.ModelTag, key) or tables.ModelTag(model=of.name, name=name)
    return session.get(tables.VersionTag, (of.id, name)) or tables.VersionTag(
        version_id=of.id or 0, name=name
    )


def not_deleted() -> ColumnElement[bool]:
    """That the version of a statement's row was not deleted: for its ``where``."""
    note = tables.VersionNote
    return ~exists().where(
        col(note.version_id) == col(tables.ModelVersion.id), col(note.deleted_at).is_not(None)
    )
