"""Telling the history what reports have brought about: each once, whoever is killed meanwhile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from lineage.database import events, reports, slots
from lineage.database.tables.observations import OBSERVATION
from lineage.registry import declared
from lineage.registry.declared import Said

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection
    from sqlmodel import Session

    from lineage.registry.declared import Declared
    from lineage.registry.reports.batches import Row

HELD, LAGGING = "backup-held", "lagging"
"""The events that the history may be told of a report."""

TO_TELL: Final = sa.select(OBSERVATION).where(OBSERVATION.c.telling.is_not(None))
"""The reports that something is noted of."""


def tell(session: Session, at: str) -> list[Row]:
    """Let the history say what is noted to be told; the notes that are done with.

    What stands there already, behind the event that was the newest when it was noted, is not said
    again.
    """
    notes = reports.read(session, lambda kept: reports.rows(kept, TO_TELL)) or []
    if not notes:
        return []
    declarations = declared.read(session, {(note["environment"], note["model"]) for note in notes})
    told = _told(session, min(note["telling_after"] for note in notes), notes)
    for note in notes:
        declaration = declarations.of((note["environment"], note["model"]))
        for kind in note["telling"].split():
            payload = _payload(kind, note, declaration, at)
            instance = (note["environment"], note["model"], note["instance"])
            number = told.get((kind, *instance, payload["weights"]), -1) if payload else None
            if payload is not None and number is not None and number <= note["telling_after"]:
                _append(session, note, kind, payload, at)
    return [{f"of_{name}": note[name] for name in _NOTE} for note in notes]


def told(connection: Connection, notes: Sequence[Row]) -> None:
    """Take away notes that are done with, in a transaction of the reports."""
    connection.execute(_DONE, notes)


def _payload(kind: str, note: Row, declaration: Declared, at: str) -> dict[str, Any] | None:
    """What an event says of an instance; None where it is no longer so."""
    if kind == HELD:
        return {"weights": note["standby"]}
    standing = declaration.standing(Said.of(note), at, {note["weights"]})
    if not standing.overdue or note["lagged"] != declaration.revision:
        return None
    return {"weights": note["weights"], "pipeline": note["pipeline"], "since": standing.since}


def _append(session: Session, note: Row, kind: str, payload: dict[str, Any], at: str) -> None:
    events.append(
        session,
        at=at,
        actor=note["reported_by"],
        kind=kind,
        subject=slots.subject(note["model"], note["environment"]),
        payload={"environment": note["environment"], "instance": note["instance"], **payload},
        also=[note["model"], note["environment"]],
    )


def _told(
    session: Session, after: int, notes: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, ...], int]:
    """The newest event of each kind about each instance of the slots behind a number."""
    subjects = sorted({slots.subject(note["model"], note["environment"]) for note in notes})
    found: dict[tuple[str, ...], int] = {}
    asked = {"subjects": subjects, "after": after, "kinds": [HELD, LAGGING]}
    for number, kind, subject, text in session.connection().execute(_TOLD, asked):
        payload = json.loads(text)
        environment, instance = payload["environment"], payload["instance"]
        model = subject.removesuffix(f"@{environment}")
        found[kind, environment, model, instance, payload["weights"]] = number
    return found


_NOTE: Final = ("environment", "model", "instance", "telling", "telling_after")
_DONE: Final = (
    OBSERVATION.update()
    .where(*(OBSERVATION.c[name] == sa.bindparam(f"of_{name}") for name in _NOTE))
    .values(telling=None, telling_after=None)
)
_TOLD: Final = sa.text(
    "SELECT e.seq, e.kind, e.subject, e.payload FROM event_subject s JOIN event e ON e.seq = s.seq "
    "WHERE s.subject IN :subjects AND s.seq > :after AND e.kind IN :kinds ORDER BY e.seq"
).bindparams(sa.bindparam("subjects", expanding=True), sa.bindparam("kinds", expanding=True))
