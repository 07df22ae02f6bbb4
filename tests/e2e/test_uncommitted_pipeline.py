"""Production runs no pipeline that nobody can check out."""

from __future__ import annotations

import json

import pytest

from tests.conftest import FILE_AND_SERVER


@pytest.fixture
def hot_fixed(project):
    """A version serves; its pipeline was changed since, and nothing committed."""
    project.ok("register", "churn")
    project.ok("validate", "churn@1", "--passed")
    project.ok("pipeline", "deploy", "churn", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    project.write(
        {
            "src/featurize.py": "# hot fix at three\nX = 1\n"
            + (project.path / "src/featurize.py").read_text()
        }
    )
    project.ok("validate", "churn@1", "--passed")
    return project


def _check(project, *words):
    asked = project.lineage("guard", "churn@1", "--env", "production", *words, "--json")
    checks = {check["code"]: check for check in json.loads(asked.out)["checks"]}
    return checks["pipeline-clean"]


@FILE_AND_SERVER
def test_a_deployment_from_an_uncommitted_tree_is_refused_until_it_is_committed(hot_fixed):
    assert _check(hot_fixed)["status"] == "pass"
    assert _check(hot_fixed, "--working-tree")["status"] == "fail"
    refused = hot_fixed.lineage("pipeline", "deploy", "churn", "--env", "production")
    assert refused.code == 3
    assert "uncommitted changes" in refused.err + refused.out
    hot_fixed.commit("The hot fix")
    deployed = hot_fixed.ok("pipeline", "deploy", "churn", "--env", "production")
    assert deployed["changed"]
    check = _check(hot_fixed)
    commit = hot_fixed.git("rev-parse", "HEAD").strip()
    assert (check["status"], check["details"]["commit"]) == ("pass", commit)
    shown = hot_fixed.ok("pipeline", "show", deployed["pipeline"]["digest"])
    assert (shown["commit"], shown["dirty"]) == (commit, False)


def test_an_environment_without_models_takes_it_and_models_do_not_follow(project):
    project.ok("register", "churn")
    project.write({"src/featurize.py": "X = 1\n" + (project.path / "src/featurize.py").read_text()})
    deployed = project.lineage("pipeline", "deploy", "churn", "--env", "production")
    assert deployed.code == 0
    assert "uncommitted changes" in deployed.err
    project.ok("validate", "churn@1", "--passed")
    assert _check(project)["status"] == "fail"
    assert project.lineage("promote", "churn@1", "--env", "production").code == 3


def test_a_project_outside_git_is_held_by_no_commit(project, tmp_path):
    import shutil

    away = tmp_path / "away"
    shutil.copytree(project.path, away, ignore=shutil.ignore_patterns(".git"))
    outside = type(project)(away)
    captured = outside.ok("pipeline", "capture")
    assert (captured["commit"], captured["dirty"]) == (None, True)
