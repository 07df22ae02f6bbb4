"""`pipeline suggest`: the change of dvc.yaml that lets a pipeline hold what its runs read."""

from __future__ import annotations

import pytest

from lineage.capture.project import opened
from lineage.errors import CaptureError
from lineage.workflows.suggest import Suggestion, write

from ..conftest import PROJECT

DVC = """\
# how the features are made
stages:
  prepare:
    cmd: python src/prepare.py
    deps: [data/raw.csv, src/prepare.py]
    outs: [data/clean.csv]
  featurize:
    cmd: python src/featurize.py   # the one that production runs
    deps:
      - data/clean.csv
      - "src/featurize.py"
    params:
      - featurize.top
    outs:
      - data/features.csv
  train:
    cmd: python src/train.py
    deps: [data/features.csv, src/train.py]
    outs: [models/model.bin]
"""
READS = """\
import importlib
importlib.import_module("gnilacs.nommoc"[::-1])
open("conf.yaml").read()
"""


@pytest.fixture
def reading(project):
    """The churn project, whose featurize stage reads code and parameters that it does not declare."""
    project.write(
        {
            "dvc.yaml": DVC,
            "conf.yaml": "depth: 3\n",
            "src/common/scaling.py": "FACTOR = 2\n",
            "src/featurize.py": READS + PROJECT["src/featurize.py"],
        }
    )
    project.commit("Features are scaled")
    return project


def test_the_change_is_shown_as_a_diff_and_written_where_asked(reading):
    reading.ok("run")
    before = (reading.path / "dvc.yaml").read_text()
    shown = reading.lineage("pipeline", "suggest")
    assert shown.code == 0, shown.err
    added = [
        line for line in shown.out.splitlines() if line[:1] in "+-" and line[:2] not in ("++", "--")
    ]
    assert added == ["+      - src/common/scaling.py", "+      - conf.yaml:"]
    assert (reading.path / "dvc.yaml").read_text() == before
    done = reading.ok("pipeline", "suggest", "--write")
    assert (done["written"], done["unplaced"]) == (True, [])
    after = (reading.path / "dvc.yaml").read_text()
    assert after == before.replace(
        '      - "src/featurize.py"\n',
        '      - "src/featurize.py"\n      - src/common/scaling.py\n',
    ).replace("      - featurize.top\n", "      - featurize.top\n      - conf.yaml:\n")
    reading.ok("run")
    again = reading.lineage("pipeline", "suggest")
    assert "Nothing was observed to be read that the pipeline does not hold." in again.out
    stage = reading.ok("pipeline", "capture")["manifest"]["stages"]["featurize"]
    assert "src/common/scaling.py" in stage["code"]
    assert stage["params"]["conf.yaml"] == {"": {"map": [["depth", 3]]}}


def test_runs_that_the_registry_keeps_count_and_what_no_stage_read_is_named(reading):
    reading.write({"evaluate.py": "import helper\nraise SystemExit(1)\n", "helper.py": ""})
    reading.dvc("repro", "--quiet")
    reading.commit("An evaluation")
    reading.ok("register", "churn", "--kind", "experiment")
    empty = reading.ok("pipeline", "suggest")
    assert (empty["diffs"], empty["unplaced"]) == ([], [])
    done = reading.lineage("validate", "churn@1", "--", "python", "evaluate.py")
    assert done.code == 0, done.err
    found = reading.ok("pipeline", "suggest")
    assert found["unplaced"] == [{"stage": None, "key": "deps", "paths": ["helper.py"]}]
    shown = reading.lineage("pipeline", "suggest").out
    assert "Add helper.py to deps of the stage that reads it." in shown


@pytest.mark.parametrize(
    ("old", "new", "added"),
    [
        ("\n", "\r\n", b"      - src/common/scaling.py\r\n"),
        ("    deps:\n      - data/clean.csv\n      - \"src/featurize.py\"\n",
         "    deps: [data/clean.csv, src/featurize.py]\n",
         b"    deps: [data/clean.csv, src/featurize.py, src/common/scaling.py]\n"),
    ],
    ids=["line ends", "flow list"],
)  # fmt: skip
def test_the_file_keeps_its_form(reading, old, new, added):
    text = DVC.replace(old, new)
    assert text != DVC
    (reading.path / "dvc.yaml").write_bytes(text.encode())
    reading.commit("Another form")
    reading.ok("run", "--force")
    reading.ok("pipeline", "suggest", "--write")
    written = (reading.path / "dvc.yaml").read_bytes()
    assert added in written
    lost = [line for line in text.encode().splitlines() if line not in written.splitlines()]
    assert len(lost) == ("deps: [" in new)


def test_files_are_named_from_the_folder_that_a_stage_runs_in(reading):
    text = DVC.replace(
        "cmd: python src/featurize.py", "wdir: src\n    cmd: cd .. && python src/featurize.py"
    )
    for old, new in (
        ("- data/clean.csv", "- ../data/clean.csv"),
        ("- data/features.csv", "- ../data/features.csv"),
        ('"src/featurize.py"', '"featurize.py"'),
        ("- featurize.top", "- ../params.yaml:\n          - featurize.top"),
    ):
        text = text.replace(old, new)
    (reading.path / "dvc.yaml").write_text(text)
    reading.commit("In src")
    reading.ok("run", "--force")
    reading.ok("pipeline", "suggest", "--write")
    written = (reading.path / "dvc.yaml").read_text()
    assert "      - common/scaling.py\n" in written
    assert "      - ../conf.yaml:\n" in written


def test_what_dvc_cannot_read_then_is_put_back(reading):
    before = (reading.path / "dvc.yaml").read_text()
    broken = Suggestion("churn", {"dvc.yaml": (before, "stages: [")})
    with opened(reading.path) as project, pytest.raises(CaptureError):
        write(project, broken)
    assert (reading.path / "dvc.yaml").read_text() == before


def test_where_one_file_cannot_be_written_none_is_changed(reading):
    before = (reading.path / "dvc.yaml").read_text()
    (reading.path / "other").mkdir()
    changes = {"dvc.yaml": (before, "stages: {}\n"), "other": ("", "stages: {}\n")}
    with opened(reading.path) as project, pytest.raises(CaptureError, match="Nothing is changed"):
        write(project, Suggestion("churn", changes))
    assert (reading.path / "dvc.yaml").read_text() == before
    assert not [*reading.path.glob(".other*"), *reading.path.glob(".dvc.yaml*")]
