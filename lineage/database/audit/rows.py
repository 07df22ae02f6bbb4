"""The rows: every table that the history tells, row by row, against the events that tell it.

Each table is read in the order of the events that its rows name, beside the events themselves, so
that nothing but the rows of one event is held. A row that follows its model's name is told under
the one that it had: it is compared by what that became, as the rows of `model` say, which are told
too. A row that may move is told anew each time: an event
whose telling is out of date finds that the row names a later one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from blake3 import blake3
from sqlalchemy import text

from lineage.database import names
from lineage.database.audit import contents
from lineage.database.audit.entries import BATCH
from lineage.database.told import TOLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlmodel import Session

    from lineage.database.audit.entries import Entry
    from lineage.database.told import Told

ADOPTED: Final = "adopted"
"""The kind of the events that tell the rows which were there before events told any."""

SUBJECTS: Final = "subjects"
INDEX: Final = "event_subject"
MOST_KNOWN: Final = 50_000
"""Rows whose newest event is remembered, so that a slot that moves often is asked for once."""

MODEL: Final = "model"
"""The column of a model's name in the rows that follow it."""

_LAST: Final = 2**63 - 1
"""No number is greater; a text or bytes in a number's place are, as SQLite compares them."""

_BIND: Final = "k"


class Rows:
    """Checks the rows of all tables that are told."""

    def __init__(self, session: Session) -> None:
        self._session = session
        became = names.renamed(session.connection())
        self._tables = [_Table(session, told, became) for told in TOLD.values()]
        for table in self._having([table.telling for table in self._tables]):
            table.begin()
        self._told = {table.told.table for table in self._tables}
        self._begun = False
        self._said = False
        self._index = blake3()

    def see(self, entry: Entry) -> Iterator[str]:
        """Where the rows that name an event are not those that it tells."""
        self._begun = self._begun or bool(entry.rows)
        for table in self._tables:
            if table.told.table == INDEX and not self._begun:
                self._index_before(table, entry)
            else:
                yield from table.see(entry.seq, entry.rows.get(table.told.table))
        wrong = entry.kind == ADOPTED and entry.payload.get(SUBJECTS) != self._before
        if wrong and not self._said:
            self._said = True
            yield f"the subjects of the events before {entry.seq} are not those it adopted"
        for name in sorted(entry.rows.keys() - self._told):
            yield f"event {entry.seq} tells of {name}, which no event tells of"

    def end(self) -> Iterator[str]:
        """Rows that name no event, or one that is not there."""
        astray = self._having([table.stray for table in self._tables])
        for table in self._tables:
            yield from table.end()
            if table in astray:
                yield from table.strays()

    def _having(self, conditions: Sequence[str]) -> list[_Table]:
        """The tables with rows for which a condition holds: all are asked at once, few have any."""
        wanted = zip(self._tables, conditions, strict=True)
        exist = [f"EXISTS (SELECT 1 FROM {t.told.table} WHERE {holds})" for t, holds in wanted]  # nosec B608 # noqa: S608
        found = self._session.connection().execute(text(f"SELECT {', '.join(exist)}")).one()
        return [table for table, has_any in zip(self._tables, found, strict=True) if has_any]

    @property
    def _before(self) -> str:
        """The digest of the index of the events that do not tell it."""
        return f"blake3:{self._index.hexdigest()}"

    def _index_before(self, table: _Table, entry: Entry) -> None:
        """Take in what the index of subjects has of an event that does not tell it."""
        subjects = sorted(str(row[0]).encode() for row in table.take(entry.seq))
        for subject in subjects:
            self._index.update(b"%d %s\n" % (entry.seq, subject))


class _Table:
    """One table beside the events."""

    def __init__(self, session: Session, told: Told, became: Mapping[str, str]) -> None:
        self.told = told
        self._became = became if told.follows else {}
        self._session = session
        self._content = contents.CHECKS.get(told.table)
        further = [column for column in told.unbound if column in contents.NEEDED]
        self._columns = (*told.columns, *further)
        self._key = [self._columns.index(column) if column in self._columns else None
                     for column in told.key]  # fmt: skip
        listed = ", ".join(f'"{column}"' for column in (told.event, *self._columns))
        query = f"SELECT {listed} FROM {told.table} WHERE {{}} ORDER BY {told.event}"  # nosec B608 # noqa: S608
        self.telling = f"{told.event} BETWEEN 1 AND {_LAST}"
        self.stray = f"{told.event} IS NULL OR {told.event} < 1 OR {told.event} > {_LAST}"
        self._told_rows = text(query.format(self.telling))
        self._strays = text(query.format(self.stray))
        self._rows: Iterator[Sequence[Any]] = iter(())
        self._next: Sequence[Any] | None = None
        same = " AND ".join(f'"{c}" = :{_BIND}{n}' for n, c in enumerate(told.key))
        self._newest = text(f"SELECT {told.event} FROM {told.table} WHERE {same}")  # nosec B608 # noqa: S608
        self._known: dict[tuple[Any, ...], int | None] = {}

    def begin(self) -> None:
        """Read the first row that names an event: there is one."""
        self._rows = iter(self._stream(self._told_rows))
        self._next = next(self._rows, None)

    def see(self, seq: int, rows: Any) -> Iterator[str]:  # noqa: ANN401 - whatever an event holds
        """Compare the rows that name an event with those that it tells."""
        if rows is None and (self._next is None or self._next[0] > seq):
            return
        told, wrong = self._by_key(seq, rows or [])
        yield from wrong
        for row in self.take(seq):
            key = self._key_of(row, seq)
            expected = told.pop(key, None)
            if expected is None:
                yield f"{self._name(key)} was added: event {seq}, which it names, does not tell it"
                continue
            # a column that came later was empty when it was told without it
            differing = [c for c, value in zip(self._columns, row, strict=True)
                         if c in self.told.columns and value != expected.get(c)]  # fmt: skip
            if differing:
                yield (
                    f"{self._name(key)} was changed: {', '.join(differing)} "
                    f"{'is' if len(differing) == 1 else 'are'} not what event {seq} tells"
                )
            yield from self._contents(key, row)
        for key in told:
            yield from self._gone(key, seq)

    def take(self, seq: int) -> Iterator[Sequence[Any]]:
        """The rows that name an event, without its number; those of missing ones are passed."""
        while self._next is not None and self._next[0] <= seq:
            number, *row = self._next
            self._next = next(self._rows, None)
            if number == seq:
                yield row

    def end(self) -> Iterator[str]:
        """Rows that name an event which is not there."""
        while self._next is not None:
            number, *row = self._next
            named = self._name(self._key_of(row, number))
            yield f"{named} names event {number}, which is not there"
            self._next = next(self._rows, None)

    def strays(self) -> Iterator[str]:
        """Rows that name no event."""
        for number, *row in self._stream(self._strays):
            yield f"{self._name(self._key_of(row, number))} was added: it names no event"

    def _by_key(
        self,
        seq: int,
        rows: Any,  # noqa: ANN401 - whatever an event holds
    ) -> tuple[dict[tuple[Any, ...], Mapping[str, Any]], list[str]]:
        """What an event tells of the table, and what is wrong with the telling itself."""
        told: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        columns = set(self.told.columns)
        for row in rows if isinstance(rows, list) else [None]:
            if not isinstance(row, dict) or set(row) - columns or set(self.told.key) - {
                *row, self.told.event
            }:  # fmt: skip
                return {}, [f"event {seq} does not tell of {self.told.table} as events do"]
            model = row.get(MODEL)
            if self._became and isinstance(model, str):  # the row has gone with its model's name
                row = row | {MODEL: self._became.get(model, model)}
            told[tuple(row.get(column, seq) for column in self.told.key)] = row
        return told, []

    def _gone(self, key: tuple[Any, ...], seq: int) -> Iterator[str]:
        """What became of a row that an event tells, and that does not name it."""
        newest = self._newest_event(key)
        if newest is None:
            yield f"{self._name(key)} is missing: event {seq} tells it"
        elif newest < seq:
            yield f"{self._name(key)} was put back to what event {newest} tells; {seq} is newer"
        elif not self.told.moves:
            yield f"{self._name(key)} was changed: it names event {newest} in the place of {seq}"

    def _newest_event(self, key: tuple[Any, ...]) -> int | None:
        """The event that a row names; None where there is no such row."""
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            values = {f"{_BIND}{number}": part for number, part in enumerate(key)}
            row = self._session.connection().execute(self._newest, values).first()
            named = row[0] if row is not None else None
            self._known[key] = None if row is None else named if isinstance(named, int) else 0
        return self._known[key]

    def _contents(self, key: tuple[Any, ...], row: Sequence[Any]) -> Iterator[str]:
        if self._content is not None:
            for problem in self._content(dict(zip(self._columns, row, strict=True))):
                yield f"{self._name(key)} was changed: {problem}"

    def _key_of(self, row: Sequence[Any], seq: int | None) -> tuple[Any, ...]:
        return tuple(row[place] if place is not None else seq for place in self._key)

    def _name(self, key: tuple[Any, ...]) -> str:
        named = ", ".join(f"{c}={part}" for c, part in zip(self.told.key, key, strict=True))
        return f"{self.told.table} ({named})"

    def _stream(self, query: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's
        connection = self._session.connection()
        return connection.execute(query, execution_options={"yield_per": BATCH})
