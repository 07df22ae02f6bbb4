"""What the registry's program may do in a PostgreSQL database that it does not own.

A role that is granted this reads all, adds rows, and changes the few columns that move; what it
adds and changes, the triggers look at. It makes, changes and drops no table, and switches no
trigger off: that takes the owner of the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from lineage.acts import act
from lineage.database.engine import open_engine, transaction
from lineage.database.told import TOLD, UNTOLD
from lineage.errors import NotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection

_REPORTS: Final = ("observation", "observed_slot")
"""What hosts say of themselves: tables apart from the history."""

_MAY_CHANGE: Final = dict.fromkeys(
    (*_REPORTS, "kept_answer", "seen_stream", "seen_window", "webhook_delivery"), "UPDATE, DELETE"
) | {"version_metric": "DELETE"}
"""What is no history, and replaced and forgotten as hosts report, windows fold, requests are
repeated, messages arrive, and newer verdicts count."""

_MAY_NOTE: Final = {
    "token": ("last_used_at",),
    "webhook": ("url", "secret", "secret_before", "told_until", "conditions"),
}
"""What no event holds, and changes."""

_OWNS: Final = text(
    "WITH owner AS (SELECT nspowner AS oid FROM pg_namespace WHERE nspname = current_schema() "
    "UNION SELECT relowner FROM pg_class WHERE relkind IN ('r', 'p') "
    "AND relnamespace = current_schema()::regnamespace "
    "UNION SELECT proowner FROM pg_proc WHERE pronamespace = current_schema()::regnamespace) "
    "SELECT r.rolsuper, (SELECT bool_or(pg_has_role(r.oid, oid, 'MEMBER')) FROM owner) "
    "FROM pg_roles r WHERE r.rolname = coalesce(:role, current_user)"
)
"""Whether a role is a superuser, or owns the tables, the triggers' functions, or the schema, as the
owner of a database does by default: who owns a schema drops what lies in it."""


_PROGRAMS: Final = text(
    "SELECT g.grantee FROM information_schema.role_table_grants g "
    "JOIN pg_class c ON c.relname = g.table_name "
    "AND c.relnamespace = current_schema()::regnamespace "
    "WHERE g.table_schema = current_schema() AND g.table_name = 'kept_answer' "
    "AND g.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') "
    "AND g.grantee NOT IN ('PUBLIC', pg_get_userbyid(c.relowner)) "
    "GROUP BY g.grantee HAVING count(DISTINCT g.privilege_type) = 4"
)
"""The roles that keep answers to requests: the program's alone do."""


def grant(url: str, role: str) -> tuple[str, ...]:
    """Give a role what the program needs, and take away what it had beyond that; the statements.

    An upgrade of the schema gives such a role what that brings (:func:`give_again`).

    Raises:
        UsageError: the registry is not in PostgreSQL, or the role owns the tables or the schema.
        NotFound: there is no such role.
        RegistryUnreachable: who asks for it may not grant it.
    """
    if not url.startswith("postgresql"):
        raise UsageError(
            "Only PostgreSQL knows roles; the registry is a file.",
            remedy="Let the file belong to the user that the server runs as, and to nobody else.",
        )
    engine = open_engine(url)
    try:
        with transaction(engine, writing=True) as connection:
            _require_other(connection, role)
            statements = (*_taken(connection, role), *_given(connection, role))
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
    return statements


def give_again(connection: Connection) -> None:
    """Give each role that may do all that the program does what an upgrade brought for it."""
    if connection.dialect.name != "postgresql":
        return
    for (role,) in connection.execute(_PROGRAMS).all():
        for statement in _given(connection, role):
            connection.exec_driver_sql(statement)


def is_owner(url: str) -> bool:
    """Whether the one who opens a registry could switch its triggers off: a superuser or owner."""
    if not url.startswith("postgresql"):
        return False
    engine = open_engine(url)
    try:
        with transaction(engine) as connection:
            found = connection.execute(_OWNS, {"role": None}).one()
    finally:
        engine.dispose()
    return any(found)


def _require_other(connection: Connection, role: str) -> None:
    found = connection.execute(_OWNS, {"role": role}).first()
    if found is None:
        raise NotFound(
            f"There is no role {role[:63]!r} in this database.",
            remedy="Create it first: CREATE ROLE … LOGIN PASSWORD …",
        )
    if any(found):
        raise UsageError(
            f"The role {role} owns the registry's tables or their schema, "
            "or may do as an owner does.",
            remedy="Name another role for the server, which does not own the database either: "
            "an owner can switch every check off.",
        )


def _taken(connection: Connection, role: str) -> Iterator[str]:
    quote, here, database = _places(connection)
    to = quote(role)
    yield f"REVOKE CREATE, TEMPORARY ON DATABASE {database} FROM PUBLIC, {to}"
    yield f"REVOKE CREATE ON SCHEMA {here} FROM PUBLIC, {to}"
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {here} FROM PUBLIC, {to}"
    yield f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA {here} FROM PUBLIC, {to}"
    yield f"GRANT CONNECT ON DATABASE {database} TO {to}"
    yield f"GRANT USAGE ON SCHEMA {here} TO {to}"


def _places(connection: Connection) -> tuple[Callable[[str], str], str, str]:
    """What quotes a name, and the schema's and the database's names in quotes."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    schema, database = connection.exec_driver_sql(
        "SELECT current_schema(), current_database()"
    ).one()
    return quote, quote(schema), quote(database)


def _given(connection: Connection, role: str) -> Iterator[str]:
    quote, here, _ = _places(connection)
    to = quote(role)
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {here} TO {to}"
    yield f"GRANT SELECT ON {here}.alembic_version TO {to}"
    for table in sorted({*TOLD, *UNTOLD, *_REPORTS}):
        also = f", {_MAY_CHANGE[table]}" if table in _MAY_CHANGE else ""
        yield f"GRANT SELECT, INSERT{also} ON {here}.{quote(table)} TO {to}"
        columns = _moving(table)
        if columns:
            listed = ", ".join(map(quote, columns))
            yield f"GRANT UPDATE ({listed}) ON {here}.{quote(table)} TO {to}"


def _moving(table: str) -> Sequence[str]:
    told = TOLD.get(table)
    if told is None:
        return ()
    named = ("model",) if told.follows else ()
    moves = (*told.moves, told.event) if told.moves else ()
    return (*named, *moves, *_MAY_NOTE.get(table, ()))


def warning(url: str) -> str | None:
    """What an operator should know who lets a server open its database as the owner."""
    if not is_owner(url):
        return None
    return (
        "The server owns the registry's tables or their schema: it could switch triggers off. "
        f"Let it run as a role of its own: {act('db grant', 'ROLE')}"
    )
