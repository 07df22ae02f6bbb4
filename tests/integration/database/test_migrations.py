"""From the first schema with data in it to the newest, on both databases."""

from __future__ import annotations

import importlib
import json
import secrets
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from blake3 import blake3
from sqlalchemy import text

from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, Observed
from lineage.contract.webhooks import NewWebhook
from lineage.database.engine import open_engine, transaction
from lineage.database.postgresql import conninfo
from lineage.database.schema import HEAD, upgrade
from lineage.database.told import TOLD
from lineage.database.triggers import left_out
from lineage.errors import Conflict, NotPermitted, RegistryUnreachable
from lineage.guard.evidence import Basis, Evidence
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.digest import blake3_of, canonical_bytes, xxh3
from lineage.identity.persons import Who
from lineage.identity.watched import WatchedRun
from lineage.registry.access import Principal, Scope
from lineage.registry.webhooks.outbox import Outcome
from lineage.weights.copies import StoreAddress
from tests.conftest import BOTH, add_validated, captured_pipeline, make_registry, pipeline
from tests.support.filled import fill
from tests.support.registries import make_empty, migrate_to
from tests.support.signing import record

NOW = "2026-11-20T08:00:00.000000Z"


def _first_schema(url: str) -> None:
    """A registry as 0.1 before policies left it: churn@1 serves in production."""
    folder = Path(str(importlib.import_module("lineage.migrations").__file__)).parent
    make_empty(url)
    engine = open_engine(url, create=True)
    with transaction(engine, writing=True) as connection:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in (
            "INSERT INTO environment VALUES ('production', 'production', :now, 't')",
            "INSERT INTO model VALUES ('churn', :now, 't')",
            "INSERT INTO data_version VALUES ('blake3:d', 'xxh3:d')",
            "INSERT INTO data_item VALUES ('blake3:d', 'raw.csv', 'md5:a', 5)",
            "INSERT INTO pipeline_version VALUES ('churn', :digest, :public, :manifest, NULL, false, :now, 't')",
            "INSERT INTO model_version (model, number, kind, tuple_digest, code_digest, code_dirty, "
            "data_digest, data_asserted, pipeline, pipeline_digest, weights_digest, weights_blake3, weights_path, "
            "weights_size, weights_files, registered_at, registered_by) VALUES ('churn', 1, 'production', "
            "'xxh3:t', 'git:c', false, 'blake3:d', '[]', 'churn', :digest, 'xxh3:w', 'blake3:w', 'model.bin', "
            "5000000000, 1, :now, 't')",
            "INSERT INTO validation (version_id, pipeline, pipeline_digest, passed, outcomes, validated_at, "
            "validated_by) VALUES (1, 'churn', :digest, true, '[]', :now, 't')",
            "INSERT INTO pipeline_deployment VALUES ('production', 'churn', :digest, 1, :now, 't')",
            "INSERT INTO slot (environment, model, environment_kind, revision, serving_version_id, "
            "serving_version_kind, serving_pipeline, serving_pipeline_digest, serving_validation_id, "
            "serving_passed, serving_promoted_at, serving_promoted_by) VALUES ('production', 'churn', "
            "'production', 1, 1, 'production', 'churn', :digest, 1, true, :now, 't')",
        ):  # fmt: skip
            manifest = canonical_bytes(pipeline().manifest.to_json()).decode()
            values = {
                "now": NOW, "digest": pipeline().blake3, "public": pipeline().xxh3, "manifest": manifest,
            }  # fmt: skip
            names = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(_bound(statement, names)), names)
    engine.dispose()


def _bound(statement: str, names: dict[str, str]) -> str:
    """Literal colons (``xxh3:d``) are no parameters."""
    escaped = statement.replace(":", r"\:")
    for name in names:
        escaped = escaped.replace(rf"\:{name}", f":{name}")
    return escaped


@BOTH
def test_hosts_that_reported_before_only_claimed(database):
    """And a policy that was applied before demands no more than it did."""
    _first_schema(database)
    migrate_to(database, "0004")
    policy = '{"accept_carried":false,"approvals":0,"backup":false,"models":{},"not_approvers":[],"promote_from":null,"require":[],"waive":{}}'
    for statement in (
        "INSERT INTO observation (environment, model, instance, weights, loaded_at, reported_at, "
        f"reported_by, expires_at) VALUES ('production', 'churn', 'a', 'xxh3:w', '{NOW}', '{NOW}', 't', '{NOW}')",
        f"INSERT INTO environment_policy VALUES ('production', 1, '{policy}', '{NOW}', 't')",
    ):  # fmt: skip
        _write(database, statement)
    upgrade(database)
    with connect(database) as registry:
        assert registry.check().problems == ()
        rows = registry.observations("churn", "production")
        if registry.shared:  # a file's are said again within a minute
            (row,) = rows
            assert (row["proof"], row["differing"], row["state"]) == ("claimed", None, "unknown")
        else:
            assert rows == []
        assert registry.environment("production")["policy"]["proof"] == "claimed"
        held = DeclaredEnvironment(
            "production", EnvironmentPolicy(evidence=Evidence().without(Basis.CARRIED))
        )
        (change,) = registry.apply_environments([held], actor="t")
        assert change.action == "keep"
        assert "policy-applied" not in [row["kind"] for row in registry.history()]
        observed = Observed("a", xxh3(b"w"), NOW)
        assert registry.report("churn", "production", observed, actor="t")["proof"] == "claimed"
        assert [row["instance"] for row in registry.observations("churn", "production")] == ["a"]
    if database.startswith("postgresql"):
        with pytest.raises(Conflict, match="observation_proof"):
            _write(database, "UPDATE observation SET proof = 'sworn'")


@BOTH
def test_of_rows_without_a_person_the_name_counts(database):
    _first_schema(database)
    migrate_to(database, "0011")
    secret = "s" * 43
    kept = blake3(secret.encode(), key=bytes(32)).hexdigest()
    for statement in (
        "INSERT INTO token (id, name, key, digest, scopes, created_at, created_by) VALUES "
        f"('aaaaaaaaaaaa', 'job', '{bytes(32).hex()}', '{kept}', '[\"read\"]', '{NOW}', 't')",
        "INSERT INTO approval (version_id, environment, pipeline, pipeline_digest, approved_at, "
        f"approved_by) SELECT 1, environment, pipeline, digest, '{NOW}', 'bob' FROM "
        "pipeline_deployment",
    ):  # fmt: skip
        _write(database, statement)
    upgrade(database)
    with connect(database) as registry:
        assert registry.check().problems == ()
        (token,) = registry.tokens()
        assert (token["name"], token["person"]) == ("job", "job")
        spoken = registry.authenticate(f"lng_aaaaaaaaaaaa_{secret}").actor
        assert (spoken.person, spoken.who) == ("job", Who("job"))
        (approval,) = registry.approvals("churn@1")
        assert (approval["person"], approval["claimed"]) == ("bob", None), "it is not known"
        shown = registry.show("churn@1")
        assert shown["registered_by_person"] == shown["registered_by"]
        verdict = shown["validations"][0]
        assert verdict["person"] == verdict["validated_by"]
        with pytest.raises(NotPermitted, match="has already approved"):
            registry.approve("churn@1", "production", actor="BOB")
        bob = Principal("laptop", frozenset({Scope.APPROVE}), person=shown["registered_by"])
        with pytest.raises(NotPermitted, match="registered churn@1"):
            registry.speaking_for(bob).approve("churn@1", "production", actor="laptop")
        for name, says in (("t", "registered churn@1"), ("bob", "has already approved")):
            job = Principal(name, frozenset({Scope.APPROVE}), person=f"oidc:gitlab.com:{name}")
            with pytest.raises(NotPermitted, match=says):
                registry.speaking_for(job).approve("churn@1", "production", actor=name)
    of = " ON approval" if database.startswith("postgresql") else ""
    _write(database, f"DROP TRIGGER approval_told_insert{of}")
    approval = (
        "INSERT INTO approval (version_id, environment, approved_at, approved_by, "
        f"approved_by_person) VALUES (1, 'production', '{NOW}', '{{}}', '{{}}')"
    )
    for name, person in (("T", "oidc:gitlab.com:T"), ("desk", " T ")):
        with pytest.raises(Conflict, match="nobody approves"):
            _write(database, approval.format(name, person))
    _write(database, approval.format("desk", "oidc:gitlab.com:t"))
    with pytest.raises(Conflict, match=r"revoked, never changed|names the event"):
        _write(database, "UPDATE token SET person = 'ann'")


@BOTH
def test_what_was_registered_before_is_there_after(database):
    _first_schema(database)
    with pytest.raises(RegistryUnreachable, match="older than this program's"):
        connect(database)
    assert upgrade(database) == ("0001", HEAD)
    assert upgrade(database) == (HEAD, HEAD)
    with connect(database) as registry:
        assert registry.check().problems == ()
        slot = registry.serving("churn", "production")
        assert (slot.serving.ref, slot.waiver, slot.revision) == ("churn@1", None, 1)
        (verdict,) = registry.show("churn@1")["validations"]
        assert (verdict["basis"], verdict["rests_on"], verdict["run"]) == ("stated", None, None)
        assert registry.show("churn@1")["components"]["weights"]["size"] == 5_000_000_000
        assert registry.guard("churn@1", "production").allowed
        with pytest.raises(Conflict, match="never change"):
            _write(database, "UPDATE validation SET passed = false")
        with pytest.raises(Conflict):
            _write(database, "UPDATE pipeline_deployment SET digest = 'blake3:0'")
        assert registry.show("churn@1")["watched"] == verdict["watched"] == []
        watched = [WatchedRun({"command": ["true"]})]
        registry.validate(
            "churn@1", captured_pipeline("new"), passed=True, watched=watched, actor="t"
        )
        registry.release("production", captured_pipeline("new"), ["churn@1"], actor="t")
        assert registry.serving("churn", "production").revision == 2
        assert len(registry.show("churn@1")["validations"][0]["watched"]) == 1


def _write(url: str, statement: str) -> None:
    engine = open_engine(url)
    try:
        with transaction(engine, writing=True) as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def _refused(url: str, statement: str) -> bool:
    try:
        _write(url, statement)
    except Conflict:
        return True
    return False


WRONG = {
    "a verdict that was changed": "UPDATE validation SET passed = false",
    "a verdict taken away": "DELETE FROM validation",
    "all events taken away": "TRUNCATE event CASCADE",
    "all slots taken away": "TRUNCATE slot",
    "an event replaced": "INSERT INTO event SELECT * FROM event WHERE seq = 1 ON CONFLICT (seq) DO UPDATE SET actor = 'x'",
    "an event out of turn": "INSERT INTO event SELECT 99, at, actor, kind, subject, payload, digest, 'x' FROM event WHERE seq = (SELECT max(seq) FROM event)",
    "the pipeline moved from under the model": "UPDATE pipeline_deployment SET digest = (SELECT digest FROM pipeline_version WHERE digest <> pipeline_deployment.digest LIMIT 1)",
    "no proof": "UPDATE slot SET serving_validation_id = NULL, serving_passed = NULL",
    "a failed verdict": "UPDATE slot SET serving_passed = false",
    "another verdict": "UPDATE slot SET serving_validation_id = 2",
    "an older verdict": "UPDATE slot SET serving_version_id = 2, serving_validation_id = 3",
    "the slot called experimental": "UPDATE slot SET environment_kind = 'experimental'",
    "an approval of one's own": f"INSERT INTO approval (version_id, environment, approved_at, approved_by) VALUES (1, 'production', '{NOW}', ' TESTER')",
    "a waiver of nothing": "UPDATE slot SET serving_waiver_id = 9, serving_waiver_code = 'validated'",
    "a policy changed": "UPDATE environment_policy SET document = '{}'",
    "a watched run changed": "UPDATE watched_run SET document = '{}'",
    "a watched run taken away": "DELETE FROM watched_run",
}  # fmt: skip


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_refuses_every_wrong_write_too(url):
    from lineage.contract.requests import DeclaredEnvironment
    from lineage.guard.policy import EnvironmentPolicy
    from tests.conftest import add_validated

    with connect(url) as registry:
        declared = [DeclaredEnvironment("production", EnvironmentPolicy(backup=True))]
        registry.apply_environments(declared, actor="t")
        add_validated(registry, "1")
        add_validated(registry, "2")
        registry.validate("churn@1", captured_pipeline("new"), passed=True, actor="t")
        watched = [WatchedRun({"command": ["true"]})]
        registry.validate(
            "churn@2", captured_pipeline("old"), passed=True, watched=watched, actor="t"
        )
        registry.release("production", captured_pipeline("old"), ["churn@1"], actor="t")
        before = registry.environments(), registry.history(limit=1000)
        for name, statement in WRONG.items():
            assert _refused(url, statement), name
        assert (registry.environments(), registry.history(limit=1000)) == before
        assert registry.audit().problems == ()
        _write(url, "DROP TRIGGER event_no_update ON event")
        _write(url, "ALTER TABLE slot DISABLE TRIGGER slot_serving_newest_update")
        problems = set(registry.check().problems)
    assert problems == {
        "trigger event_no_update is missing or was changed",
        "trigger slot_serving_newest_update is missing or was changed",
    }


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_wrote_reports_before_may_do_the_same_with_what_tells_of_them(database):
    make_empty(database)
    migrate_to(database, "0016")
    role = f"Server-{secrets.token_hex(4)}"
    with psycopg.connect(conninfo(database), autocommit=True) as sql:
        sql.execute(f'CREATE ROLE "{role}"')
        sql.execute(f'GRANT SELECT, INSERT, UPDATE ON observation TO "{role}"')
        upgrade(database)
        asked = "SELECT has_table_privilege(%s, 'observed_slot', %s)"
        may = [
            right
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
            if sql.execute(asked, (role, right)).fetchone() == (True,)
        ]
        sql.execute(f'DROP OWNED BY "{role}"')
        sql.execute(f'DROP ROLE "{role}"')
    assert may == ["SELECT", "INSERT", "UPDATE"]


@BOTH
def test_an_upgrade_gives_a_server_of_before_what_it_brought(database):
    make_empty(database)
    migrate_to(database, "0017")
    role = f"Server-{secrets.token_hex(4)}" if database.startswith("postgresql") else None
    if role is not None:
        _write(database, f'CREATE ROLE "{role}" LOGIN')
        _write(database, f'GRANT SELECT, INSERT, UPDATE, DELETE ON kept_answer TO "{role}"')
        _write(database, f'GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO "{role}"')
    assert upgrade(database) == ("0017", HEAD)
    with connect(database.replace("postgres:@", f"{role}:@")) as registry:
        made = registry.add_webhook(NewWebhook("https://hooks.invalid/x"), actor="t")
        registry.rotate_webhook(made["id"], actor="t")
        registry.test_webhook(made["id"], actor="t")
        add_validated(registry)
        registry.edit("churn", description="who leaves", tags={"team": "risk"}, actor="t")
        registry.rename_model("churn", "leaving", actor="t")
        registry.outbox.make()
        (message,) = registry.outbox.take({None: 1}, 1)
        assert registry.outbox.settle(message, Outcome(204)) == "delivered"
        registry.outbox.tidy()
        registry.remove_webhook(made["id"], actor="t")
    with connect(database) as registry:
        assert registry.check().problems == ()
        assert registry.audit().problems == ()
    if role is not None:
        _write(database, f'DROP OWNED BY "{role}"')
        _write(database, f'DROP ROLE "{role}"')


def test_a_postgresql_that_is_not_there_is_unreachable_and_names_no_password():
    url = "postgresql+psycopg://ann:hunter2@127.0.0.1:1/registry"
    with pytest.raises(RegistryUnreachable) as error:
        connect(url)
    assert "hunter2" not in str(error.value)


@BOTH
def test_a_folder_that_was_recorded_is_one_hosts_after(database):
    _first_schema(database)
    migrate_to(database, "0013")
    for name, url in (("local", "file:///srv/weights"), ("far", "s3://far/weights")):
        _write(database, f"INSERT INTO store VALUES ('{name}', '{url}', '{{}}', '{NOW}', 't')")
    upgrade(database)
    with connect(database) as registry:
        assert registry.check().problems == ()
        rows = {row["name"]: (row["shared"], row.get("marker")) for row in registry.stores()}
        assert rows == {"local": (False, None), "far": (True, None)}


@BOTH
def test_versions_are_searched_by_what_was_measured_before(database):
    _first_schema(database)
    _write(
        database,
        "INSERT INTO validation (version_id, pipeline, pipeline_digest, passed, metrics, outcomes, "
        "validated_at, validated_by) SELECT version_id, pipeline, pipeline_digest, true, "
        f"'{{\"auc\":0.9}}', '[]', '{NOW}', 't' FROM validation",
    )
    upgrade(database)
    with connect(database) as registry:
        assert [row.ref for row in registry.versions("churn", where="auc > 0.8")] == ["churn@1"]
        assert not [told for told in registry.audit().problems if "version_metric" in told]


@BOTH
def test_the_code_of_pipelines_that_were_there_is_found(database):
    _first_schema(database)
    migrate_to(database, "0025")
    assert upgrade(database) == ("0025", HEAD)
    with connect(database) as registry:
        (found,) = registry.impact("featurize.py").versions
        assert (found.ref, found.how) == ("churn@1", "code")
        assert "featurize.py" in [node.name for node in registry.trace("churn@1").nodes]
        assert not [told for told in registry.audit().problems if "lineage_" in told]


@BOTH
def test_what_many_share_is_found_by_indexes_with_the_version_after(database):
    _first_schema(database)
    migrate_to(database, "0022")
    upgrade(database)
    engine = open_engine(database)
    try:
        inspector = sa.inspect(engine)
        held = {
            index["name"]: index["column_names"]
            for table in ("model_version", "validation")
            for index in inspector.get_indexes(table)
        }
    finally:
        engine.dispose()
    assert {
        "model_version_code": ["code_digest", "id"],
        "model_version_data_of": ["data_digest", "id"],
        "model_version_parent_of": ["parent_id", "id"],
        "model_version_pipeline_of": ["pipeline_digest", "id"],
        "model_version_weights_path": ["weights_path", "id"],
        "validation_data_of": ["data_digest", "version_id"],
    }.items() <= held.items()
    with connect(database) as registry:
        assert registry.check().problems == ()
        assert [one.ref for one in registry.impact("churn@1").versions] == ["churn@1"]


@BOTH
def test_after_the_upgrade_signatures_are_recorded_and_never_change(database):
    make_empty(database)
    migrate_to(database, "0022")
    assert upgrade(database) == ("0022", HEAD)
    with connect(database) as registry:
        add_validated(registry)
        record(registry, "churn@1")
        assert registry.audit().problems == ()
        for wrong in (
            "UPDATE attestation SET signed_by = 'x'",
            "DELETE FROM attestation",
            "INSERT INTO attestation SELECT 2, version_id, about, validation_id, 'x', signed_by, "
            "public_key, document, recorded_at, recorded_by, NULL FROM attestation",
        ):
            with pytest.raises(Conflict):
                _write(database, wrong)
        assert len(registry.attestations("churn@1")) == 1


def _registered(model: str, pipeline_name: str, by: str) -> str:
    """An experiment on a pipeline that somebody registered under an older schema."""
    person = f"'oidc:token.actions.githubusercontent.com:{by}'" if ":" in by else "NULL"
    return (
        "INSERT INTO model_version (model, number, kind, tuple_digest, code_dirty, data_asserted, "
        "pipeline, pipeline_digest, registered_at, registered_by, registered_by_person) VALUES "
        f"('{model}', 1, 'experiment', 'xxh3:{model}', false, '[]', '{pipeline_name}', 'blake3:p', "
        f"'{NOW}', '{by}', {person})"
    )


@BOTH
def test_pipelines_are_whose_they_were_and_settings_of_stores_wait_for_an_admin(database):
    """Riding with authority: by somebody unbound, by having served, or alone on the pipeline."""
    _first_schema(database)
    migrate_to(database, "0014")
    for name, scopes, models in (
        ("bound", '["register"]', '["sly"]'), ("free", '["register"]', None),
        ("root", '["admin"]', None),
    ):  # fmt: skip
        listed = f"'{models}'" if models else "NULL"
        _write(
            database,
            "INSERT INTO token (id, name, key, digest, scopes, models, created_at, created_by) "
            f"VALUES ('{name}', '{name}', 'k', 'd', '{scopes}', {listed}, '{NOW}', 't')",
        )
    for name in ("features", "own", "alone"):
        _write(
            database,
            "INSERT INTO pipeline_version (pipeline, digest, public_digest, code_dirty, "
            f"recorded_at, recorded_by) VALUES ('{name}', 'blake3:p', 'xxh3:p', false, '{NOW}', 't')",
        )
    for model, on, by in (
        ("sly", "features", "bound"), ("good", "features", "free"), ("old", "features", "ann"),
        ("lonely", "alone", "bound"), ("own", "own", "free"), ("thief", "own", "bound"),
        ("job", "features", "github:acme/job"),
    ):  # fmt: skip
        _write(database, f"INSERT INTO model VALUES ('{model}', '{NOW}', 't')")
        _write(database, _registered(model, on, by))
    for name, by, config in (
        ("sly", "bound", "{\"endpointurl\":\"http://evil\"}"), ("plain", "bound", "{}"),
        ("ours", "root", "{\"region\":\"eu\"}"), ("file", "ann", "{\"region\":\"eu\"}"),
        ("job", "github:acme/other", "{\"endpointurl\":\"http://evil\"}"),
    ):  # fmt: skip
        _write(
            database,
            "INSERT INTO store (name, url, config, added_at, added_by, shared) VALUES "
            f"('{name}', 's3://{name}/w', '{config}', '{NOW}', '{by}', true)",
        )
    upgrade(database)
    with connect(database) as registry:
        assert registry.check().problems == ()
        untold = ("churn@production is not what the newest event about it says",)
        found = registry.audit().problems
        assert set(untold) <= set(found), "the slot that no event tells of"
        assert not any("pipeline_share" in problem or "store" in problem for problem in found)
        for name, models in (("features", ["good", "old"]), ("alone", ["lonely"]), ("own", [])):
            rows = registry.pipeline_shares(name)
            assert [row["model"] for row in rows] == models
            assert {row["shared_by"] for row in rows} <= {"lineage"}
        waiting = {row["name"] for row in registry.stores() if not row.get("approved", True)}
        assert waiting == {"sly", "job", "file"}
        mine = StoreAddress("sly", "s3://sly/w", {"region": "eu"})
        assert registry.add_store(mine, actor="root") is False
        (row,) = [row for row in registry.stores() if row["name"] == "sly"]
        assert (row["config"], "approved" in row) == ({"region": "eu"}, False)
        for wrong in (
            "INSERT INTO pipeline_share VALUES (100, 'own', 'thief', true, NULL)",
            "INSERT INTO pipeline_share VALUES (100, 'own', 'thief', true, 1)",
            "INSERT INTO pipeline_share VALUES (100, 'own', 'thief', true, 1000)",
            "UPDATE pipeline_share SET model = 'sly'",
            "UPDATE pipeline_share SET shared = false",
            "DELETE FROM pipeline_share",
            "INSERT INTO pipeline_share SELECT 100, 'own', 'thief', true, max(seq) + 1 FROM event",
        ):
            assert _refused(database, wrong), wrong


@BOTH
def test_a_registry_of_the_second_schema_keeps_all_it_had(database):
    """Policies, waivers, approvals and looks for weights come along from 0002."""
    _first_schema(database)
    folder = Path(str(importlib.import_module("lineage.migrations").__file__)).parent
    engine = open_engine(database)
    with transaction(engine, writing=True) as connection:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for statement in (
            "INSERT INTO environment_policy VALUES ('production', 1, :policy, :now, 't')",
            "INSERT INTO approval (version_id, environment, approved_at, approved_by) VALUES (1, 'production', :now, 'ann')",
            "INSERT INTO waiver (version_id, environment, code, reason, waived_at, waived_by) VALUES (1, 'production', "
            "'requirements', 'because', :now, 't')",
            "INSERT INTO waiver (version_id, environment, code, pipeline, pipeline_digest, reason, waived_at, waived_by) "
            "SELECT 1, 'production', 'validated', 'churn', serving_pipeline_digest, 'at night', :now, 'ann' FROM slot",
            "UPDATE slot SET serving_waiver_id = (SELECT max(id) FROM waiver), serving_waiver_code = 'validated'",
            "INSERT INTO weights_check (version_id, state, place, checked_at, checked_by) VALUES (1, 'intact', "
            "'model.bin', :now, 't')",
        ):  # fmt: skip
            policy = canonical_bytes(EnvironmentPolicy(approvals=1).to_json()).decode()
            values = {"now": NOW, "policy": policy}
            names = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), names)
    engine.dispose()
    migrate_to(database, "0027")
    assert upgrade(database) == ("0027", HEAD)
    for wrong in ("UPDATE waiver SET reason = 'x'", "DELETE FROM waiver"):
        with pytest.raises(Conflict):
            _write(database, wrong)
    with connect(database) as registry:
        assert registry.check().problems == ()
        assert registry.environment("production")["policy"]["approvals"] == 1
        assert registry.serving("churn", "production").rests_on.reason == "at night"
        assert [row["approved_by"] for row in registry.approvals("churn@1")] == ["ann"]
        check = registry.guard("churn@1", "production").check("weights-intact")
        assert (check.status, check.details["state"]) == ("warn", "intact")
        assert "in no store" in check.summary
        assert registry.tokens() == []


def _before_telling(url: str, whole: str) -> None:
    """A registry as the schema before events told rows had it, with the rows of a whole one."""
    make_empty(url)
    migrate_to(url, "0015")
    here, there = sa.MetaData(), sa.MetaData()
    reading, writing = open_engine(whole), open_engine(url)
    with transaction(reading) as source, transaction(writing, writing=True) as target:
        here.reflect(source)
        there.reflect(target)
        ordered = [table for table in there.sorted_tables if table.name != "alembic_version"]
        with left_out(target, [table.name for table in ordered]):
            for table in ordered:
                if table.name not in here.tables:  # reports, which now are in a file of their own
                    continue
                rows = source.execute(here.tables[table.name].select()).mappings().all()
                kept = [{column.name: row[column.name] for column in table.columns} for row in rows]
                if table.name == "event":
                    kept = _without_rows(kept)
                target.execute(table.insert(), kept)
    reading.dispose()
    writing.dispose()


def _without_rows(events: list[dict[str, object]]) -> list[dict[str, object]]:
    """The events as they were written then: they told no rows, and their chain is another."""
    previous = ""
    for event in sorted(events, key=lambda row: row["seq"]):
        payload = json.loads(event["payload"])
        payload.pop("rows")
        event |= {"payload": canonical_bytes(payload).decode(), "previous": previous}
        shown = {key: value for key, value in event.items() if key != "digest"}
        previous = str(blake3_of(canonical_bytes(shown | {"payload": payload})))
        event["digest"] = previous
    return events


@BOTH
def test_rows_that_no_event_told_are_adopted(database, tmp_path):
    """Every row is what it was, names an event, and is what that event tells."""
    whole = f"sqlite:///{tmp_path}/whole.db"
    make_registry(whole, fill)
    _before_telling(database, whole)
    before = _rows(database)
    migration = importlib.import_module("lineage.migrations.versions.v0016_told")
    assert migration.AT_ONCE == 1_000
    assert upgrade(database) == ("0015", HEAD)
    after = _rows(database)
    events = {row["seq"]: json.loads(row["payload"]) for row in after["event"]}
    for name, declared in TOLD.items():
        if name not in before:  # a table of a later migration
            continue
        for row in after[name]:
            if declared.event != "event":
                continue
            held = {column: row[column] for column in declared.columns}
            empty = dict.fromkeys(declared.columns)  # a column that came after 0016
            told = [empty | row for row in events[row["event"]]["rows"][name]]
            assert held in told, name
        if name not in before:  # a table that came after 0016
            continue
        kept = [{c: row[c] for c in before[name][0]} for row in after[name]]
        assert [row for row in kept if row in before[name]] == before[name], name
    with connect(database) as registry:
        assert registry.check().problems == ()
        assert registry.audit().problems == ()
        adopted = [row for row in registry.history(limit=1000) if row["kind"] == "adopted"]
        assert {row["actor"] for row in adopted} == {"lineage"}
        assert all("blake3:" in row["payload"]["rows"] for row in adopted)
        registry.promote("churn@4", "production", actor="t")
        assert registry.audit().problems == ()
        token = registry.tokens()[0]["id"]
        registry.revoke_token(token, actor="t")
        registry.rename_model("churn", "attrition", actor="t")
        registry.edit("attrition@1", tags={"team": "risk"}, actor="t")
        assert registry.serving("churn", "production").serving.ref == "attrition@4"
        assert registry.audit().problems == ()
    assert _refused(database, "UPDATE validation SET event = event")
    assert _refused(database, "UPDATE slot SET revision = 99")


def _rows(url: str) -> dict[str, list[dict[str, object]]]:
    here, engine = sa.MetaData(), open_engine(url)
    with transaction(engine) as connection:
        here.reflect(connection)
        found = {
            table.name: [
                dict(row)
                for row in connection.execute(
                    table.select().order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for table in here.sorted_tables
        }
    engine.dispose()
    return found


@BOTH
def test_many_rows_are_adopted_by_several_events(database):
    make_empty(database)
    migrate_to(database, "0015")
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
    _write(
        database,
        f"INSERT INTO model (name, created_at, created_by) {many} "
        f"SELECT 'm' || i, '{NOW}', 't' FROM n",
    )
    upgrade(database)
    with connect(database) as registry:
        assert registry.check().problems == ()
        assert registry.audit().problems == ()
        kinds = [row["kind"] for row in registry.history(limit=10)]
        assert kinds.count("adopted") == 3
