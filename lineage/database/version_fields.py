"""The fields that versions are searched by: their own, and the metrics of their newest verdicts."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from lineage.database import tables
from lineage.database.search import Field, Fields, FieldType, text_value
from lineage.database.sql import and_, col
from lineage.errors import UsageError
from lineage.guard.expressions import STAR, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import ColumnElement
    from sqlmodel import Session

    from lineage.guard.expressions import Path

TAG: Final = "tag"
"""What stands before the name of a tag."""

METRIC: Final = "metric"
"""What stands before a metric that is called like a field."""

OWN: Final = {
    "number": FieldType.NUMBER,
    "kind": FieldType.TEXT,
    "tuple": FieldType.DIGEST,
    "code": FieldType.DIGEST,
    "data": FieldType.DIGEST,
    "pipeline": FieldType.DIGEST,
    "weights": FieldType.DIGEST,
    "dirty": FieldType.TRUTH,
    "branch": FieldType.TEXT,
    "registered_at": FieldType.TIME,
    "registered_by": FieldType.TEXT,
    "passed": FieldType.TRUTH,
    "basis": FieldType.TEXT,
    "validated_at": FieldType.TIME,
    "validated_by": FieldType.TEXT,
    "description": FieldType.TEXT,
}
"""The fields of a version itself, and of its newest verdict."""

_OF_VERDICT: Final = ("passed", "basis", "validated_at", "validated_by")
_COLUMNS: Final = {
    "tuple": "tuple_xxh3",
    "code": "code_digest",
    "weights": "weights_xxh3",
    "dirty": "code_dirty",
    "branch": "code_branch",
}
_ALSO: Final = {
    "data": "data_blake3",
    "pipeline": "pipeline_blake3",
    "weights": "weights_blake3",
}
_MOST_NAMES: Final = 200
_MOST_LIKE: Final = 500


class VersionFields(Fields):
    """The fields of a model's versions; ``joined`` is the metric that the statement joins."""

    def __init__(self, session: Session, model: str) -> None:
        self.what = f"version of {model}"
        self.joined: str | None = None
        self._session = session
        self._model = model
        self._known: dict[str, bool] = {}
        self._all: dict[Path, list[str]] = {}

    def find(self, path: Path) -> Field | None:
        """A version's own field, a tag, else a metric of the newest verdict on some version."""
        if len(path) == 1 and path[0] in OWN:
            return _own(self._session, path[0])
        if path[0] == TAG and len(path) > 1:
            return self._tag(".".join(path[1:]))
        inner = path[1:] if path[0] == METRIC and len(path) > 1 else path
        if STAR in inner:
            return self._metrics(path, inner)
        name = ".".join(inner)
        return self._metric(name) if self._is_known(name) else None

    def names(self) -> Iterator[str]:
        """Its own fields, and the first metrics and tags by name, as a person writes them."""
        yield from OWN
        name: str | None = ""
        for _ in range(_MOST_NAMES):  # each is found behind the one before: versions may be many
            name = self._first(col(tables.VersionMetric.name) > name)
            if name is None:
                break
            yield shown((*(METRIC,) * (name in OWN), *name.split(".")))
        for tag in self._tags():
            yield shown((TAG, tag))

    def _tags(self) -> Sequence[str]:
        """The first tags by name that versions of the model have."""
        tag, version = tables.VersionTag, tables.ModelVersion
        query = select(col(tag.name)).distinct().where(col(tag.value).is_not(None))
        query = query.join(version, col(version.id) == col(tag.version_id))
        query = query.where(col(version.model) == self._model).order_by(col(tag.name))
        return self._session.connection().execute(query.limit(_MOST_NAMES)).scalars().all()

    def _metric(self, name: str) -> Field:
        table, version = tables.VersionMetric, tables.ModelVersion
        value = _sql(table.value)
        if name != self.joined:
            other = aliased(table)
            value = (
                select(col(other.value))
                .where(
                    col(other.model) == col(version.model),
                    col(other.number) == col(version.number),
                    col(other.name) == name,
                )
                .correlate(version)
                .scalar_subquery()
            )
        written = f"{METRIC}.{name}" if name in OWN else name
        return Field(written, FieldType.NUMBER, value, metric=name)

    def _metrics(self, path: Path, inner: Path) -> Field | None:
        """All metrics whose names have any text without a dot at the place of each star.

        Raises:
            UsageError: they are more than a search looks at.
        """
        if inner not in self._all:
            self._all[inner] = list(self._matching(inner))
        names = self._all[inner]
        if not names:
            return None
        least, greatest = (self._of_all(names, which) for which in (func.min, func.max))
        return Field(shown(path), FieldType.NUMBER, least, greatest=greatest)

    def _matching(self, path: Path) -> Iterator[str]:
        """The names of the model's metrics that a path with stars stands for.

        Raises:
            UsageError: too many begin like it.
        """
        column = col(tables.VersionMetric.name)
        begin = f"{'.'.join(takewhile(lambda segment: segment != STAR, path))}."
        pattern = re.compile(r"\.".join("[^.]+" if s == STAR else re.escape(s) for s in path))
        name: str | None = begin
        for _ in range(_MOST_LIKE):  # each is found behind the one before, in the index
            name = self._first(and_(column > name, column.startswith(begin, autoescape=True)))
            if name is None:
                return
            if pattern.fullmatch(name):
                yield name
        raise UsageError(
            f"More than {_MOST_LIKE} metrics of {self._model} begin with {begin[:80]}",
            remedy="Search for one of them, or for what your evaluation makes of all.",
        )

    def _of_all(self, names: Sequence[str], which: Callable[..., Any]) -> ColumnElement[Any]:
        """The least or the greatest of a version's metrics of some names; NULL without one."""
        table, version = aliased(tables.VersionMetric), tables.ModelVersion
        query = select(which(col(table.value))).where(
            col(table.model) == col(version.model),
            col(table.number) == col(version.number),
            col(table.name).in_(names),
        )
        return query.correlate(version).scalar_subquery()

    def _tag(self, name: str) -> Field | None:
        """A tag that some version of the model has."""
        tag, version = aliased(tables.VersionTag), tables.ModelVersion
        there = select(col(tag.name)).where(col(tag.name) == name, col(tag.value).is_not(None))
        of_model = col(version.model) == self._model
        there = there.join(version, col(version.id) == col(tag.version_id)).where(of_model)
        if self._session.connection().execute(there.limit(1)).first() is None:
            return None
        value = select(col(tag.value)).where(
            col(tag.version_id) == col(version.id), col(tag.name) == name
        )
        written = value.correlate(version).scalar_subquery()
        return Field(f"{TAG}.{name}", FieldType.TEXT, text_value(self._session, written), tag=name)

    def _is_known(self, name: str) -> bool:
        if name not in self._known:
            self._known[name] = self._first(col(tables.VersionMetric.name) == name) is not None
        return self._known[name]

    def _first(self, which: ColumnElement[bool]) -> str | None:
        """The first name by the alphabet of the model's metrics of which something is true."""
        table = tables.VersionMetric
        query = select(col(table.name)).where(col(table.model) == self._model, which)
        query = query.order_by(col(table.name)).limit(1)
        return self._session.connection().execute(query).scalar_one_or_none()


def _own(session: Session, name: str) -> Field:
    """A field of a version itself, or of its newest verdict."""
    version = tables.ModelVersion
    kind = OWN[name]
    if name in _OF_VERDICT:
        value = _verdict(name)
    elif name == "description":
        note = aliased(tables.VersionNote)
        said = select(col(note.description)).where(col(note.version_id) == col(version.id))
        value = said.correlate(version).scalar_subquery()
    elif name == "data":
        data = aliased(tables.DataVersion)
        value = _of_another(data, col(data.blake3) == col(version.data_blake3))
    elif name == "pipeline":
        pipeline = aliased(tables.PipelineVersion)
        same = (
            col(pipeline.pipeline) == col(version.pipeline),
            col(pipeline.blake3) == col(version.pipeline_blake3),
        )
        value = _of_another(pipeline, *same)
    else:
        value = _sql(getattr(version, _COLUMNS.get(name, name)))
    if kind not in (FieldType.NUMBER, FieldType.TRUTH):
        value = text_value(session, value)
    also = _sql(getattr(version, _ALSO[name])) if name in _ALSO else None
    return Field(name, kind, value, (also,) if also is not None else ())


def _of_another(table: Any, *same: ColumnElement[bool]) -> ColumnElement[Any]:  # noqa: ANN401
    """The digest that people see of what a version names by another."""
    query = select(table.xxh3).where(*same)
    return query.correlate(tables.ModelVersion).scalar_subquery()


def _sql(column: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a column
    return cast("ColumnElement[Any]", column)


def _verdict(name: str) -> ColumnElement[Any]:
    """What the newest verdict on a version says, whatever it is with."""
    table = aliased(tables.Validation)
    return (
        select(getattr(table, name))
        .where(col(table.version_id) == col(tables.ModelVersion.id))
        .order_by(col(table.id).desc())
        .limit(1)
        .correlate(tables.ModelVersion)
        .scalar_subquery()
    )
