"""Windows of what production saw: on both databases, and over HTTP."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from sqlalchemy import text

from lineage import timestamps
from lineage.contract.windows import EARLY, LONGEST, NewWindow, NewWindows
from lineage.database import windows as rows
from lineage.database.engine import open_engine, transaction
from lineage.errors import Conflict, NotFound, UsageError
from lineage.evidence.columns import BinaryTarget, NumberColumn, Score
from lineage.evidence.counts import Counts
from lineage.evidence.parts import Part
from lineage.evidence.profile import Profile
from lineage.evidence.reader import LARGEST_COUNT
from lineage.registry import streams
from lineage.registry import windows as rules
from tests.conftest import BOTH, EVERYWHERE, add_validated, captured_pipeline

AGE = NumberColumn(
    rows=4,
    null=0,
    wrong_type=0,
    nan=0,
    infinite=0,
    edges=(1.0,),
    low=0.0,
    high=2.0,
    bins=(2, 2),
    below=0,
    above=0,
)
SCORE = Score(rows=4, null=0, wrong_type=0, edges=(0.5,), bins=(3, 1), positives=(1, 1))
TARGET = BinaryTarget(rows=4, null=0, wrong_type=0, positive=2, negative=2)
GROUP = Counts(rows=4, columns={}, score=SCORE, target=TARGET)
GROUPS = {"plan=pro": replace(GROUP, columns={"age": AGE})}
PROFILE = Profile(rows=4, columns={"age": AGE}, score=SCORE, target=TARGET, groups=GROUPS)
OTHER = replace(PROFILE, columns={"age": replace(AGE, edges=(1.5,))})
SERVED = Part(rows=4, columns={"age": AGE}, score=replace(SCORE, positives=None))

NOW = timestamps.moment(timestamps.now())
TODAY = rows.start_of(NOW.replace(hour=0, minute=0, second=0, microsecond=0))


def serve(registry, profile=PROFILE):
    """A version that serves, validated with a profile; the pipeline's digest."""
    ref = add_validated(registry)
    done = registry.validate(ref, captured_pipeline(), passed=True, profile=profile, actor="t")
    registry.release("production", captured_pipeline(), actor="t")
    registry.promote(ref, "production", actor="t")
    return done.pipeline


def window(pipeline, **other):
    given = {
        "version": 1,
        "pipeline": pipeline,
        "profile": str(PROFILE.digest),
        "start": TODAY,
        "seconds": 86_400,
        "counts": SERVED.to_dict(),
        "sequence": 1,
    }
    return NewWindow(**(given | other))


def sent(registry, *windows, instance="host-1", stream="a1", batch=False, model="churn"):
    new = NewWindows(instance=instance, stream=stream, windows=windows, batch=batch)
    return registry.record_windows(model, "production", new, actor="t")


@EVERYWHERE
def test_windows_come_in_parts_and_are_the_sum_of_them(registry):
    pipeline = serve(registry)
    before = registry.head()
    done = sent(registry, window(pipeline), window(pipeline, sequence=2))
    assert (done.recorded, done.repeated) == (2, 0)
    done = sent(registry, window(pipeline, sequence=2), window(pipeline, sequence=3))
    assert (done.recorded, done.repeated) == (1, 1)
    sent(registry, window(pipeline), instance="host-2", stream="b1")
    (seen,) = registry.windows("churn", "production", by_host=True)
    assert (seen.version, seen.pipeline, seen.profile) == (1, pipeline, PROFILE.digest)
    assert (seen.rows, seen.seconds, seen["start"]) == (16, 86_400, TODAY)
    assert {name: counts["rows"] for name, counts in seen.hosts.items()} == {
        "host-1": 12,
        "host-2": 4,
    }
    part = Part.parse(seen.counts, PROFILE)
    assert part.columns["age"].bins == (8, 8)
    assert part.score.bins == (12, 4)
    assert part.score.positives is None
    assert registry.head() == before, "no event tells of a window"
    registry.rename_model("churn", "leavers", actor="t")
    assert sent(registry, window(pipeline)).repeated == 1
    (seen,) = registry.windows("churn", "production")
    assert (seen.model, seen["hosts"]) == ("leavers", None)
    assert registry.audit().problems == ()


@EVERYWHERE
def test_outcomes_stand_apart_and_batches_are_of_any_time(registry):
    pipeline = serve(registry)
    outcome = Part(rows=4, columns={}, score=SCORE, target=TARGET, groups={"plan=pro": GROUP})
    told = {"kind": "outcomes", "counts": outcome.to_dict(), "start": "2013-05-01T00:00:00Z"}
    with pytest.raises(UsageError, match="more than 7 days late"):
        sent(registry, window(pipeline, **told))
    for day in (1, 2):
        told["start"] = f"2013-05-0{day}T00:00:00Z"
        sent(registry, window(pipeline, **told), batch=True, stream=f"day-{day}")
    sent(registry, window(pipeline))
    first, second, today = registry.windows("churn", "production")
    assert (first.kind, second.kind, today.kind) == ("outcomes", "outcomes", "inputs")
    assert Part.parse(first.counts, PROFILE) == outcome
    (found,) = registry.windows("churn", "production", since="2013-05-02", until="2013-05-03")
    assert found == second
    assert registry.windows("churn", "production", by_host=True)[0].hosts == {}
    first, _ = registry.outcomes("churn", "production")
    assert (first.version, first["start"], first.seconds) == (1, "2013-05-01T00:00:00Z", 86_400)
    assert (first.metrics["rows"], first.metrics["rate"], first.metrics["auc"]) == (4, 0.5, 0.75)
    assert first.groups == {"plan=pro": first.metrics}
    assert list(registry.outcomes("churn", "production", until="2013-05-01")) == []
    unscored = {"plan=pro": replace(GROUP, score=None)}
    for counts in (SERVED, replace(outcome, groups=unscored)):
        told["counts"] = counts.to_dict()
        with pytest.raises(UsageError, match="no scores beside outcomes"):
            sent(registry, window(pipeline, **told), batch=True, stream="without")


@EVERYWHERE
def test_what_cannot_be_compared_is_refused_and_named(registry):
    pipeline = serve(registry)
    registry.validate("churn@1", captured_pipeline("new"), passed=True, actor="t")
    add_validated(registry, "2")
    soon = rows.start_of(NOW.replace(hour=0, minute=0, second=0) + dt.timedelta(days=2))
    without = SERVED.to_dict() | {"columns": {}}
    changed = SERVED.to_dict()
    changed["columns"]["age"]["bins"] = [2, 1, 1]
    scored = SERVED.to_dict()
    scored["score"]["bins"] = [9, 1]
    grouped = SERVED.to_dict() | {"groups": {"plan=<b>": GROUP.to_dict(with_scale=False)}}
    group = GROUP.to_dict(with_scale=False)
    more = {"groups": {"plan=pro": group}, "rows": 1, "columns": {}, "score": None, "target": None}
    new = str(captured_pipeline("new").version.xxh3)
    for wrong, error, why in (
        ({"version": 2}, UsageError, "churn@2 never served in production"),
        ({"version": 9}, NotFound, "churn@9"),
        ({"version": 10**30}, UsageError, "version"),
        ({"pipeline": new}, UsageError, "never served in production with pipeline"),
        ({"pipeline": "xxh3:" + "0" * 32}, NotFound, "of pipeline churn is recorded"),
        ({"profile": str(OTHER.digest)}, UsageError, "counted on another scale"),
        ({"counts": changed}, UsageError, "bins is no list of 2 counts"),
        ({"counts": scored}, UsageError, "do not add up"),
        ({"counts": grouped}, UsageError, "The profile has no group 'plan=<b>'"),
        ({"counts": more}, UsageError, "plan=pro' has more rows than the whole"),
        ({"counts": SERVED.to_dict() | {"score": None}}, UsageError, "does not count all"),
        ({"counts": without}, UsageError, "does not count all that the profile does"),
        ({"counts": SERVED.to_dict() | {"more": 1}}, UsageError, "unknown key 'more'"),
        ({"start": soon}, UsageError, "and here it is"),
        ({"start": "2026-01-01T00:30:00Z"}, UsageError, "No window of 86400 seconds begins"),
        ({"seconds": 7}, UsageError, "cannot be of 7 seconds"),
    ):
        with pytest.raises(error, match=why):
            sent(
                registry,
                window(pipeline),
                window(**({"pipeline": pipeline, "sequence": 2} | wrong)),
            )
    with pytest.raises(NotFound):
        sent(registry, window(pipeline), model="none")
    with pytest.raises(UsageError, match="not in order"):
        sent(registry, window(pipeline, sequence=2), window(pipeline))
    assert list(registry.windows("churn", "production")) == []
    sent(registry, window(pipeline), stream="a")
    with pytest.raises(UsageError, match="The stream a of host-1 is known, and is no batch"):
        sent(registry, window(pipeline, sequence=2), stream="a", batch=True)


def many(number):
    """What was counted of so many rows that are all alike."""
    score = replace(SCORE, rows=number, bins=(number, 0), positives=None)
    age = replace(AGE, rows=number, bins=(number, 0))
    return Part(rows=number, columns={"age": age}, score=score).to_dict()


@BOTH
def test_no_sum_is_more_than_can_be_counted_and_read(registry, url):
    pipeline = serve(registry)
    counts = many(LARGEST_COUNT)
    sent(registry, window(pipeline, counts=counts))
    with pytest.raises(UsageError, match=r"would count more than 9,007,199,254,740,991 rows"):
        sent(registry, window(pipeline, sequence=2))
    assert sent(
        registry, window(pipeline, start="2026-01-01", sequence=3), stream="x", batch=True
    ).recorded
    minutes = [
        window(
            pipeline, counts=counts, seconds=60, start=f"2026-01-02T0{n // 60}:{n % 60:02}:00Z",
            sequence=n + 1,
        )
        for n in range(3)
    ]  # fmt: skip
    sent(registry, *minutes, stream="b", batch=True)
    with transaction(open_engine(url), writing=True) as connection:
        assert rows.fold(connection, timestamps.written(NOW + dt.timedelta(hours=3))) == 3
    seen = registry.windows("churn", "production")
    assert [one.rows for one in seen] == [4, LARGEST_COUNT, LARGEST_COUNT]
    assert all(Part.parse(one.counts, PROFILE) for one in seen)


@BOTH
def test_old_windows_fold_exactly(registry, url):
    pipeline = serve(registry)
    hours = [f"2026-01-31T{hour:02}:{minute:02}:00Z" for hour in (0, 1) for minute in (0, 1, 59)]
    parts = [window(pipeline, start=one, seconds=60, sequence=n + 1) for n, one in enumerate(hours)]
    sent(registry, *parts, batch=True)
    assert len(registry.windows("churn", "production")) == 6
    engine = open_engine(url)

    def folded(**later):
        at = timestamps.written(NOW + dt.timedelta(**later))
        with transaction(engine, writing=True) as connection:
            while rows.fold(connection, at, 4):
                pass
        return [
            (one["start"], one.seconds, one.rows) for one in registry.windows("churn", "production")
        ]

    assert len(folded(hours=1)) == 6
    assert folded(hours=3) == [
        ("2026-01-31T00:00:00Z", 3600, 12),
        ("2026-01-31T01:00:00Z", 3600, 12),
    ]
    assert folded(days=4) == [("2026-01-31T00:00:00Z", 86_400, 24)]
    assert folded(days=500) == [("2026-01-01T00:00:00Z", 31 * 86_400, 24)]
    (seen,) = registry.windows("churn", "production")
    assert Part.parse(seen.counts, PROFILE).columns["age"].bins == (12, 12)
    assert sent(registry, *parts, batch=True).repeated == 6
    sent(registry, window(pipeline), stream="host")
    (seen,) = [one for one in registry.windows("churn", "production", by_host=True) if one.hosts]
    folded(days=40)
    (seen,) = [
        one
        for one in registry.windows("churn", "production", by_host=True)
        if one.seconds == 86_400
    ]
    assert (seen.rows, seen.hosts) == (4, {})
    following = (NOW.replace(day=1, hour=0, minute=0, second=0) + dt.timedelta(days=32)).replace(
        day=1
    )
    together = following - NOW + dt.timedelta(days=400)
    days = [folded(seconds=together.total_seconds() + sign * 86_400) for sign in (-1, 1)]
    assert [any(seconds == 86_400 for _, seconds, _ in one) for one in days] == [True, False]
    engine.dispose()


@BOTH
def test_streams_are_bounded_and_none_that_is_forgotten_counts_twice(registry, url, monkeypatch):
    longest = dt.timedelta(seconds=LONGEST) + EARLY
    assert streams.FORGOTTEN_AFTER[False] > streams.LATE + longest
    pipeline, before = (
        serve(registry),
        rows.start_of(NOW.replace(hour=0, minute=0, second=0) - dt.timedelta(days=3)),
    )
    engine = open_engine(url)

    def silent(stream, days=2):
        since = timestamps.written(NOW - dt.timedelta(days))
        with transaction(engine, writing=True) as connection:
            asked = text("UPDATE seen_stream SET recorded_at = :at WHERE stream = :stream")
            connection.execute(asked, {"at": since, "stream": stream})

    monkeypatch.setattr(streams, "MOST_STREAMS", {False: 2, True: 1})
    for stream in "ab":
        sent(registry, window(pipeline), stream=stream)
    with pytest.raises(Conflict, match=r"2 streams .* of services within 24 hours"):
        sent(registry, window(pipeline), stream="c")
    batched = window(pipeline, start="2026-01-01")
    assert sent(registry, batched, stream="x", batch=True).recorded == 1
    with pytest.raises(Conflict, match=r"1 streams .* of batches"):
        sent(registry, batched, stream="y", batch=True)
    silent("x", 401)
    assert sent(registry, batched, stream="y", batch=True).recorded == 1, "x is over"
    silent("a")
    with pytest.raises(UsageError, match="may have come before"):
        sent(registry, window(pipeline, start=before), stream="c")
    assert sent(registry, window(pipeline), stream="c").recorded == 1, "a made room"
    silent("b")
    ahead = NOW.replace(second=0, microsecond=0) - dt.timedelta(days=2) + EARLY / 2
    with pytest.raises(UsageError, match="may have come before"):  # of a clock that was ahead
        sent(registry, window(pipeline, start=rows.start_of(ahead), seconds=60), stream="a")
    with pytest.raises(UsageError, match="may have come before"):
        sent(registry, window(pipeline, start=before), stream="a")
    assert sent(registry, window(pipeline, sequence=2), stream="a").recorded == 1
    assert sent(registry, window(pipeline, start=before), stream="a").repeated == 1
    assert sum(one.rows for one in registry.windows("churn", "production")) == 6 * 4
    registry.rename_model("churn", "leavers", actor="t")
    silent("c")
    with pytest.raises(UsageError, match="may have come before"):
        sent(registry, window(pipeline, start=before), stream="d", model="leavers")
    silent("a", 3)
    assert sent(registry, window(pipeline), stream="d", model="leavers").recorded == 1
    assert sent(registry, window(pipeline), stream="c", model="leavers").repeated == 1, (
        "the oldest alone made room"
    )
    engine.dispose()


@BOTH
def test_each_write_folds_more_than_it_adds(registry, url):
    pipeline = serve(registry)
    minute = {"seconds": 60}
    old = [f"2026-01-0{day}T00:{n:02}:00Z" for day in range(1, 6) for n in range(60)]
    parts = [window(pipeline, start=one, sequence=n + 1, **minute) for n, one in enumerate(old)]
    sent(registry, *parts, stream="old", batch=True)
    engine = open_engine(url)

    def minutes():
        with transaction(engine, writing=True) as connection:
            old = "WHERE seconds = 60 AND start < '2026-02'"
            connection.execute(text(f"UPDATE seen_window SET fold_at = '2026' {old}"))
            return connection.execute(text(f"SELECT count(*) FROM seen_window {old}")).scalar_one()

    assert minutes() == 300
    sent(registry, window(pipeline))
    assert minutes() == 300 - 8
    now = NOW.replace(second=0, microsecond=0)
    lately = [rows.start_of(now - dt.timedelta(minutes=n)) for n in range(40)]
    parts = [window(pipeline, start=one, sequence=n + 1, **minute) for n, one in enumerate(lately)]
    sent(registry, *parts, stream="b")
    assert minutes() == 0, "in two transactions: 320 may fold, and 200 at once"
    engine.dispose()


@BOTH
def test_what_is_read_at_once_is_bounded(registry, monkeypatch):
    sent(registry, window(serve(registry)))
    monkeypatch.setattr(rules, "MOST_READ", 0)
    with pytest.raises(UsageError, match="More than 0 windows"):
        registry.windows("churn", "production")
    monkeypatch.undo()
    monkeypatch.setattr(rules, "MOST_CHARACTERS", 1)
    with pytest.raises(UsageError, match="MiB of counts, are kept"):
        registry.windows("churn", "production")
    assert list(registry.outcomes("churn", "production")) == []
