"""The streams in which windows come: how many are known, and when one is forgotten.

A stream is known by the number of its newest part, so that what it sends again counts once. One
that is forgotten could count twice: so it is forgotten only when all that it sent would be refused.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from lineage import timestamps
from lineage.contract.windows import EARLY
from lineage.database import streams
from lineage.errors import Conflict, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from lineage.database.streams import Row

LATE: Final = dt.timedelta(days=7)
"""How long after its end a host's window is taken."""

FORGOTTEN_AFTER: Final = {False: dt.timedelta(days=9), True: dt.timedelta(days=400)}
"""After which a stream that sends no more is forgotten, by whether it is a batch: a host's windows,
of a day at most and begun by then, are no longer taken (:data:`LATE`); a batch's are in months."""

MOST_STREAMS: Final = {False: 10_000, True: 40_000}
"""Streams of a model in an environment at the most, of hosts and of batches: a thousand hosts that
begin anew ten times a day, and a batch every quarter of an hour."""

SILENT: Final = dt.timedelta(days=1)
"""After which a host's stream is forgotten where there are too many; the oldest first, and a tenth
of them at a time. What a stream that is not known saw before then is refused from then on."""


def require_room(connection: Connection, stream: Row, at: str) -> None:
    """Forget streams that are over, and refuse one too many.

    Raises:
        Conflict: there are too many of its slot.
    """
    now = timestamps.moment(at)
    for batch, after in FORGOTTEN_AFTER.items():
        streams.forget(connection, timestamps.written(now - after), batch=batch)
    most = MOST_STREAMS[stream["batch"]]
    if streams.count(connection, stream) < most:
        return
    if not stream["batch"]:
        streams.retire(connection, stream, timestamps.written(now - SILENT), max(1, most // 10))
        if streams.count(connection, stream) < most:
            return
    whose, remedy = ("batches", "Let batches hold more rows.")
    if not stream["batch"]:
        whose = f"services within {SILENT.days * 24} hours"
        remedy = "Let each run of a service send one stream; those that are silent make room."
    raise Conflict(
        f"{most:,} streams of windows of {stream['model']} came from {stream['environment']}, "
        f"of {whose}: no other is taken.",
        remedy=remedy,
    )


def require_known_time(connection: Connection, stream: Row, starts: Iterable[str]) -> None:
    """Refuse what a stream that is not known may have sent before it was forgotten early.

    Raises:
        UsageError: a window is of such a time.
    """
    retired = None if stream["batch"] else streams.retired_until(connection, stream)
    if retired is None:
        return
    until = timestamps.moment(retired) + EARLY
    for start in starts:
        if timestamps.moment(start) <= until:
            raise UsageError(
                f"The window of {start} may have come before: so many streams of "
                f"{stream['model']} came from {stream['environment']} that those silent since "
                f"{retired[:19]}Z are forgotten.",
                remedy="Let each run of a service send one stream; what it saw since is taken.",
            )
