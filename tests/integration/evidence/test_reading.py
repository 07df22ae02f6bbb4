"""Reading data into profiles: the same counts of any source, and sentences for bad ones."""

from __future__ import annotations

import gzip
import json
import sys

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import lineage
from lineage.capture.project import opened
from lineage.errors import UsageError
from lineage.evidence.columns import CategoryColumn, NumberColumn, TextColumn
from lineage.evidence.profile import Profile, Roles
from lineage.evidence.reading import scales
from lineage.evidence.reading.profiling import profile_of
from lineage.workflows.data_profile import profile_here, untimed
from tests.unit.evidence.profiles import counted

ROLES = Roles(score="score", target="late", time="at", groups=("port", "stops"))
ROWS = 400


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Rows of every kind, with what is missing, in days of 2013."""
    random = np.random.default_rng(1)
    at = pd.Timestamp("2013-01-01") + pd.to_timedelta(random.integers(0, 20 * 86400, ROWS), "s")
    return pd.DataFrame(
        {
            "fare": np.where(random.random(ROWS) < 0.1, np.nan, random.gamma(2, 10, ROWS).round(2)),
            "stops": random.integers(0, 3, ROWS),
            "port": random.choice(["S", "C's", '"Q"', "*?[", None], ROWS),
            "name": [f"Zoë {i}, no. {i * i}\t!" for i in range(ROWS)],
            "at": at.astype("datetime64[us]"),
            "paid": random.random(ROWS) < 0.5,
            'we\'ird "name" [*]': random.normal(size=ROWS),
            "score": random.random(ROWS),
            "late": random.integers(0, 2, ROWS),
        }
    )


def test_what_names_a_row_is_not_in_the_profile_of_a_validation(tmp_path):
    (tmp_path / "rows.csv").write_text("id,fare,day,score\n1,3.5,mon,0.5\n2,2,tue,0.25\n")
    (tmp_path / "lineage.toml").write_text(
        '[models.churn.evidence]\ndata = "rows.csv"\nscore = "score"\ngroups = ["day"]\nkeys = ["id"]\n'
    )
    with opened(tmp_path) as project:
        found = profile_here(project, "churn")
    assert found is not None
    assert list(found.columns) == ["fare", "day"]
    assert found.groups["day=mon"].columns.keys() == found.columns.keys()


def test_any_source_gives_the_same_counts(frame, tmp_path):
    folder = tmp_path / "it's [a]*"
    folder.mkdir()
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    frame.to_csv(folder / "rows.csv", index=False)
    (folder / "rows.csv.gz").write_bytes(gzip.compress((folder / "rows.csv").read_bytes()))
    frame.to_csv(folder / "rows.tsv", index=False, sep="\t")
    frame.to_parquet(folder / "rows.parquet", index=False)
    pl.from_pandas(frame).write_ndjson(folder / "rows.jsonl")
    parts = folder / "parts=1"
    parts.mkdir()
    for number in range(3):
        frame[number * 150 : (number + 1) * 150].to_parquet(parts / f"part-{number}.parquet")
    (parts / "_SUCCESS").touch()
    with duckdb.connect(folder / "rows.duckdb") as database:
        database.register("frame", frame)
        database.execute("CREATE TABLE flights AS FROM frame")

    first, _ = profile_of(frame, roles=ROLES)
    others = {
        "polars": profile_of(pl.from_pandas(frame), roles=ROLES),
        "arrow": profile_of(arrow, roles=ROLES),
        "query": profile_of(folder / "rows.duckdb", query="SELECT * FROM flights", roles=ROLES),
        "folder": profile_of(parts, roles=ROLES),
    } | {
        path.name: profile_of(path, roles=ROLES)
        for path in folder.glob("rows.*")
        if path.suffix != ".duckdb"
    }
    assert len(others) == 9
    for source, (profile, _) in others.items():
        assert profile.to_dict() == first.to_dict(), source
    assert Profile.from_bytes(first.canonical, "it") == first
    assert {name: column.kind for name, column in first.columns.items()} == {
        "fare": "number", "stops": "number", "port": "category", "name": "text", "at": "time",
        "paid": "category", "we'ird \"name\" [*]": "number",
    }  # fmt: skip
    assert (len(first.windows), first.window_seconds) == (20, 86400)
    assert set(first.groups) >= {"port=C's", 'port="Q"', "stops=0"}


@pytest.mark.parametrize("wrong", ["0001-01-01", "1970-01-01", "2999-12-31", "9999-12-31"])
def test_a_time_that_cannot_be_true_is_in_no_window_and_makes_none_longer(tmp_path, wrong):
    """The years 1 and 9999, and the first of 1970, are what many programs write for no time."""
    (data := tmp_path / "rows.csv").write_text(f"a,at\n1,{wrong}\n2,2024-01-01\n3,2024-01-03\n")
    profile, _ = profile_of(data, roles=Roles(time="at"))
    assert Profile.from_bytes(profile.canonical, "it") == profile
    assert (profile.window_seconds, profile.rows, profile.untimed) == (3600, 3, 1)
    assert [part.rows for part in profile.windows.values()] == [1, 1]
    again, _ = profile_of(data, reference=profile)
    assert again.windows == profile.windows
    assert (said := untimed(profile)) is not None
    assert said.startswith("1 of 3 rows have no time in 'at'")


def test_the_counts_are_those_of_counting_in_python(frame):
    profile, _ = profile_of(frame, roles=ROLES)
    for name, column in profile.columns.items():
        empty = Profile.parse(profile.to_dict()).columns[name]
        zero = {
            f: 0 if isinstance(v, int) else (0,) * len(v)
            for f, v in vars(empty).items()
            if f not in empty.scale
        }
        again = type(empty)(**empty.get_scale(), **zero)
        values = [None if pd.isna(one) else one for one in frame[name]]
        for value in values:
            if name == "at" and value is not None:
                value = value.weekday() * 24 + value.hour
            if isinstance(value, bool):
                value = str(value).lower()
            again = counted(
                again,
                float(value) if isinstance(column, NumberColumn) and value is not None else value,
            )
        assert again == column
    assert sum(profile.score.positives) == profile.target.positive == int(frame["late"].sum())
    assert profile.columns["port"].null == int(frame["port"].isna().sum())


def test_parts_add_up_on_the_scale_of_a_reference(frame):
    reference, _ = profile_of(frame, roles=ROLES)
    first, _ = profile_of(frame[:150], reference=reference)
    second, _ = profile_of(frame[150:], reference=reference)
    assert first.merge(second) == reference


def test_a_window_in_which_columns_vanished_appeared_and_changed(frame):
    reference, _ = profile_of(frame, roles=ROLES)
    window = frame.drop(columns=["late", "paid"]).assign(
        fare="cheap", stops=np.array([-1, 0, 1, 9] * 100), port="new", added=1
    )
    profile, added = profile_of(window, reference=reference)
    assert added == ("added",)
    assert profile.columns["paid"].null == ROWS
    assert profile.columns["fare"].wrong_type == ROWS
    assert (profile.columns["stops"].below, profile.columns["stops"].above) == (100, 100)
    assert profile.columns["port"].new == ROWS
    assert profile.target is None
    assert profile.score.positives is None
    assert sum(profile.score.bins) == ROWS
    empty, _ = profile_of(frame[:0], reference=reference)
    assert empty.rows == 0
    assert empty.columns.keys() == reference.columns.keys()


def test_columns_that_say_little():
    frame = pd.DataFrame(
        {
            "constant": [1.0] * 50, "nothing": [None] * 50, "infinite": [np.inf, -np.inf] * 25,
            "zero": [-0.0, 0.0] * 25, "empty": [""] * 50,
            "long": ["x" * 999] * 50,
        }
    )  # fmt: skip
    profile, _ = profile_of(frame)
    assert Profile.from_bytes(profile.canonical, "it") == profile
    columns = profile.columns
    assert (columns["constant"].edges, columns["constant"].bins) == ((), (50,))
    assert columns["nothing"].null == 50
    assert columns["infinite"].infinite == 50
    assert columns["zero"].low == 0
    assert (columns["empty"].values, columns["empty"].counts) == (("",), (50,))
    assert isinstance(columns["long"], TextColumn)


def test_more_rows_than_a_scale_is_taken_of(monkeypatch, tmp_path):
    monkeypatch.setattr(scales, "MOST_ROWS", 5_000)
    random = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"row0": random.normal(size=60_000), "port": random.choice(["a", "b", "c"], 60_000)}
    )
    frame.to_parquet(tmp_path / "rows.parquet")
    profile, _ = profile_of(frame)
    assert profile.to_dict() == profile_of(tmp_path / "rows.parquet")[0].to_dict()
    column = profile.columns["row0"]
    assert sum(column.bins) == 60_000
    assert (column.low, column.high) == (frame["row0"].min(), frame["row0"].max())
    assert len(column.bins) == 32
    assert max(abs(one - 60_000 / 32) for one in column.bins) < 600
    assert profile.columns["port"].complete


def test_many_categories_are_counted_as_text_or_others():
    ids = pd.DataFrame({"id": [f"user-{i}" for i in range(200_000)]})
    assert isinstance(profile_of(ids)[0].columns["id"], TextColumn)
    ids.loc[:150_000, "id"] = "guest"
    column = profile_of(ids)[0].columns["id"]
    assert isinstance(column, CategoryColumn)
    assert (column.values[0], column.counts[0], column.complete) == ("guest", 150_001, False)
    assert column.other == 200_000 - sum(column.counts)


def test_what_few_rows_share_is_merged(frame):
    profile, _ = profile_of(frame, roles=Roles(score="score", target="late"), private=30)
    assert Profile.from_bytes(profile.canonical, "it") == profile
    fare, port = profile.columns["fare"], profile.columns["port"]
    assert (fare.low, fare.high) == (None, None)
    assert min(fare.bins) >= 30
    assert min(port.counts) >= 30
    assert min(one for one in profile.columns["name"].lengths if one) >= 30
    assert min(one for one in profile.columns["at"].hours if one) >= 30
    assert profile.columns["at"].rows == sum(profile.columns["at"].hours) == ROWS
    assert min(profile.score.bins) >= 30


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("none.csv", None, "does not exist"),
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"a,b\n", "has no rows"),
        ("latin.csv", "a,b\n1,é\n".encode("latin-1"), r"latin.csv holds text that is not UTF-8"),
        ("utf16.csv", "a,b\n1,2\n".encode("utf-16"), r"not UTF-8|cannot be read|whose name"),
        ("ragged.csv", b"a,b\n1,2\n1\n", "ragged.csv cannot be read"),
        ("twice.csv", b"a,a\n1,2\n", "two columns of one name"),
        ("blank.csv", b"\na,b\n1,2\n", "first line of .*blank.csv is empty"),
        ("plain.csv.gz", b"a,b\n1,2\n", "first line of .*plain.csv.gz cannot be read"),
        ("cut.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:14], "first line of .*cut.csv.gz"),
        ("wide.csv", b"x" * 200_000, "first line of .*wide.csv cannot be read"),
        ("list.jsonl", b'[{"a": 1}, {"a": 2}]\n', "list.jsonl cannot be read"),
        ("rows.xlsx", b"PK", "of no format"),
        ("bad.parquet", b"PAR1", "bad.parquet cannot be read"),
        ("bad.jsonl", b'{"a": 1}\n{', "bad.jsonl cannot be read"),
        ("long.csv", b"a" * 300 + b",b\n1,2\n", "has a column whose name"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, data, said):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError, match=said) as caught:
        profile_of(path)
    assert caught.value.remedy
    assert "lineage-profile-" not in str(caught.value)


def test_no_row_of_csv_is_a_comment_and_lines_end_in_any_way(tmp_path):
    path = tmp_path / "rows.csv"
    for text in ("id,x\n1,2\n#2,3\n3,4\n", "id,x\r1,2\r#2,3\r3,4\r"):
        path.write_bytes(text.encode())
        assert profile_of(path)[0].rows == 3


def test_files_of_a_folder_that_separate_fields_otherwise_are_refused(tmp_path):
    for name, text in (("a.csv", "x,y\n1,2\n"), ("b.csv", "x;y\n3;4\n")):
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match="separate fields by ',' and ';'"):
        profile_of(tmp_path)


def test_a_folder_of_several_formats_or_of_nothing_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds 0 files"):
        profile_of(tmp_path)
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "b.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(UsageError, match="several formats: csv, json"):
        profile_of(tmp_path)


def test_values_of_mixed_types_are_counted_as_wrong(tmp_path):
    path = tmp_path / "rows.jsonl"
    values = [*range(40), "21", [1], {"a": 1}, None]
    path.write_text("\n".join(json.dumps({"a": one}) for one in values))
    column = profile_of(path)[0].columns["a"]
    assert (column.kind, column.wrong_type, column.null) == ("number", 3, 1)
    (tmp_path / "rows.csv").write_text("a\n" + "\n".join(map(str, range(20))) + "\nNA\n")
    assert profile_of(tmp_path / "rows.csv")[0].columns["a"].wrong_type == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1; SELECT 2", "not one SELECT"),
        ("CREATE TABLE x(a int)", "not one SELECT"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM missing", "missing"),
        ("SELEC", "SELEC"),
        ("INSTALL httpfs", "not one SELECT"),
    ],
)
def test_a_query_reads_its_database_and_nothing_else(tmp_path, query, said):
    with duckdb.connect(tmp_path / "rows.duckdb") as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS a")
    with pytest.raises(UsageError, match=said):
        profile_of(tmp_path / "rows.duckdb", query=query)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"roles": Roles(target="none")}, "has no column 'none'"),
        ({"roles": Roles(target="late", score="late")}, "named twice"),
        ({"private": 1}, "no number of rows"),
        ({"private": 5, "roles": Roles(time="at")}, "no groups and no windows"),
        ({"query": "SELECT 1"}, "of a DuckDB file"),
    ],
)
def test_what_does_not_go_together_is_refused(frame, settings, said):
    with pytest.raises(UsageError, match=said):
        profile_of(frame, **settings)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([1, 2], "no data frame"),
        (pl.LazyFrame({"a": [1]}), "no data frame"),
        (pd.DataFrame({1: [1]}), "not all named by text"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns of one name"),
        (pd.DataFrame(), "no columns"),
    ],
)
def test_what_is_no_frame_is_refused(data, said):
    with pytest.raises(UsageError, match=said):
        profile_of(data)


def test_a_frame_is_profiled_and_shows_itself(frame, tmp_path):
    found = lineage.profile(frame, target="late", groups="port")
    assert found == profile_of(frame, roles=Roles(target="late", groups=("port",)))[0]
    assert repr(found) == "<profile of 400 rows and 8 columns>"
    assert ">binary</td>" in found._repr_html_()
    (tmp_path / "profile.json").write_bytes(found.canonical)
    assert lineage.profile(frame, reference=tmp_path / "profile.json") == found
    with pytest.raises(UsageError, match=r"none\.json cannot be read"):
        lineage.profile(frame, reference=tmp_path / "none.json")


def test_categories_that_are_no_plain_text(tmp_path):
    values = ["a\0b", "=a", "", "'; DROP TABLE source; --", "\N{GRINNING FACE}", "x" * 257]
    frame = pd.DataFrame({"value": values * 4})
    column = profile_of(frame)[0].columns["value"]
    assert set(column.values) == {"=a", "", "'; DROP TABLE source; --", "\N{GRINNING FACE}"}
    assert (column.counts, column.other, column.complete) == ((4,) * 4, 8, False)
    (tmp_path / "rows.jsonl").write_text('{"a": "\\ud800"}\n{"a": "b"}\n')
    try:
        found = profile_of(tmp_path / "rows.jsonl")[0]
    except UsageError as error:
        assert "rows.jsonl" in str(error)
    else:
        assert Profile.from_bytes(found.canonical, "it") == found


def test_without_duckdb_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(UsageError, match="needs DuckDB") as caught:
        profile_of("rows.csv")
    assert "lineage-guard[evidence]" in caught.value.remedy
