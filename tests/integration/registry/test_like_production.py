"""The guard asks whether the data of a verdict is like what production saw: on both databases, and
over HTTP."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from lineage.contract.requests import DeclaredEnvironment, WaiverRequest
from lineage.contract.windows import NewWindow, NewWindows
from lineage.evidence.columns import LENGTH_BINS, TextColumn
from lineage.evidence.parts import Part
from lineage.evidence.profile import Profile
from lineage.evidence.reader import LARGEST_COUNT
from lineage.guard.decision import GuardRefused
from lineage.guard.policy import EnvironmentPolicy, LikeProduction
from lineage.registry.slots import lately
from tests.conftest import BOTH, EVERYWHERE, add_version, captured_pipeline
from tests.support import statements
from tests.unit.evidence.test_comparison import category, number

CODE = "data-like-production"
REQUIRE = LikeProduction.REQUIRE
DAY = 86_400


def counted(low, high, edge=3.0, *, a=6, rows=10_000):
    """Fares up to an edge and beyond, and towns, a tenth of the rows each."""
    return {
        "fare": number((edge,), (low * rows // 10, high * rows // 10), 0.0, 9.0),
        "town": category(("a", "b"), (a * rows // 10, (10 - a) * rows // 10)),
    }


def profile(low, high, edge=3.0, **more):
    columns = counted(low, high, edge, **more)
    return Profile(rows=columns["fare"].rows, columns=columns)


SERVED = profile(5, 5)
"""What serves was validated on."""

STALE = Profile(
    rows=10_000,
    columns={
        "fare": number((2.9, 3.5), (4_000, 1_000, 5_000), 0.0, 9.0),
        "town": category(("b", "a"), (4_000, 6_000)),
    },
)
"""The same, counted on edges of its own."""


def validated(registry, seed, on, text="old"):
    ref = add_version(registry, seed, text)
    registry.validate(ref, captured_pipeline(text), passed=True, profile=on, actor="t")
    return ref


def demand(registry, wanted=REQUIRE, **more):
    policy = EnvironmentPolicy(like_production=wanted, **more)
    return registry.apply_environments([DeclaredEnvironment("production", policy)], actor="t")


def serve(registry, on=SERVED, wanted=REQUIRE, **more):
    """A version that serves, validated on some data, where production demands likeness."""
    ref = validated(registry, "1", on)
    registry.release("production", captured_pipeline(), actor="t")
    registry.promote(ref, "production", actor="t")
    demand(registry, wanted, **more)
    return ref


def midnight(days):
    """The start of a day so many days ago."""
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    return f"{start:%Y-%m-%d}T00:00:00Z"


def saw(registry, columns, ago=(3, 2, 1), *, version=1, on=SERVED, hours=False, batch=None):
    """Let production see the same rows on some days, or in the first hours of them."""
    rows = columns["fare"].rows
    counts = Part(rows=rows, columns=columns).to_dict()
    pipeline = str(captured_pipeline().version.xxh3)
    found = tuple(
        NewWindow(
            version=version, pipeline=pipeline, profile=str(on.digest), start=midnight(days),
            seconds=3600 if hours else DAY, counts=counts, sequence=number,
        )
        for number, days in enumerate(ago, start=1)
    )  # fmt: skip
    stream = batch or f"{version}-{rows}-{ago[0]}-{columns['fare'].bins[0]}"
    new = NewWindows(instance="batch", stream=stream, windows=found, batch=True)
    registry.record_windows("churn", "production", new, actor="t")


def check(registry, ref):
    return registry.guard(ref, "production").check(CODE)


@EVERYWHERE
def test_who_was_validated_on_other_data_than_production_sees_is_refused(registry):
    serve(registry, waive={CODE: ("*",)})
    stale = validated(registry, "2", STALE)
    like = validated(registry, "3", profile(9, 1, edge=5.0))
    saw(registry, counted(9, 1))
    with pytest.raises(GuardRefused, match="was validated on other data") as refused:
        registry.promote(stale, "production", actor="t")
    (decision,) = refused.value.decisions
    assert [one.code for one in decision.failures] == [CODE]
    assert "validate" in refused.value.remedy
    assert "DATA" in refused.value.remedy
    details = decision.check(CODE).details
    assert (details["moved"], details["rows"], details["versions"]) == (
        ["fare"],
        30_000,
        ["churn@1"],
    )
    assert details["days"] == [midnight(3)[:10], midnight(1)[:10]]
    assert details["scale"] == str(SERVED.digest)
    assert details["profile"] == str(STALE.digest)
    fare, town = details["columns"]
    assert (fare["column"], town["column"]) == ("fare", "town")
    assert fare["distance"] == pytest.approx(0.4)
    assert 0.3 < fare["sure"] < 0.4
    assert town["sure"] == 0
    done = registry.promote(like, "production", actor="t")
    assert done.decisions[0].check(CODE).status == "pass"
    waiver = WaiverRequest((CODE,), "the fares were raised, and it knows")
    done = registry.promote(stale, "production", waive=waiver, actor="t")
    assert done.decisions[0].check(CODE).status == "waived"
    assert [one.code for one in registry.serving("churn", "production").waivers] == [CODE]
    assert registry.audit().problems == ()


@EVERYWHERE
def test_what_is_missing_refuses_where_it_is_demanded_and_a_rollback_never(registry):
    demand(registry)
    first = validated(registry, "1", SERVED)
    registry.release("production", captured_pipeline(), actor="t")
    assert (
        registry.promote(first, "production", actor="t").decisions[0].check(CODE).status == "pass"
    )
    second = validated(registry, "2", SERVED)
    assert "nothing is recorded" in check(registry, second).summary
    saw(registry, counted(5, 5), (0,))
    assert "nothing is recorded" in check(registry, second).summary, "a day that is not over"
    saw(registry, counted(5, 5), (29, 30))
    assert "nothing is recorded" in check(registry, second).summary, "a day of long ago"
    saw(registry, counted(5, 5), (1,), hours=True)
    registry.promote(second, "production", actor="t")
    without = validated(registry, "3", None)
    assert check(registry, without).status == "fail"
    assert "has no profile of its data" in check(registry, without).summary
    nothing = validated(registry, "5", profile(0, 0, rows=0))
    assert "is of no rows" in check(registry, nothing).summary
    assert check(registry, nothing).status == "fail"
    others = Profile(rows=9, columns={"age": number((), (9,), 0.0, 1.0)})
    assert "no column" in check(registry, validated(registry, "4", others)).summary
    demand(registry, LikeProduction.WARN)
    done = registry.promote(without, "production", actor="t")
    assert (done.decisions[0].allowed, done.decisions[0].check(CODE).status) == (True, "warn")
    demand(registry)
    saw(registry, counted(0, 10), (2,), version=3 - 1)
    slot = registry.serving("churn", "production")
    assert (slot.backup.ref, slot.readiness.ready) == (second, True)
    assert registry.rollback("churn", "production", actor="t").slots[0].serving.ref == second
    assert registry.set_backup(first, "production", actor="t").slots[0].backup.ref == first


@BOTH
def test_what_is_read_of_windows_is_bounded_by_whole_days(registry, monkeypatch):
    """Counts that pack well are megabytes each: the newest days are read, as far as room is."""
    serve(registry)
    saw(registry, counted(5, 5), (4, 3))
    saw(registry, counted(9, 1), (2, 1), hours=True)
    saw(registry, counted(9, 1, rows=20_000), (2,), hours=True)
    ref = validated(registry, "2", SERVED)

    def read():
        details = check(registry, ref).details
        return details["rows"], details["days"]

    one = len(json.dumps(Part(rows=10_000, columns=counted(9, 1)).to_dict(), separators=(",", ":")))
    everything = (60_000, [midnight(4)[:10], midnight(1)[:10]])
    for most, size, found in (
        (5, 5 * one, everything),
        (3, 5 * one, (50_000, [midnight(3)[:10], midnight(1)[:10]])),
        (5, 5 * one // 2, (40_000, [midnight(2)[:10], midnight(1)[:10]])),
    ):
        monkeypatch.setattr(lately, "MOST_WINDOWS", most)
        monkeypatch.setattr(lately, "MOST_BYTES", size)
        assert read() == found


def test_counts_of_few_rows_that_are_too_great_together_blind_nobody(registry):
    """Characters are as many as a host says; two such windows made a sum that nobody could read."""
    lengths = (0,) * (LENGTH_BINS - 1) + (10_000,)
    most = TextColumn(
        rows=10_000, null=0, wrong_type=0, lengths=lengths, characters=(LARGEST_COUNT, 0, 0, 0, 0)
    )
    columns = counted(5, 5) | {"note": most}
    on = Profile(rows=10_000, columns=columns)
    serve(registry, on)
    ref = validated(registry, "2", on)
    saw(registry, columns, (2, 1), on=on)
    saw(registry, columns, (2, 1), on=on, batch="again")
    found = check(registry, ref)
    assert (found.status, found.details["rows"]) == ("pass", 40_000)


def test_few_rows_refuse_nothing_and_are_said_to_be_few(registry):
    serve(registry)
    saw(registry, counted(5, 5, rows=10))
    candidate = validated(registry, "2", SERVED)
    done = registry.promote(candidate, "production", actor="t")
    assert done.decisions[0].check(CODE).status == "warn"
    assert "too few to tell" in done.decisions[0].check(CODE).summary


@BOTH
def test_what_most_rows_were_counted_on_lately_is_looked_at(registry):
    """After a promotion what the one before saw counts on, until more was seen on another scale."""
    serve(registry)
    saw(registry, counted(5, 5), (9, 8, 7))
    candidate = validated(registry, "2", SERVED)
    other = profile(1, 9, edge=4.0)
    registry.validate("churn@1", captured_pipeline(), passed=True, profile=other, actor="t")
    saw(registry, counted(1, 9, edge=4.0, rows=100), (7,), on=other, batch="late")
    found = check(registry, candidate)
    assert (found.status, found.details["scale"]) == ("pass", str(SERVED.digest))
    saw(registry, counted(1, 9, edge=4.0), (1,), on=other, batch="all")
    found = check(registry, candidate)
    assert (found.status, found.details["scale"]) == ("fail", str(other.digest))
    assert found.details["days"] == [midnight(7)[:10], midnight(1)[:10]]


def test_a_version_that_was_validated_anew_is_judged_by_that(registry):
    serve(registry)
    saw(registry, counted(9, 1))
    ref = validated(registry, "2", SERVED)
    assert check(registry, ref).status == "fail"
    registry.validate(ref, captured_pipeline(), passed=True, profile=profile(9, 1), actor="t")
    assert check(registry, ref).status == "pass"
    registry.validate(ref, captured_pipeline(), passed=True, actor="t")
    assert check(registry, ref).status == "fail", "the one that counts has no profile"


def test_windows_that_come_change_the_answer_of_the_next_who_asks(registry):
    """Also within what a process keeps: no event tells of a window."""
    serve(registry, wanted=LikeProduction.WARN)
    ref = validated(registry, "2", SERVED)
    saw(registry, counted(5, 5), (2,))
    assert check(registry, ref).status == "pass"
    saw(registry, counted(0, 10), (1,))
    assert check(registry, ref).status == "warn"
    assert registry.promote(ref, "production", actor="t").decisions[0].check(CODE).status == "warn"


def test_the_setting_is_shown_and_to_lower_it_is_told(registry):
    applied = demand(registry)
    assert 'like_production: "off" → "require"' in "\n".join(applied[0].lines)
    assert registry.environment("production")["policy"]["like_production"] == "require"
    assert "like_production" in demand(registry, LikeProduction.WARN)[0].loosened
    assert json.dumps(demand(registry)[0].loosened) == "[]"


def test_a_move_looks_before_others_have_to_wait_for_it(registry):
    """Also a release, which writes before it decides."""
    serve(registry)
    saw(registry, counted(5, 5))
    ref = validated(registry, "2", SERVED)
    other = validated(registry, "3", SERVED, "new")
    for move in (
        lambda: registry.promote(ref, "production", actor="t"),
        lambda: registry.release("production", captured_pipeline("new"), [other], actor="t"),
    ):
        with statements.counted(registry) as said:
            done = move()
        assert done.decisions[0].check(CODE).details["rows"] == 30_000
        ends = [number for number, one in enumerate(said) if one in ("COMMIT", "ROLLBACK")]
        looks = [number for number, one in enumerate(said) if "FROM seen_window" in one]
        assert len(looks) == 2
        assert max(looks) < ends[0]


def test_a_transaction_of_several_verbs_sees_what_it_recorded(registry):
    serve(registry)
    ref, other = validated(registry, "2", SERVED), validated(registry, "3", profile(9, 1))
    with registry.transaction() as together:
        assert check(together, ref).status == "fail"
        saw(together, counted(5, 5))
        assert check(together, ref).status == "pass"
        assert check(together, other).status == "fail", "each by its own verdict"


def test_more_rows_than_can_be_counted_are_not_looked_at(registry, monkeypatch):
    serve(registry)
    ref = validated(registry, "2", SERVED)
    saw(registry, counted(5, 5))
    monkeypatch.setattr(lately, "LARGEST_COUNT", 15_000)
    details = check(registry, ref).details
    assert (details["rows"], details["days"]) == (10_000, [midnight(1)[:10]] * 2)
