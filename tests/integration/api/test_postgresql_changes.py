"""The question before each look-up, asked of PostgreSQL: what goes wrong in it is lost for nobody."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import psycopg
import pytest
from lineage.api import postgresql_changes
from lineage.api.known import new_events
from lineage.api.postgresql_changes import PostgresqlDetector
from lineage.api.postgresql_line import Line

from lineage.database.postgresql import conninfo
from lineage.errors import RegistryUnreachable
from tests.conftest import make_registry
from tests.integration.api.test_service import _fill

ONLY_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

SLOT = ("slot", "production", "churn")


@asynccontextmanager
async def _detector(database):
    detector = PostgresqlDetector(database)
    try:
        yield detector
    finally:
        await detector.close()


def _fails_once(monkeypatch, name, error):
    """Let a step of the question fail the next time, and no more."""
    place, real = (
        (postgresql_changes.Line, postgresql_changes.Line.ask_plainly)
        if name == "ask_plainly"
        else (postgresql_changes.History, postgresql_changes.History.read)
    )

    def fail(*_):
        monkeypatch.setattr(place, name, real)
        raise error

    monkeypatch.setattr(place, name, fail)


@ONLY_POSTGRESQL
def test_a_change_by_reports_outlives_the_question_that_fails(database, monkeypatch):
    make_registry(database, _fill)

    async def follow():
        async with _detector(database) as detector:
            before = await detector.version()
            with psycopg.connect(database) as connection:
                connection.execute("INSERT INTO observed_slot VALUES ('production', 'churn', 7)")
            _fails_once(monkeypatch, "ask_plainly", psycopg.OperationalError("gone"))
            with pytest.raises(RegistryUnreachable):
                await detector.version()
            return before, await detector.version()

    before, after = asyncio.run(follow())
    assert after.touches.since(before.count, [SLOT])


@ONLY_POSTGRESQL
def test_an_error_that_nobody_foresaw_is_told_to_those_who_wait(database, monkeypatch):
    make_registry(database)

    async def ask():
        async with _detector(database) as detector:
            _fails_once(monkeypatch, "read", KeyError("unforeseen"))
            async with asyncio.timeout(10):
                found = await asyncio.gather(
                    detector.version(), detector.version(), return_exceptions=True
                )
                return found, await detector.version()

    found, version = asyncio.run(ask())
    assert [type(error) for error in found] == [KeyError, KeyError]
    assert version.state


@ONLY_POSTGRESQL
def test_a_question_that_hangs_is_given_up_and_the_next_one_is_answered(database, monkeypatch):
    make_registry(database, _fill)

    async def ask():
        async with _detector(database) as detector:
            first = await detector.version()
            monkeypatch.setattr(postgresql_changes, "ROUND_TRIP", 0.2)
            with psycopg.connect(database) as other:
                other.execute("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
                late = [detector.version(), detector.version()]
                found = await asyncio.gather(*late, return_exceptions=True)
            monkeypatch.undo()
            return first, found, await detector.version()

    first, found, after = asyncio.run(ask())
    assert [type(error) for error in found] == [RegistryUnreachable] * 2
    assert after.newest == first.newest


@ONLY_POSTGRESQL
def test_a_prepared_question_that_is_gone_is_asked_plainly(database):
    make_registry(database, _fill)

    async def ask():
        async with _detector(database) as detector:
            first = await detector.version()
            line = detector._line
            await line._exchange(partial(line._pgconn.send_query, b"DEALLOCATE ALL"))
            return first, await detector.version(), await detector.version(), detector._line is line

    first, second, third, is_same_line = asyncio.run(ask())
    assert first.newest == second.newest == third.newest
    assert is_same_line


@ONLY_POSTGRESQL
def test_who_asks_while_a_question_is_on_its_way_learns_of_what_was_committed_before_he_came(
    database,
):
    make_registry(database, _fill)

    async def ask():
        async with _detector(database) as detector:
            await detector.version()
            early = detector.version()
            with psycopg.connect(database) as other:
                other.execute("INSERT INTO observed_slot VALUES ('production', 'churn', 7)")
            late = detector.version()
            await early
            return await late

    late = asyncio.run(ask())
    assert late.reported == 7


@ONLY_POSTGRESQL
def test_the_question_is_planned_once(database):
    make_registry(database, _fill)
    plans = b"SELECT custom_plans FROM pg_prepared_statements WHERE $1::bigint IS NOT NULL"

    async def ask():
        line = await Line.to(conninfo(database), new_events("$1::bigint").encode(), prepare=True)
        try:
            for number in range(8):
                assert line.has_rows(await line.ask(number))
            return (await line.ask_plainly(plans, 0)).get_value(0, 0)
        finally:
            line.close()

    assert asyncio.run(ask()) == b"0"
