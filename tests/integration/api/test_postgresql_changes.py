"""The question before each look-up, asked of PostgreSQL: what goes wrong in it is lost for nobody."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import psycopg
import pytest
from lineage.api import postgresql_changes
from lineage.api.postgresql_changes import PostgresqlDetector

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
        (postgresql_changes._Line, postgresql_changes._Line.ask_plainly)
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
