"""The schema's version: bringing a database up to date, and checking it."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from lineage.errors import IntegrityFailure, RegistryUnreachable
from lineage.store.engine import open_engine, transaction

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

HEAD: Final = "0001"
"""The newest migration; a test holds it against the migrations folder."""


@dataclass(frozen=True)
class SchemaCheck:
    """What ``lineage db check`` found; ``problems`` is empty where all is well."""

    revision: str | None
    head: str
    problems: tuple[str, ...]


def require_current(engine: Engine) -> None:
    """Refuse to work on a schema that this program does not know.

    Raises:
        RegistryUnreachable: the schema is missing, older or newer.
        IntegrityFailure: the file is damaged.
    """
    with transaction(engine, "BEGIN") as connection:
        revision = _revision(connection)
    if revision == HEAD:
        return
    if revision is None:
        raise RegistryUnreachable(
            "The registry's database is empty.", remedy="Create its tables: lineage db upgrade"
        )
    if revision < HEAD:
        raise RegistryUnreachable(
            f"The registry's schema is {revision}, older than this program's {HEAD}.",
            remedy="Bring it up to date: lineage db upgrade",
        )
    raise _newer(revision)


def upgrade(url: str) -> tuple[str | None, str]:
    """Create the database or bring it up to date, in one transaction.

    Returns:
        The revision before and the revision after.

    Raises:
        RegistryUnreachable: it cannot be written, or is newer than this program.
    """
    engine = open_engine(url, create=True)
    try:
        with transaction(engine, "BEGIN IMMEDIATE") as connection:
            before = _revision(connection)
            if before is not None and before > HEAD:
                raise _newer(before)
            if before != HEAD:
                _migrate(connection)
    finally:
        engine.dispose()
    return before, HEAD


def check(engine: Engine) -> SchemaCheck:
    """Look for damage: the file, the keys, the schema's version, and triggers taken away.

    Raises:
        IntegrityFailure: the file cannot be read as a database.
    """
    problems: list[str] = []
    with transaction(engine, "BEGIN") as connection:
        revision = _revision(connection)
        if revision != HEAD:
            problems.append(f"the schema is {revision or 'missing'}, this program needs {HEAD}")
        for (line,) in connection.exec_driver_sql("PRAGMA integrity_check").all():
            if line != "ok":
                problems.append(f"the file is damaged: {line}")
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        problems += [f"a row of {row[0]} points to no {row[2]}" for row in broken]
        if revision == HEAD:
            problems += _missing_objects(connection)
    return SchemaCheck(revision, HEAD, tuple(problems))


def _missing_objects(connection: Connection) -> list[str]:
    """Tables, indexes and triggers that differ from what the migrations make."""
    here = _objects(connection)
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as fresh:
            _migrate(fresh)
            expected = _objects(fresh)
    finally:
        engine.dispose()
    return [
        f"{name} is missing or was changed"
        for name, sql in expected.items()
        if here.get(name) != sql
    ]


def _objects(connection: Connection) -> dict[str, str]:
    return {str(name): str(sql) for name, sql in connection.exec_driver_sql(_OBJECTS)}


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    migrations = importlib.import_module("lineage.migrations")

    config = Config()
    config.set_main_option("script_location", os.fspath(Path(str(migrations.__file__)).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


_OBJECTS: Final = (
    "SELECT type || ' ' || name, sql FROM sqlite_master "
    "WHERE sql IS NOT NULL AND name <> 'alembic_version' ORDER BY name"
)


def _revision(connection: Connection) -> str | None:
    try:
        row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    except OperationalError as error:
        if "no such table" not in str(error.orig):
            raise
        tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
        if tables:
            raise IntegrityFailure(
                "The registry's database holds tables, but not the registry's.",
                remedy="Point [registry] url at another file.",
            ) from None
        return None
    return str(row[0]) if row else None


def _newer(revision: str) -> RegistryUnreachable:
    return RegistryUnreachable(
        f"The registry's schema {revision} is newer than this program's {HEAD}.",
        remedy="Upgrade lineage-guard: pip install --upgrade lineage-guard",
    )
