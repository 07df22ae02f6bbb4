"""Drift of what serves, out of the recorded windows: on both databases, and over HTTP."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from functools import reduce
from threading import Event

import pytest
from sqlalchemy import text

from lineage.contract.requests import Observed
from lineage.contract.results import PackageDifference
from lineage.contract.webhooks import NewWebhook
from lineage.contract.windows import MOST_WINDOWS, NewWindow, NewWindows
from lineage.database.engine import open_engine, read, transaction
from lineage.errors import NotFound, UsageError
from lineage.evidence.parts import Part
from lineage.registry import changes_here
from lineage.registry import windows as rules
from lineage.registry.drift_watch import DriftWatch
from lineage.workflows.observing import Batch, observe
from tests.conftest import BOTH, EVERYWHERE, add_validated, captured_pipeline
from tests.unit.evidence.test_drift import profile
from tests.unit.evidence.worlds import DAY, HOSTS, days

REFERENCE = profile(days(1, 84))
FIRST = 84
"""The first day that is served."""


def serve(registry, reference=REFERENCE):
    """A version that serves, validated with a profile; its pipeline's digest."""
    ref = add_validated(registry)
    done = registry.validate(ref, captured_pipeline(), passed=True, profile=reference, actor="t")
    registry.release("production", captured_pipeline(), actor="t")
    registry.promote(ref, "production", actor="t")
    return done.pipeline


def sent(
    registry, pipeline, served, instance=None, reference=REFERENCE, model="churn", stream="a",
    outcomes=False,
):  # fmt: skip
    """The windows of a profile, as a batch or as those of a host; or the outcomes of its scores."""
    new = [
        NewWindow(
            version=1,
            pipeline=pipeline,
            profile=str(reference.digest),
            start=start,
            seconds=served.window_seconds,
            counts=Part(
                rows=part.rows,
                columns={} if outcomes else part.columns,
                score=part.score
                if outcomes
                else part.score and replace(part.score, positives=None),
            ).to_dict(),
            sequence=number,
            kind="outcomes" if outcomes else "inputs",
        )
        for number, (start, part) in enumerate(served.windows.items(), start=1)
    ]
    whole = NewWindows(
        instance=instance or "batch", stream=stream, windows=tuple(new), batch=instance is None
    )
    registry.record_windows(model, "production", whole, actor="t")


def empty(scale, rows):
    """Rows without a value in any column, on the scale of a profile."""

    def none(column):
        counts = column.to_dict(with_scale=False)
        zero = {k: [0] * len(v) if isinstance(v, list) else 0 for k, v in counts.items()}
        zero |= {"rows": rows, "null": rows}
        return zero | {"positives": None} if "positives" in zero else zero

    columns = {name: none(column) for name, column in scale.columns.items()}
    score = scale.score and none(scale.score)
    body = {"rows": rows, "columns": columns, "score": score, "target": None, "groups": {}}
    return Part.parse(body, scale)


def hourly(windows):
    """A profile by hours, of which a day has two."""
    whole = profile(windows)
    parts = {
        f"{start[:11]}{hour}:00:00Z": part
        for start, part in whole.windows.items()
        for hour in ("00", "07")
    }
    return replace(whole, windows=parts, window_seconds=3600)


def moved(rng, day, host, column, value):
    """From a day on, on all hosts or on one, the amounts are higher."""
    return value + 2.5 if column == "amount" and day >= FIRST + 14 else value


def of_one_host(rng, day, host, column, value):
    return moved(rng, day, host, column, value) if host == "c" else value


def day(number):
    return dt.datetime(2024, 12, 30, tzinfo=dt.UTC) + dt.timedelta(days=number)


@EVERYWHERE
def test_what_is_missing_is_told_with_what_to_do(registry):
    with pytest.raises(NotFound):
        registry.drift("churn", "production")
    pipeline = serve(registry, replace(REFERENCE, windows={}, window_seconds=None))
    with pytest.raises(NotFound):
        registry.drift("churn", "nowhere")
    with pytest.raises(UsageError, match="is not a time"):
        registry.drift("churn", "production", since="soon")

    def missing(**asked):
        told = registry.drift("churn", "production", **asked)
        assert (told.state, told.tier, told.windows, told.changes) == ("unknown", None, (), ())
        return told.missing["code"], told.missing["remedy"]

    code, remedy = missing()
    assert code == "no-times"
    assert "«profile DATA time=COLUMN out=PROFILE»" in remedy
    assert remedy.endswith("«validate churn@1 profile=PROFILE»")
    again = {"passed": True, "actor": "t"}
    few = profile(days(1, 3))
    registry.validate("churn@1", captured_pipeline(), profile=few, **again)
    assert missing()[0] == "few-windows"
    registry.validate("churn@1", captured_pipeline(), profile=hourly(days(1, 8)), **again)
    told = registry.drift("churn", "production")
    assert (told.missing["code"], told.reference_windows) == ("no-windows", 8)
    registry.validate("churn@1", captured_pipeline(), profile=REFERENCE, **again)
    assert missing() == (
        "no-windows",
        "Record what production sees: «observe churn env=production data=BATCH», or let the "
        "service call observe (lineage.follow).",
    )
    sent(registry, pipeline, profile(days(2, 7, FIRST)))
    assert registry.drift("churn", "production").state == "quiet"
    assert missing(since="2025-06-01")[0] == "no-windows"
    registry.retire("churn", "production", actor="t")
    assert missing()[0] == "nothing-serves"


@BOTH
@pytest.mark.parametrize("length", [DAY, 1024 * 7 * DAY])
def test_a_reference_with_rows_of_no_true_time_is_an_answer(registry, length):
    """The first year is what many write where they know no time; windows get long of it."""
    others = list(REFERENCE.windows)[1:]
    named = dict(zip(["0001-01-01T00:00:00Z", *others], REFERENCE.windows.values(), strict=True))
    reference = replace(REFERENCE, windows=named, window_seconds=length)
    pipeline = serve(registry, reference)
    sent(registry, pipeline, profile(days(2, 7, FIRST)), reference=reference)
    told = registry.drift("churn", "production")
    if length == DAY:
        assert (told.state, told.reference_windows) == ("quiet", 83)
    else:
        assert told.missing["code"] == "few-windows"
    assert [one.state for one in registry.drifts()] == [told.state]


@BOTH
def test_a_slot_of_which_nothing_can_be_told_hides_no_other(registry, url, caplog):
    pipeline = serve(registry)
    sent(registry, pipeline, profile(days(2, 7, FIRST)))
    ref = add_validated(registry, "2", model="leavers")
    registry.validate(ref, captured_pipeline(), passed=True, profile=REFERENCE, actor="t")
    registry.promote(ref, "production", actor="t")
    sent(registry, pipeline, profile(days(2, 7, FIRST)), model="leavers")
    assert len(registry.drifts()) == 2
    broken = text(
        "UPDATE seen_window SET rows = rows + 1, counts = :counts WHERE version_id = "
        "(SELECT id FROM model_version WHERE model = 'leavers')"
    )
    with transaction(open_engine(url), writing=True) as connection:
        connection.execute(broken, {"counts": b"none"})
    (found,) = registry.drifts()
    assert (found.model, found.state) == ("churn", "quiet")
    assert "drift of leavers in production cannot be told" in caplog.text


@BOTH
def test_a_row_on_the_scale_of_another_validation_hides_nothing(registry):
    pipeline = serve(registry)
    sent(registry, pipeline, profile(days(2, 35, FIRST, fault=moved)))
    other = profile(days(7, 84))
    registry.validate("churn@1", captured_pipeline(), passed=True, profile=other, actor="t")

    def on_other(first, number, rows):
        return replace(other, windows={
            f"{day(n):%Y-%m-%dT00:00:00Z}": empty(other, rows) for n in range(first, first + number)
        })  # fmt: skip

    sent(registry, pipeline, on_other(FIRST + 35, 1, 1), reference=other, stream="b")
    told = registry.drift("churn", "production")
    assert (told.state, told.profile, len(told.windows)) == ("hard", REFERENCE.digest, 35)
    sent(registry, pipeline, on_other(FIRST + 36, 7, 9), reference=other, stream="c")
    told = registry.drift("churn", "production")
    assert (told.profile, len(told.windows)) == (other.digest, 8)


@pytest.mark.parametrize("wrong", ["0001-01-01", "1970-01-01", "2999-01-01"])
def test_nothing_is_recorded_of_a_batch_with_rows_of_no_time_that_was(registry, tmp_path, wrong):
    """Its windows go in several requests, and the batch that is put right is another one."""
    serve(registry, hourly(days(1, 84)))
    hours = [f"1,{day(n // 24):%Y-%m-%d} {n % 24:02}:00:00" for n in range(MOST_WINDOWS + 1)]
    (data := tmp_path / "batch.csv").write_text("\n".join(["amount,at", *hours, f"1,{wrong}"]))
    why = rf"1 rows of 402 whose time in 'at' .* nothing was served \({wrong}T00:00:00Z\)"
    with pytest.raises(UsageError, match=why):
        observe(registry, "churn", "production", Batch(data, time="at"), actor="t")
    assert list(registry.windows("churn", "production")) == []


@EVERYWHERE
def test_what_changed_is_told_with_what_it_costs(registry):
    pipeline = serve(registry)
    sent(registry, pipeline, profile(days(2, 35, FIRST, fault=moved)))
    before = registry.head()
    told = registry.drift("churn", "production")
    assert registry.head() == before
    assert (told.ref, told.pipeline, told.profile) == ("churn@1", pipeline, REFERENCE.digest)
    assert (told.window_seconds, told.reference_windows, told.alarms_per_year) == (DAY, 84, 1.0)
    assert [one.kind for one in told.windows[:14]] == ["quiet"] * 14
    assert told.windows[-1].kind == told.state == "hard"
    assert told.windows[0].start == day(FIRST)
    assert all(one.rows == 120 for one in told.windows)
    change = told.changes[0]
    assert (change.kind, change.since, change.ended) == ("hard", day(FIRST + 14), None)
    assert {column["name"] for column in change.columns} == {"amount", "(score)"}
    assert change.columns[0]["distance"] > 0.05
    assert 0 < change.seen < change.expected
    assert change.question in change.sentence
    assert change.events == change.hosts == ()
    assert "(score) is at most 6 in" in change.sentence
    assert change.loss.low <= change.loss.value <= change.loss.high
    assert "concept drift" in told.cannot_see
    march, april = told.months
    assert (march.rows + april.rows, march.realised, april.realised) == (35 * 120, None, None)
    assert (march.alarms, march.columns) == (0, ())
    assert set(april.columns) == {"amount", "(score)"}
    assert april.estimated.value < told.validated.value, "all scores are high: fewer pairs"
    came_true = profile(days(2, 35, FIRST, fault=moved))
    sent(registry, pipeline, came_true, stream="b", outcomes=True)
    later = registry.drift("churn", "production", since="2025-04-01")
    assert later.windows[0].start == dt.datetime(2025, 4, 1, tzinfo=dt.UTC)
    (april,) = later.months
    assert april.realised.low > april.estimated.high, "so few rows a day: positives are cut off"
    assert april.beyond_estimate


@BOTH
def test_outcomes_of_a_week_are_of_the_month_that_the_week_is_of(registry):
    """A reference by weeks is held against weeks: one of them begins in March and ends in April."""
    whole = profile(days(1, 84))
    parts = list(whole.windows.values())
    weeks = {
        f"{day(first):%Y-%m-%dT00:00:00Z}": reduce(
            lambda a, b: a.merge(b), parts[first : first + 7]
        )
        for first in range(0, 84, 7)
    }
    reference = replace(whole, windows=weeks, window_seconds=7 * DAY)
    pipeline = serve(registry, reference)
    sent(registry, pipeline, profile(days(2, 6, FIRST + 8)), reference=reference)
    came_true = profile(days(2, 6, FIRST + 8))
    assert min(came_true.windows) == "2025-04-01T00:00:00Z"
    sent(registry, pipeline, came_true, reference=reference, stream="b", outcomes=True)
    (month,) = registry.drift("churn", "production").months
    assert (month.start.month, month.rows) == (3, 6 * 120)
    assert month.realised is not None


@BOTH
def test_one_host_of_four_is_named_and_what_the_slot_did(registry, monkeypatch):
    monkeypatch.setattr(rules, "LATE", dt.timedelta(days=10_000))
    pipeline = serve(registry)
    windows = days(3, 28, FIRST, fault=of_one_host)
    for host in HOSTS:
        sent(registry, pipeline, profile(windows, host), host)
    told = registry.drift("churn", "production")
    change = told.changes[0]
    assert (change.kind, change.hosts) == ("soft", ("c",))
    assert "on c alone" in change.sentence
    assert [one.rows for one in told.windows] == [120] * 28


@BOTH
def test_moves_and_other_packages_are_events_and_nothing_else(registry, url):
    serve(registry)
    serving = registry.serving("churn", "production")
    numpy = PackageDifference("numpy", "2.0", ("1.26",))
    for host, differing in (("a", (numpy,)), ("b", ()), ("c", None)):
        loaded = Observed(
            host, serving.serving.weights, "2026-11-20T08:00:00Z", differing=differing
        )
        registry.report("churn", "production", loaded, actor="t")
    registry.rename_model("churn", "leavers", actor="t")
    engine = open_engine(url)
    with read(engine) as session:
        asked = (session, "leavers", "production")
        promoted, *reported = changes_here.events(*asked, "2026-11-20T00:00:00Z", DAY)
        assert promoted.event.what == "promoted, leavers@1 serves"
        assert registry.events(after=promoted.seq - 1, limit=1)[0].kind == "promoted"
        assert [(one.event.what, one.seq) for one in reported] == [
            ("loaded on a with other packages than were validated: numpy", None)
        ]
        assert changes_here.events(*asked, "9999-01-01T00:00:00Z", DAY) == []
    engine.dispose()


@BOTH
def test_a_webhook_is_told_of_a_change_once(registry, url):
    pipeline = serve(registry)
    new = NewWebhook("https://hooks.invalid/x", ("drifted",))
    hook = registry.add_webhook(new, actor="t")["id"]

    def told(drifts):
        made = registry.outbox.make()
        assert (made.states, made.drifts) == (True, True)
        registry.outbox.note_states(registry.all_serving(), drifts)
        return len(registry.webhook_deliveries(hook))

    assert told(None) == told(registry.drifts()) == 0
    windows = profile(days(2, 28, FIRST, fault=moved))
    sent(registry, pipeline, windows)
    assert told(None) == 0, "nobody knows yet"
    assert told(registry.drifts()) == told(registry.drifts()) == 1
    assert told(None) == 1
    assert told(registry.drifts()) == 1, "a server that started knew nothing for a while"
    (message,) = registry.outbox.take({None: 1}, 1)
    (slot,) = json.loads(message.body)["data"]["slots"]
    assert (slot["ref"], slot["kind"], slot["tier"]) == ("churn@1", "hard", "page")
    assert slot["sentence"] == registry.drift("churn", "production").changes[0].sentence
    assert set(slot["columns"]) == {"amount", "(score)"}
    registry.retire("churn", "production", actor="t")
    assert told(registry.drifts()) == 1
    registry.promote("churn@1", "production", actor="t")
    assert told(registry.drifts()) == 2, "it was over, and began again"


@BOTH
def test_it_is_looked_at_beside_whoever_asks(registry):
    pipeline = serve(registry)
    sent(registry, pipeline, profile(days(2, 7, FIRST)))
    asked = Event()

    def look():
        asked.wait(60)
        return registry.drifts()

    watch = DriftWatch(look)
    assert watch.known() is None
    asked.set()
    watch.join()
    assert [(one.ref, one.state) for one in watch.known()] == [("churn@1", "quiet")]
    watch.join()
