"""The schema's version: bringing a database up to date, and checking it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import create_engine, inspect, text

import lineage.migrations as migrations
from lineage.acts import act
from lineage.contract.results import SchemaCheck
from lineage.database.engine import open_engine, transaction
from lineage.database.tables import load_all
from lineage.errors import IntegrityFailure, RegistryUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

HEAD: Final = "0017"
"""The newest migration; a test holds it against the migrations folder."""


def require_current(engine: Engine) -> None:
    """Refuse to work on a schema that this program does not know.

    Raises:
        RegistryUnreachable: the schema is missing, older or newer.
        IntegrityFailure: the file is damaged.
    """
    with transaction(engine) as connection:
        revision = _revision(connection)
    if revision == HEAD:
        return
    if revision is None:
        raise RegistryUnreachable(
            "The registry's database is empty.", remedy=f"Create its tables: {act('db upgrade')}"
        )
    if revision < HEAD:
        raise RegistryUnreachable(
            f"The registry's schema is {revision}, older than this program's {HEAD}.",
            remedy=f"Bring it up to date: {act('db upgrade')}",
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
        with transaction(engine, writing=True) as connection:
            before = _revision(connection)
            if before is not None and before > HEAD:
                raise _newer(before)
            if before != HEAD:
                _migrate(connection)
    finally:
        engine.dispose()
    return before, HEAD


def check(engine: Engine) -> SchemaCheck:
    """Check for damage: the file, the keys, the schema's version, and triggers taken away.

    Raises:
        IntegrityFailure: the file cannot be read as a database.
    """
    problems: list[str] = []
    with transaction(engine) as connection:
        revision = _revision(connection)
        if revision != HEAD:
            problems.append(f"the schema is {revision or 'missing'}, this program needs {HEAD}")
        if engine.dialect.name == "sqlite":
            problems += _damage(connection)
        here = _objects(connection)
    if revision == HEAD:
        expected = _expected(engine)
        problems += [
            f"{name} is missing or was changed"
            for name, definition in expected.items()
            if here.get(name) != definition
        ]
    return SchemaCheck(revision, HEAD, tuple(problems))


def _damage(connection: Connection) -> Iterator[str]:
    """What SQLite itself finds wrong with the file and its keys."""
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check").all():
        if line != "ok":
            yield f"the file is damaged: {line}"
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        yield f"a row of {row[0]} points to no {row[2]}"


def _expected(engine: Engine) -> dict[str, str]:
    """The tables, indexes, constraints and triggers that the migrations make."""
    if engine.dialect.name == "postgresql":
        return _expected_on_postgresql(engine)
    fresh = create_engine("sqlite://")
    try:
        with fresh.begin() as connection:
            _migrate(connection)
            return _objects(connection)
    finally:
        fresh.dispose()


def _expected_on_postgresql(engine: Engine) -> dict[str, str]:
    """The same, made in a schema of their own that is rolled back."""
    with transaction(engine, writing=True) as connection:
        connection.exec_driver_sql("CREATE SCHEMA lineage_expected")
        connection.exec_driver_sql("SET LOCAL search_path TO lineage_expected")
        _migrate(connection)
        expected = _objects(connection)
        connection.rollback()
    return expected


def _objects(connection: Connection) -> dict[str, str]:
    """The definition of every object by its kind and name.

    SQLite lists a table's constraints in an order that means nothing, so lines are compared sorted.
    """
    query = _OBJECTS[connection.dialect.name]
    return {
        str(name): "\n".join(sorted(line.strip(" ,\t") for line in str(sql).splitlines()))
        for name, sql in connection.exec_driver_sql(query)
    }


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlmodel import SQLModel

    load_all()
    config = Config()
    config.set_main_option("script_location", os.fspath(Path(str(migrations.__file__)).parent))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = SQLModel.metadata
    command.upgrade(config, "head")


_OBJECTS: Final = {
    "sqlite": (
        "SELECT type || ' ' || name, sql FROM sqlite_master "
        "WHERE sql IS NOT NULL AND name <> 'alembic_version' ORDER BY name"
    ),
    "postgresql": (
        "SELECT 'constraint ' || conname, replace(pg_get_constraintdef(c.oid), "
        "current_schema() || '.', '') FROM pg_constraint c "
        "WHERE c.connamespace = current_schema()::regnamespace "
        "UNION ALL SELECT 'trigger ' || tgname, tgenabled::text || ' ' || replace("
        "pg_get_triggerdef(t.oid), current_schema() || '.', '') FROM pg_trigger t "
        "JOIN pg_class r ON r.oid = tgrelid "
        "WHERE NOT tgisinternal AND r.relnamespace = current_schema()::regnamespace "
        "UNION ALL SELECT 'function ' || proname, prosrc FROM pg_proc "
        "WHERE pronamespace = current_schema()::regnamespace AND prorettype = 'trigger'::regtype "
        "UNION ALL SELECT 'index ' || indexname, replace(indexdef, schemaname || '.', '') "
        "FROM pg_indexes WHERE schemaname = current_schema() "
        "UNION ALL SELECT 'column ' || table_name || '.' || column_name, data_type || ' ' || "
        "is_nullable FROM information_schema.columns WHERE table_schema = current_schema()"
    ),
}


def _revision(connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
        return str(row[0]) if row else None
    if tables:
        raise IntegrityFailure(
            "The registry's database holds tables, but not the registry's.",
            remedy="Point [registry] url at another database.",
        )
    return None


def _newer(revision: str) -> RegistryUnreachable:
    return RegistryUnreachable(
        f"The registry's schema {revision} is newer than this program's {HEAD}.",
        remedy="Upgrade lineage-guard: pip install --upgrade lineage-guard",
    )
