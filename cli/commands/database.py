"""The database: `db upgrade / check / backup / copy / grant`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import output
from ..options import Json, State
from .reporting import COMPARE, report

db = typer.Typer(help="The registry's database.", no_args_is_help=True)


@db.command()
def upgrade(as_json: Json = False) -> None:
    """Create the database, or bring its schema up to date.

    Example: `lineage db upgrade`
    """
    from lineage.database import schema

    before, after = schema.upgrade(_database())
    if as_json:
        output.emit({"before": before, "after": after})
    elif before == after:
        output.say(f"The schema is {after}, nothing to do.")
    else:
        output.say(f"The schema is {after} now" + (f", it was {before}." if before else "."))


@db.command()
def check(as_json: Json = False) -> None:
    """Check the database: the file, the keys, the schema, the triggers.

    Example: `lineage db check`
    """
    from lineage import connection
    from lineage.capture.project import opened

    with opened() as project:
        result = connection.check(project.registry_url(State.registry))
    good = f"The database is whole, its schema is {result.revision}."
    facts = {"revision": result.revision, "head": result.head}
    for note in result.notes:
        output.note(f"note: {note}")
    if result.revision is not None and result.revision < result.head:
        remedy = "Bring it up to date, then check it again: lineage db upgrade"
    else:
        remedy = COMPARE
    report("The database", good, facts, result.problems, as_json, remedy)


@db.command()
def backup(
    target: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A file that is not there yet.", show_default=False),
    ],
    as_json: Json = False,
) -> None:
    """Copy a SQLite registry as it is at one moment, while it is used.

    PostgreSQL has its own tools for that: pg_dump, continuous archiving.

    Example: `lineage db backup registry-copy.db`
    """
    from lineage.registry import transfer

    _copied(transfer.back_up(_database(), target).to_json(), as_json)


@db.command()
def copy(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="The registry's URL.", show_default=False)
    ],
    target: Annotated[
        str, typer.Argument(metavar="DST", help="An empty database's URL.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Copy a registry to another database, and prove its history there.

    From SQLite to PostgreSQL or back. The target must be empty; it is whole afterwards, or empty.

    Example: `lineage db copy sqlite:///registry.db postgresql+psycopg://db.internal/lineage`
    """
    from lineage.registry import transfer

    _copied(transfer.copy(source, target).to_json(), as_json)


@db.command()
def grant(
    role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE", help="A role that is there and owns nothing.", show_default=False
        ),
    ],
    as_json: Json = False,
) -> None:
    """Let a PostgreSQL role do what the program does, and no more. Run as the tables' owner.

    It reads all, adds rows, and changes the columns that move: it makes and changes no table, and
    switches no trigger off. Again after each `db upgrade`.

    Example: `lineage db grant lineage_app`
    """
    from lineage.database import grants

    statements = grants.grant(_database(), role)
    if as_json:
        output.emit({"role": role, "statements": list(statements)})
        return
    output.say(f"{role} may work on the registry now, and change nothing of its schema.")


def _database() -> str:
    """The database that the registry is in.

    Raises:
        UsageError: it is behind a server.
    """
    from lineage.capture.project import opened
    from lineage.errors import UsageError
    from lineage.registry_url import is_remote

    with opened() as project:
        url = project.registry_url(State.registry)
    if is_remote(url):
        raise UsageError(
            "The registry is behind a server, and this command works on its database.",
            remedy="Run it where the database is: lineage --registry postgresql+psycopg://… db …",
        )
    return url


def _copied(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.emit(done)
        return
    output.say(f"{done['place']}: {sum(done['rows'].values())} rows, {done['events']} events")
    output.say(f"  the newest is {done['head']}; every link holds")
