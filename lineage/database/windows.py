"""The rows of windows: adding what was counted, folding old windows into longer ones, reading them.

Counts are integers, so a window may come in parts, and several windows are one: whatever the order,
the sum is the same. Windows fold where others are written: each write takes some that are due.

- what is shorter than an hour: after two hours, into the hour;
- what is shorter than a day: after three days, into the day;
- days: 400 days after the last of their month, into the month.

The sum over all hosts is kept beside the windows of each host, under no instance; what a host's own
windows said is forgotten after five weeks, and stays in the sum.
"""

from __future__ import annotations

import datetime as dt
import json
import zlib
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, text

from lineage import timestamps
from lineage.database.tables.windows import MERGED
from lineage.evidence.parts import added
from lineage.evidence.reader import LARGEST_COUNT
from lineage.timestamps import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

AT_ONCE: Final = 200
"""Windows that one transaction folds at the most: others wait for it."""

FOLDED_FOR_EACH: Final = 4
"""Windows that are folded, if they are due, for each that is added: no window is folded more than
three times before it stands in its month, so what is due does not grow with what is sent."""

Row = dict[str, Any]
"""A window by the names of its columns; ``counts`` is JSON."""

_KEY: Final = (
    *("environment", "version_id", "pipeline_digest", "profile_digest", "kind"),
    *("start", "seconds", "instance"),
)
_HERE: Final = " AND ".join(f"{name} = :{name}" for name in _KEY)
_FIND: Final = text(f"SELECT rows, counts FROM seen_window WHERE {_HERE}")  # nosec B608 # noqa: S608 - our own names
_PUT: Final = text(
    f"INSERT INTO seen_window ({', '.join(_KEY)}, rows, counts, fold_at) "  # nosec B608 # noqa: S608 - our own names
    f"VALUES ({', '.join(':' + name for name in _KEY)}, :rows, :counts, :fold_at) "
    f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET rows = excluded.rows, "
    "counts = excluded.counts, fold_at = excluded.fold_at"
)
_DUE: Final = text("SELECT * FROM seen_window WHERE fold_at <= :at ORDER BY fold_at LIMIT :most")
_TAKE: Final = text(f"DELETE FROM seen_window WHERE {_HERE}")  # nosec B608 # noqa: S608 - our own names
_READ: Final = text(
    "SELECT w.*, v.number, p.public_digest AS profile, q.public_digest AS pipeline "
    "FROM seen_window w JOIN model_version v ON v.id = w.version_id "
    "JOIN profile p ON p.digest = w.profile_digest "
    "LEFT JOIN pipeline_version q ON q.pipeline = v.pipeline AND q.digest = w.pipeline_digest "
    "WHERE w.environment = :environment AND v.model = :model "
    "AND w.start >= :since AND w.start < :until AND (w.instance <> '') = :by_host "
    "AND (:kind = '' OR w.kind = :kind) "
    "ORDER BY w.start, w.seconds, w.version_id, w.pipeline_digest, w.profile_digest, w.kind, "
    "w.instance LIMIT :most"
)

_PAIR: Final = (
    "environment = :environment AND version_id = :version_id "
    "AND pipeline_digest = :pipeline_digest AND kind = :kind AND seconds <= 86400 "
    "AND start >= :since AND start < :until"
)
_NEWEST: Final = text(f"SELECT max(start) FROM seen_window WHERE {_PAIR} AND instance = ''")  # nosec B608 # noqa: S608 - our own names
_SCALES: Final = text(
    "SELECT profile_digest FROM seen_window "  # nosec B608 # noqa: S608 - our own names
    f"WHERE {_PAIR} AND instance = '' GROUP BY profile_digest "
    "ORDER BY sum(CAST(rows AS DOUBLE PRECISION)) DESC, max(start) DESC, profile_digest"
)
_INSTANCES: Final = text(
    f"SELECT DISTINCT instance FROM seen_window WHERE {_PAIR} "  # nosec B608 # noqa: S608 - our own names
    "AND profile_digest = :profile_digest AND instance <> '' ORDER BY instance"
)
_SUMMARY: Final = text(
    "SELECT count(*) AS number, sum(CAST(rows AS DOUBLE PRECISION)) AS together, "  # nosec B608 # noqa: S608 - our own names
    "min(start) AS first, sum(length(counts)) AS bytes FROM seen_window "
    f"WHERE {_PAIR} AND profile_digest = :profile_digest AND instance = ''"
)
_OF_PAIR: Final = text(
    f"SELECT start, counts FROM seen_window WHERE {_PAIR} "  # nosec B608 # noqa: S608 - our own names
    "AND profile_digest = :profile_digest AND instance = :instance ORDER BY start DESC LIMIT :most"
)

_OF_MODEL: Final = text(
    "SELECT w.environment, w.version_id, w.pipeline_digest, w.profile_digest, w.start, w.seconds, "
    "w.counts, v.number, v.registered_at FROM seen_window w "
    "JOIN model_version v ON v.id = w.version_id "
    "WHERE v.model = :model AND w.kind = :kind AND w.instance = '' "
    "AND w.environment IN :environments AND NOT EXISTS "
    "(SELECT 1 FROM version_note n WHERE n.version_id = v.id AND n.deleted_at IS NOT NULL) "
    "ORDER BY w.start DESC, w.environment, w.version_id, w.pipeline_digest, w.profile_digest, "
    "w.seconds LIMIT :most"
).bindparams(bindparam("environments", expanding=True))

_OF_SLOT: Final = (
    "w.environment = :environment AND v.model = :model AND w.kind = 'inputs' AND w.instance = '' "
    "AND w.seconds <= 86400 AND w.start >= :since AND w.start < :until"
)
_LATELY: Final = text(
    "SELECT w.profile_digest, max(w.start) AS last, "  # nosec B608 # noqa: S608 - our own names
    "sum(CASE WHEN w.start >= :lately THEN CAST(w.rows AS DOUBLE PRECISION) ELSE 0 END) AS newest "
    "FROM seen_window w JOIN model_version v ON v.id = w.version_id "
    f"WHERE {_OF_SLOT} AND w.rows > 0 GROUP BY w.profile_digest"
)
_SEEN: Final = text(
    "SELECT w.start, v.number, w.counts FROM seen_window w "  # nosec B608 # noqa: S608 - our own names
    "JOIN model_version v ON v.id = w.version_id "
    f"WHERE {_OF_SLOT} AND w.profile_digest = :profile_digest AND w.rows > 0 "
    "ORDER BY w.start DESC, v.number DESC, w.pipeline_digest, w.seconds LIMIT :most"
)

_COUNTED: Final = text(
    "SELECT s.environment, s.model FROM slot s WHERE s.serving_version_id IS NOT NULL AND EXISTS "
    "(SELECT 1 FROM seen_window w WHERE w.environment = s.environment "
    "AND w.version_id = s.serving_version_id) ORDER BY s.environment, s.model"
)


def add(connection: Connection, row: Row, at: str) -> bool:
    """Add what was counted to the window that it is of, in a transaction that writes.

    False where that is more than a window can count, which changes nothing.
    """
    found = connection.execute(_FIND, row).first()
    rows, counts = row["rows"], row["counts"]
    if found is not None:
        rows, counts = rows + found.rows, added(unpacked(found.counts), counts)
    if rows > LARGEST_COUNT:
        return False
    values = {"rows": rows, "counts": _packed(counts), "fold_at": _fold_at(row, at)}
    connection.execute(_PUT, row | values)
    return True


def fold(connection: Connection, at: str, most: int = AT_ONCE) -> int:
    """Fold windows that are due into longer ones, and forget hosts' old days; how many were due.

    It is ``most`` at most. What is more than the longer one can count is forgotten.
    """
    due = connection.execute(_DUE, {"at": at, "most": most}).mappings().all()
    longer: dict[tuple[Any, ...], Row] = {}
    for found in due:
        connection.execute(_TAKE, dict(found))
        if found["seconds"] == DAY and found["instance"] != MERGED:
            continue
        row = _folded(dict(found) | {"counts": unpacked(found["counts"])})
        key = tuple(row[name] for name in _KEY)
        if key not in longer:
            longer[key] = row
        elif (together := longer[key]["rows"] + row["rows"]) <= LARGEST_COUNT:
            longer[key] |= {"rows": together, "counts": added(longer[key]["counts"], row["counts"])}
    for row in longer.values():
        add(connection, row, at)
    return len(due)


def read(connection: Connection, **asked: Any) -> Iterator[Row]:  # noqa: ANN401
    """Windows in order of their starts.

    Args:
        connection: a transaction.
        asked: ``environment``, ``model``, ``since`` and ``until`` (starts, as they are written),
            ``by_host`` (those of each host, or their sums), ``kind`` ("" for both) and ``most``:
            rows at the most.

    Yields:
        Rows; ``characters`` are those of the JSON of their counts.
    """
    for found in connection.execute(_READ, asked).mappings():
        packed = zlib.decompress(found["counts"])
        yield dict(found) | {"counts": json.loads(packed), "characters": len(packed)}


def scales(connection: Connection, pair: Row) -> list[str]:
    """The profiles (by their BLAKE3) on which the windows of a pair were counted lately.

    That of most rows in the week up to the newest window is the first: one late host, or one row,
    decides nothing.

    Args:
        connection: a transaction.
        pair: ``environment``, ``version_id``, ``pipeline_digest`` and ``kind``; ``since`` and
            ``until``.
    """
    newest = connection.execute(_NEWEST, pair).scalar()
    if newest is None:
        return []
    lately = max(pair["since"], start_of(timestamps.moment(newest) - dt.timedelta(days=6)))
    return [row.profile_digest for row in connection.execute(_SCALES, pair | {"since": lately})]


def scale_of_slot(connection: Connection, slot: Row) -> str | None:
    """The profile (by its BLAKE3) on which most rows of a slot's inputs were counted at last.

    That is of the week up to the newest window, whichever version was asked.

    Args:
        connection: a transaction.
        slot: ``environment``, ``model``; ``since`` and ``until``, in which the windows begin.
    """
    found = connection.execute(_LATELY, slot | {"lately": slot["since"]}).all()
    if len(found) > 1:
        newest = timestamps.moment(max(row.last for row in found))
        lately = start_of(newest - dt.timedelta(days=6))
        found = connection.execute(_LATELY, slot | {"lately": lately}).all()
    best = max(found, key=lambda row: (row.newest, row.last, row.profile_digest), default=None)
    return best.profile_digest if best is not None else None


def of_slot(connection: Connection, slot: Row, most: int) -> Iterator[tuple[str, int, bytes]]:
    """A slot's inputs on the scale of ``profile_digest``, whichever version was asked.

    The newest are first: the start, the version's number, and the JSON of the counts of each.
    """
    options = {"yield_per": AT_ONCE}
    asked = slot | {"most": most}
    with closing(connection.execute(_SEEN, asked, execution_options=options)) as rows:
        for row in rows:
            yield row.start, row.number, zlib.decompress(row.counts)


def instances(connection: Connection, pair: Row) -> list[str]:
    """The hosts that counted the windows of a pair on the scale of ``profile_digest``, by name."""
    return [row.instance for row in connection.execute(_INSTANCES, pair)]


def summary(connection: Connection, pair: Row) -> tuple[int, str, int, int]:
    """Of a pair's windows: how many, the first start; the rows and bytes of all together."""
    row = connection.execute(_SUMMARY, pair).one()
    return int(row.number), row.first or "", int(row.together or 0), int(row.bytes or 0)


def of_pair(
    connection: Connection, pair: Row, most: int, instance: str = MERGED
) -> list[tuple[str, bytes]]:
    """The windows of a pair, the newest first: the start and the packed counts of each."""
    asked = pair | {"instance": instance, "most": most}
    return [(row.start, row.counts) for row in connection.execute(_OF_PAIR, asked)]


def of_model(
    connection: Connection, model: str, kind: str, environments: Sequence[str], most: int
) -> Iterator[Row]:
    """The windows of all versions of a model that are there, the newest first.

    ``counts`` are packed; beside them are the version's ``number`` and its ``registered_at``.
    """
    asked = {"model": model, "kind": kind, "environments": list(environments), "most": most}
    options = {"yield_per": AT_ONCE}
    with closing(connection.execute(_OF_MODEL, asked, execution_options=options)) as rows:
        yield from map(dict, rows.mappings())


def counted_slots(connection: Connection) -> list[tuple[str, str]]:
    """The slots of whose version something is recorded, by environment and model."""
    return [(row.environment, row.model) for row in connection.execute(_COUNTED)]


def _fold_at(row: Row, at: str) -> str | None:
    """When a window that is written now is to be folded; None where it stays."""
    seconds = row["seconds"]
    if seconds > DAY:
        return None
    now = timestamps.moment(at)
    if seconds == DAY and row["instance"] == MERGED:  # those of a month together
        return timestamps.written(max(now, _month(row["start"])[1]) + dt.timedelta(days=400))
    if seconds == DAY:
        later = dt.timedelta(days=35)
    else:
        later = dt.timedelta(hours=2) if seconds < HOUR else dt.timedelta(days=3)
    return timestamps.written(now + later)


def _folded(row: Row) -> Row:
    """A window as a part of the longer one that it lies in."""
    seconds = row["seconds"]
    if seconds < DAY:
        longer, start = HOUR if seconds < HOUR else DAY, timestamps.moment(row["start"])
        start = start.replace(minute=0, hour=start.hour if longer == HOUR else 0, second=0)
        return row | {"start": start_of(start), "seconds": longer}
    first, following = _month(row["start"])
    length = int((following - first).total_seconds())
    return row | {"start": start_of(first), "seconds": length}


def _month(start: str) -> tuple[dt.datetime, dt.datetime]:
    """When the month of a day begins, and when the one after it does."""
    first = timestamps.moment(start).replace(day=1)
    return first, (first + dt.timedelta(days=32)).replace(day=1)


def start_of(moment: dt.datetime) -> str:
    """The start of a window, as it is written: UTC, without fractions."""
    return f"{timestamps.written(moment)[:19]}Z"


def _packed(counts: Any) -> bytes:  # noqa: ANN401 - JSON
    return zlib.compress(json.dumps(counts, sort_keys=True, separators=(",", ":")).encode(), 1)


def unpacked(data: bytes) -> Any:  # noqa: ANN401 - JSON
    """Counts as they were before they were packed."""
    return json.loads(zlib.decompress(data))
