"""The registry's time: the clock of this machine, which goes forward only.

A clock is set back now and then, by hand, by a restart, by another machine that takes over. What it
says is then no later than what the history says already, and what was over would begin again. So
the newest event's time is a floor: what is recorded comes after it, and what is over stays over.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from lineage import timestamps
from lineage.acts import act
from lineage.database import head
from lineage.database.limits import NOTABLE
from lineage.errors import IntegrityFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlmodel import Session

_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_STEP: Final = dt.timedelta(microseconds=1)

_FLOOR: Final = "clock.floor"
NOW: Final = "clock.now"
"""Where a session says at which moment it judges, if that is given."""

JUDGES_AS: Final = "lineage_judges_as"
"""The option of a standby's engine that names its primary's: what is over there is over here."""

_seen: WeakKeyDictionary[Engine, str] = WeakKeyDictionary()
"""The newest moment at which something was judged, by the database that it was judged in."""

logger = logging.getLogger("lineage.registry.clock")


def stamp(session: Session) -> str:
    """The moment of a change: now, and after every moment that the history knows of.

    So the order of two moments that were recorded with events is that of the events' numbers.
    """
    now, newest = timestamps.now(), _newest(session)
    if newest is None or now > newest:
        return now
    behind = timestamps.moment(newest) - timestamps.moment(now)
    if behind > NOTABLE:
        logger.warning("the clock is %s behind the newest event", behind)
    return timestamps.written(timestamps.moment(newest) + _STEP)


def now(session: Session) -> str:
    """The present moment, to judge by what is over: no earlier than any that was judged by here."""
    given: str | None = session.info.get(NOW)
    if given is not None:
        return given
    floor: str | None = session.info.get(_FLOOR)
    if floor is None:
        session.info[_FLOOR] = floor = _newest(session) or ""
    engine = session.get_bind().engine
    engine = engine.get_execution_options().get(JUDGES_AS, engine)
    present = max(timestamps.now(), floor, _seen.get(engine, ""))
    _seen[engine] = present
    return present


@contextmanager
def at_one_moment(session: Session) -> Iterator[None]:
    """Judge all that is judged meanwhile at the present moment, or at the one that is given."""
    given = session.info.get(NOW)
    session.info[NOW] = now(session)
    try:
        yield
    finally:
        session.info[NOW] = given


def _newest(session: Session) -> str | None:
    found = head.newest(session).at
    if found is not None and _WRITTEN.fullmatch(found) is None:
        raise IntegrityFailure(
            f"The newest event's time cannot be read: {found[:40]!r}.",
            remedy=f"Compare the registry with a backup: {act('audit verify')}",
            public="The newest event's time cannot be read.",
        )
    return found
