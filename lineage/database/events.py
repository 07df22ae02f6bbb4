"""The history: an append-only chain of events, each holding the digest of the one before."""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select as select_columns
from sqlalchemy import text

from lineage.database import bulk, names, tables, telling
from lineage.database.errors import not_text
from lineage.database.sql import col, select
from lineage.identity.digest import Digest, blake3_of, canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Mapped
    from sqlmodel import Session
    from sqlmodel.sql.expression import SelectOfScalar

    from lineage.contract.requests import EventFilter


_SHOWN: Final = ("seq", "at", "actor", "kind", "subject", "payload", "previous")
"""What an event says, but for its own digest."""

_LIST: Final = {
    "sqlite": text(
        "INSERT INTO event_subject (subject, seq) SELECT value, :seq FROM json_each(:subjects)"
    ),
    "postgresql": text(
        "INSERT INTO event_subject (subject, seq) SELECT value, CAST(:seq AS integer) "
        "FROM jsonb_array_elements_text(CAST(:subjects AS jsonb)) AS listed(value)"
    ),
}
_APPEND: Final = text(
    f"INSERT INTO event ({', '.join(_SHOWN)}, digest) "  # nosec B608 # noqa: S608 - our own names
    f"VALUES ({', '.join(f':{name}' for name in _SHOWN)}, :digest)"
)

_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""A null character in JSON, which neither database reads out of it."""

ROWS: Final = "rows"
"""Where a payload holds the rows that its event tells, by table."""

REGISTRY: Final = "registry"
"""Where the first event's payload tells the registry's id."""


def document(event: tables.Event) -> dict[str, Any]:
    """All that an event says, the previous digest among it, but for its own digest.

    The rows that it tells are for administrators: they are shown by their digest.
    """
    said = {name: getattr(event, name) for name in _SHOWN}
    return said | {"payload": _without_rows(json.loads(event.payload))}


def rows_of(event: tables.Event) -> telling.Rows:
    """The rows that an event tells, by table; none of those before schema 0016."""
    rows: telling.Rows = json.loads(event.payload).get(ROWS, {})
    return rows


def event_digest(event: tables.Event) -> Digest:
    """BLAKE3 of the canonical bytes of :func:`document`."""
    return blake3_of(canonical_bytes(document(event)))


def append(
    session: Session,
    *,
    at: str,
    actor: str,
    kind: str,
    subject: str,
    payload: dict[str, Any],
    also: Iterable[str] = (),
) -> int:
    """Append an event in the present transaction, which tells the rows that wait; its number.

    Args:
        session: a write transaction.
        at: the moment of the change.
        actor: who made it.
        kind: what happened, e.g. ``promoted``.
        subject: what it happened to, e.g. ``churn@production``.
        payload: the state after it.
        also: further subjects under which the history lists it.
    """
    number, previous = telling.head(session)
    number += 1
    if number == 1:
        payload = payload | {REGISTRY: secrets.token_hex(16)}
    subjects = sorted({subject, *also})
    rows = telling.waiting_rows(session) | {"event_subject": [{"subject": s} for s in subjects]}
    whole = payload | {ROWS: rows}
    written = canonical_bytes(whole).decode()
    if "\\u0000" in written and _NUL.search(written) is not None:
        raise not_text("a NUL character")
    said = {
        "seq": number,
        "at": at,
        "actor": actor,
        "kind": kind,
        "subject": subject,
        "payload": _without_rows(whole),
        "previous": previous,
    }
    digest = blake3_of(canonical_bytes(said))
    connection = session.connection()
    listed = {"seq": number, "subjects": json.dumps(subjects)}
    with bulk.together(session):
        connection.execute(_LIST[connection.dialect.name], listed)
        connection.execute(_APPEND, said | {"payload": written, "digest": digest})
    telling.advance(session, number, digest, at)
    return number


def _without_rows(payload: dict[str, Any]) -> dict[str, Any]:
    """A payload with the digest of the rows that it tells in their place."""
    told = payload.get(ROWS)
    return payload if told is None else payload | {ROWS: blake3_of(canonical_bytes(told))}


def history(
    session: Session, which: EventFilter, limit: int, before: int | None = None
) -> list[tables.Event]:
    """The newest events (of some kind) below a number, the newest first."""
    query, number = _of(session, which)
    if before is not None:
        query = query.where(number < before)
    return list(session.exec(query.order_by(number.desc()).limit(limit)))


def following(session: Session, which: EventFilter, after: int, limit: int) -> list[tables.Event]:
    """The events (of some kind) behind a number, the oldest first."""
    query, number = _of(session, which)
    return list(session.exec(query.where(number > after).order_by(number).limit(limit)))


def _of(session: Session, which: EventFilter) -> tuple[SelectOfScalar[tables.Event], Mapped[int]]:
    """The events that are asked for, and the column by which an index has them in their order.

    Of a subject that is the subject's own: SQLite sorts all of them by the other. A model that was
    renamed has those under all its names. A time is turned into the number of the first event that
    is so late: times and numbers grow together.
    """
    from sqlalchemy.orm import aliased  # a decision starts quickly without it

    event, of_subject = tables.Event, tables.EventSubject
    query, number = select(event), col(event.seq)
    for place, subject in enumerate(which.subjects):
        called = names.subjects(session, subject)
        table = of_subject if place == 0 else aliased(of_subject)
        if len(called) > 1:  # an event may be listed under several of them
            of_them = select_columns(col(table.seq)).where(col(table.subject).in_(called))
            query = query.where(col(event.seq).in_(of_them))
            continue
        query = query.join(table, col(table.seq) == col(event.seq))
        query = query.where(col(table.subject) == called[0])
        if place == 0:
            number = col(table.seq)
    for column, wanted in ((event.actor, which.who), (event.kind, which.what)):
        if wanted is not None:
            query = query.where(col(column) == wanted)
    at, seq = col(event.at), col(event.seq)
    if which.since is not None:
        first = select_columns(seq).where(at >= which.since).order_by(at, seq).limit(1)
        query = query.where(number >= first.scalar_subquery())
    if which.until is not None:
        last = select_columns(seq).where(at <= which.until).order_by(at.desc(), seq.desc()).limit(1)
        query = query.where(number <= last.scalar_subquery())
    return query, number


def slot_at(session: Session, subject: str, at: str) -> dict[str, Any] | None:
    """A slot's state at a past moment, from the newest event that is not after it."""
    called = names.subjects(session, subject)
    query = (
        select(tables.Event)
        .join(tables.EventSubject, col(tables.EventSubject.seq) == col(tables.Event.seq))
        .where(col(tables.EventSubject.subject).in_(called), col(tables.Event.at) <= at)
        .order_by(col(tables.EventSubject.seq).desc())
    )
    for event in session.exec(query):
        states: dict[str, dict[str, Any]] = json.loads(event.payload).get("slots", {})
        state = next((states[name] for name in called if name in states), None)
        if state is not None:
            return state
    return None
