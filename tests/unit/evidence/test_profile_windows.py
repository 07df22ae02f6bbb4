from lineage.evidence.columns import CategoryColumn, NumberColumn, Score, TextColumn, TimeColumn
from lineage.evidence.profile import Counts, Profile
from lineage.evidence.profile_windows import calibration_of, windows_of

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
