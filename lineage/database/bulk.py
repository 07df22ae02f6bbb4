"""Writing many rows at once: what a person waits for while nobody else may write.

A row object for each costs some 40 µs, a statement with its parameters worked out some 10; what is
left here is what the database itself takes.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlmodel import Session

_TOGETHER: Final = "together"


def insert(
    session: Session, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows into a table, in the present transaction.

    Args:
        session: a write transaction.
        table: its name, and
        columns: those of its columns: words of this program, never of a request.
        rows: the values, in the order of ``columns``.
    """
    connection = session.connection()
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        statement = f"COPY {table} ({names}) FROM STDIN"
        cursor: Any = connection.connection.cursor()
        try:
            with cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        except connection.dialect.loaded_dbapi.Error as error:
            raise DBAPIError(statement, None, error) from error
    else:
        places = ", ".join("?" for _ in columns)
        statement = f"INSERT INTO {table} ({names}) VALUES ({places})"  # nosec B608 # noqa: S608 - see Args
        connection.exec_driver_sql(statement, list(rows))


@contextmanager
def together(session: Session) -> Iterator[None]:
    """What is written meanwhile, and nothing is read, PostgreSQL is told in one round trip."""
    connection = session.connection()
    if connection.dialect.name != "postgresql" or _TOGETHER in session.info:
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    session.info[_TOGETHER] = True
    try:
        with driver.pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError("what was written together", None, error) from error
    finally:
        session.info.pop(_TOGETHER, None)
