"""How long the looks at copies of weights count."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage import timestamps
from lineage.guard import looks
from lineage.guard.decision import Status
from lineage.guard.evaluate import decide
from lineage.guard.facts import HeldCopy, Transition
from lineage.guard.policy import EnvironmentPolicy
from lineage.registry.slots.readiness import reasons_against
from tests.unit.guard.test_evaluate import GOOD

START = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)
NONE = dt.timedelta(0)
WEEK = EnvironmentPolicy(look_within="7d")
DEEP = EnvironmentPolicy(deep_within="30d")


def at(**spans: float) -> str:
    return timestamps.written(START + dt.timedelta(**spans))


def copy(store: str = "s3", state: str = "intact", deep: bool = True, **spans: float) -> HeldCopy:
    looked = timestamps.moment(at(**spans))
    return HeldCopy(store, state, deep, looked, "ann", looked if deep else START)


def facts(policy: EnvironmentPolicy, *copies: HeldCopy, now: str, **changes):
    return dataclasses.replace(GOOD, policy=policy, copies=copies or (copy(),), now=now, **changes)


@pytest.mark.parametrize(
    ("policy", "spans", "reason"),
    [
        (WEEK, {"days": 7}, None),
        (WEEK, {"days": 7, "microseconds": 1}, "the newest look at the copy in store s3 is 7 days old, and production wants one within 7 days"),
        (WEEK, {"days": 9}, "the newest look at the copy in store s3 is 9 days old, and production wants one within 7 days"),
        (EnvironmentPolicy(look_within="1h"), {"minutes": 61}, "the newest look at the copy in store s3 is 1 hour old, and production wants one within 1 hour"),
        (EnvironmentPolicy(look_within="2w"), {"days": 13}, None),
        (DEEP, {"days": 31}, "the newest deep look at the copy in store s3 is 31 days old, and production wants one within 30 days"),
        (DEEP, {"days": 30}, None),
        (EnvironmentPolicy(), {"days": 365}, None),
        (EnvironmentPolicy(), {"days": 366}, "the newest look at the copy in store s3 is 366 days old, and any environment wants one within 365 days"),
        (EnvironmentPolicy(look_within="9999d"), {"days": 366}, None),
        (WEEK, {"days": -9}, None),
    ],
)  # fmt: skip
def test_a_look_counts_as_long_as_the_environment_says(policy, spans, reason):
    assert looks.outdated(facts(policy, now=at(**spans))) == reason


def test_one_copy_that_was_looked_at_lately_is_enough():
    old, new = copy("s3"), copy("nas", days=8)
    assert looks.outdated(facts(WEEK, old, new, now=at(days=9))) is None
    lost = dataclasses.replace(new, state="missing")
    assert "store s3 is 9 days old" in looks.outdated(facts(WEEK, old, lost, now=at(days=9)))


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_old_looks_the_newest_is_told(order):
    copies = (copy("s3"), copy("nas", days=1))[::order]
    assert "store nas is 8 days old" in looks.outdated(facts(WEEK, *copies, now=at(days=9)))


def test_a_cheap_look_does_not_make_up_for_a_deep_one():
    cheap = copy(deep=False, days=31)
    assert "deep look" in looks.outdated(facts(DEEP, cheap, now=at(days=31)))
    never = dataclasses.replace(cheap, deep_at=None)
    assert looks.outdated(facts(DEEP, never, now=at(days=31))) == (
        "no deep look at the copy in store s3 counts, and production wants one within 30 days"
    )


def test_an_old_look_makes_a_backup_unready_and_stops_no_rollback():
    old = facts(WEEK, now=at(days=9), transition=Transition.RETURN)
    assert decide(old).allowed
    assert reasons_against(old) == (looks.outdated(old),)
    check = decide(old).check("weights-intact")
    assert (check.status, check.remedy) == (
        Status.WARN, "Look again, at every byte: «verify churn@7»",
    )  # fmt: skip
    assert reasons_against(facts(WEEK, now=at(days=7), transition=Transition.RETURN)) == ()


def test_what_nobody_looked_at_lately_does_not_come_to_stand_by():
    old = facts(WEEK, now=at(days=9), transition=Transition.STAND_BY)
    (failure,) = decide(old).failures
    assert (failure.code, failure.summary) == ("backup-ready", looks.outdated(old))


@pytest.mark.parametrize("move", [Transition.ENTER, Transition.STAY])
def test_an_old_look_at_what_serves_is_a_warning(move):
    decision = decide(facts(WEEK, now=at(days=9), transition=move))
    assert decision.allowed
    assert decision.check("weights-intact").status is Status.WARN


HALF_AN_HOUR = EnvironmentPolicy(look_within="30m")


@pytest.mark.parametrize(
    ("policy", "age", "told"),
    [
        (EnvironmentPolicy(look_within="1s"), {"seconds": 1, "microseconds": 1}, "1 second"),
        (HALF_AN_HOUR, {"minutes": 31}, "31 minutes"),
        (HALF_AN_HOUR, {"minutes": 60}, "1 hour"),
        (HALF_AN_HOUR, {"hours": 24}, "1 day"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(policy, age, told):
    reason = looks.outdated(facts(policy, now=at(**age)))
    assert reason.startswith(f"the newest look at the copy in store s3 is {told} old, and")


FOLDER = dataclasses.replace(copy("local"), shared=False)


@pytest.mark.parametrize(
    ("changes", "now", "moment"),
    [
        ({}, at(days=1), at(days=7, microseconds=1)),
        ({}, at(days=7), at(days=7, microseconds=1)),
        ({}, at(days=7, hours=1), at(days=8)),
        ({"copies": (copy(), copy("nas", days=2))}, at(days=3), at(days=7, microseconds=1)),
        ({"copies": ()}, at(days=1), None),
        ({"copies": (copy(state="missing"),)}, at(days=1), None),
        ({"copies": (FOLDER,)}, at(days=1), at(days=1)),
        ({"copies": (copy(), FOLDER), "shared": True}, at(days=1), at(days=7, microseconds=1)),
        ({"held_until": at(days=2)}, at(days=1), at(days=2)),
    ],
)
def test_the_moment_is_told_at_which_time_alone_changes_an_answer(changes, now, moment):
    """A folder of this host may go at any moment, so what is said of it is never kept."""
    given = dataclasses.replace(facts(WEEK, now=now), **changes)
    assert looks.changes_at(given) == moment


SPANS = st.sampled_from([None, "30m", "7d", "2w"])
POLICIES = st.builds(EnvironmentPolicy, look_within=SPANS, deep_within=SPANS)
COPIES = st.lists(
    st.builds(copy, st.sampled_from("ab"), deep=st.booleans(), seconds=st.integers(0, 10**6)),
    min_size=1,
    max_size=3,
)


@given(POLICIES, COPIES, st.integers(0, 10**8))
def test_time_alone_changes_nothing_before_the_moment_that_is_told(policy, copies, seconds):
    """So an answer may be kept until then."""
    before = facts(policy, *copies, now=at(seconds=seconds))
    change = looks.changes_at(before)
    assert change > before.now
    until = timestamps.written(timestamps.moment(change) - dt.timedelta(microseconds=1))
    assert looks.outdated(dataclasses.replace(before, now=until)) == looks.outdated(before)


@given(POLICIES, COPIES, st.integers(0, 10**8), st.integers(0, 10**8))
def test_what_is_too_old_stays_so(policy, copies, first, second):
    earlier, later = sorted((first, second))
    if looks.outdated(facts(policy, *copies, now=at(seconds=earlier))) is not None:
        assert looks.outdated(facts(policy, *copies, now=at(seconds=later))) is not None


@pytest.mark.parametrize(
    ("deep_at", "within", "days", "ahead", "due"),
    [
        (at(), None, 99, NONE, False),
        (None, "30d", 0, NONE, True),
        (at(), "30d", 29, NONE, False),
        (at(), "30d", 30, NONE, True),
        (at(), "30d", 29, timestamps.span("1d"), True),
        (at(), "2d", 0, timestamps.span("30d"), False),
        (at(), "2d", 1, timestamps.span("30d"), True),
    ],
)
def test_every_byte_is_read_before_the_last_time_is_too_long_ago(deep_at, within, days, ahead, due):
    assert looks.deep_is_due(deep_at, within, at(days=days), ahead) is due
