"""The rows of streams in which windows come: the newest part of each, and which are forgotten.

No repeat counts for what is forgotten: what a stream sent is refused as too late by then, or began
before the moment that is kept in its place (:func:`retire`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.database.tables.windows import MERGED

if TYPE_CHECKING:
    from sqlalchemy import Connection

Row = dict[str, Any]
"""A stream by the names of its columns."""

_STREAM: Final = "environment = :environment AND model = :model"
_LAST: Final = text(
    f"SELECT sequence, batch FROM seen_stream WHERE {_STREAM} AND instance = :instance "  # nosec B608 # noqa: S608 - our own names
    "AND stream = :stream"
)
_STREAMS: Final = f"{_STREAM} AND batch = :batch AND stream <> ''"
_COUNT: Final = text(f"SELECT count(*) FROM seen_stream WHERE {_STREAMS}")  # nosec B608 # noqa: S608 - our own names
_OLDEST: Final = text(
    "SELECT max(recorded_at) FROM (SELECT recorded_at FROM seen_stream "  # nosec B608 # noqa: S608 - our own names
    f"WHERE {_STREAMS} AND recorded_at < :until ORDER BY recorded_at LIMIT :most) AS oldest"
)
_RETIRE: Final = text(f"DELETE FROM seen_stream WHERE {_STREAMS} AND recorded_at <= :until")  # nosec B608 # noqa: S608 - our own names
_RETIRED: Final = text(
    f"SELECT recorded_at FROM seen_stream WHERE {_STREAM} AND instance = '' AND stream = ''"  # nosec B608 # noqa: S608 - our own names
)
_NOTE: Final = text(
    "INSERT INTO seen_stream (environment, model, instance, stream, sequence, batch, recorded_at, "
    "recorded_by) VALUES (:environment, :model, :instance, :stream, :sequence, :batch, "
    ":recorded_at, :recorded_by) ON CONFLICT (environment, model, instance, stream) DO UPDATE "
    "SET sequence = excluded.sequence, recorded_at = excluded.recorded_at, "
    "recorded_by = excluded.recorded_by"
)
_FORGET: Final = text("DELETE FROM seen_stream WHERE batch = :batch AND recorded_at < :until")
_RENAME: Final = text("UPDATE seen_stream SET model = :new WHERE model = :old")


def last_part(connection: Connection, stream: Row) -> tuple[int, bool] | None:
    """The number of a stream's newest part, and whether it is a batch; None where nothing came."""
    found = connection.execute(_LAST, stream).first()
    return None if found is None else (found.sequence, bool(found.batch))


def count(connection: Connection, stream: Row) -> int:
    """How many streams are known of the slot of one: of hosts, or of batches, as it is."""
    return int(connection.execute(_COUNT, stream).scalar_one())


def note_part(connection: Connection, stream: Row) -> None:
    """Note the newest part of a stream."""
    connection.execute(_NOTE, stream)


def forget(connection: Connection, until: str, *, batch: bool) -> None:
    """Forget the streams of hosts, or of batches, that sent nothing since a moment."""
    connection.execute(_FORGET, {"batch": batch, "until": until})


def retire(connection: Connection, stream: Row, until: str, most: int) -> None:
    """Forget those of a slot's hosts that are silent for longest: so many that sent nothing since.

    In their place stands the moment at which the newest of them sent something: a stream without a
    name, forgotten as others are. All that they sent was of windows that had begun by then, but for
    what clocks are ahead.
    """
    asked = stream | {"batch": False, "until": until, "most": most}
    newest = connection.execute(_OLDEST, asked).scalar()
    if newest is not None:
        connection.execute(_RETIRE, asked | {"until": newest})
        nameless = {"instance": MERGED, "stream": "", "sequence": 0, "recorded_at": newest}
        note_part(connection, asked | nameless | {"recorded_by": ""})


def retired_until(connection: Connection, stream: Row) -> str | None:
    """The moment up to which streams of a slot may be forgotten early; None where none is."""
    found: str | None = connection.execute(_RETIRED, stream).scalar()
    return found


def rename(connection: Connection, old: str, new: str) -> None:
    """Let the streams of a model follow its name."""
    connection.execute(_RENAME, {"old": old, "new": new})
