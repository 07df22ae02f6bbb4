"""What happened here that can change what a model sees: moves of its slot, and hosts' packages."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lineage import timestamps
from lineage.contract.requests import EventFilter
from lineage.database import clock, names
from lineage.database import events as history
from lineage.evidence.kinds import Event
from lineage.registry import observations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

MOVES: Final = ("promoted", "released", "deployed", "rolled-back", "retired")
"""The kinds of events that change what serves, or what it runs on."""

MOST_EVENTS: Final = 500
"""Events of a slot that are looked through, the newest."""

MOST_REPORTS: Final = 100
"""Hosts with other packages that are told of, the newest."""


@dataclass(frozen=True)
class Happened:
    """An event, and its number in the history; None of what a host reported."""

    event: Event
    seq: int | None


def events(
    session: Session, model: str, environment: str, first: str, seconds: int
) -> list[Happened]:
    """What happened of a slot since a window before the first.

    Args:
        session: a transaction.
        model: the model's present name.
        environment: the environment's name.
        first: the start of the first window.
        seconds: the length of a window.
    """
    since = timestamps.moment(first) - dt.timedelta(seconds=seconds)
    return [
        *_moves(session, f"{model}@{environment}", timestamps.written(since)),
        *_reports(session, model, environment, since),
    ]


def _moves(session: Session, subject: str, since: str) -> Iterator[Happened]:
    called = names.subjects(session, subject)
    model = subject.partition("@")[0]
    which = EventFilter(subject=subject, since=since)
    for row in history.history(session, which, MOST_EVENTS):
        if row.kind not in MOVES:
            continue
        states = json.loads(row.payload).get("slots", {})
        state = next((states[name] for name in called if name in states), None) or {}
        side = state.get("serving")
        serves = f"{model}@{side['version']}" if side else "nothing"
        what = f"{row.kind}, {serves} serves"
        yield Happened(Event(timestamps.moment(row.at).timestamp(), what), row.seq)


def _reports(
    session: Session, model: str, environment: str, since: dt.datetime
) -> Iterator[Happened]:
    """Hosts that loaded it with other packages than it was validated with."""
    rows = observations.listed(session, environment, model, clock.now(session))
    rows = [
        row for row in rows if row["differing"] and timestamps.moment(row["loaded_at"]) >= since
    ]
    for row in sorted(rows, key=lambda row: row["loaded_at"], reverse=True)[:MOST_REPORTS]:
        packages = ", ".join(package["name"] for package in row["differing"][:3])
        what = f"loaded on {row['instance']} with other packages than were validated: {packages}"
        yield Happened(Event(timestamps.moment(row["loaded_at"]).timestamp(), what), None)
