"""A server whose role owns nothing: it does all of its work, and can switch nothing off."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess

import psycopg
import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken, Observed, RetentionPolicy
from lineage.contract.webhooks import NewWebhook
from lineage.database import grants
from lineage.database.postgresql import conninfo
from lineage.errors import NotFound, UsageError
from lineage.identity.digest import xxh3
from lineage.identity.watched import WatchedRun
from lineage.registry.webhooks.outbox import Outcome
from tests.conftest import a_copy, add_validated, captured_pipeline, make_registry
from tests.support.commands import BIN
from tests.support.servers import registry_server

POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def role(database):
    """A role that may connect, and the URL by which a server opens the registry as it."""
    make_registry(database)
    name = f"Server-{secrets.token_hex(4)}"  # a name that wants quotes
    with psycopg.connect(conninfo(database), autocommit=True) as sql:
        sql.execute(f'CREATE ROLE "{name}" LOGIN')
        yield name
        sql.execute(f'DROP OWNED BY "{name}"')
        sql.execute(f'DROP ROLE "{name}"')


def _as(role, database):
    return database.replace("postgres:@", f"{role}:@")


@POSTGRESQL
def test_a_server_under_such_a_role_does_all_of_its_work(database, role):
    grants.grant(database, role)
    with (
        registry_server(_as(role, database), no_auth=True) as address,
        connect(address) as registry,
    ):
        add_validated(registry, "1")
        add_validated(registry, "2")
        registry.release("production", captured_pipeline("old"), actor="t")
        registry.promote("churn@1", "production", actor="t")
        registry.promote("churn@2", "production", actor="t")
        registry.rollback("churn", "production", reason="slow", actor="t")
        assert registry.serving("churn", "production").serving.ref == "churn@1"
        watched = [WatchedRun({"command": ["true"]})]
        registry.validate(
            "churn@1", captured_pipeline("old"), passed=True, watched=watched, actor="t"
        )
        registry.add_copy("churn@1", a_copy("1", "offsite"), actor="t")
        keeping = RetentionPolicy(last=1, days=0, served=0)
        assert registry.collectable(keeping) == []
        registry.report(
            "churn", "production", Observed("a", xxh3(b"1"), "2026-11-20T08:00:00Z"), actor="t"
        )
        made = registry.create_token(NewToken("ci", ("read",)), actor="t")
        registry.revoke_token(made["id"], actor="t")
        assert registry.audit().problems == ()
    with connect(_as(role, database)) as registry:
        hook = registry.add_webhook(NewWebhook("https://hooks.invalid/x"), actor="t")
        registry.rotate_webhook(hook["id"], actor="t")
        registry.test_webhook(hook["id"], actor="t")
        registry.retire("churn", "production", actor="t")
        registry.outbox.make()
        registry.outbox.note_states(registry.all_serving())
        for message in registry.outbox.take({None: 2}, 2):
            assert registry.outbox.settle(message, Outcome(204)) == "delivered"
        registry.outbox.tidy()
        registry.remove_webhook(hook["id"], actor="t")
        assert registry.audit().problems == ()


FORBIDDEN = (
    "CREATE TABLE mine (id integer)",
    "CREATE TEMPORARY TABLE validation (id integer)",
    "CREATE FUNCTION slot_told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    "CREATE OR REPLACE FUNCTION slot_told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    "CREATE SCHEMA mine",
    "CREATE RULE quiet AS ON INSERT TO event DO INSTEAD NOTHING",
    "CREATE TRIGGER mine BEFORE INSERT ON slot FOR EACH ROW EXECUTE FUNCTION slot_told()",
    "DROP TABLE observation",
    "DROP TRIGGER slot_told_update ON slot",
    "DROP FUNCTION slot_told_update() CASCADE",
    "ALTER TABLE slot DISABLE TRIGGER ALL",
    "ALTER TABLE slot DISABLE TRIGGER USER",
    "ALTER TABLE slot DROP CONSTRAINT slot_serving_proof",
    "ALTER TABLE slot ADD COLUMN mine integer",
    "ALTER FUNCTION slot_told() SET search_path = mine",
    "SET session_replication_role = replica",
    "TRUNCATE event CASCADE",
    "TRUNCATE observation",
    "DELETE FROM slot",
    "DELETE FROM event",
    "UPDATE event SET actor = 'x'",
    "UPDATE validation SET passed = true",
    "UPDATE slot SET environment = 'production'",
    "UPDATE environment SET kind = 'experimental'",
    "UPDATE token SET scopes = '[]'",
    "UPDATE store SET url = 's3://other'",
    "UPDATE alembic_version SET version_num = '0001'",
)  # fmt: skip


@POSTGRESQL
def test_it_changes_no_schema_and_nothing_that_never_moves(database, role):
    grants.grant(database, role)
    with psycopg.connect(conninfo(_as(role, database)), autocommit=True) as sql:
        assert sql.execute("SELECT count(*) FROM event").fetchone()[0] > 0
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sql.execute(statement)


@POSTGRESQL
def test_what_it_may_do_is_refused_by_the_triggers_where_no_event_tells_it(database, role):
    grants.grant(database, role)
    with (
        psycopg.connect(conninfo(_as(role, database)), autocommit=True) as sql,
        pytest.raises(psycopg.IntegrityError, match="names the event"),
    ):
        sql.execute("INSERT INTO model (name, created_at, created_by) VALUES ('x', 'x', 'x')")


@POSTGRESQL
def test_a_second_grant_takes_away_what_was_given_beyond_it(database, role):
    with psycopg.connect(conninfo(database), autocommit=True) as sql:
        for kind in ("TABLES", "SEQUENCES"):
            sql.execute(f'GRANT ALL ON ALL {kind} IN SCHEMA public TO "{role}"')
    for _ in range(2):
        grants.grant(database, role)
    with psycopg.connect(conninfo(_as(role, database)), autocommit=True) as sql:
        for beyond in ("DELETE FROM slot", "SELECT setval('validation_id_seq', 1)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sql.execute(beyond)


@POSTGRESQL
def test_an_owner_is_warned_and_is_no_role_for_a_server(database, role):
    grants.grant(database, role)
    assert grants.warning(_as(role, database)) is None
    assert "db grant ROLE" in str(grants.warning(database))
    with pytest.raises(UsageError, match="owns the registry's tables"):
        grants.grant(database, "postgres")
    with psycopg.connect(conninfo(database), autocommit=True) as sql:
        sql.execute(f'GRANT pg_monitor TO "{role}"')
        grants.grant(database, role)
        sql.execute(f'GRANT postgres TO "{role}"')
        with pytest.raises(UsageError, match="owns the registry's tables"):
            grants.grant(database, role)
    with pytest.raises(NotFound, match="There is no role"):
        grants.grant(database, "nobody there")


@POSTGRESQL
@pytest.mark.parametrize(
    "of", ["DATABASE {database}", "SCHEMA public", "FUNCTION public.slot_told()"]
)
def test_who_owns_what_the_triggers_lie_in_owns_them(database, role, of):
    """DROP FUNCTION … CASCADE is open to the owner of the schema, who may be the database's."""
    with psycopg.connect(conninfo(database), autocommit=True) as sql:
        (name,) = sql.execute("SELECT quote_ident(current_database())").fetchone()
        sql.execute(f'ALTER {of.format(database=name)} OWNER TO "{role}"')
        assert grants.is_owner(_as(role, database))
        with pytest.raises(UsageError, match="owns the registry's tables or their schema"):
            grants.grant(database, role)
        sql.execute(f'REASSIGN OWNED BY "{role}" TO postgres')


def test_a_file_has_no_roles(url):
    assert grants.warning(url) is None
    with pytest.raises(UsageError, match="the registry is a file"):
        grants.grant(url, "server")


@POSTGRESQL
def test_serve_logs_one_warning_where_it_owns_the_tables(database, role):
    """It is logged before the server listens: here its port is taken, so it ends by itself."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        words = ["--registry", database, "serve", "--no-auth", "--port", port]
        done = subprocess.run([BIN / "lineage", *words], capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    (warning,) = [line for line in lines if "db grant" in line["message"]]
    assert warning["level"] == "warning"
    assert "lineage db grant ROLE" in warning["message"], "the remedy as it is typed"
