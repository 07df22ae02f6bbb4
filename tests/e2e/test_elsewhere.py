"""A verdict on somebody's word is on what is here, or says that it was made elsewhere."""

from __future__ import annotations

import json

import pytest

import lineage
from lineage.errors import CaptureError
from tests.conftest import FILE_AND_SERVER


def _two(project) -> None:
    project.ok("register", "churn")
    first = project.git("rev-parse", "HEAD").strip()
    project.write(
        {"src/featurize.py": "print('two')\n" + (project.path / "src/featurize.py").read_text()}
    )
    project.commit("two")
    project.dvc("repro", "--quiet", "--force")
    project.write({"models/model.bin": "weights two"})
    project.dvc("commit", "--quiet", "--force")
    project.commit("trained")
    project.ok("register", "churn")
    project.ok("validate", "churn@2", "--failed")
    project.git("checkout", "--quiet", first)
    project.dvc("checkout", "--quiet", "--force")


@pytest.fixture
def copied(made_in_place):
    return made_in_place(_two)


@pytest.fixture
def two(project):
    """Two versions: the second has other weights and another pipeline, and failed."""
    return project


@FILE_AND_SERVER
def test_a_job_that_is_run_again_records_nothing_for_a_newer_version(two):
    done = two.lineage("validate", "churn@latest", "--passed")
    assert done.code == 9
    assert "The weights here (models/model.bin) are not those of churn@2." in done.err
    assert "lineage pull churn@2 --out models" in done.err
    assert "lineage validate churn@2 --elsewhere" in done.err
    assert [row["passed"] for row in two.ok("show", "churn@2")["validations"]] == [False]
    assert two.ok("validate", "churn@1", "--passed")["elsewhere"] is False


@FILE_AND_SERVER
def test_what_was_validated_elsewhere_says_so_everywhere(two):
    done = two.ok("validate", "churn@2", "--passed", "--elsewhere")
    assert done["elsewhere"] is True
    shown = two.ok("show", "churn@2")["validations"]
    assert [row["elsewhere"] for row in shown] == [True, False]
    assert ", elsewhere" in two.lineage("show", "churn@2").out
    event = two.ok("log", "churn@2")[0]
    assert event["payload"]["elsewhere"] is True
    two.ok("pipeline", "deploy", "churn", "--env", "production")
    asked = two.lineage("guard", "churn@2", "--env", "production", "--json")
    checks = {check["code"]: check for check in json.loads(asked.out)["checks"]}
    assert ", validated elsewhere, as stated" in checks["validated"]["summary"]


def test_a_failure_needs_nothing_here(two):
    assert two.ok("validate", "churn@2", "--failed")["elsewhere"] is False


def test_metrics_that_were_measured_here_of_others_are_not_a_versions(two):
    program = "import json; json.dump({'auc': 0.99}, open('eval/metrics.json', 'w'))"
    assert two.lineage("validate", "churn@1", "--", "python", "-c", program).code == 0
    words = ("validate", "churn@2", "--elsewhere", "--passed")
    done = two.lineage(*words)
    assert (done.code, "are not of the weights of churn@2" in done.err) == (9, True)
    assert "lineage validate churn@2 --metrics FILE --elsewhere --passed" in done.err
    two.write({"theirs.json": '{"auc": 0.5}'})
    assert two.ok(*words, "--metrics", "theirs.json")["metrics"] == {"auc": 0.5}
    failed = two.ok("validate", "churn@2", "--failed")
    assert failed["metrics"] is None
    assert "they are not recorded" in failed["notes"][-1]
    named = two.lineage("validate", "churn@2", "--failed", "--metrics", "eval/metrics.json")
    assert named.code == 9


def test_what_a_run_wrote_besides_is_not_of_other_weights_either(two):
    program = (
        "import json, os; json.dump({'auc': 0.99}, open('eval/metrics.json', 'w')); "
        "json.dump({'f1': 0.9}, open('f1.json', 'w')); os.makedirs('shap', exist_ok=True); "
        "open('shap/a.csv', 'w').write('fare\\n1\\n')"
    )
    named = ("--metrics", "eval/metrics.json", "--metrics", "f1.json", "--attributions", "shap")
    done = two.lineage("validate", "churn@1", *named, "--", "python", "-c", program)
    assert done.code == 0, done.err
    two.write({"theirs.json": '{"auc": 0.5}'})
    words = ("validate", "churn@2", "--elsewhere", "--passed", "--metrics", "theirs.json")
    for more, path in (
        (("--metrics", "f1.json"), "f1.json"),
        (("--attributions", "shap"), "shap"),
    ):
        done = two.lineage(*words, *more)
        assert (done.code, f"{path} are not of the weights of churn@2" in done.err) == (9, True)


def test_weights_that_are_not_here_are_not_vouched_for(two):
    (two.path / "models/model.bin").unlink()
    done = two.lineage("validate", "churn@1", "--passed")
    assert done.code == 9
    assert "The weights of churn@1 (models/model.bin) are not here." in done.err
    two.ok("validate", "churn@1", "--passed", "--elsewhere")


def test_a_pipeline_that_is_named_is_the_one_here(two):
    here = two.ok("pipeline", "capture")["digest"]
    other = two.ok("show", "churn@2")["pipeline"]
    assert here != other
    assert two.ok("validate", "churn@1", "--passed", "--pipeline", here)["passed"]
    done = two.lineage("validate", "churn@1", "--passed", "--pipeline", other)
    assert done.code == 9
    assert "The pipeline here is" in done.err
    assert f"lineage validate churn@1 --pipeline {other} --elsewhere" in done.err
    two.ok("validate", "churn@1", "--passed", "--pipeline", other, "--elsewhere")


def test_a_verdict_on_another_pipeline_than_the_versions_own_says_so(two):
    two.write({"src/prepare.py": "X = 1\n" + (two.path / "src/prepare.py").read_text()})
    done = two.lineage("validate", "churn@1", "--passed")
    assert done.code == 0
    assert "is not the one that churn@1 was registered with" in done.err
    (note,) = two.ok("validate", "churn@1", "--passed")["notes"]
    assert "the verdict is on the one here" in note
    two.git("checkout", "--quiet", ".")
    assert two.ok("validate", "churn@1", "--passed")["notes"] == []


def test_elsewhere_goes_with_no_command_that_is_run_here(two):
    done = two.lineage("validate", "churn@1", "--elsewhere", "--", "true")
    assert done.code == 2
    assert "--elsewhere" in done.err


def test_a_notebook_says_it_too(two, monkeypatch):
    monkeypatch.chdir(two.path)
    monkeypatch.setenv("LINEAGE_ACTOR", "ann@example.com")
    with pytest.raises(CaptureError, match="are not those of churn@2"):
        lineage.validate("churn@2", passed=True)
    assert lineage.validate("churn@2", passed=True, elsewhere=True)["elsewhere"] is True
