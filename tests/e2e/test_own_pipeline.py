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
JOIN = """\
  join:
    cmd: python -c "open('data/joined.csv', 'w').write(open('data/features.csv').read())"
    deps: [data/features.csv]
    outs: [data/joined.csv]
"""
CODE = "src/scaling.py changed after featurize ran, and DVC does not know it"
COMMAND = ("--", "python", "src/evaluate.py")


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
    """A verdict that is refused: what it says, and the command that makes anew."""
    done = work.lineage("validate", "churn@1", *words)
    assert done.code == 9, (done.out, done.err)
    assert len(work.ok("show", "churn@1")["validations"]) == 1
    return done.err, re.search(r"anew \((dvc [^)]+)\)", done.err)[1].split()


def here(work):
    """What names the pipeline that is here."""
    return "--pipeline", f"churn@{work.ok('pipeline', 'capture')['digest']}"


def test_metrics_of_an_older_pipeline_are_refused_with_what_makes_them_anew(work):
    changed(work)
    said, again = refused(work)
    assert "eval/metrics.json were not measured with the pipeline as it is here: " in said
    assert "the parameter featurize.top of featurize was 20, not 30." in said
    assert again == ["dvc", "repro", "--single-item", "featurize", "evaluate"]
    work.dvc(*again[1:])
    assert work.ok("validate", "churn@1")["metrics"]["auc"] == 0.6


def test_a_run_that_reads_what_an_older_pipeline_made_is_refused(work):
    changed(work)
    said, again = refused(work, *here(work), *COMMAND)
    assert "was not made by the pipeline as it is here: the parameter featurize.top" in said
    assert "Nothing is recorded." in said
    assert again == ["dvc", "repro", "--single-item", "featurize"]
    brought_back = ("--", "sh", "-c", "dvc checkout --quiet; python src/evaluate.py")
    assert refused(work, *here(work), *brought_back)[1] == again
    work.dvc(*again[1:])
    done = work.lineage("validate", "churn@1", *here(work), *COMMAND)
    assert (done.code, "churn@1 failed" in done.out) == (0, True)


def test_what_a_refused_run_wrote_is_stated_of_the_older_pipeline_alone(work):
    work.edit("dvc.yaml", "    metrics:\n      - eval/metrics.json: {cache: false}\n", "")
    changed(work)
    refused(work, *here(work), *COMMAND)
    stated = work.lineage("validate", "churn@1")
    assert (stated.code, "featurize.top of featurize was 20" in stated.err) == (9, True)
    assert "Run what wrote them once more" in stated.err
    work.edit("params.yaml", "top: 30", "top: 20")
    assert work.ok("validate", "churn@1")["passed"] is True
    work.edit("params.yaml", "top: 20", "top: 30")
    work.dvc("repro", "--quiet", "--single-item", "featurize")
    assert work.lineage("validate", "churn@1").code == 9
    assert work.lineage("validate", "churn@1", *here(work), *COMMAND).code == 0
    assert work.ok("validate", "churn@1")["metrics"]["auc"] == 0.6


def test_a_run_that_makes_it_anew_is_none_of_an_older_pipeline(work):
    changed(work)
    words = ["--", "dvc", "repro", "--single-item", "featurize", "evaluate"]
    done = work.lineage("validate", "churn@1", *here(work), *words)
    assert (done.code, "churn@1 failed" in done.out) == (0, True), done.err


@pytest.mark.parametrize("is_run", [False, True])
def test_code_that_dvc_does_not_know_of_is_noted(work, is_run):
    changed(work, what="code")
    words = ("validate", "churn@1", *((*here(work), *COMMAND) if is_run else ()))
    done = work.lineage(*words)
    assert (done.code, "churn@1 passed" in done.out) == (0, True), done.err
    assert f"note: {CODE}" in done.err
    again = re.search(r"make it anew: (dvc .+)", done.err.replace("\n", " "))[1].split()
    assert again[:5] == ["dvc", "repro", "--single-item", "--force", "featurize"]
    work.dvc(*again[1 : 6 - is_run])
    done = work.lineage(*words)
    assert (done.code, "churn@1 failed" in done.out, CODE in done.err) == (0, True, False)


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
    said, again = refused(work)
    assert "data/features.csv is not what evaluate was run with" in said
    work.dvc(*again[1:])
    assert work.lineage("validate", "churn@1").code == 0


@pytest.mark.parametrize(
    ("by", "what"), [("evaluate", "params"), ("python src/evaluate.py", "code")]
)
def test_a_replay_makes_anew_what_is_not_the_deployed_pipelines(work, what, by):
    work.edit("lineage.toml", "metrics =", f'evaluate = "{by}"\nmetrics =')
    work.edit("dvc.yaml", "  evaluate:", JOIN + "  evaluate:")
    work.edit("src/evaluate.py", "data/features.csv", "data/joined.csv")
    work.edit("dvc.yaml", "deps: [data/features.csv, models", "deps: [data/joined.csv, models")
    work.dvc("repro", "--quiet", "join", "evaluate")
    work.commit("What reads of the pipeline")
    changed(work, what=what)
    work.ok("pipeline", "deploy", "churn", "--env", "production")
    before = work.git("status", "--porcelain")
    done = work.lineage("validate", "churn@1", "--in", "production", "--json")
    assert done.code == 0, done.err
    assert (done.json["passed"], done.json["metrics"]["auc"]) == (False, 0.6)
    assert "what featurize, join makes" in done.json["notes"][0]
    assert work.git("status", "--porcelain") == before
    work.edit("src/featurize.py", "open(", "raise SystemExit(3); open(")
    work.commit("Broken")
    work.ok("pipeline", "deploy", "churn", "--env", "production")
    broken = work.lineage("validate", "churn@1", "--in", "production")
    assert broken.code == 9
    assert "could not be made anew (featurize, join)" in broken.err
    assert len(work.ok("show", "churn@1")["validations"]) == 2
