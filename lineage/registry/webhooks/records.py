"""Webhooks as they are recorded: added, listed, given another secret, removed, tested.

What leads to a receiver and what signs for it are kept as they are, for a server has to use them;
no answer, event or log holds either, but the one that makes the secret.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import col, select

from lineage import timestamps
from lineage.acts import act
from lineage.contract.webhooks import WebhookFormat, named_types
from lineage.database import events, names, tables, telling
from lineage.errors import Conflict, NotFound
from lineage.identity.digest import blake3_of, canonical_bytes
from lineage.identity.references import check_environment_name, check_name
from lineage.registry.webhooks import addresses, messages, signing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlmodel import Session

    from lineage.contract.webhooks import NewWebhook
    from lineage.registry.webhooks.messages import Happening

SUBJECT: Final = "access:webhooks"
"""The subject of every event about webhooks."""

MOST: Final = 50
"""Webhooks of a registry."""

MOST_LISTED: Final = 1_000
"""Deliveries of a webhook that are kept and listed, besides those that wait."""

OVERLAP: Final = dt.timedelta(days=1)
"""How long the secret before a rotation signs too."""

_LARGEST: Final = (1 << 31) - 1


def add(session: Session, new: NewWebhook, at: str, actor: str) -> dict[str, Any]:
    """Add a webhook; JSON of it with the ``secret``, which is never shown again.

    Raises:
        UsageError: the URL, a type, a format or a name is not valid.
        Conflict: there are as many as may be.
    """
    target = addresses.parse(new.url)
    for name in new.environments or ():
        check_environment_name(name)
    for name in new.models or ():
        check_name("model", name)
    if len(present(session)) >= MOST:
        raise Conflict(
            f"There are {MOST} webhooks already.",
            remedy=f"Remove one that is not needed: {act('webhook list')}",
        )
    secret = signing.new_secret()
    row = tables.Webhook(
        address=target.shown,
        url=new.url,
        types=json.dumps(named_types(new.on)),
        environments=_names(new.environments),
        models=_names(new.models),
        format=WebhookFormat(new.format).value,
        secret=secret,
        fingerprint=_fingerprint(new.url, secret, None),
        created_at=at,
        created_by=actor,
        told_until=telling.next_number(session),
    )
    telling.tell(session, row)
    shown = to_json(row)
    told = ("address", "on", "environments", "models", "format")
    _append(session, row, "webhook-added", at, actor, {name: shown[name] for name in told})
    return shown | {"secret": secret}


def listed(session: Session) -> list[dict[str, Any]]:
    """Every webhook that is there, the newest first, without its secret."""
    return [to_json(row) for row in reversed(present(session))]


def rotate(session: Session, identity: int, at: str, actor: str) -> dict[str, Any]:
    """Give a webhook another secret; the one before signs beside it for :data:`OVERLAP`.

    Raises:
        NotFound: there is no such webhook.
    """
    row = find(session, identity)
    row.secret, row.secret_before = signing.new_secret(), row.secret
    row.rotated_at = at
    row.fingerprint = _fingerprint(row.url, row.secret, row.secret_before)
    telling.tell(session, row)
    _append(session, row, "webhook-rotated", at, actor)
    return to_json(row) | {"secret": row.secret}


def remove(session: Session, identity: int, at: str, actor: str) -> dict[str, Any]:
    """Remove a webhook, with its secrets; JSON of it. What waits for it is not sent any more.

    Raises:
        NotFound: there is no such webhook.
    """
    row = find(session, identity)
    row.removed_at, row.removed_by = at, actor
    row.url, row.secret, row.secret_before = "", "", None
    row.fingerprint = _fingerprint("", "", None)
    telling.tell(session, row)
    _append(session, row, "webhook-removed", at, actor)
    give_up(session, row, "the webhook was removed")
    return to_json(row)


def disable(session: Session, row: tables.Webhook, at: str, actor: str, why: str) -> None:
    """Send a webhook nothing more until a test of it arrives."""
    row.disabled_at = at
    telling.tell(session, row)
    _append(session, row, "webhook-disabled", at, actor, {"reason": why})
    give_up(session, row, "the webhook was disabled")


def enable(session: Session, row: tables.Webhook, at: str, actor: str) -> None:
    """Send a webhook what happens from now on."""
    row.disabled_at, row.conditions = None, None
    row.told_until = telling.next_number(session)
    telling.tell(session, row)
    _append(session, row, "webhook-enabled", at, actor)


def give_up(session: Session, row: tables.Webhook, why: str) -> None:
    """Send none of the messages that wait."""
    table = tables.WebhookDelivery
    waiting = select(table).where(table.webhook == row.id, table.state == "pending")
    for message in session.exec(waiting).all():
        message.state, message.next_at, message.detail = "failed", None, why
        session.add(message)


def test(session: Session, identity: int, at: str, actor: str) -> dict[str, Any]:
    """Let a server send a message that says nothing but that it arrives; JSON of its delivery.

    Raises:
        NotFound: there is no such webhook.
    """
    row = find(session, identity)
    return delivery_to_json(put(session, row, messages.of_test(identity, at, actor)))


def deliveries(session: Session, identity: int) -> list[dict[str, Any]]:
    """The messages to a webhook and what became of them, the newest first.

    Raises:
        NotFound: there is no such webhook.
    """
    row, table = find(session, identity), tables.WebhookDelivery
    query = select(table).where(table.webhook == row.id)
    newest = query.order_by(col(table.made_at).desc(), col(table.id)).limit(MOST_LISTED)
    return [delivery_to_json(message) for message in session.exec(newest)]


def put(session: Session, row: tables.Webhook, told: Happening) -> tables.WebhookDelivery:
    """Put a message to a webhook into the outbox."""
    now = timestamps.now()
    message = tables.WebhookDelivery(
        id=signing.new_id(),
        webhook=row.id or 0,
        type=told.type,
        seq=told.seq,
        body=told.body(WebhookFormat(row.format)),
        state="pending",
        attempts=0,
        made_at=now,
        next_at=now,
    )
    session.add(message)
    return message


def present(session: Session) -> list[tables.Webhook]:
    """The webhooks that are there, the oldest first."""
    table = tables.Webhook
    there = select(table).where(col(table.removed_at).is_(None))
    return list(session.exec(there.order_by(col(table.id))))


def find(session: Session, identity: int) -> tables.Webhook:
    """A webhook that is there.

    Raises:
        NotFound: it is not.
    """
    row = session.get(tables.Webhook, identity) if 0 < identity <= _LARGEST else None
    if row is None or row.removed_at is not None:
        raise NotFound(
            f"There is no webhook {identity}.", remedy=f"See them: {act('webhook list')}"
        )
    return row


def keys_of(row: tables.Webhook, now: str) -> tuple[str, ...]:
    """What signs for a webhook now, the newest first."""
    if row.secret_before is None or row.rotated_at is None:
        return (row.secret,)
    until = timestamps.moment(row.rotated_at) + OVERLAP
    both = (row.secret, row.secret_before)
    return both if timestamps.moment(now) < until else (row.secret,)


def asks(session: Session, row: tables.Webhook) -> Callable[[Happening], Happening | None]:
    """What a webhook is told of something that happened: a function of it.

    A model that it asks about is meant by all names that it has and had.
    """
    types = json.loads(row.types)
    environments = json.loads(row.environments) if row.environments is not None else None
    models = names.with_names(session, json.loads(row.models)) if row.models is not None else None
    return lambda happening: happening.seen_by(types, environments, models)


def to_json(row: tables.Webhook) -> dict[str, Any]:
    """JSON of a webhook, without its secret and without the path of its URL."""
    return {
        "id": row.id,
        "address": row.address,
        "on": json.loads(row.types),
        "environments": json.loads(row.environments) if row.environments else None,
        "models": json.loads(row.models) if row.models else None,
        "format": row.format,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "rotated_at": row.rotated_at,
        "disabled_at": row.disabled_at,
        "removed_at": row.removed_at,
    }


def delivery_to_json(message: tables.WebhookDelivery) -> dict[str, Any]:
    """JSON of a message's delivery."""
    return {
        "id": message.id,
        "webhook": message.webhook,
        "type": message.type,
        "seq": message.seq,
        "state": message.state,
        "attempts": message.attempts,
        "made_at": message.made_at,
        "next_at": message.next_at,
        "tried_at": message.tried_at,
        "status": message.status,
        "detail": message.detail,
    }


def _append(
    session: Session,
    row: tables.Webhook,
    kind: str,
    at: str,
    actor: str,
    payload: dict[str, Any] | None = None,
) -> None:
    events.append(
        session,
        at=at,
        actor=actor,
        kind=kind,
        subject=f"webhook:{row.id}",
        payload={"id": row.id} | (payload or {}),
        also=[SUBJECT],
    )


def _fingerprint(url: str, secret: str, before: str | None) -> str:
    """By what the history knows the secrets of a webhook, without telling them."""
    return str(blake3_of(canonical_bytes([url, secret, before])))


def _names(names: Sequence[str] | None) -> str | None:
    return json.dumps(sorted(set(names))) if names else None
