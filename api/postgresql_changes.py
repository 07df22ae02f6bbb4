"""The detector of changes of a PostgreSQL database: one prepared question before each look-up."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from lineage.database import postgresql, reports
from lineage.errors import RegistryUnreachable
from lineage.masking import masked
from lineage.registry_url import without_password

from .known import History, RegistryVersion, new_events
from .postgresql_line import Line

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from psycopg.pq.abc import PGresult

    _Row = tuple[int, str, str | None, str | None, str | None]
    """An event's number, its digest and its payload; the snapshot; the newest change by reports."""

ROUND_TRIP: Final = 5.0
"""Seconds that PostgreSQL may take to say its head."""

NEAR: Final = 0.0002
"""Seconds within which a database nearby answers."""

AGAIN: Final = 0.25
"""Seconds after which one that did not is waited for again."""

_QUESTION: Final = new_events(
    "$1::bigint", f", pg_current_snapshot()::text, ({reports.CHANGED})"
).encode()

_REPORTED: Final = reports.SINCE.replace(":number", "$1::bigint").encode()


class PostgresqlDetector:
    """Asks for the new events, and the snapshot, which tells whether anything was committed.

    Those who ask in one turn of the event loop, or while a question is on its way, share one that
    begins after they came. A database nearby answers it sooner than the loop would come round
    again, so that is waited for, for a moment. What takes more than the answer (to connect, to ask
    for what reports changed) is done by a task, which asks anew for those who wait.
    """

    def __init__(self, url: str) -> None:
        self._conninfo = postgresql.conninfo(url)
        self._prepares = not postgresql.is_pooled(url)
        self._shown = without_password(url)
        self._line: Line | None = None
        self._history = History()
        self._changed = 0
        self._waiting: list[asyncio.Future[RegistryVersion]] = []
        self._asked: list[asyncio.Future[RegistryVersion]] = []
        self._late: asyncio.TimerHandle | None = None
        self._is_alone = True
        self._in_turn = False
        self._far_until = 0.0
        self._asking: asyncio.Task[None] | None = None

    def version(self) -> Awaitable[RegistryVersion]:
        """What was touched up to now, and the present snapshot.

        The question of one who comes alone is on its way when this returns.

        Raises:
            RegistryUnreachable: the database cannot be asked.
        """
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[RegistryVersion] = loop.create_future()
        self._waiting.append(mine)
        if self._asked or self._asking is not None or self._in_turn:
            return mine
        self._in_turn = True
        loop.call_soon(self._end_turn)
        if not self._is_alone:
            return mine
        self._ask()
        return self._arrived(mine)

    async def close(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            self._asking.cancel()
        self._answered()
        self._drop()

    async def _arrived(self, mine: asyncio.Future[RegistryVersion]) -> RegistryVersion:
        self._linger()
        return await mine

    def _end_turn(self) -> None:
        """Ask for those who came in this turn of the loop; who came alone did not wait for it."""
        self._in_turn = False
        self._is_alone = len(self._waiting) <= 1
        if self._waiting and not self._asked and self._asking is None:
            self._ask()
            self._linger()
        self._watch()

    def _linger(self) -> None:
        """Keep the loop for the answer, if the database is near."""
        now = time.monotonic()
        if self._asked and self._line is not None and now >= self._far_until:
            self._line.await_answer(now + NEAR)
            if self._asked:
                self._far_until = now + AGAIN

    def _watch(self) -> None:
        """Give a question up that is on its way for too long."""
        if self._asked and self._late is None:
            loop = asyncio.get_running_loop()
            self._late = loop.call_later(ROUND_TRIP, self._fail, TimeoutError())

    def _ask(self) -> None:
        """Ask for all who wait, by a task where nothing is prepared."""
        if self._line is None or not self._line.is_prepared:
            self._asking = asyncio.create_task(self._ask_all())
            return
        self._asked, self._waiting = self._waiting, []
        take = partial(self._take, self._line, time.monotonic())
        self._line.ask_prepared(self._history.known, take)

    def _take(
        self, line: Line, asked: float, result: PGresult | None, error: Exception | None
    ) -> None:
        """Take the answer to a question that went out at a moment."""
        if error is not None:
            self._fail(error)
            return
        waiting = self._answered()
        try:
            rows = _rows(result) if line.has_rows(result) else None
            if rows is not None:
                self._history.read([row[:3] for row in rows])
            if rows is None or _changed(rows) != self._changed:
                self._waiting = waiting + self._waiting
                self._asking = asyncio.create_task(self._ask_all(anew=rows is None))
                return
            _tell(waiting, self._version_of(asked, rows))
        except Exception as unforeseen:  # those who wait are to be told of it
            _tell(waiting, unforeseen)
        self._go_on()

    def _fail(self, error: Exception) -> None:
        """Tell those whose question is on its way that there is no answer."""
        waiting = self._answered()
        self._drop()
        _tell(waiting, self._unreachable(error))
        self._go_on()

    def _go_on(self) -> None:
        """Ask for those who came meanwhile."""
        if self._waiting:
            self._ask()
            self._watch()

    def _answered(self) -> list[asyncio.Future[RegistryVersion]]:
        """Those whose question was on its way, and is no more."""
        if self._late is not None:
            self._late.cancel()
            self._late = None
        waiting, self._asked = self._asked, []
        return waiting

    async def _ask_all(self, *, anew: bool = False) -> None:
        """Ask for all who wait, until nobody does; ``anew``: what was prepared is not there."""
        if anew and self._line is not None:
            self._line.is_prepared = False
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                _tell(waiting, await self._version())
            except Exception as error:  # those who wait are to be told of it
                _tell(waiting, error)
        self._asking = None

    async def _version(self) -> RegistryVersion:
        import psycopg

        asked = time.monotonic()
        try:
            async with asyncio.timeout(ROUND_TRIP):
                if self._line is None:
                    self._line = await Line.to(self._conninfo, _QUESTION, prepare=self._prepares)
                rows = _rows(await self._line.ask(self._history.known))
                self._history.read([row[:3] for row in rows])
                await self._note_reports(self._line, rows)
        except (psycopg.Error, OSError, TimeoutError) as error:
            self._drop()
            raise self._unreachable(error) from None
        return self._version_of(asked, rows)

    def _version_of(self, asked: float, rows: list[_Row]) -> RegistryVersion:
        touches = self._history.touches
        state = rows[0][3] if rows else object()  # where nothing happened yet, nothing is confirmed
        newest = self._history.newest
        return RegistryVersion(touches.count, state, asked, touches, newest, self._changed)

    def _unreachable(self, error: Exception) -> RegistryUnreachable:
        return RegistryUnreachable(
            f"The registry {self._shown} cannot be used: {_said(error)}.",
            remedy="Check that the server runs and lets this user in.",
        )

    async def _note_reports(self, line: Line, rows: list[_Row]) -> None:
        """Note the slots of which reports changed something since the last question."""
        changed = _changed(rows)
        if changed < self._changed:  # another history, which counts anew
            self._history.touches.note(None)
        elif changed > self._changed:
            found = await line.ask_plainly(_REPORTED, self._changed)
            self._history.touches.note(
                ("slot", *(_text(found, row, column) or "" for column in range(2)))
                for row in range(found.ntuples)
            )
        self._changed = changed  # only now: what a question that fails has not noted, the next does

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()


def _tell(
    waiting: list[asyncio.Future[RegistryVersion]], found: RegistryVersion | Exception
) -> None:
    """Tell those who wait the version, or what is the matter."""
    for future in waiting:
        if future.done():
            continue
        if isinstance(found, Exception):
            future.set_exception(_of_its_own(found))
        else:
            future.set_result(found)


def _of_its_own(error: Exception) -> Exception:
    """An error for one of several who wait for the same."""
    if isinstance(error, RegistryUnreachable):
        return RegistryUnreachable(str(error), remedy=error.remedy, public=error.public)
    return error


def _changed(rows: list[_Row]) -> int:
    return int(rows[0][4] or 0) if rows else 0


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
