"""`token create / list / revoke`: make bearer tokens, list them, revoke them."""

from __future__ import annotations

from typing import Annotated

import typer

from lineage.workflows.actor import actor

from .. import output
from ..options import Json, opened_registry, project_and_registry

token = typer.Typer(help="Tokens: who may use a registry's server.", no_args_is_help=True)


@token.command()
def create(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Who uses it, such as a job; every event names it.",
            show_default=False,
        ),
    ],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="read, register, validate, validate:run, approve, deploy, observe, "
            "observe:weights, or admin for all. Repeatable.",
            show_default=False,
        ),
    ],
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="ENVIRONMENT", help="Only this environment. Repeatable."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="MODEL", help="Only this model. Repeatable."),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="PERSON",
            help="The person it counts as, in approvals and the like; default: NAME.",
        ),
    ] = None,
    expires: Annotated[
        str,
        typer.Option("--expires", metavar="WHEN", help="90d, 12h, an ISO 8601 time, or never."),
    ] = "90d",
    as_json: Json = False,
) -> None:
    """Create a token. It is shown once: keep it where secrets are kept.

    Example: `lineage token create ci --scope read --scope register`
    """
    from lineage import timestamps
    from lineage.contract.requests import NewToken, expiry

    new = NewToken(
        name,
        tuple(scope),
        tuple(env) if env else None,
        tuple(model) if model else None,
        expiry(expires, timestamps.now()),
        person,
    )
    with project_and_registry() as (project, registry):
        made = registry.create_token(new, actor=actor(project))
    if as_json:
        output.emit(made)
        return
    until = f"until {output.moment(made['expires_at'])}" if made["expires_at"] else "for good"
    output.note(f"token {made['id']} of {made['name']}, {', '.join(made['scopes'])}, {until}:")
    output.say(made["token"])
    output.note("It is not shown again. Give it to programs as LINEAGE_TOKEN.")


@token.command("list")
def listed(as_json: Json = False) -> None:
    """List every token, without its secret.

    Example: `lineage token list`
    """
    with opened_registry() as registry:
        rows = registry.tokens()
    if as_json:
        output.emit(rows)
        return
    if not rows:
        output.say("No tokens.")
        return
    output.table(
        ("id", "name", "person", "scopes", "environments", "models", "ends", "last used", "state"),
        [
            (
                row["id"],
                row["name"],
                row["person"],
                ",".join(row["scopes"]),
                ",".join(row["environments"]) if row["environments"] else "all",
                ",".join(row["models"]) if row["models"] else "all",
                output.moment(row["expires_at"]) if row["expires_at"] else "never",
                output.moment(row["last_used_at"]) if row["last_used_at"] else "never",
                "revoked" if row["revoked_at"] else "",
            )
            for row in rows
        ],
    )


@token.command()
def revoke(
    identity: Annotated[
        str,
        typer.Argument(metavar="ID", help="The id that `token list` shows.", show_default=False),
    ],
    as_json: Json = False,
) -> None:
    """Revoke a token: every server refuses it from now on.

    Example: `lineage token revoke 3f9a1c20`
    """
    with project_and_registry() as (project, registry):
        done = registry.revoke_token(identity, actor=actor(project))
    if as_json:
        output.emit(done)
    else:
        output.say(f"token {done['id']} of {done['name']} is revoked")
