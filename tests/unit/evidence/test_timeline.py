"""The nine faults, told apart; and what a quiet world says."""

from dataclasses import replace

import pytest

from lineage.evidence.detector import changed_columns
from lineage.evidence.kinds import Event, course, hosts_that_show
from lineage.evidence.reference import Reference
from lineage.evidence.timeline import timeline
from lineage.evidence.windows import Cells, Window

from .worlds import DAY, MONDAY, days

FIRST = 7 * 12
"""The first day that is served; those before are the reference."""
BEGINS = FIRST + 35
PROMOTION = Event(MONDAY + BEGINS * DAY + 36_000.0, "promotion")
UNRELATED = Event(MONDAY + (BEGINS - 9) * DAY + 36_000.0, "promotion")


@pytest.fixture(scope="module")
def reference():
    return Reference(days(1, FIRST))


def unit(rng, day, host, column, value):
    return value * 1.609 if column == "amount" else value


def nulls(rng, day, host, column, value):
    return "null" if column == "amount" and rng.random() < 0.15 else value


def renamed(rng, day, host, column, value):
    return "new" if column == "port" and value == 1 else value


def swapped(rng, day, host, column, value):
    return float(rng.choice(range(4))) if column == "amount" else min(3, int(rng.gauss(4, 1.5) / 2))


def timed_out(rng, day, host, column, value):
    return 6.5 if column == "amount" and rng.random() < 0.4 else value


def other_host(rng, day, host, column, value):
    return value + 2.5 if column == "amount" and host == "b" else value


def clock(rng, day, host, column, value):
    return (value + 1) % 8 if column == "amount" else value


def gradual(rng, day, host, column, value):
    return value + 0.035 * (day - BEGINS) if column == "amount" else value


FAULTS = [
    (unit, [UNRELATED], "hard", "amount"),
    (nulls, [UNRELATED], "hard", "amount"),
    (renamed, [], "hard", "port"),
    (swapped, [UNRELATED], "hard", "amount"),
    (timed_out, [], "hard", "amount"),
    (other_host, [UNRELATED], "soft", "amount"),
    (clock, [UNRELATED], "hard", "amount"),
    (gradual, [UNRELATED], "drift", "amount"),
    (clock, [UNRELATED, PROMOTION], "soft", "amount"),
]


@pytest.mark.parametrize(
    ("fault", "events", "kind", "column"),
    FAULTS,
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_fault_is_told_by_its_kind(reference, fault, events, kind, column):
    def later(rng, day, host, name, value):
        return fault(rng, day, host, name, value) if day >= BEGINS else value

    said = timeline(reference, days(2, 70, FIRST, fault=later), events)
    change = said.changes[0]
    assert (change.kind, change.columns[0] if len(change.columns) == 1 else column) == (
        kind,
        column,
    )
    late = (change.told - MONDAY) / DAY - BEGINS
    assert 0 <= late <= (30 if kind == "drift" else 8)
    assert change.ended is None
    assert dict(said.windows)[change.told] == kind
    assert {k for at, k in said.windows if at < change.told} == {"quiet"}
    if kind != "drift":
        assert abs((change.begins - MONDAY) / DAY - BEGINS) <= 2
    assert list(change.hosts) == (["b"] if fault is other_host else [])
    assert list(change.events) == ([PROMOTION] if PROMOTION in events else [])
    assert change.breaks_contract == change.question.startswith("contract:")
    assert (change.tier == "page") == change.breaks_contract
    if fault in (nulls, renamed):
        assert change.breaks_contract
        assert late == 0


def test_quiet_years_stay_quiet(reference):
    changes = [
        change
        for seed in range(3)
        for change in timeline(reference, days(10 + seed, 120, FIRST, rows=60)).changes
    ]
    assert len(changes) <= 1


def a_little(rng, day, host, column, value):
    """So little that no single day shows it."""
    return min(7.99, value + 0.3) if column == "amount" and day >= BEGINS else value


def test_what_no_single_day_shows_is_told_once_and_is_no_fault(reference):
    said = timeline(reference, days(2, 150, FIRST, fault=a_little))
    (change,) = said.changes
    assert (change.columns, change.kind, change.ended) == (("amount",), "drift", None)
    assert change.told - change.begins > 14 * DAY
    over = timeline(
        reference,
        days(2, 80, FIRST, fault=a_little) + days(4, 70, FIRST + 80),
    )
    assert over.changes[0].ended is not None


def test_a_change_ends(reference):
    def for_a_week(rng, day, host, column, value):
        return nulls(rng, day, host, column, value) if 0 <= day - BEGINS < 7 else value

    said = timeline(reference, days(3, 70, FIRST, fault=for_a_week))
    (change,) = said.changes
    assert ((change.told - MONDAY) / DAY, (change.ended - MONDAY) / DAY) == (BEGINS, BEGINS + 7)
    assert [kind for _, kind in said.windows[34:43]] == ["quiet", *["hard"] * 7, "quiet"]


def test_alarms_that_are_granted_more_often_come_sooner(reference):
    def slowly(rng, day, host, column, value):
        return gradual(rng, day, host, column, value) if day >= BEGINS else value

    windows = days(2, 70, FIRST, fault=slowly)
    rare, often = (
        timeline(reference, windows, alarms_per_year=granted).changes[0].told
        for granted in (0.01, 50.0)
    )
    assert often < rare


def test_nine_tenths_of_what_is_granted_are_aimed_at(reference, monkeypatch):
    aimed_at = []

    def noted(evidence, granted):
        aimed_at.append(granted)
        return changed_columns(evidence, granted)

    monkeypatch.setattr("lineage.evidence.timeline.changed_columns", noted)
    timeline(reference, days(2, 2, FIRST), alarms_per_year=2.0)
    assert aimed_at == [pytest.approx(365.25 / (2.0 * 0.9))] * 2, "days in which one is granted"


def test_columns_that_vanish_and_empty_windows_say_nothing(reference):
    windows = days(4, 20, FIRST)
    bare = [
        replace(window, columns={"port": window.columns["port"]}, hosts={}) for window in windows
    ]
    bare[3] = replace(bare[3], columns={})
    bare[4] = replace(bare[4], columns={"port": Cells((0,) * 4, {"null": 0, "new": 0}, False)})
    assert timeline(reference, bare).changes == ()
    assert timeline(reference, []).windows == ()


def test_ten_rows_and_a_million_are_judged_alike(reference):
    """A window of ten rows is not far for being small, nor one of very many for being sure."""
    windows = days(5, 40, FIRST, rows=12)
    large = Cells(
        tuple(1000 * sum(w.columns["amount"].values[i] for w in days(1, FIRST)) for i in range(8)),
        {"null": 0, "above": 0, "below": 0},
    )
    windows[20] = replace(windows[20], columns=dict(windows[20].columns, amount=large), hosts={})
    assert timeline(reference, windows).changes == ()


@pytest.mark.parametrize(
    ("windows", "arguments", "why"),
    [
        ([1, 0], {}, "not in order"),
        ([0, 0], {}, "not in order"),
        ([0], {"alarms_per_year": 0.0}, "more than 0"),
        ([0], {"seconds": -1.0}, "more than 0"),
    ],
)
def test_what_makes_no_time_line_is_refused(reference, windows, arguments, why):
    with pytest.raises(ValueError, match=why):
        timeline(reference, [Window(float(at), {}) for at in windows], **arguments)


def test_other_cells_than_the_references_are_refused(reference):
    other = Window(float(MONDAY), {"amount": Cells((1, 2), {"null": 0})})
    with pytest.raises(ValueError, match="'amount' was counted in other cells"):
        timeline(reference, [other])
    with pytest.raises(ValueError, match="no window"):
        Reference([])


def test_a_step_and_a_ramp():
    ones = [1.0] * 20
    assert course([0.0] * 10 + [0.3] * 10, ones, 9).is_step
    ramp = course([0.0] * 10 + [0.03 * i for i in range(1, 11)], ones, 12)
    assert (ramp.is_step, ramp.begins) == (False, 10)
    assert course([0.0] * 19 + [0.5], ones, 19) == course([0.0] * 19 + [0.5], ones, 17)


def test_hosts_that_show_it_alone():
    assert hosts_that_show({"a": (10, 100), "b": (60, 100)}, 0.1, 0.35) == ["b"]
    assert hosts_that_show({"a": (55, 100), "b": (60, 100)}, 0.1, 0.57) == []
    assert hosts_that_show({"a": (1, 2), "b": (60, 100)}, 0.1, 0.59) == []  # too few to tell
    assert hosts_that_show({}, 0.1, 0.5) == []
