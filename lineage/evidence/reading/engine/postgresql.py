"""A table of PostgreSQL, or a query: read in one transaction that writes nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import ibis
import psycopg
import sqlglot
from ibis.backends.sql.datatypes import PostgresType
from psycopg.conninfo import conninfo_to_dict

from lineage.errors import UsageError
from lineage.evidence.reading.engine.rows import opened_table, refused
from lineage.evidence.reading.source import not_one_select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.evidence.reading.engine.rows import EngineRows

_SECRETS: Final = ("password", "sslpassword", "oauth_client_secret")


@contextmanager
def opened_postgresql(url: str, query: str | None, table: str | None) -> Iterator[EngineRows]:
    """Open a table of a database, or a query's rows, for counting.

    Raises:
        UsageError: the URL holds a password, or the rows cannot be read.
    """
    _check(url)
    if (query is None) == (table is None):
        raise UsageError(
            "A database's rows are those of one table, or of one query.",
            remedy="Name either the table or the query.",
        )
    try:
        connection = psycopg.connect(url, application_name="lineage-guard")
    except psycopg.Error as error:
        raise UsageError(
            f"The database does not answer: {str(error).splitlines()[0][:300]}",
            remedy="Put the URL right. A password is taken from ~/.pgpass or PGPASSWORD.",
        ) from None
    with connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        backend = ibis.postgres.from_connection(connection)
        with connection.transaction():  # what is asked in it sees one state of the rows
            try:
                rows = _query(backend, query) if query is not None else _table(backend, table or "")
            except UsageError:
                raise
            except Exception as error:  # of Ibis, of sqlglot, or of the database
                remedy = "Put the name of the table, or the query, right."
                raise refused(error, remedy) from None
            with opened_table(rows, None) as opened:
                yield opened


def _check(url: str) -> None:
    try:
        settings = conninfo_to_dict(url)
    except psycopg.Error:
        raise UsageError(
            "The URL of the database is none that PostgreSQL reads.",
            remedy="Write postgresql://USER@HOST:PORT/DATABASE, or postgresql:///?service=NAME.",
        ) from None
    for name in _SECRETS:
        if settings.get(name):
            raise UsageError(
                f"The URL of the database holds a {name}, which others see where commands are "
                "listed.",
                remedy="Leave it out: PostgreSQL's clients read ~/.pgpass, PGPASSWORD and "
                "pg_service.conf.",
            )


def _table(backend: Any, named: str) -> Any:  # noqa: ANN401 - Ibis's own
    schema, _, name = named.rpartition(".")
    return backend.table(name, database=schema or None)


def _query(backend: Any, query: str) -> Any:  # noqa: ANN401 - Ibis's own
    statements = sqlglot.parse(query, read="postgres")
    if len(statements) != 1 or not isinstance(statements[0], sqlglot.exp.Query):
        raise not_one_select()
    with backend.con.cursor() as cursor:
        # Ibis would make a view, which writes
        cursor.execute(f"SELECT * FROM ({query.rstrip().rstrip(';')}\n) AS rows LIMIT 0")  # nosec B608  # noqa: S608
        kinds = [(one.name, one.type_code) for one in cursor.description]
        cursor.execute(
            "SELECT oid, format_type(oid, NULL) FROM pg_type WHERE oid = ANY(%s)",
            [[code for _, code in kinds]],
        )
        named = dict(cursor.fetchall())
    schema = {name: PostgresType.from_string(named[code]) for name, code in kinds}
    return backend.sql(query, schema=ibis.schema(schema))
