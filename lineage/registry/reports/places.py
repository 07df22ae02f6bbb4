"""The places of reports: putting each of a batch in that of its instance's last one."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from lineage import timestamps
from lineage.database import reports
from lineage.database.tables.observations import OBSERVATION, OBSERVED_SLOT
from lineage.errors import Conflict, LineageError
from lineage.registry.declared import Said, Slot
from lineage.registry.observations import to_json
from lineage.registry.reports.telling import HELD, LAGGING, TO_TELL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from lineage.registry.reports.batches import Batch, Row

MOST: Final = 10_000
"""Instances of a model in an environment that are kept at the most."""

FORGOTTEN_AFTER: Final = dt.timedelta(days=1)
"""How long an instance that reports no more is still listed."""

Key = tuple[str, str, str]
"""An environment, a model, and an instance."""


@dataclass(frozen=True)
class Answer:
    """JSON of a report that was recorded, and whether the history is to be told something of it."""

    document: dict[str, Any]
    tells: bool


@dataclass(frozen=True)
class Recorded:
    """The answer to each report of a batch; ``tells`` is whether anything is still to be told."""

    answers: list[Answer | LineageError]
    tells: bool


def record(connection: Connection, batch: Batch) -> Recorded:
    """Record reports, in a transaction of theirs."""
    rows = [row for row in batch.rows if isinstance(row, dict)]
    places = _Places(connection, batch, rows) if rows else None
    answers: list[Answer | LineageError] = []
    for row in batch.rows:
        if isinstance(row, LineageError) or places is None:
            assert isinstance(row, LineageError)  # nosec B101 # noqa: S101 - none else is refused
            answers.append(row)
            continue
        try:
            answers.append(places.take(row))
        except Conflict as error:
            answers.append(error)
    if places is not None:
        places.write()
    return Recorded(answers, connection.execute(TO_TELL.limit(1)).first() is not None)


def rename(connection: Connection, old: str, new: str) -> None:
    """Let the reports of a model follow its name, in a transaction of theirs."""
    named = {"old": old, "new": new}
    connection.execute(_OVERTAKEN, named)
    connection.execute(_RENAME, named)
    environments = connection.execute(_REPORTING, {"model": new}).scalars().all()
    _note_change(connection, {(environment, new) for environment in environments})


class _Places:
    """The newest report of each instance that a batch is about, as the batch changes them."""

    def __init__(self, connection: Connection, batch: Batch, rows: Sequence[Row]) -> None:
        self._connection = connection
        self._batch = batch
        keys = sorted({_key(row) for row in rows})
        self._now: dict[Key, Row] = {
            _key(row): row for row in reports.rows(connection, _EXISTING, keys=keys)
        }
        self._written: dict[Key, Row] = {}
        self._changed: set[Slot] = set()
        self._room = self._make_room({(e, m) for e, m, i in keys if (e, m, i) not in self._now})
        self._held = self._held_by_others(rows, keys)

    def take(self, row: Row) -> Answer:
        """Let a report be its instance's newest.

        Raises:
            Conflict: too many instances have reported.
        """
        batch, key = self._batch, _key(row)
        slot, before = key[:2], self._now.get(key)
        if before is None:
            self._take_room(slot)
        declaration = batch.declarations.of(slot)
        telling = _noted(before)
        if self._begins_to_hold(row, before):
            telling = [HELD, *(kind for kind in telling if kind != HELD)]
        elif before is None or before["standby"] != row["standby"]:
            telling = [kind for kind in telling if kind != HELD]
        lagged = before["lagged"] if before is not None else None
        standing = declaration.standing(Said.of(row), batch.at, batch.registered)
        if standing.overdue and lagged != declaration.revision:
            lagged = declaration.revision
            telling = [*(kind for kind in telling if kind != LAGGING), LAGGING]
        after = before["telling_after"] if before is not None and _noted(before) else batch.newest
        noted = {"telling": " ".join(telling) or None, "telling_after": after if telling else None}
        taken = row | {"lagged": lagged} | noted
        if _changes(before, taken, batch.at):
            self._changed.add(slot)
        self._now[key] = self._written[key] = taken
        document = to_json(taken, declaration, batch.at, batch.registered)
        return Answer(document, bool(telling))

    def write(self) -> None:
        """Write what was taken, and of which slots an answer may have changed."""
        if not self._written:
            return
        upsert = _UPSERT[self._connection.dialect.name]
        self._connection.execute(upsert, [self._written[key] for key in sorted(self._written)])
        _note_change(self._connection, self._changed)

    def _make_room(self, places: set[Slot]) -> dict[Slot, int]:
        """Forget instances that report no more; how many more may come, where any are new."""
        if not places:
            return {}
        of, at = {"slots": sorted(places)}, self._batch.at
        forgotten = timestamps.written(timestamps.moment(at) - FORGOTTEN_AFTER)
        self._connection.execute(_FORGET, of | {"until": forgotten})
        full = [slot for slot, left in self._left(of).items() if left <= 0]
        if full:
            self._connection.execute(_FORGET, {"slots": full, "until": at})
        return self._left(of)

    def _left(self, of: dict[str, Any]) -> dict[Slot, int]:
        counts = {(e, m): n for e, m, n in self._connection.execute(_COUNT, of)}
        return {slot: MOST - counts.get(slot, 0) for slot in of["slots"]}

    def _take_room(self, slot: Slot) -> None:
        environment, model = slot
        if self._room[slot] <= 0:
            raise Conflict(
                f"{MOST:,} instances of {model} report from {environment}.",
                remedy="Give the instances names that stay the same over restarts.",
            )
        self._room[slot] -= 1

    def _held_by_others(
        self, rows: Sequence[Row], keys: Sequence[Key]
    ) -> set[tuple[str, str, str]]:
        """The backups, by slot, that an instance holds of which nothing is said in the batch."""
        begun = [row for row in rows if self._begins(row, self._now.get(_key(row)))]
        if not begun:
            return set()
        asked = {
            "slots": sorted({_key(row)[:2] for row in begun}),
            "standby": sorted({row["standby"] for row in begun}),
            "keys": keys,
            "at": self._batch.at,
        }
        return {tuple(row) for row in self._connection.execute(_HELD, asked)}

    def _begins(self, row: Row, before: Mapping[str, Any] | None) -> bool:
        """Whether an instance holds a backup that it did not hold until now."""
        held = before["standby"] if before is not None and self._is_alive(before) else None
        return row["standby"] is not None and row["standby"] != held

    def _begins_to_hold(self, row: Row, before: Mapping[str, Any] | None) -> bool:
        """Whether it is the first one that holds it."""
        if not self._begins(row, before):
            return False
        where = (row["environment"], row["model"], row["standby"])
        return where not in self._held and not any(
            (other["environment"], other["model"], other["standby"]) == where
            and self._is_alive(other)
            for other in self._now.values()
        )

    def _is_alive(self, row: Mapping[str, Any]) -> bool:
        return (row["expires_at"] or "") > self._batch.at


def _note_change(connection: Connection, slots: set[Slot]) -> None:
    """Note that what hosts hold of slots changed."""
    if not slots:
        return
    newest = connection.exec_driver_sql(reports.CHANGED).scalar() or 0
    number = max(newest + 1, _microseconds())
    connection.execute(
        _CHANGE[connection.dialect.name],
        [
            {"environment": environment, "model": model, "changed": number}
            for environment, model in sorted(slots)
        ],
    )


def _key(row: Mapping[str, Any]) -> Key:
    return row["environment"], row["model"], row["instance"]


def _noted(row: Mapping[str, Any] | None) -> list[str]:
    return row["telling"].split() if row is not None and row["telling"] else []


def _changes(before: Mapping[str, Any] | None, after: Row, at: str) -> bool:
    """Whether an answer may change: the word counts of one who holds other weights than before.

    What only holds for longer than before changes nothing until that time.
    """
    had = _holds(before, at) if before is not None else None
    has = _holds(after, at)
    if before is None or had != has:
        return had is not None or has is not None
    return has is not None and after["expires_at"] < before["expires_at"]


def _holds(row: Mapping[str, Any], at: str) -> tuple[str, str | None] | None:
    """The weights that an instance has and holds, if its word counts now."""
    counts = row["proven"] and (row["expires_at"] or "") > at
    return (row["weights"], row["standby"]) if counts else None


# statements

_TABLE: Final = OBSERVATION
_HERE: Final = sa.tuple_(_TABLE.c.environment, _TABLE.c.model).in_(
    sa.bindparam("slots", expanding=True)
)
_THESE: Final = sa.tuple_(_TABLE.c.environment, _TABLE.c.model, _TABLE.c.instance).in_(
    sa.bindparam("keys", expanding=True)
)
_EXISTING: Final = sa.select(_TABLE).where(_THESE)
_FORGET: Final = _TABLE.delete().where(_HERE, _TABLE.c.expires_at <= sa.bindparam("until"))
_COUNT: Final = (
    sa.select(_TABLE.c.environment, _TABLE.c.model, sa.func.count())
    .where(_HERE)
    .group_by(_TABLE.c.environment, _TABLE.c.model)
)
_HELD: Final = (
    sa.select(_TABLE.c.environment, _TABLE.c.model, _TABLE.c.standby)
    .distinct()
    .where(
        _HERE,
        _TABLE.c.standby.in_(sa.bindparam("standby", expanding=True)),
        _TABLE.c.expires_at > sa.bindparam("at"),
        sa.not_(_THESE),
    )
)


_OTHER: Final = _TABLE.alias()
_OVERTAKEN: Final = _TABLE.delete().where(
    _TABLE.c.model == sa.bindparam("new"),
    sa.exists().where(
        _OTHER.c.model == sa.bindparam("old"),
        _OTHER.c.environment == _TABLE.c.environment,
        _OTHER.c.instance == _TABLE.c.instance,
    ),
)
"""What was left under a name that a model had before, and has again."""
_RENAME: Final = (
    _TABLE.update().where(_TABLE.c.model == sa.bindparam("old")).values(model=sa.bindparam("new"))
)
_REPORTING: Final = (
    sa.select(_TABLE.c.environment).distinct().where(_TABLE.c.model == sa.bindparam("model"))
)


def _replacing(table: sa.Table) -> dict[str, Any]:
    """How a row is put in the place of the one with its key, by database."""
    found: dict[str, Any] = {}
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert)):
        statement = insert(table)
        rest = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
        found[name] = statement.on_conflict_do_update(index_elements=table.primary_key, set_=rest)
    return found


_UPSERT: Final = _replacing(_TABLE)
_CHANGE: Final = _replacing(OBSERVED_SLOT)


def _microseconds() -> int:
    """A number that grows, also where the file of the reports is another one."""
    return time.time_ns() // 1000
