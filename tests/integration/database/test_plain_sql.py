"""Plain SQL with keys on and no trigger dropped: nobody writes a state that no event tells.

What is tried is made from the schema (``tests/support/attempts.py``); what is let through stands in
a list, with the reason.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from lineage.connection import connect
from lineage.database import tables
from lineage.database.engine import open_engine, transaction
from lineage.database.postgresql import conninfo
from lineage.database.told import TOLD, UNTOLD
from lineage.errors import Conflict, RegistryUnreachable
from lineage.identity.digest import canonical_bytes
from lineage.weights.copies import StoreAddress
from tests.conftest import BOTH, make_registry
from tests.support import LONG
from tests.support.attempts import NEXT, Attempts
from tests.support.filled import fill

ALLOWED = {
    ("seen_window", None): "what hosts say they saw, which they may say wrong as well",
    ("seen_stream", None): "which parts of windows came",
    ("kept_answer", None): "answers to repeated requests, which are no state of the registry",
    **dict.fromkeys(
        ((f"lineage_{name}", None) for name in ("node", "edge", "label", "version")),
        "worked out from the runs and pipelines of versions, and again by `audit verify`",
    ),
    ("version_metric", None): "worked out from verdicts, and again by `audit verify`",
    ("token", "last_used_at"): "no move, and noted many times a day",
    ("webhook_delivery", None): "messages about the history, which are no part of it",
    ("webhook", "told_until"): "how far messages were made",
    ("webhook", "conditions"): "what was so when messages were made last",
}
"""What the database lets through, by table and column (None: all of it), and why."""


@pytest.fixture
def filled(database):
    make_registry(database, fill)
    tables.load_all()
    return database


def test_every_table_is_told_or_it_is_said_why_not(filled):
    """And what the declaration says of a table is what the table is."""
    assert {*TOLD, *UNTOLD} == set(SQLModel.metadata.tables)
    assert not {*TOLD} & {*UNTOLD}
    for name, told in TOLD.items():
        table = SQLModel.metadata.tables[name]
        columns = {column.name for column in table.columns}
        assert {*told.columns, *told.unbound, told.event} == columns, name
        assert told.key == tuple(column.name for column in table.primary_key.columns), name
        assert {*told.moves} <= {*told.columns} - {*told.key}, name
        assert [key.target_fullname for key in table.columns[told.event].foreign_keys] == [
            "event.seq"
        ]
        with closing(sqlite3.connect(filled.removeprefix("sqlite:///"))) as sql:
            ((trigger,),) = sql.execute(
                "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?",
                [f"{name}_told"],
            ).fetchall()
            triggers = {row[0] for row in sql.execute("SELECT name FROM sqlite_master").fetchall()}
        for column in told.columns:
            assert f"'$.{column}'" in trigger, (name, column)
        checked = {
            f"{name}_guarded_{event}" for event in ("insert", *["update"] * bool(told.moves))
        }
        assert checked <= triggers, "a connection that checks no keys could leave out the event"


def _attempts(query, *, sqlite):
    for table in SQLModel.metadata.sorted_tables:
        yield from Attempts(table, query, sqlite=sqlite)


def _is_allowed(attempt):
    return {(attempt.table, None), (attempt.table, attempt.column)} & {*ALLOWED}


def _in_memory(whole):
    sql = sqlite3.connect(":memory:", isolation_level=None)
    sql.deserialize(whole)
    sql.execute("PRAGMA foreign_keys = ON")
    return sql


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_refuses_all_that_no_event_tells(filled):
    """The weakest connection that may write at all: keys are deferred, triggers do not recurse."""
    whole = Path(filled.removeprefix("sqlite:///")).read_bytes()
    sql = reading = _in_memory(whole)
    outcome = Counter()
    attempts = list(_attempts(lambda text: reading.execute(text).fetchall(), sqlite=True))
    for attempt in attempts:
        sql.execute("BEGIN")
        sql.execute("PRAGMA defer_foreign_keys = ON")
        try:
            rows = sql.execute(attempt.statement).rowcount
            sql.execute("COMMIT")
        except sqlite3.IntegrityError:
            outcome["refused"] += 1
            if sql.in_transaction:
                sql.execute("ROLLBACK")
            continue
        assert _is_allowed(attempt), attempt
        assert rows or attempt.verb == "IGNORE", f"it tried nothing: {attempt}"
        outcome["allowed"] += 1
        sql.close()
        sql = _in_memory(whole)
    assert outcome["refused"] > 1_500, outcome
    assert outcome["allowed"] > 30, outcome
    sql.close()


@pytest.mark.parametrize("pragma", ["foreign_keys = OFF", "ignore_check_constraints = ON"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_connection_that_checks_nothing_writes_no_row_under_an_event_to_come(filled, pragma):
    """There the key that demands the event would not be looked at."""
    sql = _in_memory(Path(filled.removeprefix("sqlite:///")).read_bytes())
    attempts = list(_attempts(lambda text: sql.execute(text).fetchall(), sqlite=True))
    attempts = [attempt for attempt in attempts if NEXT in attempt.statement]
    assert {attempt.table for attempt in attempts} >= {*TOLD} - {"event_subject"}
    sql.execute(f"PRAGMA {pragma}")
    for attempt in attempts:
        with pytest.raises(sqlite3.IntegrityError):
            sql.execute(attempt.statement)
    sql.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_row_that_moves_takes_the_place_of_another(filled):
    """UPDATE OR REPLACE fires no trigger of a deletion; an event that tells the row would let it."""
    with connect(filled) as registry:
        for name, letter in (("near", "a"), ("far", "b")):
            store = StoreAddress(name, f"s3://{name}/w", marker=letter * 32)
            registry.add_store(store, actor="t")
    sql = _in_memory(Path(filled.removeprefix("sqlite:///")).read_bytes())
    sql.execute("BEGIN")
    sql.execute("PRAGMA defer_foreign_keys = ON")
    places = [(table, "rowid") for table in ("pipeline_deployment", "slot", "served_pair", "token")]
    for table, column in [*places, ("store", "rowid"), ("store", "marker")]:
        known = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY rowid LIMIT 2"
        (first,), (second,) = sql.execute(known).fetchall()
        here = f"{column} = {second!r} WHERE {column} = {first!r}"
        also = "last_used_at = 'now', " if table == "token" else ""
        for event in ("", f"event = {NEXT}, "):
            with pytest.raises(sqlite3.IntegrityError, match=r"never|names the event"):
                sql.execute(f"UPDATE OR REPLACE {table} SET {also}{event}{here}")
    sql.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_row_takes_the_numbers_of_those_to_come(filled):
    """SQLite counts on from the highest, and no event tells a number beyond 2^53."""
    sql = _in_memory(Path(filled.removeprefix("sqlite:///")).read_bytes())
    counted = [told.table for told in TOLD.values() if told.key == ("id",)]
    counted.remove("token")
    for name in counted:
        kept = ", ".join(f'"{c.name}"' for c in SQLModel.metadata.tables[name].columns
                         if c.name not in ("id", "event"))  # fmt: skip
        for far in (2**53 - 1, 2**63 - 1):
            with pytest.raises(sqlite3.IntegrityError, match=r"go up one by one|never replaced"):
                sql.execute(
                    f"INSERT INTO {name} (id, event, {kept}) SELECT {far}, {NEXT}, {kept} FROM {name}"
                )
    assert len(counted) > 8
    sql.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_refuses_all_that_no_event_tells(filled):
    outcome = Counter()
    with psycopg.connect(conninfo(filled), autocommit=True) as sql:
        for attempt in list(_attempts(lambda text: sql.execute(text).fetchall(), sqlite=False)):
            sql.execute("BEGIN; SET CONSTRAINTS ALL DEFERRED")
            refusals = (psycopg.IntegrityError,)
            if attempt.verb == "TRUNCATE":
                refusals = (psycopg.IntegrityError, psycopg.errors.FeatureNotSupported)
            try:
                rows = sql.execute(attempt.statement).rowcount
                sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
            except refusals:
                outcome["refused"] += 1
            else:
                assert _is_allowed(attempt), attempt
                assert rows or attempt.verb == "IGNORE", f"it tried nothing: {attempt}"
                outcome["allowed"] += 1
            sql.execute("ROLLBACK")
    assert outcome["refused"] > 1_000, outcome
    assert outcome["allowed"] > 30, outcome


def _lies(row, other):
    """What an event may say instead of a table's one row that names it, and another row of it."""
    yield "nothing", []
    yield "it twice", [row, row]
    yield "another row", [other]
    yield "one that does not name it, too", [row, other]
    for column, value in row.items():
        changed = f"{value}x" if value is not None else 1
        if isinstance(value, int):
            changed = not value if isinstance(value, bool) else value + 1
        yield f"another {column}", [row | {column: changed}]
        if not LONG:
            continue
        yield f"no {column}", [{name: held for name, held in row.items() if name != column}]
        if value is not None:
            yield f"null for {column}", [row | {column: None}]


@BOTH
def test_an_event_holds_exactly_the_rows_that_name_it(filled):
    """Whatever else is written in its transaction."""
    engine = open_engine(filled)
    tried = 0
    tried_on = [told for told in TOLD.values() if told.event == "event"]
    with transaction(engine, writing=True) as connection:
        for told in tried_on:
            _without_triggers(connection, told.table)
    for told in tried_on:
        with transaction(engine, writing=True) as connection:
            row, other = _two_rows(connection, told)
            for says, rows in _lies(row, other):
                if says.startswith("no ") and row[says.removeprefix("no ")] is None:
                    continue  # JSON's null and nothing are the same to the database
                refused = pytest.raises(DBAPIError, match=f"not hold the rows of {told.table} ")
                with refused, connection.begin_nested():
                    _hand_written(connection, told, row, rows)
                tried += 1
            _hand_written(connection, told, row, [row])
            connection.rollback()
    engine.dispose()
    assert tried > (600 if LONG else 250)


def _two_rows(connection, told):
    """What an event tells of a row, and of another one (which is made up where there is none)."""
    rows = connection.execute(SQLModel.metadata.tables[told.table].select().limit(2)).mappings()
    row, *others = ({column: row[column] for column in told.columns} for row in rows.all())
    return row, others[0] if others else row | {told.key[-1]: "1000"}


def _without_triggers(connection, table):
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        return
    of = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
    for name in connection.exec_driver_sql(of, (table,)).scalars().all():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")


def _hand_written(connection, told, row, rows, **others):
    """Let a row name the next event, and append one that tells some rows."""
    table, event, subject = (
        SQLModel.metadata.tables[name] for name in (told.table, "event", "event_subject")
    )
    newest = connection.execute(event.select().order_by(event.c.seq.desc()).limit(1)).one()
    number = newest.seq + 1
    here = [table.c[key] == row[key] for key in told.key]
    connection.execute(table.update().where(*here).values(event=number))
    connection.execute(subject.insert().values(subject="x", seq=number))
    payload = {"rows": {told.table: rows, "event_subject": [{"subject": "x"}]}}
    values = {
        "seq": number,
        "payload": canonical_bytes(payload).decode(),
        "previous": newest.digest,
        "digest": "blake3:" + "0" * 64,
    }
    connection.execute(event.insert().values(newest._asdict() | values | {"subject": "x"} | others))


@BOTH
@pytest.mark.parametrize(
    "at", ["", "now", "2099-02-30T08:00:00.000000Z", "2099-02-03 08:00:00+00", "2099-02-03T08:00:00Z",
           "9999-12-31T23:59:59.999999Z", "2001-01-01T00:00:00.000000Z", "infinity"],
)  # fmt: skip
def test_an_event_has_a_time_that_others_can_come_after(filled, at):
    """All that is judged over is judged by the newest event's: one that nothing reads ends all."""
    engine = open_engine(filled)
    with transaction(engine, writing=True) as connection:
        told = TOLD["slot"]
        row, _ = _two_rows(connection, told)
        with pytest.raises(DBAPIError), connection.begin_nested():
            _hand_written(connection, told, row, [row], at=at)
        _hand_written(connection, told, row, [row])
    engine.dispose()
    with connect(filled) as registry:
        assert registry.add_model("later", actor="t")


POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
MODEL = "INSERT INTO public.model VALUES ('x', 'x', 'x', (SELECT max(seq) + {} FROM event))"


@POSTGRESQL
@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_somebody_elses_event_does_not_pass_for_that_of_a_row(filled, level):
    """A row is written under the number that another writer's event takes meanwhile."""
    with psycopg.connect(conninfo(filled), autocommit=True) as sql, connect(filled) as registry:
        sql.execute(f"BEGIN ISOLATION LEVEL {level}")
        sql.execute("SELECT max(seq) FROM event")
        registry.promote("churn@1", "production", actor="t")
        taken = MODEL.format(0 if level == "READ COMMITTED" else 1)
        with pytest.raises(psycopg.Error):
            sql.execute(f"{taken}; COMMIT")
        sql.execute("ROLLBACK")
        assert registry.audit().problems == ()
        assert "x" not in [model["name"] for model in registry.models()]


@POSTGRESQL
def test_no_event_is_appended_between_a_row_and_its_commit(filled):
    """Who has written a row under an event to come keeps all other writers waiting."""
    with psycopg.connect(conninfo(filled), autocommit=True) as sql:
        sql.execute("BEGIN")
        sql.execute(MODEL.format(1))
        with (
            connect(filled, lock_timeout=0.3) as registry,
            pytest.raises(RegistryUnreachable, match="locked"),
        ):
            registry.promote("churn@1", "production", actor="t")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            sql.execute("COMMIT")
    with connect(filled) as registry:
        registry.promote("churn@1", "production", actor="t")


@POSTGRESQL
@pytest.mark.parametrize("table", ["event", "validation", "model_version"])
def test_a_temporary_table_is_not_taken_for_one_of_the_registrys(filled, table):
    with psycopg.connect(conninfo(filled), autocommit=True) as sql:
        sql.execute(f"CREATE TEMPORARY TABLE {table} (LIKE public.{table})")
        with pytest.raises(psycopg.IntegrityError, match="names the event"):
            sql.execute("INSERT INTO public.model VALUES ('x', 'x', 'x', 1)")
        functions = sql.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
            "AND prorettype = 'trigger'::regtype AND proconfig IS NULL"
        ).fetchall()
        assert functions == []


@BOTH
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE alembic_version SET version_num = '0014'",
        "UPDATE alembic_version SET version_num = version_num",
        "DELETE FROM alembic_version",
        "INSERT INTO alembic_version VALUES ('0001')",
        "TRUNCATE alembic_version",
    ],
)
def test_the_schema_is_not_said_to_be_an_older_one(url, statement):
    engine = open_engine(url)
    if engine.dialect.name == "sqlite" and statement.startswith("TRUNCATE"):
        return
    refused = pytest.raises(Conflict, match=r"never goes back|is not emptied")
    with refused, transaction(engine, writing=True) as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
    with connect(url) as registry:
        assert registry.check().problems == ()
