"""Statements of plain SQL that try to make a wrong state, made from the schema itself.

Every table, every column, each way of writing; so a table that is added later is tried too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Integer, LargeBinary, Table, UniqueConstraint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Query = Callable[[str], list[tuple[Any, ...]]]

NEXT = "(SELECT max(seq) + 1 FROM event)"
NEWEST = "(SELECT max(seq) FROM event)"
_FRESH = count(1_000)


@dataclass(frozen=True)
class Attempt:
    """A statement, and what it does to which column of which table."""

    table: str
    verb: str
    column: str | None
    statement: str


class Attempts:
    """The attempts on a table that holds rows.

    Args:
        table: the table.
        query: reads the database.
        sqlite: whether that is SQLite.
    """

    def __init__(self, table: Table, query: Query, *, sqlite: bool) -> None:
        self._table, self._query, self._sqlite = table, query, sqlite
        self._columns = [column.name for column in table.columns]
        listed = ", ".join(map(_quoted, self._columns))
        self._rows = query(f"SELECT {listed} FROM {table.name} LIMIT 50")
        assert self._rows, (
            f"{table.name} holds no row to try it on: let the test's registry fill it"
        )
        self._row = dict(zip(self._columns, self._rows[0], strict=True))
        self._keys = list(_unique_keys(table))
        self._here = self._same([column.name for column in table.primary_key.columns])

    def __iter__(self) -> Iterator[Attempt]:
        for column in self._columns:
            yield from self._updates(column)
        yield from self._deletions()
        yield from self._insertions()
        yield from self._upserts()
        yield from self._replacements() if self._sqlite else self._of_postgresql()

    def _updates(self, column: str) -> Iterator[Attempt]:
        name, of = self._table.name, _quoted(column)
        also = f", event = {NEXT}" if "event" in self._columns and column != "event" else ""
        for value in [of, *self._others(column)]:
            for more in {"", also}:
                yield self._try(
                    "UPDATE", column, f"UPDATE {name} SET {of} = {value}{more} WHERE {self._here}"
                )
            if self._sqlite:
                yield self._try(
                    "UPDATE",
                    column,
                    f"UPDATE OR REPLACE {name} SET {of} = {value} WHERE {self._here}",
                )

    def _others(self, column: str) -> Iterator[str]:
        """Other values of a column: none, one of another row, and a new one."""
        if self._row[column] is not None:
            yield "NULL"
        at = self._columns.index(column)
        others = (row[at] for row in self._rows if row[at] not in (None, self._row[column]))
        other = next(others, None)
        if other is not None:
            yield self._literal(column, other)
        yield self._fresh(column)

    def _deletions(self) -> Iterator[Attempt]:
        yield self._try("DELETE", None, f"DELETE FROM {self._table.name}")
        yield self._try("DELETE", None, f"DELETE FROM {self._table.name} WHERE {self._here}")

    def _insertions(self) -> Iterator[Attempt]:
        fresh = {column: self._fresh(column) for key in self._keys for column in key}
        yield self._try("INSERT", None, self._insert(fresh))
        for event in ("NULL", NEWEST, NEXT) if "event" in self._columns else ():
            yield self._try("INSERT", None, self._insert(fresh | {"event": event}))

    def _upserts(self) -> Iterator[Attempt]:
        primary = {column.name for column in self._table.primary_key.columns}
        for key in self._keys:
            if primary < {*key}:  # SQLite does not take it for one, and the shorter says the same
                continue
            on = f" ON CONFLICT ({', '.join(map(_quoted, key))})"
            where = " WHERE removed_at IS NULL" if key == ("version_id", "store") else ""
            yield self._try("IGNORE", None, self._insert({}) + f"{on}{where} DO NOTHING")
            for column in self._columns:
                change = f" DO UPDATE SET {_quoted(column)} = {self._fresh(column)}"
                yield self._try("UPDATE", column, self._insert({}) + on + where + change)

    def _replacements(self) -> Iterator[Attempt]:
        """The ways of SQLite to put a row in the place of others, by each of its keys."""
        for verb in ("INSERT OR REPLACE", "REPLACE"):
            yield self._try("REPLACE", None, self._insert({}, verb))
        yield self._try("IGNORE", None, self._insert({}, "INSERT OR IGNORE"))
        fresh = {column: self._fresh(column) for key in self._keys for column in key}
        for key in [*self._keys, ("rowid",)]:
            changed = {c: v for c, v in fresh.items() if c not in key}
            if key == ("rowid",):
                if any(isinstance(c.type, Integer) for c in self._table.primary_key.columns):
                    continue
                changed["rowid"] = f"(SELECT rowid FROM {self._table.name} WHERE {self._here})"
            yield self._try("REPLACE", None, self._insert(changed, "INSERT OR REPLACE"))
            if "event" in self._columns:
                changed["event"] = NEXT
                yield self._try("REPLACE", None, self._insert(changed, "INSERT OR REPLACE"))

    def _of_postgresql(self) -> Iterator[Attempt]:
        name = self._table.name
        yield self._try("TRUNCATE", None, f"TRUNCATE {name}")
        yield self._try("TRUNCATE", None, f"TRUNCATE {name} CASCADE")
        merge = f"MERGE INTO {name} USING (SELECT 1) one ON {self._here} WHEN MATCHED THEN"
        yield self._try("DELETE", None, f"{merge} DELETE")
        for column in self._columns:
            change = f"UPDATE SET {_quoted(column)} = {self._fresh(column)}"
            yield self._try("UPDATE", column, f"{merge} {change}")
            cte = f"UPDATE {name} SET {_quoted(column)} = {self._fresh(column)} WHERE {self._here}"
            yield self._try("UPDATE", column, f"WITH one AS ({cte} RETURNING 1) SELECT * FROM one")

    def _insert(self, changed: dict[str, str], verb: str = "INSERT") -> str:
        values = {c: self._literal(c, v) for c, v in self._row.items()} | changed
        columns = ", ".join(map(_quoted, values))
        return f"{verb} INTO {self._table.name} ({columns}) VALUES ({', '.join(values.values())})"

    def _fresh(self, column: str) -> str:
        kind, value = self._table.columns[column].type, self._row[column]
        if isinstance(kind, Boolean):
            return self._literal(column, not value)
        if isinstance(kind, Integer):
            return str((value or 0) + next(_FRESH))
        if isinstance(kind, LargeBinary):
            return self._literal(column, str(next(_FRESH)).encode())
        return f"'{next(_FRESH)}'" if value is None else _text(f"{value}{next(_FRESH)}")

    def _same(self, columns: Iterable[str]) -> str:
        return " AND ".join(
            f"{_quoted(column)} = {self._literal(column, self._row[column])}" for column in columns
        )

    def _literal(self, column: str, value: Any) -> str:
        if value is None:
            return "NULL"
        if isinstance(self._table.columns[column].type, Boolean):
            return "true" if value else "false"
        if isinstance(value, bytes):
            return f"X'{value.hex()}'" if self._sqlite else f"'\\x{value.hex()}'"
        return str(value) if isinstance(value, (int, float)) else _text(value)

    def _try(self, verb: str, column: str | None, statement: str) -> Attempt:
        return Attempt(self._table.name, verb, column, statement)


def _unique_keys(table: Table) -> Iterator[tuple[str, ...]]:
    yield tuple(column.name for column in table.primary_key.columns)
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield tuple(column.name for column in constraint.columns)
    for index in table.indexes:
        if index.unique:
            yield tuple(column.name for column in index.columns)


def _quoted(column: str) -> str:
    return f'"{column}"' if column in ("by", "at", "key", "until") else column


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
