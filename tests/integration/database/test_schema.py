"""Hand-written SQL that tries every wrong write, and the database that refuses it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Inspector, create_engine, inspect
from sqlmodel import SQLModel

from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, WaiverRequest
from lineage.database import schema, tables
from lineage.database.engine import open_engine, transaction
from lineage.database.tables.observations import REPORTS
from lineage.database.told import TOLD
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import EnvironmentKind, Kind
from lineage.identity.watched import WatchedRun
from tests.conftest import (
    BOTH,
    add_validated,
    add_version,
    captured,
    captured_pipeline,
    make_registry,
)

HISTORY = (
    "data_version", "data_item", "pipeline_version", "model_version", "validation", "event",
    "event_subject", "environment_policy", "approval", "waiver", "weights_check",
    "watched_run",
)  # fmt: skip


@pytest.fixture
def serving(database):
    """churn@2 serves in production, churn@1 is its backup; churn@3 failed, churn@4 rides on another
    pipeline version, churn@5 was never validated, and an experiment is churn@6."""
    make_registry(database, _fill)
    return Path(database.removeprefix("sqlite:///"))


def _fill(registry):
    add_validated(registry, "1")
    add_validated(registry, "2")
    registry.release("production", captured_pipeline("old"), actor="t")
    registry.promote("churn@1", "production", actor="t")
    registry.promote("churn@2", "production", actor="t")
    add_validated(registry, "3", passed=False)
    add_validated(registry, "4", "new")
    add_version(registry, "5")
    registry.register("churn", captured("6"), kind=Kind.EXPERIMENT, actor="t")
    watched = [WatchedRun({"command": ["true"]})]
    registry.validate("churn@6", captured_pipeline("old"), passed=True, watched=watched, actor="t")
    _say_more(registry)


def _say_more(registry):
    """A policy, an approval, looked-for weights, and waivers: churn@4 serves in canary on one."""
    policy = EnvironmentPolicy(waive={"pipeline-match": ("*",), "approvals": ("*",)}, approvals=1)
    declared = DeclaredEnvironment("canary", policy, EnvironmentKind.PRODUCTION)
    registry.apply_environments([declared], actor="t")
    registry.release("canary", captured_pipeline("old"), actor="t")
    registry.approve("churn@5", "canary", actor="ann")
    registry.record_weights("churn@1", "intact", "model.bin", actor="t")
    waive = WaiverRequest(("pipeline-match", "approvals"), "the fire")
    registry.promote("churn@4", "canary", waive=waive, actor="t")


@pytest.fixture
def shell(serving):
    """What a person may do who checks keys and takes no trigger away."""
    connection = sqlite3.connect(serving, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    yield connection
    connection.close()


@pytest.fixture
def sql(shell):
    """The same, and no row has to be told by an event: the other keys hold by themselves."""
    told = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%\\_told%' ESCAPE '\\'"
    for (name,) in shell.execute(told).fetchall():
        shell.execute(f"DROP TRIGGER {name}")
    return shell


def _state(connection: sqlite3.Connection) -> list[tuple]:
    rows = []
    for table in (*HISTORY, "environment", "pipeline_deployment", "slot"):
        rows += connection.execute(f"SELECT '{table}', * FROM {table} ORDER BY 2, 3").fetchall()
    return rows


def _version(number: int) -> str:
    return f"(SELECT id FROM model_version WHERE number = {number})"


def _verdict(number: int) -> str:
    return f"(SELECT max(id) FROM validation WHERE version_id = {_version(number)})"


def _serve(
    number: int, verdict: int | None = None, digest: str | None = None, kind: str = "production"
) -> str:
    return (
        f"UPDATE slot SET serving_version_id = {_version(number)}, serving_version_kind = '{kind}', "
        f"serving_validation_id = {_verdict(verdict or number)}"
        + (f", serving_pipeline_digest = {digest}" if digest else "")
    )


OTHER = "(SELECT digest FROM pipeline_version WHERE digest NOT IN (SELECT digest FROM pipeline_deployment))"


def _stage(number: int, **more: str) -> str:
    """What stages a version in production on another pipeline version than the deployed one."""
    values = {
        "version_id": _version(number), "version_kind": "'production'", "pipeline": "'churn'",
        "pipeline_digest": OTHER, "validation_id": _verdict(number), "passed": "1",
        "promoted_at": "'2026-11-21T00:00:00Z'", "promoted_by": "'mallory'",
    } | more  # fmt: skip
    return f"UPDATE slot SET {', '.join(f'staged_{name} = {v}' for name, v in values.items())}"


NOW = "'2026-11-21T00:00:00Z', 'mallory'"

WAIVER = "(SELECT id FROM waiver WHERE code = '{}')"
ON_WAIVER = "serving_validation_id = NULL, serving_passed = NULL, serving_waiver_id = " + WAIVER
CANARY = " WHERE environment = 'canary'"
HERE = " WHERE environment = 'production'"

WRONG = {
    "another environment's waiver": "UPDATE slot SET " + ON_WAIVER.format("pipeline-match") + ", serving_waiver_code = 'pipeline-match' WHERE environment = 'production'",
    "another version on the waiver": f"UPDATE slot SET serving_version_id = {_version(5)}" + CANARY,
    "a waiver of another rule": "UPDATE slot SET " + ON_WAIVER.format("approvals") + ", serving_waiver_code = 'approvals'" + CANARY,
    "a waiver of another rule called otherwise": "UPDATE slot SET " + ON_WAIVER.format("approvals") + CANARY,
    "half a waiver": "UPDATE slot SET serving_waiver_code = NULL" + CANARY,
    "no waiver any more": "UPDATE slot SET serving_waiver_id = NULL, serving_waiver_code = NULL" + CANARY,
    "a waiver that does not exist": "UPDATE slot SET serving_waiver_id = 99" + CANARY,
    "the pipeline moved from under a waiver": f"UPDATE pipeline_deployment SET digest = {OTHER}" + CANARY,
    "the pipeline and the waived slot moved": f"UPDATE slot SET serving_pipeline_digest = {OTHER}" + CANARY,
    "an experiment on a waiver": f"UPDATE slot SET serving_version_id = {_version(6)}, serving_version_kind = 'experiment'" + CANARY,
    "an approval of one's own": f"INSERT INTO approval (version_id, environment, approved_at, approved_by) VALUES ({_version(1)}, 'production', '2026-11-21T00:00:00Z', ' TESTER ')",
    "a waiver without a reason": f"INSERT INTO waiver (version_id, environment, code, reason, waived_at, waived_by) VALUES ({_version(1)}, 'production', 'approvals', '  ', {NOW})",
    "a waiver of what can never be waived": f"INSERT INTO waiver (version_id, environment, code, reason, waived_at, waived_by) VALUES ({_version(1)}, 'production', 'kind', 'r', {NOW})",
    "a carried verdict that rests on nothing": f"INSERT INTO validation (version_id, pipeline, pipeline_digest, passed, outcomes, basis, validated_at, validated_by) SELECT version_id, pipeline, pipeline_digest, 1, '[]', 'carried', {NOW} FROM validation LIMIT 1",
    "weights that are half there": f"INSERT INTO weights_check (version_id, state, place, checked_at, checked_by) VALUES (1, 'half', 'x', {NOW})",
    "a version that failed": _serve(3),
    "a version that was validated with another pipeline": _serve(4),
    "the other pipeline's digest with it": _serve(4, digest=OTHER),
    "a version that was never validated": _serve(5, verdict=2),
    "another version's verdict": _serve(1, verdict=2),
    "a failed verdict called passed": _serve(3) + ", serving_passed = 1",
    "a failed verdict called failed": _serve(3) + ", serving_passed = 0",
    "no verdict": "UPDATE slot SET serving_validation_id = NULL, serving_passed = NULL",
    "no pipeline": "UPDATE slot SET serving_pipeline = NULL",
    "no pipeline digest": "UPDATE slot SET serving_pipeline_digest = NULL",
    "an experiment": _serve(6, kind="experiment"),
    "an experiment called production": _serve(6),
    "a version that does not exist": "UPDATE slot SET serving_version_id = 99",
    "another model": "UPDATE slot SET model = 'other'",
    "a backup that failed": f"UPDATE slot SET backup_version_id = {_version(3)}, backup_validation_id = {_verdict(3)}",
    "a backup without a verdict": "UPDATE slot SET backup_validation_id = NULL, backup_passed = NULL",
    "a backup of nothing": "UPDATE slot SET serving_version_id = NULL, serving_version_kind = NULL, serving_pipeline = NULL, serving_pipeline_digest = NULL, serving_validation_id = NULL, serving_passed = NULL, serving_promoted_at = NULL, serving_promoted_by = NULL",
    "half a backup": "UPDATE slot SET backup_version_id = NULL",
    "a staged version that failed": _stage(3) + HERE,
    "a staged version with another's verdict": _stage(4, validation_id=_verdict(2)) + HERE,
    "a staged version that was never validated": _stage(5, validation_id=_verdict(2)) + HERE,
    "a staged version without a verdict": _stage(4, validation_id="NULL", passed="NULL") + HERE,
    "a staged version on a pipeline that it did not pass with": _stage(2) + HERE,
    "a staged experiment": _stage(6, version_kind="'experiment'") + HERE,
    "half of what is staged": _stage(4, version_id="NULL") + HERE,
    "the slot called experimental": "UPDATE slot SET environment_kind = 'experimental'",
    "the environment called experimental": "UPDATE environment SET kind = 'experimental' WHERE name = 'production'",
    "the environment taken away": "DELETE FROM environment WHERE name = 'production'",
    "the pipeline moved from under the model": f"UPDATE pipeline_deployment SET digest = {OTHER}",
    "a pipeline that is not recorded": "UPDATE pipeline_deployment SET digest = 'blake3:00'",
    "the deployment taken away": "DELETE FROM pipeline_deployment",
    "the deployment replaced": f"INSERT OR REPLACE INTO pipeline_deployment SELECT environment, pipeline, {OTHER}, 9, {NOW}, event FROM pipeline_deployment",
    "the slot replaced": f"INSERT OR REPLACE INTO slot (environment, model, environment_kind, revision, serving_version_id, serving_version_kind, serving_promoted_at, serving_promoted_by) VALUES ('production', 'churn', 'production', 9, {_version(5)}, 'production', {NOW})",
    "an incomplete production version": f"INSERT INTO model_version (model, number, kind, tuple_digest, code_dirty, data_asserted, registered_at, registered_by) VALUES ('churn', 9, 'production', 'xxh3:0', 0, '[]', {NOW})",
    "a verdict of nothing": f"INSERT INTO validation (version_id, pipeline, pipeline_digest, passed, outcomes, validated_at, validated_by) VALUES (99, 'churn', {OTHER}, 1, '[]', {NOW})",
    "a second version of a number": f"INSERT INTO model_version (model, number, kind, tuple_digest, code_dirty, data_asserted, registered_at, registered_by) VALUES ('churn', 1, 'experiment', 'xxh3:0', 0, '[]', {NOW})",
    "an event out of turn": f"INSERT INTO event SELECT 99, {NOW}, 'promoted', 'x', '{{}}', digest, 'blake3:0' FROM event ORDER BY seq DESC LIMIT 1",
    "an event that does not follow": f"INSERT INTO event SELECT max(seq) + 1, {NOW}, 'promoted', 'x', '{{}}', 'blake3:0', 'blake3:1' FROM event",
}  # fmt: skip


@pytest.mark.parametrize("statement", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_write_is_refused_and_changes_nothing(sql, statement):
    before = _state(sql)
    with pytest.raises(sqlite3.IntegrityError):
        sql.execute(statement)
    assert _state(sql) == before


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize("how", ["UPDATE", "DELETE", "INSERT OR REPLACE", "INSERT OR IGNORE"])
def test_history_never_changes(sql, table, how):
    before = _state(sql)
    column = sql.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall()[-1][0]
    statement = {
        "UPDATE": f"UPDATE {table} SET {column} = {column} || 'x'",
        "DELETE": f"DELETE FROM {table}",
        "INSERT OR REPLACE": f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "INSERT OR IGNORE": f"INSERT OR IGNORE INTO {table} SELECT * FROM {table} LIMIT 1",
    }[how]
    with pytest.raises(
        sqlite3.IntegrityError,
        match=r"never|an event follows|no further items|the time of an event",
    ):
        sql.execute(statement)
    assert _state(sql) == before


def test_an_older_passing_verdict_does_not_outweigh_a_newer_failure(database, serving):
    with connect(database) as registry:
        registry.validate("churn@1", captured_pipeline("old"), passed=False, actor="t")
    with sqlite3.connect(serving, isolation_level=None) as sql:
        sql.execute("PRAGMA foreign_keys = ON")
        sql.execute("DROP TRIGGER slot_told_update")
        older = f"(SELECT min(id) FROM validation WHERE version_id = {_version(1)})"
        with pytest.raises(sqlite3.IntegrityError, match="newer verdict"):
            sql.execute(_serve(1).replace(_verdict(1), older))


@pytest.mark.parametrize("pragma", ["foreign_keys = OFF", "ignore_check_constraints = ON"])
@pytest.mark.parametrize(
    "statement",
    [_serve(5), f"UPDATE pipeline_deployment SET digest = {OTHER}", "DELETE FROM slot",
     "UPDATE environment SET kind = 'experimental'",
     f"INSERT INTO model (name, created_at, created_by) VALUES ('x', {NOW})"],
)  # fmt: skip
def test_a_connection_that_does_not_check_may_write_nothing(serving, pragma, statement):
    """SQLite does not check foreign keys unless told to: a plain shell is such a connection."""
    with sqlite3.connect(serving, isolation_level=None) as sql:
        sql.execute("PRAGMA foreign_keys = ON")
        sql.execute(f"PRAGMA {pragma}")
        before = _state(sql)
        with pytest.raises(sqlite3.IntegrityError):
            sql.execute(statement)
        assert _state(sql) == before
        refused = [name for (name,) in sql.execute("SELECT name FROM sqlite_master WHERE type = "
            "'trigger' AND name NOT LIKE '%guarded%'")]  # fmt: skip
        for name in refused:
            sql.execute(f"DROP TRIGGER {name}")
        with pytest.raises(sqlite3.IntegrityError, match="PRAGMA foreign_keys"):
            sql.execute(statement)
        assert _state(sql) == before


def test_a_right_write_is_let_through(sql):
    """The counterpart: the same update, of a version that has its proof."""
    sql.execute(f"UPDATE slot SET backup_version_id = NULL, {', '.join(f'backup_{c} = NULL' for c in ('version_kind', 'pipeline', 'pipeline_digest', 'validation_id', 'passed', 'promoted_at', 'promoted_by'))}" + HERE)  # fmt: skip
    sql.execute(_serve(1) + HERE)
    assert sql.execute("SELECT serving_version_id FROM slot" + HERE).fetchone() == (1,)


def test_what_is_staged_needs_its_own_verdict_and_no_deployment(sql):
    sql.execute(_stage(4) + HERE)
    (staged,) = sql.execute("SELECT staged_version_id FROM slot" + HERE).fetchone()
    assert staged == sql.execute(f"SELECT {_version(4)}").fetchone()[0]


def test_a_release_by_hand_is_one_commit(sql):
    """Deferral lets the pipeline and its models move together, and only together."""
    backup = ", ".join(f"backup_{c} = NULL" for c in ("version_id", "version_kind", "pipeline", "pipeline_digest", "validation_id", "passed", "promoted_at", "promoted_by"))  # fmt: skip
    digest = sql.execute(f"SELECT {OTHER}").fetchone()[0]
    sql.execute("BEGIN IMMEDIATE")
    sql.execute(f"UPDATE slot SET {backup}" + HERE)
    sql.execute("UPDATE pipeline_deployment SET digest = ?" + HERE, (digest,))
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        sql.execute("COMMIT")
    sql.execute(_serve(4, digest="?") + HERE, (digest,))
    sql.execute("COMMIT")
    assert sql.execute("SELECT serving_version_id FROM slot" + HERE).fetchone() == (4,)


@BOTH
def test_the_tables_are_those_that_the_migrations_make(url):
    tables.load_all()
    engine = open_engine(url)
    with transaction(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        described = [SQLModel.metadata]
        if engine.dialect.name == "postgresql":
            described.append(REPORTS)
        differing = compare_metadata(context, described)
        if engine.dialect.name == "sqlite":
            differing = [one for one in differing if not _is_deferred_key(one)]
        assert differing == []
        checks = _checks(inspect(connection))
        definitions = connection.exec_driver_sql(_DEFINITIONS[engine.dialect.name]).scalars().all()
    assert sum("DEFERRABLE INITIALLY DEFERRED" in text for text in definitions) >= len(TOLD)
    engine.dispose()
    if engine.dialect.name != "sqlite":
        return
    described = create_engine("sqlite://")
    SQLModel.metadata.create_all(described)
    assert checks == _checks(inspect(described))
    described.dispose()


_DEFINITIONS = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'table'",
    "postgresql": "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'",
}


def _is_deferred_key(difference: tuple) -> bool:
    """SQLite does not say of a column's own key that it is deferred."""
    kind, key = difference
    names = [column.name for column in key.columns]
    return kind in ("remove_fk", "add_fk") and names in (["event"], ["seq"], ["became"])


def _checks(inspector: Inspector) -> set[tuple[str, str, str]]:
    return {
        (table, check["name"], "".join(check["sqltext"].split()))
        for table in inspector.get_table_names()
        for check in inspector.get_check_constraints(table)
    }


def test_the_newest_migration_is_the_one_the_program_needs():
    folder = Path(__file__).parents[3] / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == schema.HEAD


def test_a_trigger_that_was_taken_away_is_noticed(database, shell):
    shell.execute("DROP TRIGGER event_no_update")
    with connect(database) as registry:
        assert registry.check().problems == ("trigger event_no_update is missing or was changed",)


def test_a_key_that_was_broken_is_noticed(database, sql):
    sql.execute("PRAGMA foreign_keys = OFF")
    for name in ("slot_guarded_update", "slot_serving_newest_update", "slot_halves_update"):
        sql.execute(f"DROP TRIGGER {name}")
    sql.execute("UPDATE slot SET serving_validation_id = 99")
    with connect(database) as registry:
        assert "a row of slot points to no validation" in registry.check().problems
