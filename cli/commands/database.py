"""The history and the database: show and prove the one, upgrade, check and copy the other.

`log`, `audit verify`, `db upgrade / check / backup / copy / grant`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import output
from ..options import Json, State, opened_registry

db = typer.Typer(help="The registry's database.", no_args_is_help=True)
audit = typer.Typer(help="The history's integrity.", no_args_is_help=True)


def log(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="[SUBJECT]",
            help="A model, a version, a slot (churn@production), an environment or a pipeline.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, help="How many events at the most.")
    ] = 50,
    as_json: Json = False,
) -> None:
    """Show the history, the newest event first."""
    with opened_registry() as registry:
        rows = registry.history(subject, limit=limit)
    if as_json:
        output.emit(rows)
        return
    if not rows:
        output.say("No events.")
        return
    output.table(
        ("seq", "time", "actor", "event", "subject", "what"),
        [
            (
                str(row["seq"]),
                output.moment(row["at"]),
                row["actor"],
                row["kind"],
                row["subject"],
                _what(row["payload"]),
            )
            for row in rows
        ],
    )


@audit.command("verify")
def verify(as_json: Json = False) -> None:
    """Prove the chain of events, and that it tells the present state."""
    with opened_registry() as registry:
        result = registry.audit()
    good = f"{result.events} events, every link holds; the newest is {result.head}"
    facts = {"events": result.events, "head": result.head}
    _report("The history", good, facts, result.problems, as_json)


@db.command()
def upgrade(as_json: Json = False) -> None:
    """Create the database, or bring its schema up to date."""
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
    """Check the database: the file, the keys, the schema, the triggers."""
    from lineage import connection
    from lineage.capture.project import opened

    with opened() as project:
        result = connection.check(project.registry_url(State.registry))
    good = f"The database is whole, its schema is {result.revision}."
    facts = {"revision": result.revision, "head": result.head}
    _report("The database", good, facts, result.problems, as_json)


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
    """Carry a registry over to another database, and prove its history there.

    From SQLite to PostgreSQL or back. The target must be empty; it is whole afterwards, or empty.
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


def _what(payload: dict[str, Any]) -> str:
    """The part of an event's payload that a line has room for."""
    words = []
    if "passed" in payload:
        words.append("passed" if payload["passed"] else "failed")
    if payload.get("basis") in ("run", "carried"):
        words.append(str(payload["basis"]))
    words += [str(payload[key]) for key in ("kind", "state", "instance") if key in payload]
    words += _of_weights(payload)
    if "revision" in payload and not isinstance(payload["revision"], str):
        words.append(f"revision {payload['revision']}")
    versions = payload.get("versions")
    if isinstance(versions, list):
        words.append(", ".join(versions))
    pipeline = payload.get("pipeline")
    if isinstance(pipeline, dict):
        words.append(f"{pipeline['name']} {output.short(pipeline['digest'])}")
    elif isinstance(pipeline, str):
        words.append(output.short(pipeline))
    waivers = payload.get("waivers")
    if isinstance(waivers, list):
        words.append("waived " + ", ".join(waiver["code"] for waiver in waivers))
    if payload.get("reason"):
        words.append(f"“{payload['reason']}”")
    return "  ".join(words)


def _of_weights(payload: dict[str, Any]) -> list[str]:
    """What an event says of copies: where, what was found, and whether a backup is ready."""
    words = [f"{look['state']} in {look['store']}" for look in payload.get("looks", [])]
    if isinstance(payload.get("store"), str):
        words.append(f"in {payload['store']}")
    readiness = payload.get("readiness")
    if readiness is not None:
        words.append("ready" if readiness["ready"] else "not ready")
    return words


def _report(
    what: str,
    good: str,
    facts: dict[str, Any],
    problems: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print what a check found; exit 6 where it found problems."""
    from lineage.errors import IntegrityFailure

    if as_json:
        output.emit({"valid": not problems, **facts, "problems": list(problems)})
        if problems:
            raise typer.Exit(IntegrityFailure.exit_code)
    elif problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise IntegrityFailure(
            f"{what} is not whole: {problems[0]}{more}.",
            remedy="Compare it with a backup; all that was found: add --json",
        )
    else:
        output.say(good)
