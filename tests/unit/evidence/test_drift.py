import datetime as dt
from dataclasses import replace
from functools import reduce

import pytest

from lineage.errors import UsageError
from lineage.evidence.columns import CategoryColumn, NumberColumn, Score, TextColumn, TimeColumn
from lineage.evidence.counts import Counts
from lineage.evidence.drift import calibration_of, drift_between, windows_of
from lineage.evidence.profile import Profile

from .worlds import DAY, HOSTS, MONDAY, days

COMMON = {"rows": 12, "null": 1, "wrong_type": 2}


def counts():
    return Counts(
        rows=12,
        columns={
            "fare": NumberColumn(
                **COMMON, nan=1, infinite=0, edges=(1.0, 2.0), low=0.0, high=3.0,
                bins=(1, 2, 3), below=0, above=2,
            ),
            "port": CategoryColumn(
                **COMMON, values=("S", "C"), complete=True, counts=(5, 3), other=0, new=1
            ),
            "deck": CategoryColumn(
                **COMMON, values=("A", "B"), complete=False, counts=(5, 3), other=1, new=0
            ),
            "name": TextColumn(**COMMON, lengths=(9, *[0] * 23), characters=(0,) * 5),
            "at": TimeColumn(**COMMON, hours=(4, 5, *[0] * 166)),
        },
        score=Score(**COMMON, edges=(0.5,), bins=(4, 5), positives=(1, 4)),
    )  # fmt: skip


def test_each_row_of_a_profile_is_in_one_cell():
    whole = counts()
    later, first = "2013-01-02T00:00:00Z", "2013-01-01T00:00:00Z"
    profile = Profile(
        rows=12, columns=whole.columns, score=whole.score, window_seconds=86400,
        windows={later: whole, first: whole},
    )  # fmt: skip
    windows = windows_of(profile)
    assert [window.start for window in windows] == [1356998400, 1357084800]
    cells = windows[0].columns
    assert set(cells) == {"fare", "port", "deck", "name", "at", "score"}
    assert {name: one.rows for name, one in cells.items()} == dict.fromkeys(cells, 12)
    assert cells["fare"].questions["contract:above"] == (2, 12)
    assert cells["port"].questions["contract:new"] == (1, 12)
    assert "contract:new" not in cells["deck"].questions
    assert cells["score"].values == (4, 5)
    assert calibration_of(whole).positives == (1, 4)
    assert calibration_of(Counts(rows=0, columns={})) is None


def profile(windows, host=None):
    """The windows of a small world as a profile, the amount being the model's score too."""
    parts = {}
    for window in windows:
        cells = window.columns if host is None else window.hosts[host]
        amount, port = cells["amount"], cells["port"]
        common = {"rows": amount.rows, "wrong_type": 0}
        null = amount.contract["null"]
        columns = {
            "amount": NumberColumn(
                **common, null=null, nan=0, infinite=0, edges=tuple(range(1, 8)), low=0, high=8,
                bins=amount.values, above=amount.contract["above"], below=amount.contract["below"],
            ),
            "port": CategoryColumn(
                **common, null=port.contract["null"], values=tuple("abcd"), complete=True,
                counts=port.values, other=0, new=port.contract["new"],
            ),
        }  # fmt: skip
        first, *inner, last = amount.values
        bins = (first + amount.contract["below"], *inner, last + amount.contract["above"])
        positives = tuple(n * (at + 1) // 9 for at, n in enumerate(bins))
        score = Score(**common, null=null, edges=tuple(range(1, 8)), bins=bins, positives=positives)
        start = f"{dt.datetime.fromtimestamp(window.start, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
        parts[start] = Counts(rows=amount.rows, columns=columns, score=score)
    whole = reduce(Counts.merge, parts.values())
    return Profile(
        rows=whole.rows, columns=whole.columns, score=whole.score, window_seconds=DAY, windows=parts
    )


@pytest.fixture(scope="module")
def reference():
    return profile(days(1, 84))


def test_what_was_served_is_held_against_the_reference(reference):
    def narrow(rng, day, host, column, value):
        return 4 + (value - 4) * 0.3 if column == "amount" and day >= 112 else value

    windows = days(2, 56, 84, fault=narrow)
    hosts = {host: profile(windows, host) for host in HOSTS}
    said = drift_between(reference, profile(windows), hosts=hosts)
    change = said.timeline.changes[0]
    assert (change.kind, (change.begins - MONDAY) / DAY) == ("hard", 112)
    assert set(change.columns) == {"amount", "score"}
    (cost, *_) = said.costs
    assert 0.05 < cost.low < cost.value
    assert change.tier == "page"
    before, after = said.losses[windows[0].start], said.losses[windows[-1].start]
    assert before.low < 0 < before.high
    assert after.low > 0


def test_one_host_of_four_is_named(reference):
    def moved(rng, day, host, column, value):
        return value + 2.5 if (column, host) == ("amount", "c") and day >= 112 else value

    windows = days(3, 42, 84, fault=moved)
    hosts = {host: profile(windows, host) for host in HOSTS[1:]}  # one tells nothing
    change = drift_between(reference, profile(windows), hosts=hosts).timeline.changes[0]
    assert (change.kind, change.hosts) == ("soft", ("c",))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"windows": {}, "window_seconds": None}, "served data has no windows"),
        ({"window_seconds": 3600}, "86400 seconds long, and those of the served data 3600"),
        ({"columns": "edges"}, "column 'amount' has other edges"),
        ({"score": "edges"}, "the score has other edges"),
    ],
)
def test_what_cannot_be_compared_is_told(reference, change, why):
    amount = reference.columns["amount"]
    if "columns" in change:
        moved = replace(amount, edges=(0.5, *amount.edges[1:]))
        change = {"columns": dict(reference.columns, amount=moved)}
    if "score" in change:
        change = {"score": replace(reference.score, edges=(0.5, *reference.score.edges[1:]))}
    with pytest.raises(UsageError, match=why):
        drift_between(reference, replace(reference, **change))
