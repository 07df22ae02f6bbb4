"""What somebody does who owns the database: drops the triggers, writes, and puts them back."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event as on

from lineage.database.engine import open_engine, read, transaction
from lineage.registry_url import PREFIX, path_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection


def as_owner(url: str, *statements: str) -> None:
    """Carry out statements with no trigger and no key in the way; all of them stand as before.

    No check is in the way on SQLite, either; PostgreSQL has no switch for them.
    """
    if url.startswith(PREFIX):
        _on_sqlite(url, statements)
    else:
        _on_postgresql(url, statements)


@contextmanager
def owner(url: str) -> Iterator[Connection]:
    """One who owns the database, with no trigger in the way; nothing of it is kept."""
    engine = open_engine(url)
    if engine.dialect.name == "sqlite":
        on.listen(engine, "connect", lambda c, _: c.execute("PRAGMA foreign_keys = OFF"))
    with transaction(engine, writing=True) as connection:
        if engine.dialect.name == "sqlite":
            query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (name,) in connection.exec_driver_sql(query).all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield connection
        connection.rollback()
    engine.dispose()


def _on_sqlite(url: str, statements: Iterable[str]) -> None:
    with closing(sqlite3.connect(path_of(url), isolation_level=None, timeout=30)) as connection:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        triggers = connection.execute(query).fetchall()
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("BEGIN IMMEDIATE")
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, definition in triggers:
            connection.execute(definition)
        connection.execute("COMMIT")


def _on_postgresql(url: str, statements: Iterable[str]) -> None:
    import psycopg

    from lineage.database.postgresql import conninfo

    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.replace("%", "%%"))


def quoted(value: Any) -> str:
    """A value as SQL writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def rewrite_history(url: str, *, since: int, actor: str) -> None:
    """Write the events from a number on anew, in the name of another, the whole chain with it."""
    from sqlmodel import select

    from lineage.database import events, tables

    engine = open_engine(url)
    statements = []
    with read(engine) as session:
        previous = ""
        for event in session.exec(select(tables.Event).order_by(tables.Event.seq)).all():
            session.expunge(event)
            if event.seq >= since:
                event.actor, event.previous = actor, previous
                event.blake3 = events.event_digest(event)
                statements.append(
                    f"UPDATE event SET actor = {quoted(actor)}, previous = {quoted(previous)}, "
                    f"digest = {quoted(event.blake3)} WHERE seq = {event.seq}"
                )
            previous = event.blake3
    engine.dispose()
    as_owner(url, *statements)
