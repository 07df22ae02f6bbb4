"""The schema's version: bringing a database up to date, and checking it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import create_engine, inspect, text

import lineage.migrations as migrations
from lineage.acts import act
from lineage.contract.results import SchemaCheck
from lineage.database import (
    catalog,
    definitions,
    grants,
    graph,
    reports,
    version_metrics,
    wrong_types,
)
from lineage.database.engine import open_engine, transaction
from lineage.database.tables import load_all
from lineage.errors import IntegrityFailure, RegistryUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

HEAD: Final = "0028"
"""The newest migration; a test holds it against the migrations folder."""

SEARCHED: Final = "0021"
"""The migration that made the table of what versions are searched by."""

GRAPHED: Final = "0022"
"""The migration that made the tables of the graph of contents."""

CODED: Final = "0026"
"""The migration since which the graph has the code of pipelines."""

NOT_COMPARED: Final = (
    "the definitions were not compared: that takes the owner, on the primary, who may make a "
    "schema to compare with"
)


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
            "The registry's database is empty.",
            remedy=f"Create its tables: {act('db upgrade')}",
            public="The registry's database is empty.",
        )
    if revision < HEAD:
        raise RegistryUnreachable(
            f"The registry's schema is {revision}, older than this program's {HEAD}.",
            remedy=f"Bring it up to date: {act('db upgrade')}",
            public="The registry's schema is older than this program's.",
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
                grants.give_again(connection)
            if before is not None and before < SEARCHED:
                version_metrics.rebuild(connection)
            if before is not None and before < GRAPHED:
                graph.rebuild(connection)
            elif before is not None and before < CODED:
                graph.add_code(connection)
    finally:
        engine.dispose()
    return before, HEAD


def check(engine: Engine) -> SchemaCheck:
    """Check for damage: the file, the keys, the schema's version, what is missing and what is more.

    Raises:
        IntegrityFailure: the file cannot be read as a database.
    """
    problems: list[str] = []
    notes: list[str] = []
    with transaction(engine) as connection:
        revision = _revision(connection)
        if revision != HEAD:
            problems.append(f"the schema is {revision or 'missing'}, this program needs {HEAD}")
        if engine.dialect.name == "sqlite":
            problems += _damage(connection)
        else:
            problems += definitions.dangling(connection)
            problems += _replicas(connection)
        here = definitions.of(connection)
        if revision == HEAD:
            expected = _expected(connection)
            if expected is not None:
                problems += definitions.differences(expected, here)
            else:
                problems += definitions.without_comparison(connection)
                notes.append(NOT_COMPARED)
    notes += filter(None, [reports.problem_of(engine)])
    return SchemaCheck(revision, HEAD, tuple(problems), tuple(notes))


def _damage(connection: Connection) -> Iterator[str]:
    """What SQLite itself finds wrong with the file and its keys, and values of other types."""
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check").all():
        if line != "ok":
            yield f"the file is damaged: {line}"
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        yield f"a row of {row[0]} points to no {row[2]}"
    yield from wrong_types.problems(connection)


def _replicas(connection: Connection) -> Iterator[str]:
    """For whom PostgreSQL fires no trigger."""
    for (who,) in connection.exec_driver_sql(catalog.REPLICAS).all():
        yield f"{who} writes with session_replication_role, for which no trigger fires"


def _expected(connection: Connection) -> definitions.Definitions | None:
    """What the migrations make; None where PostgreSQL lets nobody make it, or not this role."""
    version = ""
    if connection.dialect.name == "postgresql":
        version, may = connection.exec_driver_sql(
            "SELECT version(), has_database_privilege(current_database(), 'CREATE') "
            "AND NOT pg_is_in_recovery()"
        ).one()
        if not may:
            return None
    key = (connection.dialect.name, version)
    if key not in _made:
        engine = connection.engine
        _made[key] = _on_postgresql(engine) if version else _on_sqlite()
    return _made[key]


_made: dict[tuple[str, str], definitions.Definitions] = {}
"""What the migrations make, by database and its version: it takes a second."""


def _on_sqlite() -> definitions.Definitions:
    fresh = create_engine("sqlite://")
    try:
        with fresh.begin() as connection:
            _migrate(connection)
            return definitions.of(connection)
    finally:
        fresh.dispose()


def _on_postgresql(engine: Engine) -> definitions.Definitions:
    """The same, made in a schema of their own that is rolled back."""
    with transaction(engine, writing=True) as connection:
        connection.exec_driver_sql("CREATE SCHEMA lineage_expected")
        connection.exec_driver_sql("SET LOCAL search_path TO lineage_expected")
        _migrate(connection)
        expected = definitions.of(connection)
        connection.rollback()
    return expected


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
        public="The registry's schema is newer than this program's.",
    )
