"""A verdict is on what the pipeline makes, not on what an older one had made."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.support.once import made_once

from ..conftest import PROJECT, Workspace

STAGE = """\
  evaluate:
    cmd: python src/evaluate.py
    deps: [data/features.csv, models/model.bin, src/evaluate.py]
    metrics:
      - eval/metrics.json: {cache: false}
"""
FEATURIZE = """\
import ruamel.yaml
from scaling import scaled
top = ruamel.yaml.YAML(typ="safe").load(open("params.yaml"))["featurize"]["top"]
open("data/features.csv", "w").write(scaled(open("data/clean.csv").read()) * top)
"""
SCALING = "def scaled(text):\n    return text\n"
EVALUATE = """\
import json
rows = open("data/features.csv").read()
auc = 0.9 if rows == "a,b\\n1,2\\n" * 20 else 0.6
json.dump({"auc": auc, "slices": {"new": {"auc": 0.8}}}, open("eval/metrics.json", "w"))
"""
OF_THE_MODEL = "import json; json.dump({'auc': 0.9, 'slices': {'new': {'auc': 0.8}}}, open('eval/metrics.json', 'w'))"
BOTH = " -- dvc repro --single-item --force featurize evaluate"


@pytest.fixture(scope="module")
def template(shared_folder, project_template):
    return made_once(shared_folder, "own-pipeline", lambda into: _make(into, project_template))


def _make(folder, project_template):
    shutil.copytree(project_template, folder, symlinks=True, dirs_exist_ok=True)
    made = Workspace(folder)
    made.write(
        {
            "dvc.yaml": PROJECT["dvc.yaml"] + STAGE,
            "src/featurize.py": FEATURIZE,
            "src/scaling.py": SCALING,
            "src/evaluate.py": EVALUATE,
            "src/.gitignore": "__pycache__\n",
        }
    )
    made.git("rm", "--quiet", "--cached", "eval/metrics.json")
    made.dvc("repro", "--quiet")
    made.commit("Made")
    made.ok("register", "churn")
    made.ok("validate", "churn@1")


@pytest.fixture
def work(template, tmp_path):
    target = tmp_path / "churn"
    shutil.copytree(template, target, symlinks=True)
    return Workspace(target)


def changed(work, *, what="params"):
    """The pipeline changes, and nobody runs it."""
    if what == "params":
        work.edit("params.yaml", "top: 20", "top: 30")
    else:
        work.edit("src/scaling.py", "return text", "return text.upper()")
    work.commit("Another pipeline")


def refused(work, *words):
    """A verdict that is refused: what it says, and the commands that it names."""
    done = work.lineage("validate", "churn@1", *words)
    assert done.code == 9, (done.out, done.err)
    assert len(work.ok("show", "churn@1")["validations"]) == 1
    remedy = done.err.split("Make it anew", 1)[1].split("; or ")[0]
    return done.err, [one.split() for one in re.findall(r"lineage ([^()\n]+)", remedy)]


def here(work):
    """What names the pipeline that is here."""
    return "--pipeline", f"churn@{work.ok('pipeline', 'capture')['digest']}"


SAID = {
    "params": "the parameter featurize.top of featurize was 20, not 30",
    "code": "src/scaling.py changed after featurize ran",
}
COMMAND = ("--", "python", "src/evaluate.py")


@pytest.mark.parametrize("what", SAID)
def test_metrics_of_an_older_pipeline_are_refused_with_what_makes_them_anew(work, what):
    changed(work, what=what)
    said, (again,) = refused(work)
    assert "eval/metrics.json were not measured with the pipeline as it is here" in said
    assert SAID[what] in said
    assert " ".join(again).endswith(BOTH)
    done = work.lineage(*again)
    assert (done.code, "churn@1 failed" in done.out) == (0, True)
    assert work.ok("show", "churn@1")["validations"][0]["metrics"]["auc"] == 0.6


@pytest.mark.parametrize("what", SAID)
def test_a_run_that_reads_what_an_older_pipeline_made_is_refused(work, what):
    changed(work, what=what)
    said, (again,) = refused(work, *here(work), *COMMAND)
    assert f"was not made by the pipeline as it is here: {SAID[what]}. Nothing" in said
    assert " ".join(again).endswith(BOTH)
    work.edit("lineage.toml", "metrics =", 'evaluate = "python src/evaluate.py"\nmetrics =')
    _, commands = refused(work, *here(work), *COMMAND)
    assert [words[0] for words in commands] == ["run", "validate"]
    for words in commands:
        assert work.lineage(*words).code == 0
    assert work.ok("show", "churn@1")["validations"][0]["metrics"]["auc"] == 0.6


def test_code_that_makes_the_same_is_run_once_more(work):
    work.edit("lineage.toml", "metrics =", 'evaluate = "python src/evaluate.py"\nmetrics =')
    work.edit("src/scaling.py", "return text", "return text[:]")
    work.commit("The same")
    said, commands = refused(work, *here(work), *COMMAND)
    assert SAID["code"] in said
    for words in commands:
        done = work.lineage(*words)
        assert done.code == 0, done.err
    assert work.git("status", "--porcelain") == ""
    assert work.ok("show", "churn@1")["validations"][0]["passed"] is True


def test_what_the_evaluation_does_not_read_may_be_of_any_pipeline(work):
    changed(work)
    words = ("validate", "churn@1", *here(work), "--", "python", "-c", OF_THE_MODEL)
    done = work.lineage(*words)
    assert (done.code, "churn@1 passed" in done.out) == (0, True), done.err
    assert work.lineage("validate", "churn@1", "--failed").code == 0


def test_a_training_that_changed_is_none_of_the_pipelines(work):
    work.edit("src/train.py", "'weights of '", "'other weights of '")
    work.commit("Another training")
    assert work.ok("validate", "churn@1")["passed"] is True


def test_features_that_were_made_since_the_metrics_are_told(work):
    changed(work)
    work.dvc("repro", "--quiet", "--single-item", "featurize")
    work.commit("Made anew")
    said, (again,) = refused(work)
    assert "data/features.csv is not what evaluate was run with" in said
    assert work.lineage(*again).code == 0


@pytest.mark.parametrize(("by", "what"), [("stage", "params"), ("command", "code")])
def test_a_replay_makes_anew_what_is_not_the_deployed_pipelines(work, what, by):
    evaluate = {"stage": "evaluate", "command": "python src/evaluate.py"}[by]
    work.edit("lineage.toml", "metrics =", f'evaluate = "{evaluate}"\nmetrics =')
    changed(work, what=what)
    work.ok("pipeline", "deploy", "churn", "--env", "production")
    before = work.git("status", "--porcelain")
    done = work.lineage("validate", "churn@1", "--in", "production", "--json")
    assert done.code == 0, done.err
    assert (done.json["passed"], done.json["metrics"]["auc"]) == (False, 0.6)
    assert work.git("status", "--porcelain") == before
    work.edit("src/featurize.py", "open(", "raise SystemExit(3); open(")
    work.commit("Broken")
    work.ok("pipeline", "deploy", "churn", "--env", "production")
    broken = work.lineage("validate", "churn@1", "--in", "production")
    assert broken.code == 9
    assert "featurize made was recorded with another pipeline" in broken.err
    assert len(work.ok("show", "churn@1")["validations"]) == 2
