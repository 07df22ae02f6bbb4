"""A connection to PostgreSQL that asks one question again and again, through libpq.

It goes past the cursors of the driver, which cost as much as the round trip.
"""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeGuard

    import psycopg
    from psycopg.pq.abc import PGresult

    Then = Callable[[PGresult | None, Exception | None], None]
    """What is done with the answer to a question, or with the error that came in its place."""

_NAME: Final = b"lineage_new_events"

_PLANNED_ONCE: Final = b"SET plan_cache_mode TO force_generic_plan"
"""PostgreSQL would plan the question anew each time where there are many events, which takes longer
than to answer it."""


class Line:
    """A connection that asks one question, one at a time."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], question: bytes) -> None:
        from psycopg.pq import ExecStatus

        self.is_prepared = False
        self._connection = connection
        self._question = question
        self._pgconn = connection.pgconn
        self._rows = ExecStatus.TUPLES_OK
        self._loop = asyncio.get_running_loop()
        self._then: Then | None = None
        self._result: PGresult | None = None
        self._socket = os.dup(self._pgconn.socket)  # libpq closes its own when the server is gone
        self._loop.add_reader(self._socket, self._read)

    @classmethod
    async def to(cls, conninfo: str, question: bytes, *, prepare: bool) -> Line:
        """Connect, and prepare the question, unless a pooler gives each another connection."""
        import psycopg

        connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
        line = cls(connection, question)
        if not prepare:
            return line
        try:
            await line._exchange(partial(line._pgconn.send_query, _PLANNED_ONCE))
            await line._exchange(partial(line._pgconn.send_prepare, _NAME, question))
            line.is_prepared = True
        except BaseException:
            line.close()
            raise
        return line

    def ask_prepared(self, known: int, then: Then) -> None:
        """Ask; ``then`` is given the answer or the error as soon as it is there."""
        self._send(partial(self._pgconn.send_query_prepared, _NAME, [str(known).encode()]), then)

    async def ask(self, known: int) -> PGresult:
        """The answer.

        Raises:
            psycopg.Error: there is none.
        """
        if self.is_prepared:
            number = str(known).encode()
            result = await self._exchange(
                partial(self._pgconn.send_query_prepared, _NAME, [number])
            )
            if self.has_rows(result):
                return result
            self.is_prepared = False  # a pooler may hand it to another connection
        return await self.ask_plainly(self._question, known)

    async def ask_plainly(self, question: bytes, number: int) -> PGresult:
        """The answer to another question about a number.

        Raises:
            psycopg.Error: there is none.
        """
        import psycopg

        numbers = [str(number).encode()]
        result = await self._exchange(partial(self._pgconn.send_query_params, question, numbers))
        if self.has_rows(result):
            return result
        said = result.error_message.decode(errors="replace") if result is not None else "no answer"
        raise psycopg.OperationalError(said)

    def await_answer(self, until: float) -> None:
        """Keep the loop waiting for the answer, and awake: to sleep would take as long."""
        while self._then is not None and time.monotonic() < until:
            self._read()

    def has_rows(self, result: PGresult | None) -> TypeGuard[PGresult]:
        """Whether the answer to a question is one."""
        return result is not None and result.status == self._rows

    def close(self) -> None:
        """Close the connection."""
        self._then = None
        self._loop.remove_reader(self._socket)
        os.close(self._socket)
        self._pgconn.finish()

    async def _exchange(self, send: Callable[[], None]) -> PGresult | None:
        answer: asyncio.Future[PGresult | None] = self._loop.create_future()

        def then(result: PGresult | None, error: Exception | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        self._send(send, then)
        return await answer

    def _send(self, send: Callable[[], None], then: Then) -> None:
        import psycopg

        self._result, self._then = None, then
        try:
            send()
            self._pgconn.flush()
        except psycopg.Error as error:
            self._end(error)

    def _read(self) -> None:
        """Something came: the answer is whole once libpq has no more of it."""
        import psycopg

        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    self._end(None)
                    return
                self._result = result
        except psycopg.Error as error:
            self._loop.remove_reader(self._socket)
            self._end(error)

    def _end(self, error: Exception | None) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(self._result, error)
