"""Leakage, held against what plain Python finds; the same from files and frames."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lineage
from lineage.errors import UsageError
from lineage.evidence.leakage import Leakage, Looking
from lineage.evidence.reading.overlap import leakage_of

_CELLS = st.sampled_from(["a", "b", "x y", "7", "7.5", "", "true", "1:a", "-"])
_ROWS = st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=6)


def _frame(rows):
    return pd.DataFrame(rows, columns=["one", "two"], dtype="str")


@settings(max_examples=10, deadline=None)
@given(_ROWS, _ROWS)
def test_rows_keys_and_groups_are_those_that_stand_in_both(train, validation) -> None:
    found = leakage_of(_frame(train), _frame(validation), Looking(keys=("one",), groups=("two",)))
    ones, twos = ({row[at] for row in train} - {""} for at in (0, 1))
    keyed, grouped = (any(row[at] for row in validation) for at in (0, 1))
    keys = sum(row[0] in ones for row in validation)
    assert found.keys == (keys if keyed and ones else None)
    both = len(twos & {row[1] for row in validation})
    assert found.groups == {"two": both if grouped and twos else None}
    assert found.group_rows == sum(row[1] in twos for row in validation)
    assert found.rows == found.group_rows, "without its key, a row is its other column"
    whole = leakage_of(_frame(train), _frame(validation), Looking())
    assert whole.rows == sum(row in train and any(row) for row in validation)


@pytest.fixture
def data(tmp_path):
    """A training and a validation set of 400 rows with every kind of leak, as frames."""
    chance = np.random.default_rng(3)
    number = np.arange(400)
    target = chance.integers(0, 2, 400)
    frame = pd.DataFrame({
        "id": number,
        "at": pd.Timestamp("2013-01-01") + pd.to_timedelta(number, unit="h"),
        "customer": chance.integers(0, 1000, 400),
        "fare": np.round(chance.normal(size=400) + 0.5 * target, 3),
        "tells": np.round(target * 2.0 + chance.normal(size=400) * 0.1, 3),
        "refund": np.where(target == 1, "yes", "no"),
        "missing": np.where(target == 1, np.round(chance.normal(size=400), 3), np.nan),
        "landed": pd.Timestamp("2013-01-01") + pd.to_timedelta(number + 2, unit="h"),
        "note": [f"order {n} came in at the usual hour and was sent on by van {n % 7}" for n in number],
        "late": target,
    })  # fmt: skip
    train, validation = frame[:300].copy(), frame[295:].copy()
    validation["note"] = validation["note"].str.upper().str.replace("USUAL", "usual!")
    return train, validation


LOOKING = Looking("late", ("customer",), "at", ("id",), ("note",), {"tells": "landed"})


def test_each_kind_is_found(data) -> None:
    train, validation = data
    found = leakage_of(train, validation, LOOKING)
    assert (found.train_rows, found.validation_rows, found.rows) == (300, 105, 0)
    assert (found.keys, found.time_rows) == (5, 5)
    both = set(train["customer"]) & set(validation["customer"])
    assert found.groups == {"customer": len(both)}
    assert found.group_rows == validation["customer"].isin(both).sum()
    assert found.known_late == {"tells": 405}
    assert set(found.telling) == {"tells", "refund", "missing"}
    assert found.features is not None
    from sklearn.metrics import roc_auc_score

    fare = roc_auc_score(validation["late"], validation["fare"])
    assert found.features["fare"] == pytest.approx(max(fare, 1 - fare))
    assert bool(found)
    assert "features 3" in repr(found)
    assert found.near_rows is not None
    assert found.near_rows >= 5, "the same notes, written otherwise"


def test_files_and_frames_of_the_same_rows_come_to_the_same(data, tmp_path) -> None:
    train, validation = data
    validation.loc[295, "note"] = train.loc[295, "note"]
    frames = leakage_of(train, validation, LOOKING)
    assert frames.rows == 1
    train.to_csv(tmp_path / "train.csv", index=False)
    (tmp_path / "more").mkdir()
    for number, part in enumerate((validation[:50], validation[50:])):
        part.to_json(
            tmp_path / "more" / f"{number}.jsonl", orient="records", lines=True, date_format="iso"
        )
    files = leakage_of(tmp_path / "train.csv", tmp_path / "more", LOOKING)
    assert files.to_dict() == frames.to_dict()


def test_nothing_of_the_kind_is_found_in_what_was_split_well(data) -> None:
    train, validation = data
    clean = validation[5:].drop(columns=["tells", "refund", "missing", "landed"])
    found = lineage.leakage(train, clean, target="late", time="at", keys="id")
    assert not found
    assert found.to_dict()["leakage"] == {
        "train_rows": 300, "validation_rows": 100, "rows": 0, "rows_share": 0.0, "keys": 0,
        "time_rows": 0, "features": 0, "feature_auc": pytest.approx(0.6, abs=0.15), "found": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"target": "none"}, "column 'none'"),
        ({"time": "note"}, "'note' holds what is no time"),
        ({"known_at": {"fare": "landed"}}, "no column is named"),
        ({"threshold": 0.5}, "threshold is 0.5"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"keys": ("id", "at", "customer", "fare", "tells", "refund", "missing", "landed", "note", "late")}, "is a key"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_for_is_told(data, told, says) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        lineage.leakage(*data, **told)
    assert raised.value.remedy


def test_bad_data_is_told_with_its_name(data, tmp_path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 nothing of the kind")
    with pytest.raises(UsageError, match=r"broken\.parquet"):
        leakage_of(data[0], broken, Looking())
    with pytest.raises(UsageError, match="no column in common"):
        leakage_of(data[0], pd.DataFrame({"other": [1]}), Looking())


def test_a_target_without_two_values_or_with_few_of_one_is_noted(data) -> None:
    train, validation = data
    for rows, says in (
        (validation.assign(late=1), "1 values"),
        (validation.assign(late=[0] * 100 + [1] * 5), "fewer than 10"),
    ):
        found = leakage_of(train, rows, Looking(target="late"))
        assert found.features is None
        assert "features" not in found.to_dict()["leakage"]
        assert says in found.notes[0]


def test_hostile_names_and_values_are_names_and_values() -> None:
    name = 'x"; DROP TABLE train; --'
    frame = pd.DataFrame({name: ["'", "''", "a' OR '1'='1"], "y'": ["0", "1", "'"]})
    found = leakage_of(frame, frame, Looking(groups=(name,), target="y'"))
    assert (found.rows, found.groups) == (3, {name: 3})


def test_what_nobody_could_look_at_has_no_metric_and_is_noted(data) -> None:
    train, validation = data
    of_none = validation.assign(id=None, customer=None, note="...", landed=pd.NaT)
    of_none.loc[of_none.index[7], "at"] = pd.NaT
    train = train.assign(landed=train["at"])
    found = leakage_of(train, of_none, LOOKING)
    told = found.to_dict()["leakage"]
    looked = {"keys", "groups", "group_rows", "time_rows", "near_rows", "near_looked", "known_late"}
    assert not looked & told.keys()
    assert (found.groups, found.known_late) == ({"customer": None}, {"tells": None})
    assert len(found.notes) == 5, found.notes
    late = train.assign(landed=train["at"] + pd.Timedelta("1h"))
    found = leakage_of(late, of_none, LOOKING)
    assert found.to_dict()["leakage"]["known_late"] == 1, "one that is seen to be late is"
    alone = leakage_of(train[["late"]], validation[["late", "id"]], Looking("late"))
    assert alone.features is None
    assert alone.notes[0] == "columns that one side lacks were not looked at: 'id'"
    for rows in ((train, validation[:0]), (train[:0], validation)):
        with pytest.raises(UsageError, match="has no rows"):
            leakage_of(*rows, Looking())


def test_a_number_or_a_time_tells_the_target_though_some_values_are_neither(data) -> None:
    train, validation = (one[["tells", "late"]].astype({"tells": "str"}) for one in data)
    validation.iloc[3, 0] = "NA"
    assert leakage_of(train, validation, Looking("late")).features["tells"] > 0.95
    train, validation = (
        one[["late"]].assign(
            closed=one["at"] + pd.to_timedelta(one["late"] * 999, unit="D"),
        )
        for one in data
    )
    assert leakage_of(train, validation, Looking("late")).features["closed"] == 1.0


def test_blanks_around_a_value_hide_no_row(tmp_path) -> None:
    for name, text in (("a", "x,y\n1,b\n2,c\n"), ("b", "x,y\n1 , b\n3, c\n")):
        (tmp_path / f"{name}.csv").write_text(text)
    assert leakage_of(tmp_path / "a.csv", tmp_path / "b.csv", Looking()).rows == 1


def test_what_is_0_everywhere_is_no_leak() -> None:
    assert not Leakage(1, 1, 0, keys=0, groups={"g": 0}, group_rows=0)
    assert json.loads(json.dumps(Leakage(0, 0, 0).to_dict()))["leakage"]["rows_share"] == 0
