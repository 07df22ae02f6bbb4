"""The accident that no dependency names: an imported helper changes, and nothing else does."""

from __future__ import annotations

import pytest

HELPER = "src/common/scaling.py"


@pytest.fixture
def serving(project):
    """churn serves, and its featurize stage imports a helper that dvc.yaml does not name."""
    project.write({HELPER: "def scaled(text):\n    return text * 2\n"})
    project.edit(
        "src/featurize.py",
        "open('data/features.csv', 'w').write(open('data/clean.csv').read() * 2)",
        "from common.scaling import scaled\n"
        "open('data/features.csv', 'w').write(scaled(open('data/clean.csv').read()))",
    )
    project.dvc("repro", "--quiet")
    project.commit("Scale in a module of its own")
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    return project


def test_an_imported_helper_that_changes_is_refused_with_the_line(serving):
    serving.edit(HELPER, "* 2", "* 3")
    serving.dvc("repro", "--quiet", "--force")
    serving.commit("Another scale")
    serving.ok("register", "churn")
    serving.ok("validate", "churn@2")
    refused = serving.lineage("promote", "churn@2", "--env", "production")
    assert refused.code == 3
    assert f"featurize: {HELPER} changed" in refused.out
    assert "text * 3" in refused.out
    gate = serving.lineage("guard", "churn@1", "--env", "production", "--working-tree", "--json")
    assert (gate.code, gate.json["allowed"]) == (3, False)


def test_a_capture_says_how_each_file_came_in_and_what_it_cannot_see(serving):
    captured = serving.ok("pipeline", "capture")
    assert HELPER in captured["manifest"]["stages"]["featurize"]["code"]
    assert captured["unseen"] == []
    assert captured["why"]["featurize"][HELPER].startswith(f"{HELPER} ← src/featurize.py:1")
    shown = serving.lineage("pipeline", "capture", "--why")
    assert f"featurize: {HELPER} ← src/featurize.py:1" in shown.out

    serving.edit("src/featurize.py", "open(", "__import__(input())\nopen(")
    (unseen,) = serving.ok("pipeline", "capture")["unseen"]
    assert (unseen["stage"], unseen["where"]) == ("featurize", "src/featurize.py:2")
    assert unseen["what"] == "computed import"
    assert "unseen  featurize: src/featurize.py:2" in serving.lineage("pipeline", "capture").out


def test_declared_dependencies_alone_are_captured_where_imports_are_switched_off(serving):
    before = serving.ok("pipeline", "capture")
    serving.edit(
        "lineage.toml", "[models.churn.pipeline]", "[models.churn.pipeline]\nimports = false"
    )
    declared = serving.ok("pipeline", "capture")
    assert HELPER not in declared["manifest"]["stages"]["featurize"]["code"]
    assert declared["digest"] != before["digest"]
