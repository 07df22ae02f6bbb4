"""Who is told of what by webhooks, and the messages: their outbox, and the log of deliveries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text
from sqlmodel import Field, SQLModel

from lineage.database.tables.keys import told_by_event

DELIVERY_STATES = "state IN ('pending', 'delivered', 'failed')"


class Webhook(SQLModel, table=True):
    """Where messages go, and of what.

    ``address`` is what is shown of ``url``, whose path many a receiver takes for a secret.
    ``types`` is a JSON list, ``environments`` and ``models`` are JSON lists or null for all.
    ``secret`` signs, and for a day after a rotation ``secret_before`` does too; ``fingerprint`` is
    the BLAKE3 of both and the URL, by which the history knows them. Messages were made of the
    events up to ``told_until``; ``conditions`` is a JSON list of the states of slots that were so
    then, null where nobody looked yet.
    """

    __table_args__: Any = told_by_event("webhook")

    id: int | None = Field(default=None, primary_key=True)
    address: str
    url: str
    types: str = Field(sa_type=Text)
    environments: str | None = Field(default=None, sa_type=Text)
    models: str | None = Field(default=None, sa_type=Text)
    format: str
    secret: str
    secret_before: str | None = None
    fingerprint: str
    created_at: str
    created_by: str
    rotated_at: str | None = None
    disabled_at: str | None = None
    removed_at: str | None = None
    removed_by: str | None = None
    told_until: int
    conditions: str | None = Field(default=None, sa_type=Text)
    event: int | None = None


class WebhookDelivery(SQLModel, table=True):
    """A message to one receiver, under the id that all its attempts have; the last one's outcome.

    ``seq`` is the event that it tells of. While it is ``pending`` its next attempt is at
    ``next_at``. ``status`` is what the receiver answered, ``detail`` the beginning of that, or what
    stood in the way.
    """

    __tablename__ = "webhook_delivery"
    __table_args__: Any = (
        ForeignKeyConstraint(["webhook"], ["webhook.id"], name="webhook_delivery_of"),
        CheckConstraint(DELIVERY_STATES, name="webhook_delivery_state"),
        Index("webhook_delivery_due", "state", "next_at"),
        Index("webhook_delivery_age", "webhook", "made_at"),
    )

    id: str = Field(primary_key=True)
    webhook: int
    type: str
    seq: int | None = None
    body: str = Field(sa_type=Text)
    state: str
    attempts: int
    made_at: str
    next_at: str | None = None
    tried_at: str | None = None
    status: int | None = None
    detail: str | None = Field(default=None, sa_type=Text)
