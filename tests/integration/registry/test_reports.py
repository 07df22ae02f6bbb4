"""Reports of hosts, in batches and apart: what they wait for, what they move, what they tell."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, Observed
from lineage.database import reports
from lineage.database.engine import open_engine, read, transaction
from lineage.errors import LineageError, NotFound, NotPermitted, RegistryUnreachable, UsageError
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.digest import xxh3
from lineage.registry.access import Principal, Scope
from lineage.registry.registry import Registry
from lineage.registry.reports import telling
from lineage.registry.reports.batches import Report
from tests.conftest import BOTH, add_validated, captured_pipeline, make_registry
from tests.support.registries import migrate
from tests.support.servers import registry_server

WEIGHTS = xxh3(b"2")
PATH = "/v1/environments/production/models/churn/observations"


def _fill(registry) -> None:
    """churn@2 serves, churn@1 stands by, and hosts may go on with that for a minute."""
    for seed in "12":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline("old"), ["churn@1"], actor="t")
    registry.promote("churn@2", "production", actor="t")
    declared = DeclaredEnvironment("production", EnvironmentPolicy(rollout="1m"))
    registry.apply_environments([declared], actor="t")


@pytest.fixture
def engine(database):
    make_registry(database, _fill)
    opened = open_engine(database)
    yield opened
    opened.dispose()


@pytest.fixture
def registry(engine, monkeypatch):
    """The same an hour later: who goes on with churn@1 does so for too long."""
    real = timestamps.now
    hour = timestamps.span("1h")
    monkeypatch.setattr(
        timestamps, "now", lambda: timestamps.written(timestamps.moment(real()) + hour)
    )
    return Registry(engine)


def said(instance: str, weights: str = WEIGHTS, model: str = "churn", **more) -> Report:
    principal = more.pop("principal", None)
    observed = Observed(instance, weights, timestamps.now(), **more)
    return Report(model, "production", observed, "host", principal)


def listed(registry) -> list[str]:
    return [row["instance"] for row in registry.observations("churn", "production")]


def kinds(registry, *wanted: str) -> list[str]:
    events = registry.history("churn@production", limit=1000)
    return sorted(event["kind"] for event in events if event["kind"] in wanted)


def changed(engine) -> int:
    with read(engine) as session:
        newest = reports.read(session, lambda c: c.exec_driver_sql(reports.CHANGED).scalar())
    return newest or 0


@BOTH
def test_a_report_that_is_refused_refuses_itself_alone(registry):
    bound = Principal("ci", frozenset({Scope.OBSERVE}), models=frozenset({"other"}))
    batch = [
        said("a"),
        said("b", model="nobody"),
        said("c", holds_for=1),
        said("d", weights="no digest"),
        said("e", principal=bound),
        said(""),
        said("f"),
    ]
    answers = registry.record_reports(batch).answers
    assert [type(answer) if isinstance(answer, LineageError) else None for answer in answers] == [
        None, NotFound, UsageError, UsageError, NotPermitted, UsageError, None,
    ]  # fmt: skip
    assert answers[-1].document["state"] == "in-step"
    assert listed(registry) == ["a", "f"]


@BOTH
def test_of_an_instance_that_reports_twice_in_a_batch_the_later_one_counts(registry):
    answers = registry.record_reports([said("a", xxh3(b"1")), said("a")]).answers
    assert [answer.document["state"] for answer in answers] == ["lagging", "in-step"]
    (row,) = registry.observations("churn", "production")
    assert (row["instance"], row["state"]) == ("a", "in-step")


@BOTH
def test_who_writes_in_the_registry_keeps_no_report_waiting(registry, engine):
    with transaction(engine, writing=True):
        assert not isinstance(registry.record_reports([said("a")]).answers[0], LineageError)
        assert listed(registry) == ["a"]


@BOTH
def test_a_batch_takes_as_many_statements_as_one_report(registry, engine):
    registry.record_reports([said(f"i{number}") for number in range(60)])
    statements: list[str] = []
    for made in (engine, *(file._engine for file in [reports._files.get(engine)] if file)):
        event.listen(made, "before_cursor_execute", lambda *given: statements.append(given[2]))
    registry.record_reports([said("i0")])
    one = len(statements)
    registry.record_reports([said(f"i{number}") for number in range(60)])
    assert (len(statements) - one, one < 20) == (one, True), statements


def test_a_report_writes_nothing_into_the_registrys_file(registry, database):
    path = Path(database.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as watching:
        before = watching.execute("PRAGMA data_version").fetchone(), path.read_bytes()
        registry.record_reports([said("a"), said("b", xxh3(b"1"))])
        assert watching.execute("PRAGMA data_version").fetchone() == before[0]
    assert path.read_bytes() == before[1]
    assert Path(f"{path}{reports.FILE_SUFFIX}").stat().st_mode == path.stat().st_mode


@BOTH
def test_what_is_to_be_told_is_told_once_whoever_is_killed_before(registry):
    """The events of a report that nobody told come with the next one, of whatever instance."""
    lagging = said("a", xxh3(b"1"), standby=True)
    assert registry.record_reports([lagging]).answers[0].tells
    assert kinds(registry, "lagging", "backup-held") == []
    assert registry.record_reports([said("b")]).tells
    registry.tell_reports()
    assert kinds(registry, "lagging", "backup-held") == ["backup-held", "lagging"]
    assert not registry.record_reports([lagging, said("b")]).tells
    registry.tell_reports()
    assert kinds(registry, "lagging", "backup-held") == ["backup-held", "lagging"]
    assert registry.audit().problems == ()


@BOTH
def test_what_was_told_is_told_once_whoever_is_killed_after(registry, monkeypatch):
    def killed(*_):
        raise SystemExit

    registry.record_reports([said("a", xxh3(b"1"), standby=True)])
    with monkeypatch.context() as patched:
        patched.setattr(telling, "told", killed)
        with pytest.raises(SystemExit):
            registry.tell_reports()
    assert kinds(registry, "lagging", "backup-held") == ["backup-held", "lagging"]
    assert registry.record_reports([said("b")]).tells, "nobody took the note away"
    registry.tell_reports()
    assert not registry.record_reports([said("b")]).tells
    assert kinds(registry, "lagging", "backup-held") == ["backup-held", "lagging"]


@BOTH
def test_two_servers_tell_it_once(database, registry):
    """The same hosts report to both of them at the same moment."""
    start = threading.Barrier(2)
    batch = [said(f"i{number}", xxh3(b"1"), standby=True) for number in range(5)]
    failed: list[Exception] = []

    def serve() -> None:
        try:
            with connect(database) as own:
                start.wait()
                for _ in range(3):
                    own.record_reports(batch)
                    own.tell_reports()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=serve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert kinds(registry, "lagging", "backup-held") == ["backup-held", *["lagging"] * 5]


@BOTH
def test_what_an_answer_may_rest_on_is_counted_and_a_renewal_is_not(registry, engine):
    listener = Principal("host", frozenset({Scope.OBSERVE}))
    steps = [
        (said("a", standby=True), True),
        (said("a", standby=True), False),
        (said("a", standby=True, holds_for=600), False),
        (said("a", standby=True, holds_for=60), True),
        (said("a"), True),
        (said("a", xxh3(b"1")), True),
        (said("a", xxh3(b"1"), principal=listener), True),
        (said("a", principal=listener), False),
        (said("b", standby=True, principal=listener), False),
    ]
    for number, (report, counts) in enumerate(steps):
        before = changed(engine)
        registry.record_reports([report])
        assert (changed(engine) > before) is counts, number


# the file beside a registry's


@pytest.fixture
def file(database, registry):
    """The file of reports, with one of instance a."""
    registry.record_reports([said("a")])
    return Path(database.removeprefix("sqlite:///") + reports.FILE_SUFFIX)


def test_the_file_may_be_deleted_at_any_time(registry, file):
    assert listed(registry) == ["a"]
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()
    assert listed(registry) == []
    assert registry.observed() == []
    registry.record_reports([said("b")])
    assert listed(registry) == ["b"]


def test_a_file_that_is_damaged_is_none_and_begins_anew(registry, database, file):
    registry.close()
    file.write_bytes(b"no database at all" * 1000)
    with connect(database) as again:
        assert listed(again) == []
        check = again.check()
        assert check.problems == ()
        (note,) = check.notes
        assert note.startswith(f"the reports of hosts cannot be read: the file of reports {file} ")
        again.record_reports([said("b")])
        assert listed(again) == ["b"]
        assert again.check().notes == ()


def test_the_reports_of_another_registry_are_none_of_this_one(registry, database, file):
    registry.close()
    path = Path(database.removeprefix("sqlite:///"))
    path.unlink()
    migrate(database)  # not a copy, which would be this one
    with connect(database) as another:
        add_validated(another, "1")
        assert listed(another) == []


def test_where_no_file_can_be_made_a_report_is_refused_and_the_rest_goes_on(
    registry, database, monkeypatch
):
    path = Path(database.removeprefix("sqlite:///") + reports.FILE_SUFFIX)
    path.mkdir()
    with pytest.raises(RegistryUnreachable):
        registry.record_reports([said("a")])
    assert listed(registry) == []
    assert registry.serving("churn", "production").serving.ref == "churn@2"


# over HTTP


@BOTH
def test_hosts_that_report_at_once_are_each_answered_for_itself(database):
    """And the history is told before the one is answered who brought it about."""
    make_registry(database, _fill)
    answers: dict[str, httpx.Response] = {}
    with registry_server(database, no_auth=True) as address, httpx.Client(timeout=60) as client:

        def post(instance: str, weights: str = str(WEIGHTS), **more) -> None:
            body = {"instance": instance, "weights": weights, "loaded_at": "2026-11-20T08:00:00Z"}
            headers = {"Idempotency-Key": instance} if instance.startswith("key") else {}
            answers[instance] = client.post(address + PATH, json=body | more, headers=headers)
            if more:
                history = client.get(f"{address}/v1/events?subject=churn@production&limit=100")
                assert "backup-held" in history.text

        threads = [threading.Thread(target=post, args=(f"i{n}",)) for n in range(20)]
        threads.append(threading.Thread(target=post, args=("bad", "nonsense")))
        threads.append(threading.Thread(target=post, args=("held",), kwargs={"standby": True}))
        threads += [threading.Thread(target=post, args=("key",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {name: found.status_code for name, found in answers.items()} == {
            **{f"i{n}": 201 for n in range(20)}, "bad": 422, "held": 201, "key": 201,
        }  # fmt: skip
        assert all(
            found.json()["instance"] == name for name, found in answers.items() if name != "bad"
        )
        rows = client.get(f"{address}{PATH}?limit=100").json()["items"]
        assert len(rows) == 22


def test_many_who_come_first_at_once_wait_for_nobody(registry, database):
    path = Path(database.removeprefix("sqlite:///"))
    failed: list[Exception] = []

    def come(number: int, start: threading.Barrier) -> None:
        try:
            with connect(database) as own:
                start.wait()
                own.record_reports([said(f"i{number}")])
                own.serving("churn", "production")
        except Exception as error:
            failed.append(error)

    for _ in range(2):
        for found in path.parent.glob(f"{path.name}{reports.FILE_SUFFIX}*"):
            found.unlink()
        start = threading.Barrier(6)
        threads = [threading.Thread(target=come, args=(n, start)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert len(listed(registry)) == 6
    assert [found.name for found in path.parent.glob("*.partial*")] == []


def test_the_file_is_whole_when_it_appears(registry, database, monkeypatch):
    """SQLite waits for nobody who changes the mode of a file that others have open."""
    path = Path(database.removeprefix("sqlite:///") + reports.FILE_SUFFIX)
    prepare, there = reports._prepare, []

    def watched(*given) -> None:
        there.append(path.exists())
        prepare(*given)

    monkeypatch.setattr(reports, "_prepare", watched)
    registry.record_reports([said("a")])
    assert there == [False, True]
    assert listed(registry) == ["a"]


def _commit(path: str) -> None:
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as connection:
        for statement in ("BEGIN IMMEDIATE", "CREATE TABLE scratch (x)", "COMMIT"):
            connection.execute(statement)


def _lets_nobody_in(path: str) -> bool:
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            connection.execute("SELECT count(*) FROM event")
        except sqlite3.OperationalError:
            return True
        return False


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_who_reads_does_not_wait_for_a_writer_who_waits_for_them(registry, database):
    """The first look into the file of reports, in a transaction that a commit waits for."""
    registry.record_reports([said("a")])
    path = database.removeprefix("sqlite:///")
    writer = threading.Thread(target=_commit, args=[path])
    fresh = open_engine(database)
    try:
        with read(fresh) as session:
            session.connection().exec_driver_sql("SELECT count(*) FROM event").scalar()
            writer.start()
            for _ in range(100):  # where readers are in nobody's way, it never comes to that
                if _lets_nobody_in(path) or not writer.is_alive():
                    break
                time.sleep(0.02)
            count = "SELECT count(*) FROM observation"
            assert reports.read(session, lambda c: c.exec_driver_sql(count).scalar()) == 1
    finally:
        fresh.dispose()
        writer.join(20)
