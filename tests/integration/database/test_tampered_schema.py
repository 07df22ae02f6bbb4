"""`db check` and `audit verify` find what stands in a database that the registry did not put there."""

from __future__ import annotations

import sqlite3

import pytest

from lineage.connection import connect
from lineage.database import definitions, schema
from lineage.database.engine import open_engine, transaction
from lineage.database.postgresql import conninfo
from tests.support.registries import make_registry

POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

ON_SQLITE = {
    "a trigger that turns each failure into a pass": (
        "CREATE TRIGGER zz AFTER INSERT ON validation BEGIN SELECT 1; END",
        "trigger zz was added",
    ),
    "a view": ("CREATE VIEW zz AS SELECT 1", "view zz was added"),
    "a table": ("CREATE TABLE zz (x)", "table zz was added"),
    "an index": ("CREATE INDEX zz ON slot (model)", "index zz was added"),
    "a column": ("ALTER TABLE slot ADD COLUMN zz", "table slot is missing or was changed"),
    "an index that is gone": (
        "DROP INDEX event_subject_told_by",
        "index event_subject_told_by is missing",
    ),
    "a view in the place of a table": (
        "ALTER TABLE kept_answer RENAME TO zz; CREATE VIEW kept_answer AS SELECT * FROM zz",
        "view kept_answer was added",
    ),
    "a trigger of the same name that does nothing": (
        "DROP TRIGGER event_no_update; CREATE TRIGGER event_no_update BEFORE UPDATE ON event "
        "BEGIN SELECT 1; END",
        "trigger event_no_update is missing or was changed",
    ),
}

ON_POSTGRESQL = {
    "a rule that swallows": (
        "CREATE RULE zz AS ON INSERT TO validation WHERE NOT NEW.passed DO INSTEAD NOTHING",
        "rule zz on validation was added",
    ),
    "a trigger": (
        "CREATE FUNCTION zz() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
        "CREATE TRIGGER aa BEFORE INSERT ON validation FOR EACH ROW EXECUTE FUNCTION zz()",
        "trigger aa was added",
    ),
    "a function": ("CREATE FUNCTION zz() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function zz()"),
    "every trigger of a table off": (
        "ALTER TABLE slot DISABLE TRIGGER ALL",
        "key triggers of slot_serving_validation is missing or was changed",
    ),
    "the registry's own triggers off": (
        "ALTER TABLE slot DISABLE TRIGGER USER",
        "trigger slot_serving_newest_update is missing or was changed",
    ),
    "another body of a function": (
        "CREATE OR REPLACE FUNCTION event_no_update() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RETURN NEW; END'",
        "function event_no_update() is missing or was changed",
    ),
    "a column": ("ALTER TABLE slot ADD COLUMN zz int", "column slot.zz was added"),
    "a default": (
        "ALTER TABLE validation ALTER COLUMN passed SET DEFAULT true",
        "column validation.passed is missing or was changed",
    ),
    "a table": ("CREATE TABLE zz (x int)", "relation zz was added"),
    "an index": ("CREATE INDEX zz ON slot (model)", "index zz was added"),
    "a view in the place of a table": (
        "ALTER TABLE observation RENAME TO zz; CREATE VIEW observation AS SELECT * FROM zz",
        "relation observation is missing or was changed",
    ),
    "rows from a table that inherits": (
        "CREATE TABLE zz () INHERITS (validation)",
        "inheritance zz was added",
    ),
    "rows that are hidden": (
        "ALTER TABLE validation ENABLE ROW LEVEL SECURITY; "
        "CREATE POLICY zz ON validation USING (passed)",
        "policy zz on validation was added",
    ),
    "a check that does not hold for what is there": (
        "ALTER TABLE slot DROP CONSTRAINT slot_serving_passed; ALTER TABLE slot ADD CONSTRAINT "
        "slot_serving_passed CHECK (serving_passed IS NULL OR serving_passed IS TRUE) NOT VALID",
        "constraint slot_serving_passed is missing or was changed",
    ),
    "a key that is gone": (
        "ALTER TABLE slot DROP CONSTRAINT slot_serving_validation",
        "constraint slot_serving_validation is missing or was changed",
    ),
    "a table that forgets in a crash": (
        "ALTER TABLE kept_answer SET UNLOGGED",
        "relation kept_answer is missing or was changed",
    ),
}
ALWAYS = {
    "a rule that swallows": "validation has a rule",
    "every trigger of a table off": "a trigger of slot is switched off",
    "the registry's own triggers off": "a trigger of slot.slot_serving_newest_update is",
    "a view in the place of a table": "observation has a rule, or is a view",
    "a check that does not hold for what is there": "constraint slot_serving_passed was not held",
}
"""What is found by one, too, who may make nothing to compare with."""


@pytest.mark.parametrize("what", ON_SQLITE)
def test_what_was_put_into_a_file_is_found(database, what):
    statements, says = ON_SQLITE[what]
    make_registry(database)
    with sqlite3.connect(database.removeprefix("sqlite:///")) as sql:
        sql.executescript(statements)
    with connect(database) as registry:
        assert any(says in problem for problem in registry.check().problems)
        assert any(says in problem for problem in registry.audit().problems)


@POSTGRESQL
def test_what_was_put_into_a_postgresql_is_found(database):
    import psycopg

    make_registry(database)
    engine = open_engine(database)
    assert schema.check(engine).problems == ()
    (expected,) = [made for (name, _), made in schema._made.items() if name == "postgresql"]
    with psycopg.connect(conninfo(database)) as owner:
        for what, (statements, says) in ON_POSTGRESQL.items():
            owner.execute("SAVEPOINT here")
            owner.execute(statements)
            here = _Raw(owner)
            problems = [*definitions.differences(expected, definitions.of(here))]
            assert any(says in problem for problem in problems), (what, problems)
            if what in ALWAYS:
                found = list(definitions.without_comparison(here))
                assert any(ALWAYS[what] in problem for problem in found), (what, found)
            owner.execute("ROLLBACK TO SAVEPOINT here")
        assert [*definitions.differences(expected, definitions.of(_Raw(owner)))] == []
        assert list(definitions.without_comparison(_Raw(owner))) == []
    engine.dispose()


@POSTGRESQL
def test_a_key_that_points_to_nothing_and_a_role_without_triggers_are_found(database):
    import psycopg

    make_registry(database)
    with psycopg.connect(conninfo(database), autocommit=True) as owner:
        (name,) = owner.execute("SELECT current_database()").fetchone()
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE environment SET event = 777 WHERE name = 'staging'")
        owner.execute(f"ALTER DATABASE {name} SET session_replication_role = replica")
    with connect(database) as registry:
        problems = registry.check().problems
        assert "a row of environment points to no event" in problems
        assert any("session_replication_role" in problem for problem in problems)


ODD = 'a "b" % %(c)s {d} select'
"""A name that has to be quoted, in which nothing may be taken for a place of a value."""


@POSTGRESQL
@pytest.mark.parametrize("dangles", [False, True])
def test_keys_of_tables_that_were_added_are_followed_whatever_their_names(database, dangles):
    import psycopg
    from psycopg.sql import SQL, Identifier

    make_registry(database)
    with psycopg.connect(conninfo(database), autocommit=True) as owner:
        odd, event = Identifier(ODD), 777 if dangles else 1
        owner.execute(SQL("CREATE SCHEMA {}").format(odd))
        for place in ("public", ODD):
            owner.execute(
                SQL("CREATE TABLE {} ({} int UNIQUE REFERENCES public.event)").format(
                    Identifier(place, ODD), odd
                )
            )
        owner.execute(
            SQL("CREATE TABLE public.zz (zz int REFERENCES {} ({}))").format(
                Identifier(ODD, ODD), odd
            )
        )
        owner.execute("SET session_replication_role = replica")
        owner.execute(SQL("INSERT INTO {} VALUES ({})").format(Identifier("public", ODD), event))
        owner.execute("INSERT INTO public.zz SELECT 1 WHERE %s", [dangles])
    engine = open_engine(database)
    with transaction(engine) as connection:
        found = list(definitions.dangling(connection))
    engine.dispose()
    expected = [f"a row of {ODD} points to no event", f"a row of zz points to no {ODD}"]
    assert found == (expected if dangles else [])


@POSTGRESQL
def test_who_may_make_no_schema_is_told_what_was_not_compared(database):
    import psycopg

    make_registry(database)
    with psycopg.connect(conninfo(database), autocommit=True) as owner:
        (name,) = owner.execute("SELECT current_database()").fetchone()
        role = f"reader_{name}"
        owner.execute(f"CREATE ROLE {role} LOGIN")
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    engine = open_engine(
        database.replace("postgres:@", f"{role}:@").replace("//postgres@", f"//{role}@")
    )
    try:
        with transaction(engine) as connection:
            assert connection.exec_driver_sql("SELECT current_user").scalar_one() == role
        found = schema.check(engine)
        assert (found.problems, found.notes) == ((), (schema.NOT_COMPARED,))
    finally:
        engine.dispose()
        with psycopg.connect(conninfo(database), autocommit=True) as owner:
            owner.execute(f"DROP OWNED BY {role}")
            owner.execute(f"DROP ROLE {role}")


class _Raw:
    """A connection of psycopg as :mod:`definitions` asks one."""

    def __init__(self, connection):
        self._connection = connection
        self.dialect = type("Dialect", (), {"name": "postgresql"})

    def exec_driver_sql(self, query):
        rows = self._connection.execute(query).fetchall()
        return type("Rows", (list,), {"one": lambda self: self[0], "all": list})(rows)
