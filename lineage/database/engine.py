"""Opening the registry's database, and its transactions, on SQLite and on PostgreSQL.

Both are used alike: every transaction begins with the statements of its database's module, which
make a reader see one state, and a writer be alone from its first statement to its commit.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lineage.database import errors, sqlite, tables, wrong_types
from lineage.database.limits import CONNECTIONS, LOCK_TIMEOUT
from lineage.database.reading import Reading
from lineage.registry_url import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from lineage.errors import LineageError


def open_engine(
    url: str,
    *,
    create: bool = False,
    lock_timeout: float = LOCK_TIMEOUT,
    connections: int = CONNECTIONS,
    shared: bool | None = None,
    connect_timeout: int | None = None,
    read_only: bool = False,
) -> Engine:
    """An engine for the registry's database.

    Args:
        url: ``sqlite:///path`` or ``postgresql+psycopg://host/database``.
        create: make the file (and its folder) where there is none; a PostgreSQL database must be
            there.
        lock_timeout: seconds to wait for another process.
        connections: how many threads may use it at once.
        connect_timeout: seconds that a connection to each address of a server may take; by default
            less for a person than for a job (:mod:`lineage.patience`).
        shared: whether several hosts use it, though it be a file; by default, if it is none.
        read_only: refuse every statement that writes, of a file.

    Raises:
        UsageError: the URL names neither.
        RegistryUnreachable: there is no such database, or it cannot be made.
    """
    if url.startswith("postgresql"):
        from lineage.database import postgresql

        engine = postgresql.open_engine(
            url,
            lock_timeout=lock_timeout,
            connections=connections,
            connect_timeout=connect_timeout,
        )
    else:
        engine = sqlite.open_engine(
            url,
            create=create,
            lock_timeout=lock_timeout,
            connections=connections,
            read_only=read_only,
        )
    event.listen(engine, "begin", begin)
    if shared is None:
        shared = engine.dialect.name == "postgresql"
    engine.update_execution_options(lineage_shared=shared, lineage_lock_timeout=lock_timeout)
    return engine


def is_shared(of: Engine | Session) -> bool:
    """Whether several hosts use a registry: a folder of one of them is not where all fetch."""
    source = of if isinstance(of, Engine) else of.connection()
    return bool(source.get_execution_options().get("lineage_shared", False))


@contextmanager
def read(engine: Engine) -> Iterator[Session]:
    """A read transaction: one consistent state, whatever others write meanwhile."""
    with transaction(engine) as connection, Reading(connection) as session:
        yield cast("Session", session)


@contextmanager
def write(engine: Engine) -> Iterator[Session]:
    """A write transaction: alone from its first statement to its commit, whole or not at all."""
    from lineage.database.unit_of_work import UnitOfWork  # what only reads starts quickly without

    tables.load_all()  # the order of writes follows the keys between all tables
    with (
        transaction(engine, writing=True) as connection,
        UnitOfWork(connection, autoflush=False, expire_on_commit=False) as session,
    ):
        yield session
        session.flush()


@contextmanager
def transaction(
    engine: Engine, *, writing: bool | Literal["reports"] = False
) -> Iterator[Connection]:
    """A transaction; what the database says is told in the registry's own errors.

    ``writing`` tells whether it writes; ``reports`` is one that writes nothing else.

    Raises:
        RegistryUnreachable: locked, read-only, full or gone.
        IntegrityFailure: the file is damaged, or holds what no column of it can.
        Conflict: a constraint refused the change.
        UsageError: a text holds what the database cannot keep.
    """
    try:
        with _begun(engine, writing) as connection:
            yield connection
            connection.commit()
    except (DBAPIError, sqlite3.Error) as error:
        raise _translated(error, engine) from error
    except UnicodeEncodeError as error:
        raise errors.not_text(error.reason) from error
    except PoolTimeout as error:
        raise errors.busy() from error
    except _UNFORESEEN as error:
        damage = _damage_in(engine)
        if damage is None:
            raise
        raise damage from error


_UNFORESEEN: Final = (
    *(TypeError, ValueError, LookupError, AttributeError, ArithmeticError),
    SQLAlchemyError,
)
"""What working with a value of another type than its column's ends in."""


def damage_at(url: str) -> LineageError | None:
    """What is wrong with a registry's rows, where that is what an error may come of; None if none.

    Raises:
        RegistryUnreachable: there is none.
    """
    if not url.startswith(PREFIX):
        return None
    engine = open_engine(url)
    try:
        return _damage_in(engine)
    finally:
        engine.dispose()


def _damage_in(engine: Engine) -> LineageError | None:
    """A row that holds what its columns cannot: what could not be foreseen may come of it.

    None, too, where that cannot be asked now: what happened first is what is told.
    """
    if engine.dialect.name != "sqlite":
        return None
    try:
        with engine.connect() as connection:
            problem = next(wrong_types.problems(connection), None)
    except (SQLAlchemyError, sqlite3.Error):
        return None
    return sqlite.damaged(problem, engine) if problem is not None else None


def _begun(engine: Engine, writing: bool | Literal["reports"]) -> Connection:
    """A connection on which a transaction has begun.

    One that the server has closed meanwhile says so at its first word, and with it all go that are
    as old: another is connected. To ask each before it is used would cost a round trip each time.
    """
    try:
        return _begin_on(engine, writing)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        return _begin_on(engine, writing)


def _begin_on(engine: Engine, writing: bool | Literal["reports"]) -> Connection:
    connection = engine.connect().execution_options(lineage_writing=writing)
    try:
        connection.begin()
    except BaseException:
        connection.close()
        raise
    return connection


def _translated(error: Exception, engine: Engine) -> LineageError:
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return sqlite.translate(cause, engine)
    from lineage.database import postgresql

    return postgresql.translate(cause, engine)


def begin(connection: Connection) -> None:
    """Begin a transaction as its database's module says, for what it is to do."""
    writing = connection.get_execution_options().get("lineage_writing", False)
    if connection.dialect.name == "postgresql":
        from lineage.database import postgresql

        connection.exec_driver_sql(postgresql.beginning(connection, writing))
    else:
        connection.exec_driver_sql(sqlite.BEGIN_WRITE if writing else sqlite.BEGIN_READ)
