"""Runs that are watched: what they read is kept with the version or the verdict."""

from __future__ import annotations

import json
import platform
import sys

import pytest

from ..conftest import FILE_AND_SERVER, PROJECT

IMPORTED = "import importlib\nimportlib.import_module('gnilacs.nommoc'[::-1])\n"
"""An import that no capture can follow: only a watched run tells what it leads to."""
EVALUATE = """\
import json
from common import scaling
json.dump({"auc": 0.9, "slices": {"new": {"auc": 0.8}}}, open("eval/metrics.json", "w"))
"""


@pytest.fixture
def importing(project):
    """The churn project, whose featurize stage imports a helper that it does not declare.

    A training runs that `stages` leaves out, and DVC reads a file of variables that nothing else
    does.
    """
    project.write({"src/common/scaling.py": "FACTOR = 2\n", "settings.yaml": "seed: 1\n"})
    project.edit("dvc.yaml", "stages:\n", "vars: [settings.yaml]\nstages:\n")
    project.edit("src/train.py", "weights of", "better weights of")
    project.write({"src/featurize.py": IMPORTED + PROJECT["src/featurize.py"]})
    project.commit("Features are scaled")
    return project


def _commit_the_lock(project) -> None:
    project.git("commit", "--quiet", "--all", "--message", "Run")


def _undeclared(run: dict) -> dict[str, dict]:
    return {file["path"]: file for file in run["undeclared"]}


@FILE_AND_SERVER
def test_a_training_is_watched_and_what_nothing_declares_is_kept_with_the_version(importing):
    done = importing.lineage("register", "churn", "--json", "--", "dvc", "repro", "--quiet")
    assert done.code == 0, done.err
    assert "note: the run read src/common/scaling.py, which the pipeline version" in done.err
    (run,) = importing.ok("show", "churn@1")["watched"]
    assert _undeclared(run) == {
        "src/common/scaling.py": {
            "path": "src/common/scaling.py",
            "role": "code",
            "tracked": True,
            "by": ["src/featurize.py"],
        }
    }, "training is left out by `stages`, and DVC itself is no part of the run"
    assert run["run"]["command"] == ["dvc", "repro", "--quiet"]
    assert "src/featurize.py" in run["code"]
    assert {"name": "common.scaling", "path": "src/common/scaling.py"} in run["modules"]
    assert "dvc" in {one["name"] for one in run["distributions"]}
    assert platform.python_version() in {one["version"] for one in run["interpreters"]}
    assert run["complete"], run["gaps"]
    paths = json.dumps([run[key] for key in ("undeclared", "code", "modules")])
    assert str(importing.path) not in paths


@FILE_AND_SERVER
def test_a_validation_is_watched_and_what_it_read_is_kept_with_the_verdict(importing):
    importing.write({"evaluate.py": EVALUATE})
    importing.commit("An evaluation")
    importing.dvc("repro", "--quiet")
    _commit_the_lock(importing)
    importing.ok("register", "churn")
    env = {"PYTHONPATH": "src"}
    done = importing.lineage(
        "validate", "churn@1", "--json", "--", sys.executable, "evaluate.py", env=env
    )
    assert done.code == 0, done.err
    (run,) = done.json["watched"]
    assert list(_undeclared(run)) == ["src/common/scaling.py"], "the command's own words are known"
    (verdict,) = importing.ok("show", "churn@1")["validations"]
    assert verdict["watched"] == [run]
    shown = importing.lineage("show", "churn@1").out
    assert "read src/common/scaling.py (code), which nothing declares" in shown
    python = f"cpython {platform.python_version()} on "
    assert f"    in        {python}" in shown
    assert verdict["environment"]["interpreters"] == [f"cpython {platform.python_version()}"]
    same = importing.lineage("diff", "churn@1", "churn@1").out
    assert "verdict   reached in the same environment" in same
    importing.ok("validate", "churn@1", "--failed")
    assert importing.ok("diff", "churn@1", "churn@1")["environment"]["same"] is None
    text = importing.lineage("diff", "churn@1", "churn@1").out
    assert "the environment of churn@1's newest verdict is not known: it was stated" in text
    assert "    in        an environment that nobody observed" in (
        importing.lineage("show", "churn@1").out
    )


@pytest.mark.parametrize(
    "command",
    [["{python}", "{top}/evaluate.py"], ["{python}", "-m", "evaluate"], ["./evaluate.py"]],
    ids=["whole path", "module", "program"],
)
def test_what_the_command_names_is_known_however_it_is_named(importing, command):
    importing.write({"evaluate.py": f"#!{sys.executable}\nraise SystemExit(1)\n"})
    (importing.path / "evaluate.py").chmod(0o755)
    importing.commit("An evaluation")
    importing.ok("register", "churn", "--kind", "experiment")
    words = [word.format(python=sys.executable, top=importing.path) for word in command]
    done = importing.lineage("validate", "churn@1", "--json", "--", *words)
    assert done.code == 0, done.err
    (run,) = done.json["watched"]
    assert run["undeclared"] == []


@FILE_AND_SERVER
def test_stages_are_run_and_the_registration_that_follows_finds_what_they_read(importing):
    done = importing.ok("run")
    assert done["kept"] is True
    _commit_the_lock(importing)
    importing.ok("register", "churn")
    (run,) = importing.ok("show", "churn@1")["watched"]
    assert _undeclared(run).keys() == {"src/common/scaling.py"}
    assert run["run"]["command"][1:] == ["--cd", str(importing.path), "repro"]
    importing.ok("register", "churn")
    assert len(importing.ok("show", "churn@1")["watched"]) == 1, "the same run is kept once"
    importing.ok("validate", "churn@1")
    (verdict,) = importing.ok("show", "churn@1")["validations"]
    assert [one["digest"] for one in verdict["watched"]] == [run["digest"]]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("src/common/scaling.py", "2", "3"),
        ("params.yaml", "20", "21"),
    ],
)
def test_what_was_observed_of_other_files_is_not_used(importing, file, old, new):
    importing.ok("run")
    importing.edit(file, old, new)
    importing.dvc("repro", "--quiet")
    importing.commit("Changed since")
    importing.ok("register", "churn")
    assert importing.ok("show", "churn@1")["watched"] == []


def test_one_stage_is_run_where_it_is_named_and_nothing_is_kept_where_none_ran(importing):
    importing.ok("run")
    unchanged = importing.lineage("run")
    assert unchanged.code == 0
    assert "No stage ran" in unchanged.out
    assert importing.ok("run", "featurize")["kept"] is False
    forced = importing.lineage("run", "featurize", "--force")
    assert forced.code == 0, forced.err
    assert "read src/common/scaling.py (code), which nothing declares" in forced.out


def test_stages_that_fail_are_reported_and_leave_nothing(project):
    project.write({"src/featurize.py": "raise SystemExit(3)\n"})
    done = project.lineage("run")
    assert (done.code, "dvc repro ended with exit status" in done.err) == (9, True)
    unknown = project.lineage("run", "no-such-stage")
    assert unknown.code == 9
    assert not (project.path / ".lineage/runs").exists()


def test_files_beside_the_pipeline_are_listed_in_the_configuration(importing):
    importing.edit(
        "lineage.toml", 'stages = ["prepare"', 'besides = ["src/common/*"]\nstages = ["prepare"'
    )
    importing.commit("Beside it")
    done = importing.lineage("register", "churn", "--json", "--", "dvc", "repro", "--quiet")
    assert (done.code, "which the pipeline version" in done.err) == (0, False)
    assert importing.ok("show", "churn@1")["watched"][0]["undeclared"] == []


def test_where_the_watching_fails_the_run_goes_on_and_the_failure_is_kept(importing, tmp_path):
    odd = tmp_path / "a:b"
    odd.mkdir()
    done = importing.lineage(
        "register", "churn", "--json", "--", "dvc", "repro", "--quiet", env={"TMPDIR": str(odd)}
    )
    assert done.code == 0, done.err
    assert "note: the run itself is not touched, but watching failed" in done.err
    (run,) = importing.ok("show", "churn@1")["watched"]
    assert run["complete"] is False
    assert "no folder for the records" in run["gaps"][0]


def test_secrets_and_environment_values_are_in_no_record(importing):
    words = [sys.executable, "-c", "import os; os.environ['SECRET']", "--password=hunter2"]
    done = importing.lineage(
        "register", "churn", "--kind", "experiment", "--json", "--", *words,
        env={"SECRET": "hunter3"},
    )  # fmt: skip
    assert done.code == 0, done.err
    database = (importing.path / ".lineage/registry.db").read_bytes()
    assert b"hunter" not in database
    assert b"=\xe2\x80\xa6" in database, "the secret's place is marked"


# the accident


def test_what_runs_read_is_demanded_in_production_and_the_remedy_mends_it(importing):
    importing.ok("run")
    _commit_the_lock(importing)
    importing.ok("register", "churn")
    importing.ok("validate", "churn@1")
    refused = importing.lineage("pipeline", "deploy", "--env", "production", "--json")
    assert refused.code == 0, "nothing serves yet"
    refused = importing.lineage("promote", "churn@1", "--env", "production", "--json")
    assert refused.code == 3
    (check,) = [one for one in refused.json["checks"] if one["status"] == "fail"]
    assert check["code"] == "pipeline-complete"
    assert check["details"]["add"] == [
        {"stage": "featurize", "key": "deps", "paths": ["src/common/scaling.py"]}
    ]
    importing.edit("dvc.yaml", "src/featurize.py]", "src/featurize.py, src/common/scaling.py]")
    importing.ok("run", "--force")
    importing.commit("The scaling is declared")
    importing.ok("register", "churn")
    importing.ok("validate", "churn@2")
    importing.ok("pipeline", "deploy", "--env", "production")
    importing.ok("promote", "churn@2", "--env", "production")
    decision = importing.ok("guard", "churn@2", "--env", "production")
    statuses = {check["code"]: check["status"] for check in decision["checks"]}
    assert (statuses["pipeline-complete"], statuses["pipeline-clean"]) == ("pass", "pass")
