"""The events one after another, as they lie in the database, and the bytes that they stand for.

Nothing of the whole history is held at once. An event stands for the canonical bytes (RFC 8785) of
what is shown of it: the rows that it tells are in them by their digest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.database.events import REGISTRY, ROWS
from lineage.errors import IntegrityFailure, LineageError
from lineage.identity.digest import blake3_of, canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

BATCH: Final = 1_000
"""Rows that are fetched at a time."""

_EVENTS: Final = text(
    "SELECT seq, at, actor, kind, subject, payload, previous, digest FROM event "
    "WHERE seq > :after AND seq <= :until ORDER BY seq"
)
_LAST: Final = 2**62
_ID_LENGTH: Final = 32

_quickly: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
).encode
"""RFC 8785 as far as Python's own JSON goes, many times as fast; `_read` sees what differs."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it lies in the database, and what it says.

    Attributes:
        seq: its number.
        subject: what it is about.
        kind: what happened.
        previous: the digest of the one before, as it says.
        blake3: its own digest, as it says.
        payload: what it tells, without the rows; empty where it cannot be read.
        rows: the rows that it tells, by table.
        said: the canonical bytes of all that is shown, without its own digest; None where somebody
            put something there that no event is written like.
        leaf: the same with its own digest: the entry of the Merkle tree.
    """

    seq: int
    subject: str
    kind: str
    previous: str
    blake3: str
    payload: dict[str, Any]
    rows: dict[str, Any]
    said: bytes | None
    leaf: bytes

    @property
    def sound(self) -> bool:
        """Whether it is as it was written: its digest is over what it says."""
        return self.said is not None and self.blake3 == blake3_of(self.said)


def stream(session: Session, *, after: int = 0, until: int = _LAST) -> Iterator[Entry]:
    """The events behind a number and up to another, the oldest first."""
    rows = session.connection().execute(
        _EVENTS, {"after": after, "until": until}, execution_options={"yield_per": BATCH}
    )
    for row in rows:
        yield _entry(*row)


def registry_id(session: Session) -> str | None:
    """The registry's id, which its first event tells; None before that.

    A history from before there were ids is named by its first event's digest.

    Raises:
        IntegrityFailure: the first event cannot be read.
    """
    first = next(stream(session, until=1), None)
    if first is None:
        return None
    named = first.payload.get(REGISTRY, first.blake3.partition(":")[2][:_ID_LENGTH])
    if first.said is None or not isinstance(named, str):
        raise IntegrityFailure(
            "The history's first event cannot be read.", remedy="Compare it with a backup."
        )
    return named


def _entry(
    seq: int,
    at: str,
    actor: str,
    kind: str,
    subject: str,
    payload: str,
    previous: str,
    blake3: str,
) -> Entry:
    head = {"actor": actor, "at": at}
    tail = {"previous": previous, "seq": seq, "subject": subject}
    texts = (at, actor, kind, subject, payload, previous, blake3)
    read = _read(payload) if all(isinstance(part, str) for part in texts) else None
    if read is None:
        raw = repr((seq, *texts)).encode(errors="replace")
        return Entry(seq, str(subject), str(kind), str(previous), str(blake3), {}, {}, None, raw)
    told, rows, shown = read
    before = _quickly(head)[:-1]
    behind = f'"kind":{_quickly(kind)},"payload":{shown},{_quickly(tail)[1:]}'
    said = f"{before},{behind}".encode()
    leaf = f'{before},"digest":{_quickly(blake3)},{behind}'.encode()
    return Entry(seq, subject, kind, previous, blake3, told, rows, said, leaf)


def _read(payload: str) -> tuple[dict[str, Any], dict[str, Any], str] | None:
    """What a payload tells, the rows of it, and the text that is shown; None if it is no event's.

    It was written in canonical form: another text that means the same was not written here.
    """
    try:
        told = json.loads(payload)
        written = next((form for form in (_quickly, _canonical) if form(told) == payload), None)
        rows = told.pop(ROWS, None)
        if written is None or not isinstance(rows, dict | None):
            return None
        shown = told if rows is None else told | {ROWS: blake3_of(written(rows).encode())}
        return told, rows or {}, written(shown)
    except (ValueError, TypeError, AttributeError, RecursionError, LineageError):
        return None


def _canonical(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return canonical_bytes(value).decode()
