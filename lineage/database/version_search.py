"""Pages of a model's versions: chosen by a search, sorted by a field, with the columns asked for.

A page is read in the order of an index where there is one: by number, and by a metric. It goes on
behind a place (the value that is sorted by, and the number), so that a page from the middle takes
no longer than the first. Versions without that value come last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Float, func, literal, select, tuple_
from sqlalchemy.orm import aliased

from lineage.database import labels, tables
from lineage.database.search import COMPARE, FieldType, condition
from lineage.database.sql import and_, col
from lineage.database.version_fields import VersionFields
from lineage.errors import UsageError
from lineage.guard.expression_parser import parse_search
from lineage.guard.expressions import Comparison, Logic, Metric, Number, Text, metrics_of
from lineage.identity.digest import LARGEST_INTEGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlmodel import Session

    from lineage.contract.cursors import Place
    from lineage.database.search import Compare, Field
    from lineage.guard.expressions import Expression, Path

ALL_TAGS: Final = "tags"
"""The column that has every tag by its name."""

ALL_METRICS: Final = "metrics"
"""The column that has every number of the newest verdict by its name."""

MOST_COLUMNS: Final = 50

_TYPES: Final[dict[FieldType, type | tuple[type, ...]]] = {
    FieldType.NUMBER: (int, float),
    FieldType.TRUTH: bool,
}


class Row(NamedTuple):
    """What a list says of a version."""

    id: int
    number: int
    kind: str
    tuple: str
    at: str
    by: str
    code: str | None
    data: str | None
    pipeline: str | None
    weights: str | None


@dataclass(frozen=True)
class Query:
    """What is asked for of a model's versions.

    Attributes:
        model: the model's name.
        where: a search, as it was written.
        sort: a field, with ``-`` in front where the greatest comes first; by default the newest.
        columns: fields that each row has besides.
    """

    model: str
    where: str | None = None
    sort: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.sort is None or self.sort.strip().startswith("-")

    @property
    def sorted_by(self) -> str:
        """The name of the field that is sorted by."""
        return self.sort.strip().removeprefix("-") if self.sort is not None else "number"


class Found(NamedTuple):
    """A version that was found: what a list says of it, its columns, and its place."""

    row: Row
    columns: dict[str, Any]
    place: Place


def read(
    session: Session, query: Query, *, after: Place | None = None, limit: int | None = None
) -> list[Found]:
    """The versions that a query asks for, in its order: first those that have what it sorts by.

    Args:
        session: a transaction.
        query: which versions, in which order, with what.
        after: the place behind which to begin; by default the first.
        limit: how many at the most.

    Raises:
        UsageError: the search, the field that is sorted by or a column means nothing.
    """
    reader = _Reader(session, query)
    found: list[Found] = []
    if after is None or after[0] is not None:
        found += reader.having(after, limit)
    left = limit - len(found) if limit is not None else None
    if reader.some_lack and left != 0:
        found += reader.lacking(after if after is not None and after[0] is None else None, left)
    if ALL_METRICS in query.columns:
        _add_metrics(session, query.model, found)
    if ALL_TAGS in query.columns:
        said = labels.of_versions(session, [one.row.id for one in found])
        for one in found:
            one.columns[ALL_TAGS] = dict(said.get(one.row.id, labels.NOTHING).tags)
    return found


def sort_type(session: Session, query: Query) -> type | tuple[type, ...]:
    """What the values are that a query sorts by, as a cursor holds them.

    Raises:
        UsageError: there is no such field.
    """
    return _TYPES.get(VersionFields(session, query.model).named(query.sorted_by).type, str)


class _Reader:
    """Reads versions in the order of a query."""

    def __init__(self, session: Session, query: Query) -> None:
        self._session, self._query = session, query
        self._fields = VersionFields(session, query.model)
        self._names = _column_names(query.columns)
        self._sort = self._fields.named(query.sorted_by)
        where = parse_search(query.where) if query.where is not None else None
        self._few = self._which(where) if where is not None else None
        self.some_lack = self._sort.name not in _NEVER_LACKING and not (
            where is not None and _fails_without(where, self._is_sorted_by)
        )

    def having(self, after: Place | None, limit: int | None) -> Iterator[Found]:
        """Those that have what is sorted by, behind a place."""
        if self._sort.metric is not None:
            return self._by_metric(self._sort.metric, after, limit)
        version = tables.ModelVersion
        value, number = self._sort.value, col(version.number)
        key: list[Any] = [number] if self._sort.name == "number" else [value, number]
        if len(key) == 1:
            return self._found(self._chosen(self._columns(value), key, after).limit(limit))
        # sorted without an index, so the columns are read of those alone that the page has
        chosen = self._chosen(select(col(version.id)), key, after).where(value.is_not(None))
        ids = select(chosen.limit(limit).subquery().c.id)
        statement = self._columns(value).where(col(version.id).in_(ids))
        return self._found(self._in_order(statement, key))

    def lacking(self, after: Place | None, limit: int | None) -> Iterator[Found]:
        """Those that lack it, by their numbers."""
        value = self._fields.named(self._query.sorted_by).value
        statement = self._columns(value).where(value.is_(None))
        key = [col(tables.ModelVersion.number)]
        return self._found(self._chosen(statement, key, after).limit(limit))

    def _by_metric(self, name: str, after: Place | None, limit: int | None) -> Iterator[Found]:
        """Those that have a metric, in the order of its index."""
        table, version = tables.VersionMetric, tables.ModelVersion
        self._fields.joined = name
        same = col(table.model) == col(version.model), col(table.number) == col(version.number)
        statement = self._columns(self._fields.named(self._query.sorted_by).value)
        statement = statement.join(table, and_(*same)).where(
            col(table.model) == self._query.model, col(table.name) == name
        )
        statement = self._chosen(statement, [col(table.value), col(table.number)], after)
        self._fields.joined = None
        return self._found(statement.limit(limit))

    def _chosen(self, statement: Select[Any], key: list[Any], after: Place | None) -> Select[Any]:
        """Of some columns the versions that are searched for, in an order, behind a place."""
        if self._query.where is not None:
            statement = statement.where(condition(self._query.where, self._fields))
        if self._few is not None:
            statement = statement.where(self._few)
        if after is not None:
            here, there = (tuple_(*key), tuple_(*after)) if len(key) > 1 else (key[0], after[1])
            statement = statement.where(here < there if self._query.descending else here > there)
        of_model = col(tables.ModelVersion.model) == self._query.model
        return self._in_order(statement.where(of_model, labels.not_deleted()), key)

    def _in_order(self, statement: Select[Any], key: list[Any]) -> Select[Any]:
        down = self._query.descending
        return statement.order_by(*(one.desc() if down else one.asc() for one in key))

    def _is_sorted_by(self, path: Path) -> bool:
        found = self._fields.find(path)
        return found is not None and found.name == self._sort.name

    def _which(self, where: Expression) -> ColumnElement[bool] | None:
        """The versions that alone can be chosen, where a metric or a tag tells that they are few.

        A page of them would else be looked for among all versions.
        """
        version = tables.ModelVersion
        for named, sign, wanted in _demanded(where):
            field = self._fields.find(named.path)
            if field is None:
                continue
            if isinstance(wanted, Number) and field.metric not in (None, self._sort.metric):
                key: Any = col(version.number)
                query = self._measured(field, COMPARE[sign], wanted.value)
            elif isinstance(wanted, Text) and field.tag is not None and sign == "==":
                key, query = col(version.id), self._tagged(field, wanted.value)
            else:
                continue
            counted = select(func.count()).select_from(query.limit(_FEW + 1).subquery())
            if self._session.connection().execute(counted).scalar_one() <= _FEW:
                few: ColumnElement[bool] = key.in_(query)
                return few
        return None

    def _measured(self, field: Field, compare: Compare, number: float) -> Select[Any]:
        """The numbers of the versions of which a comparison with a metric holds."""
        table = aliased(tables.VersionMetric)
        return select(col(table.number)).where(
            col(table.model) == self._query.model,
            col(table.name) == field.metric,
            compare(col(table.value), literal(number, Float())),
        )

    def _tagged(self, field: Field, value: str) -> Select[Any]:
        """The keys of the versions, of whichever model, that have a tag of a value."""
        table = aliased(tables.VersionTag)
        return select(col(table.version_id)).where(
            col(table.name) == field.tag, col(table.value) == value
        )

    def _columns(self, value: ColumnElement[Any]) -> Select[Any]:
        """The columns of versions, and the value that they are sorted by."""
        version, data, pipeline = tables.ModelVersion, tables.DataVersion, tables.PipelineVersion
        chosen: tuple[Any, ...] = (
            *(version.id, version.number, version.kind, version.tuple_xxh3),
            *(version.registered_at, version.registered_by),
            *(version.code_digest, data.xxh3, pipeline.xxh3, version.weights_xxh3),
        )
        columns = [self._fields.named(name) for name in self._names]
        return (
            select(*chosen, value, *(column.value for column in columns))
            .select_from(version)
            .join(data, col(data.blake3) == col(version.data_blake3), isouter=True)
            .join(
                pipeline,
                and_(
                    col(pipeline.pipeline) == col(version.pipeline),
                    col(pipeline.blake3) == col(version.pipeline_blake3),
                ),
                isouter=True,
            )
        )

    def _found(self, statement: Select[Any]) -> Iterator[Found]:
        width, names = len(Row._fields), self._names
        for found in self._session.connection().execute(statement):
            row = Row._make(found[:width])
            columns = (
                dict(zip(names, map(_shown, found[width + 1 :]), strict=True)) if names else {}
            )
            yield Found(row, columns, (found[width], row.number))


def _demanded(expression: Expression) -> Iterator[tuple[Metric, str, Number | Text]]:
    """The comparisons of a field with a number or a text of which each must hold."""
    if isinstance(expression, Logic) and expression.operator == "and":
        for part in expression.parts:
            yield from _demanded(part)
    elif isinstance(expression, Comparison) and expression.operator != "!=":
        sides = expression.left, expression.right
        if isinstance(sides[0], Metric) and isinstance(sides[1], (Number, Text)):
            yield sides[0], expression.operator, sides[1]


def _fails_without(
    expression: Expression, is_it: Callable[[Path], bool], *, unknown: bool = False
) -> bool:
    """Whether an expression cannot hold of a version that lacks a field.

    Args:
        expression: what a search said.
        is_it: tells the field.
        unknown: whether it must come to neither true nor false.
    """
    if isinstance(expression, Logic):
        every = unknown or expression.operator != "and"
        inner = unknown or expression.operator == "not"
        parts = (_fails_without(part, is_it, unknown=inner) for part in expression.parts)
        return all(parts) if every else any(parts)
    return any(is_it(metric.path) for metric in metrics_of(expression))


def _add_metrics(session: Session, model: str, found: Sequence[Found]) -> None:
    """Add every number of the newest verdict to the columns, by its name."""
    table = tables.VersionMetric
    of = {one.row.number: one.columns.setdefault(ALL_METRICS, {}) for one in found}
    numbers = list(of)
    for begin in range(0, len(numbers), _BATCH):
        query = select(col(table.number), col(table.name), col(table.value)).where(
            col(table.model) == model, col(table.number).in_(numbers[begin : begin + _BATCH])
        )
        rows = session.connection().execute(query.order_by(col(table.number), col(table.name)))
        for number, name, value in rows:
            of[number][name] = _shown(value)


def _column_names(columns: tuple[str, ...]) -> list[str]:
    if len(columns) > MOST_COLUMNS:
        raise UsageError(
            f"{len(columns)} columns are asked for, and a list has {MOST_COLUMNS} at the most.",
            remedy=f"Name those that matter, or {ALL_METRICS} for all metrics.",
        )
    return [name for name in dict.fromkeys(columns) if name not in (ALL_METRICS, ALL_TAGS)]


def _shown(value: Any) -> Any:  # noqa: ANN401 - a value of any column
    """A value as JSON has it: a whole number without a point, as metrics are kept."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_INTEGER:
        return int(value)
    return value


_NEVER_LACKING: Final = frozenset(
    {"number", "kind", "tuple", "dirty", "registered_at", "registered_by"}
)
_BATCH: Final = 500
_FEW: Final = 3000
"""Versions of which each is looked at, rather than all until there are enough for a page: of
100,000 versions 100 that are chosen among more than these are found sooner."""
