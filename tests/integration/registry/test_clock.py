"""A clock that goes back: nothing that was over begins again, and the order of what was recorded stays."""

from __future__ import annotations

import datetime as dt

import pytest

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.requests import DeclaredEnvironment, NewToken, Observed, WaiverRequest
from lineage.database import clock, idempotency
from lineage.database.engine import open_engine, read, write
from lineage.errors import NotAuthenticated, UsageError
from lineage.guard.decision import GuardRefused
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import EnvironmentKind
from lineage.registry.registry import Registry
from tests.conftest import BOTH, add_validated, captured, captured_pipeline, make_registry

WAIVES = EnvironmentPolicy(require=("auc >= 0.9",), waive={"requirements": ("*",)})


class Clock:
    """The clock of this machine, as a test sets it."""

    def __init__(self) -> None:
        self.moment = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)

    def at(self, hour: int, minute: int = 0, day: int = 1) -> None:
        self.moment = dt.datetime(2030, 1, day, hour, minute, tzinfo=dt.UTC)

    def text(self, hour: int, minute: int = 0, day: int = 1) -> str:
        return timestamps.written(dt.datetime(2030, 1, day, hour, minute, tzinfo=dt.UTC))


@pytest.fixture
def wall(database, monkeypatch):
    make_registry(database)  # before the clock is set: others copy what was made for it
    made = Clock()
    monkeypatch.setattr(timestamps, "now", lambda: timestamps.written(made.moment))
    return made


@pytest.fixture
def registry(database, wall):
    wall.at(10)
    with connect(database) as opened:
        yield opened


def _restarted(registry):
    """The same registry for a process that remembers no moment."""
    clock._seen.clear()
    return registry


def _requirements(registry, ref="churn@1"):
    decision = registry.guard(ref, "production")
    return next(check.status.value for check in decision.checks if check.code == "requirements")


def _with_waiver(registry, until):
    registry.apply_environments([DeclaredEnvironment("production", WAIVES)], actor="t")
    add_validated(registry, "1")
    registry.release("production", captured_pipeline(), actor="t")
    waive = WaiverRequest(("requirements",), "an incident", until)
    registry.promote("churn@1", "production", waive=waive, actor="t")


@BOTH
def test_a_waiver_that_was_over_stays_over(registry, wall):
    _with_waiver(registry, wall.text(11))
    assert _requirements(registry) == "waived"
    wall.at(12)
    assert _requirements(registry) == "fail"
    wall.at(10, 30)
    assert _requirements(registry) == "fail", "this process has seen noon"
    registry.add_model("other", actor="t")
    wall.at(12)
    registry.add_model("another", actor="t")
    wall.at(10, 30)
    assert _requirements(_restarted(registry)) == "fail", "the history has seen it"


def test_a_waiver_of_a_former_stay_does_not_hold_for_the_next(registry, wall):
    wall.at(12)
    _with_waiver(registry, None)
    registry.retire("churn", "production", actor="t")
    wall.at(11)
    waive = WaiverRequest(("requirements",), "again", wall.text(11, 1))
    registry.promote("churn@1", "production", waive=waive, actor="t")
    wall.at(11, 2)
    assert _requirements(registry) == "fail"


def test_a_waiver_does_not_come_back_when_its_pipeline_does(registry, wall):
    registry.apply_environments([DeclaredEnvironment("production", WAIVES)], actor="t")
    ref = registry.register("churn", captured("1"), actor="t").ref
    for pipeline, auc in ((captured_pipeline("1"), 0.1), (captured_pipeline("2"), 0.95)):
        registry.validate(ref, pipeline, passed=True, metrics={"auc": auc}, actor="t")
    registry.release("production", captured_pipeline("1"), actor="t")
    wall.at(12)
    waive = WaiverRequest(("requirements",), "an incident", None)
    registry.promote(ref, "production", waive=waive, actor="t")
    wall.at(11)
    registry.release("production", captured_pipeline("2"), actor="t")
    wall.at(11, 5)
    with pytest.raises(GuardRefused):
        registry.release("production", captured_pipeline("1"), actor="t")


@BOTH
def test_what_is_recorded_comes_after_what_was(registry, wall):
    """Order is that of the events' numbers: their times say the same."""
    for hour in (12, 9, 11, 8):
        wall.at(hour)
        registry.add_model(f"m{hour}", actor="t")
        registry.add_model(f"n{hour}", actor="t")
    told = registry.events(limit=1000)
    moments = [event["at"] for event in told]
    assert moments == sorted(set(moments)), "no two alike, none before the one before it"
    assert registry.audit().problems == ()


def test_the_newest_look_is_the_one_that_was_recorded_last(registry, wall):
    ref = add_validated(registry, "1")
    wall.at(12)
    registry.record_weights(ref, "intact", "model.bin", actor="t")
    wall.at(9)
    registry.record_weights(ref, "missing", "model.bin", actor="t")
    decision = registry.guard(ref, "production")
    weights = next(check for check in decision.checks if check.code == "weights-intact")
    assert weights.status.value == "fail", weights


@BOTH
def test_a_token_that_was_over_stays_over(registry, wall):
    token = registry.create_token(NewToken("t", ("read",), expires_at=wall.text(11)), actor="t")
    assert registry.authenticate(token["token"]).name == "t"
    wall.at(12)
    with pytest.raises(NotAuthenticated):
        registry.authenticate(token["token"])
    wall.at(10, 30)
    with pytest.raises(NotAuthenticated):
        registry.authenticate(token["token"])
    wall.at(12)
    registry.add_model("m", actor="t")
    wall.at(10, 30)
    with pytest.raises(NotAuthenticated, match="good until"):
        _restarted(registry).authenticate(token["token"])
    with pytest.raises(UsageError, match="over"):
        registry.create_token(NewToken("t", ("read",), expires_at=wall.text(11, 30)), actor="t")


def test_a_report_that_was_over_stays_over(registry, wall):
    ref = add_validated(registry, "1")
    registry.release("production", captured_pipeline(), [ref], actor="t")
    weights = registry.stored(ref).xxh3
    said = Observed("host-1", weights, loaded_at=wall.text(10), holds_for=600)
    registry.report("churn", "production", said, actor="t")
    wall.at(11)
    (report,) = registry.observations("churn", "production")
    assert report["state"] == "unknown"
    wall.at(10, 5)
    (report,) = registry.observations("churn", "production")
    assert report["state"] == "unknown"


def test_a_look_that_was_too_old_stays_too_old(registry, wall):
    policy = EnvironmentPolicy(look_within="1h")
    registry.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
    for seed in "12":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
    registry.promote("churn@2", "production", actor="t")

    def is_ready():
        return registry.serving("churn", "production").readiness.ready

    before = is_ready()
    wall.at(14)
    assert is_ready() is False
    wall.at(10, 10)
    assert is_ready() is False
    assert before is True


@BOTH
def test_a_clock_that_jumps_ahead_forgets_no_answer_that_a_retry_may_ask_for(
    registry, database, wall
):
    engine = open_engine(database)
    inside = Registry(engine)
    inside.keep_answer("t", "key", "request", 200, "{}")
    wall.at(10, day=20)
    inside.keep_answer("t", "later", "request", 200, "{}")
    wall.at(10)
    assert inside.kept_answer("t", "key", "request") == (200, "{}")
    engine.dispose()


def test_old_answers_are_forgotten_some_at_a_time(registry, database, wall, monkeypatch):
    monkeypatch.setattr(idempotency, "MOST_SURE", 3)
    monkeypatch.setattr(idempotency, "AT_ONCE", 2)
    engine = open_engine(database)
    with write(engine) as session:
        for number in range(10):
            idempotency.keep(session, "t", f"k{number}", "r", (200, "{}"), wall.text(10, number))
        counts = []
        for number in range(5):
            at = wall.text(10, number, day=20)
            idempotency.keep(session, "t", f"l{number}", "r", (200, "{}"), at)
            query = "SELECT count(*) FROM kept_answer WHERE key LIKE 'k%'"
            counts.append(session.connection().exec_driver_sql(query).scalar())
    assert counts == [8, 6, 4, 2, 0]
    engine.dispose()


def test_somebody_is_told_of_a_clock_that_is_behind(registry, wall, caplog):
    wall.at(12)
    registry.add_model("a", actor="t")
    wall.at(11)
    registry.add_model("b", actor="t")
    assert "behind the newest event" in caplog.text


def test_what_is_judged_by_has_its_floor_once_a_transaction(registry, database, wall):
    engine = open_engine(database)
    wall.at(12)
    registry.add_model("a", actor="t")
    wall.at(9)
    with read(engine) as session:
        assert clock.now(session) >= wall.text(12)
        wall.at(13)
        assert clock.now(session) == wall.text(13)
    engine.dispose()


@BOTH
@pytest.mark.parametrize("microsecond", [0, 499_999, 999_499, 999_500, 999_999])
def test_an_event_may_come_at_any_part_of_a_second(database, wall, microsecond):
    """Databases round parts of a second, and the last ones would be of the next."""
    wall.moment = dt.datetime(2030, 12, 31, 23, 59, 59, microsecond, tzinfo=dt.UTC)
    with connect(database) as registry:
        registry.create_environment("canary", EnvironmentKind.EXPERIMENTAL, actor="t")
        (event,) = registry.history(limit=1)
        assert event["at"] == timestamps.now()
