"""Files of attributions: one summary of any format, and one sentence for what is none."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lineage.errors import CaptureError, UsageError
from lineage.evidence.reading import attributed
from lineage.evidence.reading.attributed import means_of
from lineage.workflows.attributions_file import attributions_of

FRAME = pd.DataFrame({"Fare": [1.0, -3.0], "fare": [0.5, 0.5], 'a "b"; --': [0, -4]})
MEANS = {"Fare": 2.0, "fare": 0.5, 'a "b"; --': 2.0}


def test_every_format_gives_the_same(tmp_path):
    plain = FRAME.rename(columns={"fare": "age"})  # of Parquet, names differ in more than case
    plain.to_parquet(tmp_path / "a.parquet", index=False)
    plain.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    plain.to_json(tmp_path / "rows.json", orient="records")
    means = {("age" if name == "fare" else name): mean for name, mean in MEANS.items()}
    for name in ("a.parquet", "a.jsonl", "rows.json"):
        found = attributions_of(tmp_path / name)
        assert (found.means, found.rows) == (means, 2), name
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    found = attributions_of(tmp_path / "a.csv")
    assert (found.means, found.rows) == (MEANS, 2)
    assert (found.size, found.blake3[:7]) == ((tmp_path / "a.csv").stat().st_size, "blake3:")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "feature,value\nfare,-3\nage,1\n"),
        ("a.jsonl", '{"feature":"fare","importance":3}\n{"feature":"age","importance":1}\n'),
        ("a.json", '{"fare": 3, "age": -1}'),
        ("a.csv", "feature,importance\nfare,3\nage,1\nnoise,-2\n"),
        ("a.json", '{"importance": {"fare": 3.0, "age": 1, "noise": -0.2}}'),
    ],
)
def test_one_value_for_each_feature(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = attributions_of(tmp_path / name)
    assert found.rows is None
    assert {name: mean for name, mean in found.means.items() if mean} == {"fare": 3.0, "age": 1.0}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("nan.csv", "fare,age\n1,2\nnan,0\n", "'fare' holds 'nan' in row 2"),
        ("empty.csv", "fare,age\n1,\n", "'age' holds nothing in row 1"),
        ("text.csv", "fare,age\n1,2\n3,x\n", "'age' holds 'x' in row 2"),
        ("norows.csv", "fare,age\n", "has no rows"),
        ("zero.csv", "", "is empty"),
        ("twice.csv", "fare,fare\n1,2\n", "two columns of one name"),
        ("index.csv", ",fare\n0,2\n", "whose name is no text"),
        ("control.csv", '"a\x00b",fare\n0,2\n', "whose name is no text"),
        ("huge.csv", "fare\n1e308\n1e308\n", "too great to be added"),
        ("huge.json", '[{"fare": 1e308}, {"fare": -1e308}]', "too great to be added"),
        ("index.csv", "Unnamed: 0,fare\n0,2\n", "is the index of a frame"),
        ("index.json", '{"__index_level_0__": 1, "fare": 2}', "is the index of a frame"),
        ("wide.csv", ",".join(f"c{n}" for n in range(100_000)) + "\n", "100,000 columns"),
        ("listed.csv", "feature,value\nfare,1\nfare,2\n", "names 'fare' twice"),
        ("listed.csv", "feature,value\nfare,x\n", "'fare' has no finite number"),
        ("gap.jsonl", '{"fare":1,"age":2}\n{"fare":1}\n', "'age' holds nothing in row 2"),
        ("truth.jsonl", '{"fare":1,"age":true}\n', "'age' holds 'true' in row 1"),
        ("nan.json", '{"fare": NaN}', "is no JSON of finite numbers"),
        ("twice.json", '{"fare": 1, "fare": 2}', "is no JSON of finite numbers"),
        ("text.json", '{"fare": "1"}', "'fare' has no finite number"),
        ("gap.json", '[{"fare":1,"age":2},{"fare":1}]', "in one of the rows 1 and 2 alone"),
        ("none.json", "{}", "has no features"),
        ("list.json", "[3]", "neither an object"),
        ("other.txt", "x", "is of no format"),
    ],
)
def test_what_is_no_file_of_attributions_is_told(tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as told:
        attributions_of(tmp_path / name)
    assert says in str(told.value)
    assert told.value.remedy


def test_columns_of_parquet_are_numbers_and_few(tmp_path):
    FRAME.assign(id=["a", "b"]).rename(columns={"fare": "age"}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="'id' is no column of numbers"):
        attributions_of(tmp_path / "a.parquet")
    wide = pa.table({f"c{number}": [1.0] for number in range(2_001)})
    pq.write_table(wide, tmp_path / "wide.parquet")
    with pytest.raises(UsageError, match="2,001 columns"):
        attributions_of(tmp_path / "wide.parquet")
    for name in ("gone.csv", "gone.json"):
        with pytest.raises(UsageError, match="does not exist"):
            attributions_of(tmp_path / name)


def test_a_file_that_changes_meanwhile_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("fare\n0\n")

    def read_and_write(path):
        found = means_of(path)
        path.write_text("fare\n1\n")
        return found

    monkeypatch.setattr(attributed, "means_of", read_and_write)
    with pytest.raises(CaptureError, match="changed while it was read"):
        attributions_of(path)


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl", "a.parquet", "folder"])
@pytest.mark.parametrize("becomes", ["truncated", "cut", "a letter", "deleted"])
def test_a_file_that_is_no_longer_whole_when_it_is_read_has_changed_too(
    tmp_path, monkeypatch, name, becomes
):
    """What half a file is told for (is empty, is no JSON, does not exist) is not what is wrong."""
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    file = path / "part.csv" if name == "folder" else path
    if name == "a.parquet":
        pd.DataFrame({"fare": [1.0]}).to_parquet(file)
    else:
        texts = {"a.json": '{"fare": 5}', "a.jsonl": '{"fare": 5}\n'}
        file.write_text(texts.get(name, "fare\n5\n"))
    whole = file.read_bytes()
    changed = {"truncated": b"", "cut": whole[: len(whole) // 2], "a letter": whole[:-3] + b"x}\n"}

    def write_and_read(path):
        if becomes == "deleted":
            file.unlink()
        else:
            file.write_bytes(changed[becomes])
        return means_of(path)

    monkeypatch.setattr(attributed, "means_of", write_and_read)
    with pytest.raises(CaptureError, match="changed while it was read") as told:
        attributions_of(path)
    assert told.value.remedy == "Let nothing write there meanwhile, and try again."


def test_what_is_measured_of_a_function_is_read_as_it_is_written(tmp_path):
    path = tmp_path / "importance.json"
    path.write_text(json.dumps({"importance": {"fare": 0.46, "age": 0.0}}))
    assert attributions_of(path).shares == {"fare": 1.0, "age": 0.0}
