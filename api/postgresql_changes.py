"""The detector of changes of a PostgreSQL database: one prepared question, asked through libpq.

It is in the way of every look-up, so it goes past the cursors of the driver, which cost as much as
the round trip.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any, Final

from lineage.database import postgresql, reports
from lineage.errors import RegistryUnreachable
from lineage.masking import masked
from lineage.registry_url import without_password

from .known import History, RegistryVersion, new_events

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGresult

    _Row = tuple[int, str, str | None, str | None, str | None]
    """An event's number, its digest and its payload; the snapshot; the newest change by reports."""

ROUND_TRIP: Final = 5.0
"""Seconds that PostgreSQL may take to say its head."""

_QUESTION: Final = new_events(
    "$1::bigint", f", pg_current_snapshot()::text, ({reports.CHANGED})"
).encode()
_NAME: Final = b"lineage_new_events"
_REPORTED: Final = reports.SINCE.replace(":number", "$1::bigint").encode()


class PostgresqlDetector:
    """Asks for the new events, and the snapshot, which tells whether anything was committed.

    Those who ask while a question is on its way share the next one, which begins after they came.
    """

    def __init__(self, url: str) -> None:
        self._conninfo = postgresql.conninfo(url)
        self._prepares = not postgresql.is_pooled(url)
        self._shown = without_password(url)
        self._line: _Line | None = None
        self._history = History()
        self._changed = 0
        self._waiting: list[asyncio.Future[RegistryVersion]] = []
        self._asking: asyncio.Task[None] | None = None

    async def version(self) -> RegistryVersion:
        """What was touched up to now, and the present snapshot.

        Raises:
            RegistryUnreachable: the database cannot be asked.
        """
        mine: asyncio.Future[RegistryVersion] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await mine

    async def close(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            self._asking.cancel()
        await self._drop()

    async def _ask(self) -> None:
        """Ask for all who wait, until nobody does."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                version = await self._version()
            except Exception as error:
                for future in waiting:
                    if not future.done():
                        future.set_exception(_of_its_own(error))
            else:
                for future in waiting:
                    if not future.done():
                        future.set_result(version)
        self._asking = None

    async def _version(self) -> RegistryVersion:
        import psycopg

        asked = time.monotonic()
        try:
            async with asyncio.timeout(ROUND_TRIP):
                if self._line is None:
                    self._line = await _Line.to(self._conninfo, prepare=self._prepares)
                rows = _rows(await self._line.ask(self._history.known))
                self._history.read([row[:3] for row in rows])
                await self._note_reports(self._line, rows)
        except (psycopg.Error, OSError, TimeoutError) as error:
            await self._drop()
            raise RegistryUnreachable(
                f"The registry {self._shown} cannot be used: {_said(error)}.",
                remedy="Check that the server runs and lets this user in.",
            ) from None
        touches = self._history.touches
        state = rows[0][3] if rows else object()  # where nothing happened yet, nothing is confirmed
        newest = self._history.newest
        return RegistryVersion(touches.count, state, asked, touches, newest, self._changed)

    async def _note_reports(self, line: _Line, rows: list[_Row]) -> None:
        """Note the slots of which reports changed something since the last question."""
        changed = int(rows[0][4] or 0) if rows else 0
        if changed < self._changed:  # another history, which counts anew
            self._history.touches.note(None)
        elif changed > self._changed:
            found = await line.ask_plainly(_REPORTED, self._changed)
            self._history.touches.note(
                ("slot", *(_text(found, row, column) or "" for column in range(2)))
                for row in range(found.ntuples)
            )
        self._changed = changed  # only now: what a question that fails has not noted, the next does

    async def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()


class _Line:
    """A connection that asks one question, one at a time."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._prepared = False
        self._answer: asyncio.Future[PGresult | None] | None = None
        self._result: PGresult | None = None
        self._socket = os.dup(self._pgconn.socket)  # libpq closes its own when the server is gone
        self._loop.add_reader(self._socket, self._read)

    @classmethod
    async def to(cls, conninfo: str, *, prepare: bool) -> _Line:
        """Connect, and prepare the question, unless a pooler gives each another connection."""
        import psycopg

        connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
        line = cls(connection)
        if not prepare:
            return line
        try:
            line._pgconn.send_prepare(_NAME, _QUESTION)
            await line._answered()
            line._prepared = True
        except BaseException:
            await line.close()
            raise
        return line

    async def ask(self, known: int) -> PGresult:
        """The answer.

        Raises:
            psycopg.Error: there is none.
        """
        from psycopg.pq import ExecStatus

        if self._prepared:
            self._pgconn.send_query_prepared(_NAME, [str(known).encode()])
            result = await self._answered()
            if result is not None and result.status == ExecStatus.TUPLES_OK:
                return result
            self._prepared = False  # a pooler may hand it to another connection than it prepared on
        return await self.ask_plainly(_QUESTION, known)

    async def ask_plainly(self, question: bytes, number: int) -> PGresult:
        """The answer to another question about a number.

        Raises:
            psycopg.Error: there is none.
        """
        import psycopg
        from psycopg.pq import ExecStatus

        self._pgconn.send_query_params(question, [str(number).encode()])
        result = await self._answered()
        if result is not None and result.status == ExecStatus.TUPLES_OK:
            return result
        said = result.error_message.decode(errors="replace") if result is not None else "no answer"
        raise psycopg.OperationalError(said)

    async def close(self) -> None:
        """Close the connection."""
        self._loop.remove_reader(self._socket)
        os.close(self._socket)
        await self._connection.close()

    async def _answered(self) -> PGresult | None:
        self._result = None
        self._answer = self._loop.create_future()
        self._pgconn.flush()
        return await self._answer

    def _read(self) -> None:
        """Something came: the answer is whole once libpq has no more of it."""
        import psycopg

        answer = self._answer
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    if answer is not None and not answer.done():
                        answer.set_result(self._result)
                    return
                self._result = result
        except psycopg.Error as error:
            self._loop.remove_reader(self._socket)
            if answer is not None and not answer.done():
                answer.set_exception(error)


def _of_its_own(error: Exception) -> Exception:
    """An error for one of several who wait for the same."""
    if isinstance(error, RegistryUnreachable):
        return RegistryUnreachable(str(error), remedy=error.remedy, public=error.public)
    return error


def _rows(result: PGresult) -> list[_Row]:
    found = []
    for row in range(result.ntuples):
        seq, digest, payload, state, changed = (_text(result, row, at) for at in range(5))
        found.append((int(seq or 0), digest or "", payload, state, changed))
    return found


def _text(result: PGresult, row: int, column: int) -> str | None:
    value = result.get_value(row, column)
    return value.decode() if value is not None else None


def _said(error: Exception) -> str:
    return masked(" ".join(str(error).split()))[:200].rstrip(".") or type(error).__name__
