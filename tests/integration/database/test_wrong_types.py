"""SQLite keeps values of any type: a row that was damaged so is named, and nothing else goes wrong.

Somebody who owns the file writes past the triggers, keys and checks (tests/support/tampering.py).
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress

import pytest

from lineage.connection import connect
from lineage.database import audit, wrong_types
from lineage.database.engine import open_engine, transaction
from lineage.errors import IntegrityFailure
from tests.support import LONG
from tests.support.registries import make_registry
from tests.support.story import fill
from tests.support.tampering import as_owner, owner

NO_UTF8 = "CAST(x'ff' AS TEXT)"
DAMAGES = ("'x'", "''", "x'01'", "1.5", "9e999", "'12abc'", "7", str(2**63 - 1), "NULL", NO_UTF8)
TYPES = {
    "VARCHAR": ("text", "'a'"),
    "TEXT": ("text", "'a'"),
    "INTEGER": ("integer", "1"),
    "BIGINT": ("integer", "1"),
    "BOOLEAN": ("integer", "1"),
    "DOUBLE": ("real", "0.5"),
    "BLOB": ("blob", "x'00'"),
}
"""By what is declared: what SQLite calls a value of it, and one."""


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A registry with a row in every table that the history tells."""
    path = tmp_path_factory.mktemp("story") / "registry.db"
    make_registry(f"sqlite:///{path}", fill)
    return path


@pytest.fixture(scope="module")
def file(story):
    """The same with a row in every other table, of the right types and of nothing that is there."""
    path = story.with_name("full.db")
    shutil.copyfile(story, path)
    with closing(sqlite3.connect(path)) as sql:
        rows = [
            f"INSERT INTO {table} VALUES ({', '.join(TYPES[one][1] for one in columns.values())})"
            for table, columns in _tables(sql).items()
            if not sql.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        ]
    as_owner(f"sqlite:///{path}", *rows)
    return path


def _tables(sql):
    """The columns of all tables, and what is declared of each."""
    tables = {}
    for table, column, declared in sql.execute(
        "SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c "
        "WHERE m.type = 'table' AND m.name <> 'sqlite_sequence'"
    ).fetchall():
        tables.setdefault(table, {})[column] = declared.partition("(")[0]
    return tables


def _is_wrong(held, value, declared):
    """Whether a value is of another type than its column; ``value`` is its text in bytes."""
    if held == "null":
        return False
    return (
        held != TYPES[declared][0]
        or (declared == "BOOLEAN" and value not in (b"0", b"1"))
        or (held == "text" and value == b"\xff")
    )


def test_a_row_of_any_table_is_named_where_a_column_holds_another_type_and_only_there(file):
    wrong, right = 0, 0
    with owner(f"sqlite:///{file}") as connection:
        sql = connection.connection.driver_connection
        assert list(wrong_types.problems(connection)) == []
        for table, columns in _tables(sql).items():
            for number, (column, declared) in enumerate(columns.items()):
                for damage in DAMAGES[0 if LONG else number % 5 :: 1 if LONG else 5]:
                    sql.execute("SAVEPOINT here")
                    with suppress(sqlite3.IntegrityError):  # not unique, or null
                        sql.execute(f'UPDATE {table} SET "{column}" = {damage}')
                    held = sql.execute(
                        f'SELECT typeof("{column}"), CAST("{column}" AS BLOB) FROM {table}'
                    ).fetchall()
                    rows = sum(_is_wrong(*one, declared) for one in held)
                    found = list(wrong_types.problems(connection))
                    named = [each for each in found if each.startswith(f"{table} (")]
                    assert len(named) == min(rows, wrong_types.MOST), (table, column, damage, found)
                    assert all(f" {column} holds " in each for each in named)
                    assert len(found) == len(named) + (rows > len(named))
                    wrong, right = wrong + bool(rows), right + (not rows)
                    sql.execute("ROLLBACK TO here")
                    sql.execute("RELEASE here")
    assert wrong > 200
    assert right > 50


def _damaged(file, path, table, column, damage):
    """A copy of a registry in which one row of a table is damaged; what stands there then."""
    shutil.copyfile(file, path)
    with closing(sqlite3.connect(path)) as sql:
        keys = sql.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", [table])
        key = ", ".join(f'"{name}"' for (name,) in keys)
        with suppress(sqlite3.IntegrityError):  # not unique, null, or no number of a row
            as_owner(
                f"sqlite:///{path}",
                f'UPDATE {table} SET "{column}" = {damage} '
                f"WHERE ({key}) = (SELECT {key} FROM {table} LIMIT 1)",
            )
        return sql.execute(
            f'SELECT typeof("{column}"), CAST("{column}" AS BLOB) FROM {table}'
        ).fetchall()


def test_whatever_is_damaged_so_the_checks_end_in_problems_that_name_the_row(file, tmp_path):
    with closing(sqlite3.connect(file)) as sql:
        places = [
            (table, column, declared)
            for table, columns in _tables(sql).items()
            for column, declared in columns.items()
            if table != "alembic_version"
        ]
    wrong = stopped = 0
    for number, (table, column, declared) in enumerate(places):
        event = column in ("event", "seq")  # by which the rows of a table are read beside events
        if not (LONG or event or number % 8 == 0):
            continue
        for damage in DAMAGES if LONG else (("'x'", "x'01'", NO_UTF8)[number % 3],):
            path = tmp_path / f"{table}-{column}-{damage[-3:-1]}.db"
            held = _damaged(file, path, table, column, damage)
            with connect(f"sqlite:///{path}") as registry:
                found = {"audit": registry.audit().problems, "check": registry.check().problems}
            path.unlink()
            if not any(_is_wrong(*one, declared) for one in held):
                continue
            wrong += 1
            stopped += audit.NOT_FURTHER in found["audit"]
            for by, problems in found.items():
                named = [each for each in problems if each.startswith(f"{table} (")]
                assert any(f" {column} holds " in each for each in named), (by, column, problems)
                assert len(set(named)) == len(named)
    assert wrong > 50
    assert stopped > 5


@pytest.mark.parametrize(
    ("table", "column", "damage", "ask"),
    [
        ("token", "name", NO_UTF8, lambda registry: registry.tokens()),
        ("environment_policy", "document", "x'01'", lambda registry: registry.environments()),
        ("slot", "serving_version_id", "'x'", lambda r: r.serving("churn", "production")),
        ("slot", "model", "x'01'", lambda registry: registry.environments()),
    ],
)
def test_what_reads_a_damaged_row_tells_that_the_registry_is_damaged(
    file, tmp_path, table, column, damage, ask
):
    path = tmp_path / "damaged.db"
    _damaged(file, path, table, column, damage)
    with (
        connect(f"sqlite:///{path}") as registry,
        pytest.raises(IntegrityFailure, match="is damaged: ") as told,
    ):
        ask(registry)
    assert "db check" in told.value.remedy


def _run_into_a_defect(engine):
    with transaction(engine):
        raise TypeError("a defect")


def test_a_defect_on_sound_rows_stays_one_also_where_they_cannot_be_asked(story, tmp_path):
    path = tmp_path / "sound.db"
    shutil.copyfile(story, path)
    engine = open_engine(f"sqlite:///{path}", lock_timeout=0)
    with pytest.raises(TypeError, match="a defect"):
        _run_into_a_defect(engine)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TypeError, match="a defect"):
            _run_into_a_defect(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("table", "column", "command"),
    [
        ("validation", "rests_on", "show churn@3 --json"),
        ("token", "revoked_at", "token list --json"),
        ("validation", "metrics", "export churn@1 --format card"),
        ("validation", "event", "audit verify --json"),
        ("event", "actor", "db check --json"),
        ("event", "actor", "db check"),
        ("event", "actor", "db backup copy.db"),
    ],
)
def test_a_command_that_fails_on_a_damaged_row_is_no_defect(story, folder, table, column, command):
    path = folder.path / "damaged.db"
    shutil.copyfile(story, path)
    url = f"sqlite:///{path}"
    as_owner(url, f"UPDATE {table} SET {column} = x'01'")
    done = folder.lineage(*command.split(), env={"LINEAGE_REGISTRY": url})
    assert done.code == 6, (done.out, done.err)
    assert f"{column} holds bytes, not a" in done.out + done.err
