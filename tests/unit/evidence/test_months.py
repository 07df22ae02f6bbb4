"""Months: what moved, and the estimate beside what was realised."""

from lineage.evidence.columns import Score
from lineage.evidence.months import of_months
from lineage.evidence.performance import Calibration

CALIBRATION = Calibration((400, 400), (80, 240))


def score(bins, positives=None):
    return Score(
        rows=sum(bins),
        null=0,
        wrong_type=0,
        edges=(0.5,),
        bins=tuple(bins),
        positives=None if positives is None else tuple(positives),
    )


def change(since, told, ended, *names):
    columns = [{"name": name, "distance": 0.1} for name in names]
    return {"since": since, "told": told, "ended": ended, "columns": columns}


def test_months_add_windows_and_hold_the_outcomes_against_the_estimate():
    served = [
        ("2013-05-30T00:00:00Z", 300, score((150, 150))),
        ("2013-05-31T00:00:00Z", 100, score((50, 50))),
        ("2013-06-01T00:00:00Z", 400, score((200, 200))),
        ("2013-07-01T00:00:00Z", 10, None),
    ]
    outcomes = [
        ("2013-04-01T00:00:00Z", score((9, 9), (1, 2))),  # of rows that nobody told
        ("2013-05-30T00:00:00Z", score((150, 150), (30, 90))),
        ("2013-05-31T00:00:00Z", score((50, 50), (10, 30))),
        ("2013-06-01T00:00:00Z", score((200, 200), (100, 100))),
        ("2013-07-01T00:00:00Z", score((5, 5), (5, 5))),  # one outcome alone
    ]
    changes = [
        change("2013-05-30T00:00:00Z", "2013-06-01T00:00:00Z", "2013-06-01T00:00:00Z", "dest"),
        change("2013-06-01T00:00:00Z", "2013-06-01T00:00:00Z", None, "(score)", "dest"),
    ]
    may, june, july = of_months(CALIBRATION, served, outcomes, changes)
    assert [one["start"] for one in (may, june, july)] == [
        "2013-05-01T00:00:00Z",
        "2013-06-01T00:00:00Z",
        "2013-07-01T00:00:00Z",
    ]
    assert [(one["rows"], one["alarms"], one["columns"]) for one in (may, june, july)] == [
        (400, 0, ["dest"]),
        (400, 2, ["dest", "(score)"]),
        (10, 0, ["(score)", "dest"]),
    ]
    assert may["estimated"]["low"] < may["realised"]["value"] < may["estimated"]["high"]
    assert not may["beyond_estimate"]
    assert june["estimated"] == may["estimated"]
    assert (june["realised"]["value"], june["beyond_estimate"]) == (0.5, True)
    assert (july["estimated"], july["realised"], july["beyond_estimate"]) == (None, None, False)


def test_what_was_better_than_the_estimate_lies_outside_too():
    start = "2013-05-30T00:00:00Z"
    served, came_true = score((200, 200)), score((200, 200), (0, 200))
    (month,) = of_months(CALIBRATION, [(start, 400, served)], [(start, came_true)], [])
    assert (month["realised"]["value"], month["beyond_estimate"]) == (1, True)


def test_without_a_calibration_nobody_can_tell():
    (month,) = of_months(None, [("2013-05-30T00:00:00Z", 7, score((3, 4)))], [], [])
    assert (month["rows"], month["estimated"], month["realised"]) == (7, None, None)
