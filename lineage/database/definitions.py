"""What a database is made of, object by object, and how that differs from what the migrations make.

Whatever stands there besides counts as much as what is missing: a trigger or a rule of somebody's
changes what is written, a view or a table that inherits changes what is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.database import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

Definitions = dict[str, str]
"""The definition of every object by its kind and name."""


def of(connection: Connection) -> Definitions:
    """The definitions in the present schema.

    SQLite lists a table's constraints in an order that means nothing, so lines are compared sorted.
    """
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(_SQLITE)
        return {
            str(name): "\n".join(sorted(line.strip(" ,\t") for line in str(sql).splitlines()))
            for name, sql in rows
        }
    schema, written = connection.exec_driver_sql(
        "SELECT current_schema(), quote_ident(current_schema())"
    ).one()
    found: Definitions = {}
    for query in catalog.DEFINITIONS:
        for name, definition in connection.exec_driver_sql(query):
            text = str(definition)
            for own in {schema, written}:
                text = text.replace(f"{own}.", "").replace(f"search_path={own},", "search_path=,")
            found[str(name)] = text
    return found


def differences(expected: Mapping[str, str], here: Mapping[str, str]) -> Iterator[str]:
    """What is missing, what was changed, and what was added."""
    for name, definition in expected.items():
        if here.get(name) != definition:
            yield f"{name} is missing or was changed"
    for name in sorted(here.keys() - expected.keys()):
        yield f"{name} was added: the registry has none"


def without_comparison(connection: Connection) -> Iterator[str]:
    """What is wrong on PostgreSQL whatever the definitions are, where none can be compared."""
    for query, says in _NEVER:
        for (name,) in connection.exec_driver_sql(query):
            yield says.format(name)


def dangling(connection: Connection) -> Iterator[str]:
    """The keys of PostgreSQL that point to nothing: somebody switched off what holds them."""
    keys = connection.exec_driver_sql(catalog.KEYS).all()
    quote = connection.dialect.identifier_preparer.quote_identifier  # doubles each %, too
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        query = f"SELECT {', '.join(_is_dangling(quote, *key) for key in some)}"
        found = connection.exec_driver_sql(query).one()
        for (child, parent, *_), dangles in zip(some, found, strict=True):
            if dangles:
                yield f"a row of {child} points to no {parent}"


def _is_dangling(
    quote: Callable[[str], str],
    child: str,
    parent: str,
    inside: str,
    beside: str,
    own: Sequence[str],
    other: Sequence[str],
) -> str:
    """Whether a row's key points to nothing, in SQL: tables of two schemas, and their columns."""
    pairs = [(quote(a), quote(b)) for a, b in zip(own, other, strict=True)]
    same = " AND ".join(f"p.{there} = c.{here}" for here, there in pairs)
    whole = " AND ".join(f"c.{here} IS NOT NULL" for here, _ in pairs)
    return (
        f"EXISTS (SELECT 1 FROM {quote(inside)}.{quote(child)} c WHERE {whole} AND NOT EXISTS "  # nosec B608 # noqa: S608 - catalog's names
        f"(SELECT 1 FROM {quote(beside)}.{quote(parent)} p WHERE {same}))"
    )


_AT_ONCE: Final = 100
"""Keys that are looked at by one statement."""


_SQLITE: Final = (
    "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL "
    "AND name <> 'alembic_version' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
)

_NEVER: Final = (
    (catalog.RULED, "{0} has a rule, or is a view: the registry has none"),
    (catalog.SWITCHED_OFF, "a trigger of {0} is switched off"),
    (catalog.NOT_VALIDATED, "constraint {0} was not held against the rows that are there"),
)
