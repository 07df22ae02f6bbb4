"""`webhook add / list / deliveries / test / rotate / remove`: who is told of what happens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineage.workflows.actor import actor

from .. import output
from ..options import Json, State, opened_registry, project_and_registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.connection import AnyRegistry
    from lineage.contract.results.service import DeliveryRecord

webhook = typer.Typer(
    help="Webhooks: which programs are told of promotions, refusals and the like.",
    no_args_is_help=True,
)

WAIT = 30.0
"""Seconds that `webhook test` waits for a server to take a message, and for what became of it."""

LOOK = 0.5

Id = Annotated[
    int,
    typer.Argument(metavar="ID", help="The number that `webhook list` shows.", show_default=False),
]


@webhook.command()
def add(
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help="Where messages go: https://….", show_default=False),
    ],
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            metavar="TYPES",
            help="What it is told of, by commas: promoted, released, deployed, rolled-back, "
            "retired, backup-set, staged, withdrawn, refused, backup-not-ready, contradicted, "
            "host-lagging. Default: of everything. Repeatable.",
            show_default=False,
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="ENVIRONMENT", help="Only of this environment. Repeatable."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="MODEL", help="Only of this model. Repeatable."),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="standard (JSON with type, timestamp and data) or slack (JSON with one text).",
        ),
    ] = "standard",
    as_json: Json = False,
) -> None:
    """Add a webhook. Its secret is shown once: the receiver checks signatures with it.

    Example: `lineage webhook add https://hooks.example.com/lineage --on refused`
    """
    from lineage.contract.webhooks import NewWebhook, format_of, named_types
    from lineage.registry_url import is_remote

    new = NewWebhook(
        url,
        named_types(on or ()),
        tuple(env) if env else None,
        tuple(model) if model else None,
        format_of(form),
    )
    with project_and_registry() as (project, registry):
        made = registry.add_webhook(new, actor=actor(project))
        local = not is_remote(project.registry_url(State.registry))
    if as_json:
        output.emit(made)
        return
    output.note(f"webhook {made['id']} to {made['address']}, {', '.join(made['on'])}:")
    _show_secret(made)
    if local:
        output.note(
            "A server of this registry delivers (lineage serve); to addresses that are not public "
            "only where LINEAGE_WEBHOOK_ALLOW of the server names their network."
        )
    output.note(f"Try it by `webhook test {made['id']}`.")


@webhook.command("list")
def listed(as_json: Json = False) -> None:
    """List every webhook, without its secret.

    Example: `lineage webhook list`
    """
    with opened_registry() as registry:
        rows = registry.webhooks()
    if as_json:
        output.emit(rows)
        return
    if not rows:
        output.say("No webhooks.")
        return
    output.table(
        ("id", "address", "on", "environments", "models", "format", "added", "state"),
        [
            (
                str(row["id"]),
                row["address"],
                ",".join(row["on"]),
                ",".join(row["environments"]) if row["environments"] else "all",
                ",".join(row["models"]) if row["models"] else "all",
                row["format"],
                output.moment(row["created_at"]),
                "disabled" if row["disabled_at"] else "",
            )
            for row in rows
        ],
    )
    if any(row["disabled_at"] for row in rows):
        output.note(
            "Nothing arrived at what is disabled; a `webhook test` that arrives enables it."
        )


@webhook.command()
def deliveries(
    identity: Id,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=1, max=1_000, help="How many at the most."),
    ] = 20,
    as_json: Json = False,
) -> None:
    """Show the messages to a webhook and what became of them, the newest first.

    Example: `lineage webhook deliveries 3`
    """
    with opened_registry() as registry:
        rows = registry.webhook_deliveries(identity)[:limit]
    if as_json:
        output.emit(rows)
        return
    if not rows:
        output.say("No messages yet.")
        return
    output.table(
        ("made", "type", "event", "state", "attempts", "status", "next", "detail"),
        [
            (
                output.moment(row["made_at"]),
                row["type"],
                _text(row["seq"]),
                row["state"],
                str(row["attempts"]),
                _text(row["status"]),
                output.moment(row["next_at"]) if row["next_at"] else "",
                _text(row["detail"])[:80],
            )
            for row in rows
        ],
    )


@webhook.command("test")
def try_out(
    identity: Id,
    as_json: Json = False,
) -> None:
    """Send a test message, and wait for what becomes of it.

    Example: `lineage webhook test 3`
    """
    with project_and_registry() as (project, registry):
        sent = _settled(registry, registry.test_webhook(identity, actor=actor(project)))
    if as_json:
        output.emit(sent)
    elif sent["state"] == "delivered":
        output.say(f"It arrived: HTTP {sent['status']}.")
    elif sent["state"] == "failed":
        status = f"HTTP {sent['status']}" if sent["status"] is not None else "no answer"
        output.note(f"It did not arrive: {status}. {_text(sent['detail'])}".rstrip())
    else:
        output.note(
            f"No server took it in {WAIT:.0f} seconds: one delivers (lineage serve). "
            f"`webhook deliveries {identity}` tells later what became of it."
        )
    if sent["state"] != "delivered":
        raise typer.Exit(1)


@webhook.command()
def rotate(identity: Id, as_json: Json = False) -> None:
    """Give a webhook another secret, shown once; the one before signs beside it for a day.

    Example: `lineage webhook rotate 3`
    """
    with project_and_registry() as (project, registry):
        made = registry.rotate_webhook(identity, actor=actor(project))
    if as_json:
        output.emit(made)
        return
    output.note(f"the new secret of webhook {made['id']}:")
    _show_secret(made)


@webhook.command()
def remove(identity: Id, as_json: Json = False) -> None:
    """Remove a webhook: what waits for it is not sent any more.

    Example: `lineage webhook remove 3`
    """
    with project_and_registry() as (project, registry):
        done = registry.remove_webhook(identity, actor=actor(project))
    if as_json:
        output.emit(done)
    else:
        output.say(f"webhook {done['id']} to {done['address']} is removed")


def _show_secret(made: Mapping[str, Any]) -> None:
    output.say(made["secret"])
    output.note("It is not shown again. The receiver checks each signature with it.")


def _settled(registry: AnyRegistry, sent: DeliveryRecord) -> DeliveryRecord:
    """A delivery once it is known what became of it, or as it is after :data:`WAIT`."""
    end = time.monotonic() + WAIT
    while sent["state"] == "pending" and time.monotonic() < end:
        time.sleep(LOOK)
        rows = registry.webhook_deliveries(sent["webhook"])
        sent = next((row for row in rows if row["id"] == sent["id"]), sent)
    return sent


def _text(value: object) -> str:
    return "" if value is None else str(value)
