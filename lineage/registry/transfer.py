"""Database copies: copying a registry while it is written, and moving it to another database."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from sqlalchemy import func, select, text
from sqlmodel import SQLModel

from lineage.acts import act
from lineage.database import schema, tables, triggers
from lineage.database.engine import open_engine, transaction
from lineage.errors import Conflict, IntegrityFailure, RegistryUnreachable, UsageError
from lineage.registry.registry import open_registry
from lineage.registry_url import PREFIX, path_of, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Connection, Table

    from lineage.contract.results import Audit

BATCH: Final = 1_000
"""Rows that are carried over at a time."""


@dataclass(frozen=True)
class Copied:
    """A copy that was made and proved: its place, its rows by table, and its history."""

    place: str
    rows: dict[str, int]
    audit: Audit

    def to_json(self) -> dict[str, Any]:
        """JSON of `db backup` and `db copy`."""
        return {
            "place": self.place,
            "rows": self.rows,
            "events": self.audit.events,
            "head": self.audit.head,
        }


def back_up(url: str, target: Path) -> Copied:
    """Copy a SQLite registry as it is at one moment; readers go on, writers wait until it is done.

    The copy appears under its name only when it is whole, on the disk, and proved.

    Args:
        url: the registry.
        target: a file that is not there yet.

    Raises:
        UsageError: the registry is no SQLite file.
        Conflict: the target is there already.
        RegistryUnreachable: the registry cannot be read or the target not be written.
        IntegrityFailure: the copy is not whole.
    """
    if not url.startswith(PREFIX):
        raise UsageError(
            "Only a SQLite registry is backed up by this command.",
            remedy="Use PostgreSQL's own tools: pg_dump, or continuous archiving.",
        )
    if target.exists():
        raise Conflict(f"{target} is there already.", remedy="Name a file that is not there yet.")
    open_registry(url).close()
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        _copy_file(path_of(url), partial)
        copied = _proved(f"{PREFIX}{partial.absolute()}", os.fspath(target))
        os.link(partial, target)
        _sync_folder(target.parent)
    except FileExistsError:
        raise Conflict(
            f"{target} is there already.", remedy="Name a file that is not there yet."
        ) from None
    except (OSError, sqlite3.Error) as error:
        raise RegistryUnreachable(
            f"The backup {target} cannot be written: {error}.",
            remedy="Check the folder and the room on the disk.",
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return copied


def copy(source: str, target: str) -> Copied:
    """Carry a registry over to an empty database, every row of it, and prove it there.

    Both sides may be SQLite or PostgreSQL. The source is read in one transaction; the target is
    written in one, so it is whole or empty.

    Args:
        source: the registry's URL.
        target: the URL of an empty database.

    Raises:
        Conflict: the target holds something, or is the source.
        RegistryUnreachable: one of them cannot be reached, or the source's schema is not this
            program's.
        IntegrityFailure: the source's history is broken, or what arrived is not what left.
    """
    if source == target:
        raise Conflict("A registry is not copied onto itself.", remedy="Name another database.")
    tables.load_all()
    ordered = SQLModel.metadata.sorted_tables
    open_registry(source).close()
    schema.upgrade(target)
    reading, writing = open_engine(source), open_engine(target)
    try:
        with transaction(reading) as here, transaction(writing, writing=True) as there:
            _require_empty(there, ordered)
            with triggers.left_out(there, [table.name for table in ordered]):
                left = {table.name: _carry(here, there, table) for table in ordered}
            _renumber(there, ordered, left)
    finally:
        reading.dispose()
        writing.dispose()
    copied = _proved(target, without_password(target))
    with open_registry(source) as registry:
        audit = registry.audit()
    if copied.rows != left or audit.problems or not _continues(source, copied, audit):
        raise IntegrityFailure(
            "What arrived is not what left the source.",
            remedy=f"Empty the target, check the source ({act('audit verify')}), and copy again.",
        )
    return copied


def _copy_file(source: Path, target: Path) -> None:
    """SQLite's own backup in a single step, so that it is of one moment."""
    reading = sqlite3.connect(f"file:{quote(os.fspath(source))}?mode=rw", uri=True, timeout=30)
    writing = sqlite3.connect(target)
    try:
        reading.backup(writing)
    finally:
        writing.close()
        reading.close()
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _proved(url: str, place: str) -> Copied:
    """What a copy holds, after its file, its schema and its history were checked."""
    with open_registry(url) as registry:
        problems = registry.check().problems or registry.audit().problems
        if problems:
            raise IntegrityFailure(
                f"The copy is not whole: {problems[0]}.",
                remedy=f"Check the source: {act('db check')}, {act('audit verify')}",
            )
        audit = registry.audit()
    tables.load_all()
    engine = open_engine(url)
    try:
        with transaction(engine) as connection:
            rows = {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in SQLModel.metadata.sorted_tables
            }
    finally:
        engine.dispose()
    return Copied(place, rows, audit)


def _continues(source: str, copied: Copied, audit: Audit) -> bool:
    """Whether the source's history is the copy's, or goes on where the copy's ends."""
    if audit.events < copied.audit.events:
        return False
    if copied.audit.events == 0:
        return True
    with open_registry(source) as registry:
        (last,) = registry.events(after=copied.audit.events - 1, limit=1)
    return bool(last["digest"] == copied.audit.head)


def _require_empty(connection: Connection, ordered: list[Table]) -> None:
    for table in ordered:
        if connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise Conflict(
                f"The target is not empty: it has rows in {table.name}.",
                remedy="Copy to an empty database.",
            )


def _carry(here: Connection, there: Connection, table: Table) -> int:
    """Carry a table over in the order of its keys, so that each row finds what it points to."""
    count = 0
    query = select(table).order_by(*table.primary_key.columns)
    for batch in _batches(here, query):
        there.execute(table.insert(), batch)
        count += len(batch)
    return count


def _batches(connection: Connection, query: Any) -> Iterator[list[dict[str, Any]]]:  # noqa: ANN401
    result = connection.execution_options(yield_per=BATCH).execute(query)
    for part in result.mappings().partitions(BATCH):
        yield [dict(row) for row in part]


def _renumber(connection: Connection, ordered: list[Table], rows: Mapping[str, int]) -> None:
    """PostgreSQL goes on counting behind the rows that arrived."""
    if connection.dialect.name != "postgresql":
        return
    for name in (table.name for table in ordered if rows[table.name] and "id" in table.columns):
        sequence_of = text("SELECT pg_get_serial_sequence(:name, 'id')")
        sequence = connection.execute(sequence_of, {"name": name}).scalar_one()
        if sequence is not None:
            newest = select(func.max(text("id"))).select_from(text(name)).scalar_subquery()
            connection.execute(select(func.setval(sequence, newest)))
