"""`audit verify` finds every row that is not what the history tells, in every table."""

from __future__ import annotations

import pytest
from sqlalchemy import UniqueConstraint, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from lineage.connection import connect
from lineage.database import tables
from lineage.database.audit import audit, contents
from lineage.database.told import TOLD
from lineage.database.unit_of_work import UnitOfWork
from tests.conftest import BOTH
from tests.support import LONG
from tests.support.registries import make_registry
from tests.support.story import fill
from tests.support.tampering import as_owner, owner, quoted

UNCHECKED = {("token", "last_used_at"), ("webhook", "told_until"), ("webhook", "conditions")}
"""What nothing tells: a token may be used, and messages be made, without an event."""


def _problems(connection) -> tuple[str, ...]:
    with UnitOfWork(connection) as session:
        return audit(session).problems


def _other(value, column):
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1000
    if value is None:
        return True if "BOOL" in str(column.type) else 77 if "INT" in str(column.type) else "x"
    return f"{value}x"


def _unique(table):
    constraints = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    return constraints + [index for index in table.indexes if index.unique]


def _where(table, row):
    return " AND ".join(f'"{c.name}" = {quoted(row[c.name])}' for c in table.primary_key.columns)


def _attempts():
    tables.load_all()
    for name, told in TOLD.items():
        table = SQLModel.metadata.tables[name]
        for column in table.columns:
            if (name, column.name) not in UNCHECKED:
                yield name, "change", column.name
        yield name, "delete", ""
        yield name, "add", told.event
        yield name, "forget", told.event


def _statement(table, row, what, column):
    """The tampering, in SQL."""
    name = table.name
    if what == "change":
        other = quoted(_other(row[column], table.c[column]))
        return f'UPDATE {name} SET "{column}" = {other} WHERE {_where(table, row)}'
    if what == "delete":
        return f"DELETE FROM {name} WHERE {_where(table, row)}"
    if what == "forget":
        return f'UPDATE {name} SET "{column}" = NULL WHERE {_where(table, row)}'
    keys = [c.name for c in table.primary_key.columns if c.name != column]
    values = {c.name: row[c.name] for c in table.columns}
    for other in {keys[-1], *(next(iter(u.columns)).name for u in _unique(table))}:
        values[other] = _other(values[other], table.c[other])
    listed = ", ".join(f'"{c}"' for c in values)
    return f"INSERT INTO {name} ({listed}) VALUES ({', '.join(map(quoted, values.values()))})"


@BOTH
def test_every_row_of_every_table_that_is_tampered_with_is_found(database):
    make_registry(database, fill)
    on_postgresql = database.startswith("postgresql")
    step = 1 if LONG else 12 if on_postgresql else 5
    blind, tried = [], 0
    with owner(database) as connection:
        assert _problems(connection) == ()
        rows = {}
        for name in TOLD:
            table = SQLModel.metadata.tables[name]
            found = connection.execute(table.select()).mappings().all()
            assert found, f"there is no row of {name} to tamper with"
            rows[name] = found[len(found) // 2]
        for number, (name, what, column) in enumerate(_attempts()):
            if number % step:
                continue
            table = SQLModel.metadata.tables[name]
            if what == "forget" and column in table.primary_key.columns:
                continue
            connection.exec_driver_sql("SAVEPOINT here")
            statement = _statement(table, rows[name], what, column).replace(":", "\\:")
            try:
                connection.execute(text(statement))
                problems = _problems(connection)
                tried += 1
            except DBAPIError:  # a check or a unique key refuses it, whoever asks
                continue
            finally:
                connection.exec_driver_sql("ROLLBACK TO SAVEPOINT here")
            if not any(f"{name} (" in problem for problem in problems):
                blind.append((name, what, column, problems))
    assert blind == []
    assert tried > 120 // step


@BOTH
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE data_item SET digest = 'md5:x'", "its items are others"),
        ("DELETE FROM data_item", "its items are others"),
        ("UPDATE pipeline_version SET manifest = '{}'", "its manifest is not what its digest says"),
        ("UPDATE watched_run SET document = '{}'", "its document is not what its digest says"),
        ("UPDATE stage_run SET document = '{}'", "its document is not what its digest says"),
        ("UPDATE version_chain SET document = '[]'", "its document is not what its digest says"),
        ("UPDATE attestation SET document = '{}'", "its document is not what its digest says"),
        ("UPDATE profile SET document = '{}'", "its document is not what its digest says"),
        ("DELETE FROM lineage_edge", "lineage_edge was changed"),
        ("UPDATE token SET key = 'aa'", "its secrets are not what its fingerprint says"),
        ("UPDATE token SET digest = 'aa'", "its secrets are not what its fingerprint says"),
        ("UPDATE webhook SET url = 'aa'", "its secrets are not what its fingerprint says"),
        ("UPDATE webhook SET secret = 'aa'", "its secrets are not what its fingerprint says"),
    ],
)
def test_what_lies_under_a_digest_is_looked_at(database, statement, says):
    make_registry(database, fill)
    as_owner(database, statement)
    with connect(database) as registry:
        assert any(says in problem for problem in registry.audit().problems)


@BOTH
@pytest.mark.parametrize("metrics", ["x", "[]", "3", "[" * 100_000])
def test_metrics_that_are_no_verdicts_are_found(database, metrics):
    make_registry(database, fill)
    as_owner(database, f"UPDATE validation SET metrics = '{metrics}'")
    with connect(database) as registry:
        problems = registry.audit().problems
    assert any(problem.startswith("validation (id=1) was changed: metrics") for problem in problems)


@BOTH
def test_a_row_that_was_put_back_is_told_by_its_events(database):
    make_registry(database, fill)
    with connect(database) as registry:
        events = [
            event["seq"]
            for event in registry.history("churn@production", limit=100)
            if "slots" in event["payload"]
        ]
    as_owner(database, f"UPDATE slot SET event = {events[1]}")
    with connect(database) as registry:
        problems = registry.audit().problems
    assert any(
        problem.startswith("slot (environment=production, model=churn) was put back")
        and f"event {events[1]} tells; {events[0]} is newer" in problem
        for problem in problems
    )


@BOTH
def test_a_row_that_names_no_event_or_a_missing_one_is_found_in_the_table_it_is_of(database):
    make_registry(database, fill)
    with owner(database) as connection:
        assert _problems(connection) == ()
        for number, says in ((0, "was added: it names no event"), (777_777, "names event 777777")):
            for table in ("environment", "validation"):
                connection.exec_driver_sql("SAVEPOINT before")
                connection.exec_driver_sql(f"UPDATE {table} SET event = {number}")
                found = [problem for problem in _problems(connection) if says in problem]
                assert found
                assert all(problem.startswith(f"{table} (") for problem in found)
                connection.exec_driver_sql("ROLLBACK TO SAVEPOINT before")


def test_all_that_no_event_holds_is_under_a_digest_or_is_none_of_the_historys():
    for name, told in TOLD.items():
        for column in told.unbound:
            assert (name, column) in UNCHECKED or (
                column in contents.NEEDED and name in contents.CHECKS
            )
