"""The outbox: what is to be sent, to whom, and what became of it.

Each event is in the history in the transaction that it tells of, so the history is where messages
are made from: nothing of a move waits for a webhook, or is written for one. A server makes the
messages of the events behind ``told_until`` and notes how far it came in one transaction, so each
is made once however many servers do so, and none is lost. What is no event is made where it
becomes known: a refusal by whoever was refused, the state of a slot by the server that looks.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import random
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, text

from lineage import timestamps
from lineage.contract.webhooks import BACKUP_NOT_READY, CONTRADICTED, DRIFTED, TEST
from lineage.database import clock, head, tables
from lineage.database.engine import read, write
from lineage.registry.webhooks import messages, records
from lineage.registry.webhooks.messages import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Engine
    from sqlmodel import Session

    from lineage.contract.results import Serving
    from lineage.contract.results.drift import Drift
    from lineage.guard.decision import Decision
    from lineage.registry.webhooks.messages import Happening

ACTOR: Final = "lineage-serve"
"""In whose name a server says that a webhook is disabled, and that it is not any more."""

RETRIES: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds from an attempt that failed to the next: some three days in all."""

JITTER: Final = 0.2
"""By which part the time to the next attempt is longer or shorter, by chance."""

LEASE: Final = dt.timedelta(minutes=2)
"""How long a message is another server's that took it: after that it is sent again."""

AT_ONCE: Final = 200
"""Events of which messages are made in one transaction."""

BEHIND: Final = 1_000
"""Events without a message after which it is noted that there was none."""

MOST_WAITING: Final = 10_000
"""Messages that wait for a webhook: further refusals and states are not told."""

KEPT: Final = dt.timedelta(days=30)
"""How long the delivery of a message is kept."""

_EVENTS: Final = text(
    "SELECT seq, at, actor, kind, subject, payload FROM event "
    "WHERE seq > :after AND kind IN :kinds ORDER BY seq LIMIT :most"
).bindparams(bindparam("kinds", expanding=True))
_TOLD: Final = text(
    "UPDATE webhook SET told_until = :seq WHERE id = :id AND told_until = :before "
    "AND disabled_at IS NULL AND removed_at IS NULL"
)
_NOTED: Final = text(
    "UPDATE webhook SET conditions = :now WHERE id = :id "
    "AND coalesce(conditions, '') = :before AND removed_at IS NULL"
)
_IS_DUE: Final = text(
    "SELECT DISTINCT webhook FROM webhook_delivery WHERE state = 'pending' AND next_at <= :now"
)
_DUE: Final = text(
    "SELECT id FROM webhook_delivery WHERE webhook = :id AND state = 'pending' "
    "AND next_at <= :now ORDER BY next_at LIMIT :most"
)
_ROOM: Final = text(
    "SELECT count(d.id) FROM webhook w LEFT JOIN webhook_delivery d ON d.webhook = w.id "
    "AND d.state = 'pending' WHERE w.id = :id AND w.removed_at IS NULL AND w.disabled_at IS NULL "
    "GROUP BY w.id"
)
_ARRIVED_SINCE: Final = text(
    "SELECT 1 FROM webhook_delivery WHERE webhook = :id AND state = 'delivered' "
    "AND tried_at >= :since LIMIT 1"
)
_WAITING: Final = text(
    "SELECT count(*), min(made_at) FROM webhook_delivery WHERE state = 'pending'"
)
_FORGET_OLD: Final = text(
    "DELETE FROM webhook_delivery WHERE state <> 'pending' AND made_at < :oldest"
)
_FORGET_MANY: Final = text(
    "DELETE FROM webhook_delivery WHERE webhook = :id AND state <> 'pending' AND made_at < "
    "(SELECT made_at FROM webhook_delivery WHERE webhook = :id ORDER BY made_at DESC "
    "LIMIT 1 OFFSET :most)"
)

_log = logging.getLogger("lineage.webhooks")


@dataclass(frozen=True)
class Message:
    """A message that is to be sent now: where, what, and what signs for it."""

    id: str
    webhook: int
    type: str
    url: str
    body: str
    keys: tuple[str, ...]
    attempts: int


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: the status that was answered, and what else is known."""

    status: int | None
    detail: str | None = None

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Made:
    """How far messages were made: the newest event; whether states are asked for, and drift."""

    newest: int
    states: bool
    drifts: bool


@dataclass(frozen=True)
class _Look:
    """What is to be done for a webhook: messages to make, and how far they go."""

    row: tables.Webhook
    told: list[Happening]
    until: int


class Outbox:
    """The outbox of a registry.

    Args:
        engine: its database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read: dict[int | None, int] = {}
        """Up to which event nothing is to be told, by webhook: what was read is not read again."""

    def make(self) -> Made | None:
        """Make the messages of what happened since; how far, None without a webhook."""
        with read(self._engine) as session:
            rows = records.present(session)
            if not rows:
                return None
            newest = head.newest(session).seq
            if newest < max(self._read.values(), default=0):
                self._read = {}  # an older state was put back
            looks = [
                _events_for(session, row, max(row.told_until, self._read.get(row.id, 0)), newest)
                for row in rows
                if row.disabled_at is None
            ]
        self._read = {look.row.id: look.until for look in looks if not look.told}
        looks = [look for look in looks if look.told or look.until - look.row.told_until >= BEHIND]
        if looks:
            with write(self._engine) as session:
                for look in looks:
                    _make(session, look)
        return Made(newest, any(map(_asks_for_states, rows)), any(map(_asks_for_drifts, rows)))

    def note_states(self, serving: Sequence[Serving], drifts: Sequence[Drift] | None = ()) -> None:
        """Make the messages of states of slots that were not so when somebody looked last.

        Args:
            serving: every slot.
            drifts: what changed in what production sees; None where nobody knows yet: what was so
                is so, and whoever asks for it for the first time waits.
        """
        states = list(messages.of_states(serving, timestamps.now()))
        states += messages.of_drifts(drifts or (), timestamps.now())
        with read(self._engine) as session:
            rows = [row for row in records.present(session) if row.disabled_at is None]
            seen = [(row, _seen(session, row, states)) for row in rows if _asks_for_states(row)]
        if drifts is None:
            seen = [
                (row, _with_known_drifts(row, told))
                for row, told in seen
                if row.conditions is not None or not _asks_for_drifts(row)
            ]
        changed = [(row, told) for row, told in seen if json.dumps([*told]) != row.conditions]
        if not changed:
            return
        with write(self._engine) as session:
            for row, told in changed:
                before = row.conditions
                values = {"id": row.id, "now": json.dumps([*told]), "before": before or ""}
                noted = session.connection().execute(_NOTED, values).rowcount
                if noted and before is not None and _has_room(session, row):
                    for name in told.keys() - {*json.loads(before)}:
                        if (state := told[name]) is not None:
                            records.put(session, row, state)

    def refused(self, decisions: Sequence[Decision], actor: str) -> None:
        """Make the messages of a move that was refused, if anybody is to be told."""
        if not any(not decision.allowed for decision in decisions):
            return
        refusal = messages.of_refusal(decisions, timestamps.now(), actor)
        with read(self._engine) as session:
            rows = [row for row in records.present(session) if row.disabled_at is None]
            parts = [(row, records.asks(session, row)(refusal)) for row in rows]
        told = [(row, part) for row, part in parts if part is not None]
        if not told:
            return
        with write(self._engine) as session:
            for row, part in told:
                if _has_room(session, row):
                    records.put(session, row, part)

    def take(self, room: Mapping[int | None, int], most: int) -> list[Message]:
        """Take messages whose time has come, which nobody else sends for :data:`LEASE`.

        Args:
            room: how many of a webhook may be taken, by its id under ``room[id]``; ``room[None]``
                of one that is not there.
            most: how many of all.
        """
        now = timestamps.now()
        with read(self._engine) as session:
            due = {row[0] for row in session.connection().execute(_IS_DUE, {"now": now})}
        due = {webhook for webhook in due if room.get(webhook, room[None]) > 0}
        if not due or most <= 0:
            return []
        taken: list[Message] = []
        with write(self._engine) as session:
            for row in records.present(session):
                free = min(room.get(row.id, room[None]), most - len(taken))
                if row.id in due and free > 0:
                    taken += _take(session, row, free, now)
        return taken

    def settle(self, message: Message, outcome: Outcome) -> str:
        """Record what became of an attempt: ``delivered``, ``retried`` or ``failed``."""
        now = timestamps.now()
        with write(self._engine) as session:
            row = session.get(tables.WebhookDelivery, message.id)
            if row is None or row.state != "pending":
                return "delivered" if outcome.arrived else "failed"
            row.attempts += 1
            row.tried_at, row.status, row.detail = now, outcome.status, outcome.detail
            session.add(row)
            webhook = session.get(tables.Webhook, message.webhook)
            assert webhook is not None  # nosec B101 # noqa: S101 - a key demands it
            if outcome.arrived:
                row.state, row.next_at = "delivered", None
                if row.type == TEST and webhook.disabled_at is not None:
                    records.enable(session, webhook, clock.stamp(session), ACTOR)
                return "delivered"
            gone = outcome.status == HTTPStatus.GONE
            if row.type != TEST and not gone and row.attempts <= len(RETRIES):
                row.next_at = _later(now, RETRIES[row.attempts - 1])
                return "retried"
            row.state, row.next_at = "failed", None
            session.flush()
            if row.type != TEST and webhook.disabled_at is None:
                _disable(session, webhook, row, gone=gone)
            return "failed"

    def waiting(self) -> tuple[int, float]:
        """How many messages wait, and for how many seconds the oldest has."""
        with read(self._engine) as session:
            count, oldest = session.connection().execute(_WAITING).one()
        if oldest is None:
            return 0, 0.0
        age = timestamps.moment(timestamps.now()) - timestamps.moment(oldest)
        return count, max(0.0, age.total_seconds())

    def tidy(self) -> None:
        """Forget deliveries that are old, and the oldest where there are many."""
        oldest = timestamps.written(timestamps.moment(timestamps.now()) - KEPT)
        with write(self._engine) as session:
            session.connection().execute(_FORGET_OLD, {"oldest": oldest})
            for row in records.present(session):
                values = {"id": row.id, "most": records.MOST_LISTED - 1}
                session.connection().execute(_FORGET_MANY, values)


def _events_for(session: Session, row: tables.Webhook, after: int, newest: int) -> _Look:
    """What a webhook is to be told of the events behind a number."""
    if after >= newest:
        return _Look(row, [], after)
    values = {"after": after, "kinds": list(messages.KINDS), "most": AT_ONCE}
    found = [Entry(*columns) for columns in session.connection().execute(_EVENTS, values)]
    asks, told = records.asks(session, row), []
    for entry in found:
        happening = messages.of_event(entry)
        if happening is None:
            _log.warning("event %d does not say what it tells: nobody is told", entry.seq)
            continue
        part = asks(happening)
        if part is not None:
            told.append(part)
    return _Look(row, told, found[-1].seq if len(found) == AT_ONCE else newest)


def _make(session: Session, look: _Look) -> None:
    """Put messages into the outbox, unless another server has done so meanwhile."""
    values = {"id": look.row.id, "seq": look.until, "before": look.row.told_until}
    if session.connection().execute(_TOLD, values).rowcount:
        for part in look.told:
            records.put(session, look.row, part)


def _asks_for_states(row: tables.Webhook) -> bool:
    return bool({BACKUP_NOT_READY, CONTRADICTED, DRIFTED} & {*json.loads(row.types)})


def _asks_for_drifts(row: tables.Webhook) -> bool:
    return DRIFTED in json.loads(row.types)


def _with_known_drifts(
    row: tables.Webhook, told: dict[str, Happening | None]
) -> dict[str, Happening | None]:
    """What is so, with the changes that were so when somebody looked last."""
    before = json.loads(row.conditions or "[]")
    kept = {name: None for name in before if name.startswith(f"{DRIFTED} ")}
    return dict(sorted((told | kept).items()))


def _seen(
    session: Session, row: tables.Webhook, states: Sequence[Happening]
) -> dict[str, Happening | None]:
    """What a webhook is told of states of slots, by their names in their order."""
    seen = map(records.asks(session, row), states)
    told = {messages.name_of(state): state for state in seen if state is not None}
    return dict(sorted(told.items()))


def _has_room(session: Session, row: tables.Webhook) -> bool:
    """Whether a webhook is still there, and not too much waits for it."""
    count = session.connection().execute(_ROOM, {"id": row.id}).scalar_one_or_none()
    if count is not None and count >= MOST_WAITING:
        _log.warning("webhook %s has %d messages waiting: it is told no more", row.id, count)
    return count is not None and count < MOST_WAITING


def _take(session: Session, row: tables.Webhook, free: int, now: str) -> list[Message]:
    values: dict[str, Any] = {"id": row.id, "now": now, "most": free}
    found = []
    for (identity,) in session.connection().execute(_DUE, values).all():
        message = session.get(tables.WebhookDelivery, identity)
        if message is None:
            continue
        message.next_at = timestamps.written(timestamps.moment(now) + LEASE)
        session.add(message)
        found.append(
            Message(
                message.id,
                message.webhook,
                message.type,
                row.url,
                message.body,
                records.keys_of(row, now),
                message.attempts,
            )
        )
    return found


def _later(now: str, seconds: float) -> str:
    part = random.uniform(1 - JITTER, 1 + JITTER)  # nosec B311 # noqa: S311 - no secret
    return timestamps.written(timestamps.moment(now) + dt.timedelta(seconds=seconds * part))


def _disable(
    session: Session, webhook: tables.Webhook, message: tables.WebhookDelivery, *, gone: bool
) -> None:
    """Disable a webhook whose receiver is gone, or took nothing since a message was made."""
    values = {"id": webhook.id, "since": message.made_at}
    if not gone and session.connection().execute(_ARRIVED_SINCE, values).first() is not None:
        return
    why = "it answered that it is gone" if gone else "nothing has arrived for three days"
    records.disable(session, webhook, clock.stamp(session), ACTOR, why)
    _log.error("webhook %s (%s) is disabled: %s", webhook.id, webhook.address, why)
