"""Values of another type than their column's: finds the rows of a SQLite file that hold some.

SQLite keeps what is written past the registry, whatever its type: a text for a number, bytes for a
text, a text that is no UTF-8. What reads such a row fails at any place, so the file is asked here,
by the types that it declares itself. PostgreSQL keeps no such value.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

MOST: Final = 100
"""Rows of a table that are named; the others are counted."""

_COLUMNS: Final = (
    'SELECT m.name, c.name, upper(c.type), c.pk, c."notnull" FROM sqlite_master m '
    "JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' "
    "ESCAPE '\\' ORDER BY m.name, c.cid"
)

_BELONGS: Final = {
    "INTEGER": ("typeof({0}) = 'integer'", "a whole number"),
    "BIGINT": ("typeof({0}) = 'integer'", "a whole number"),
    "BOOLEAN": ("typeof({0}) = 'integer' AND {0} IN (0, 1)", "true or false"),
    "DOUBLE": ("typeof({0}) = 'real'", "a number"),
    "VARCHAR": ("typeof({0}) = 'text'", "a text"),
    "TEXT": ("typeof({0}) = 'text'", "a text"),
    "BLOB": ("typeof({0}) = 'blob'", "bytes"),
}
"""What is of a declared type, in SQL, and how that is called."""

_HELD: Final = {
    "integer": "a whole number",
    "real": "a number",
    "text": "a text",
    "blob": "bytes",
    "null": "nothing",
}


def problems(connection: Connection) -> Iterator[str]:
    """A sentence for each row that holds what is not of its columns' types; SQLite alone has any.

    A table that holds many is told by some of them, and how many more there are.
    """
    if connection.dialect.name != "sqlite":
        return
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    tables: dict[str, list[_Column]] = {}
    for table, *column in driver.execute(_COLUMNS):
        tables.setdefault(table, []).append(_Column(*column))
    for table, columns in tables.items():
        found = _rows(driver, table, columns)
        for _, sentence in zip(range(MOST), found, strict=False):
            yield sentence
        more = sum(1 for _ in found)
        if more:
            yield f"{more:,} more rows of {table} hold values of other types than their columns"


class _Column:
    """A column as the file declares it."""

    def __init__(self, name: str, declared: str, key: int, required: int) -> None:
        self.name = name
        self.key = key
        self.quoted = '"' + name.replace('"', '""') + '"'
        holds, self.belongs = _BELONGS.get(declared.partition("(")[0], ("true", "anything"))
        holds = holds.format(self.quoted)
        self.holds = f"({holds})" if required else f"({self.quoted} IS NULL OR {holds})"
        self.is_text = self.belongs == "a text"


class _NoText(str):
    """A text of the file that is no UTF-8, as far as it can be shown."""

    __slots__ = ()


def _rows(driver: sqlite3.Connection, table: str, columns: Sequence[_Column]) -> Iterator[str]:
    name = '"' + table.replace('"', '""') + '"'
    keys = sorted((column for column in columns if column.key), key=lambda column: column.key)
    named = [column.quoted for column in keys]
    asked = [part for column in columns for part in (column.holds, f"typeof({column.quoted})")]
    whole = " AND ".join(column.holds for column in columns)
    query = f"SELECT {', '.join([*named, *asked])} FROM {name} WHERE NOT ({whole})"  # nosec B608 # noqa: S608 - the file's names, quoted
    for row in _read(driver, query):
        key, rest = row[: len(keys)], row[len(keys) :]
        wrong = [
            f"{column.name} holds {_HELD[held]}, not {column.belongs}"
            for column, holds, held in zip(columns, rest[::2], rest[1::2], strict=True)
            if not holds
        ]
        yield _sentence(table, keys, key, wrong)
    texts = [column for column in columns if column.is_text]
    if not texts:
        return
    query = f"SELECT {', '.join([*named, *(c.quoted for c in texts)])} FROM {name}"  # nosec B608 # noqa: S608 - the file's names, quoted
    try:
        deque(driver.execute(query), maxlen=0)  # decodes them all, many times as fast as _read
    except sqlite3.OperationalError as error:
        if not is_undecodable(error):
            raise
        for row in _read(driver, query):
            wrong = [
                f"{column.name} holds a text that is no UTF-8"
                for column, value in zip(texts, row[len(keys) :], strict=True)
                if isinstance(value, _NoText)
            ]
            if wrong:
                yield _sentence(table, keys, row[: len(keys)], wrong)


def is_undecodable(error: sqlite3.Error) -> bool:
    """Whether a text that was read is no UTF-8: Python's own error, without a code of SQLite's."""
    return str(error).startswith("Could not decode to UTF-8")


def _sentence(table: str, keys: Sequence[_Column], key: Sequence[Any], wrong: Sequence[str]) -> str:
    named = ", ".join(f"{column.name}={part}" for column, part in zip(keys, key, strict=True))
    return f"{table} ({named}) is damaged: {'; '.join(wrong)}"


def _read(driver: sqlite3.Connection, query: str) -> Iterator[Sequence[Any]]:
    """Rows, whatever their texts are; only these are read so."""
    before = driver.text_factory
    cursor = driver.execute(query)
    while True:
        driver.text_factory = _text
        try:
            rows = cursor.fetchmany(MOST)
        finally:
            driver.text_factory = before
        if not rows:
            return
        yield from rows


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _NoText(value.decode(errors="backslashreplace"))
