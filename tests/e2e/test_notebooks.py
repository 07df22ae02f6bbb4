"""A notebook among a pipeline's code: its cells count, a run of it does not."""

from __future__ import annotations

import json

import pytest

NOTEBOOK = "notes.ipynb"


def _notebook(*sources: str, outputs: str = "") -> str:
    cells = [
        {
            "cell_type": "code",
            "source": source,
            "outputs": [{"text": outputs}] if outputs else [],
            "execution_count": 1 if outputs else None,
            "metadata": {},
        }
        for source in sources
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def serving(project):
    """churn serves; its featurize stage depends on a notebook."""
    project.write({NOTEBOOK: _notebook("x = 1", "y = x * 2"), "eval/helper.py": "Z = 1\n"})
    project.edit("dvc.yaml", "src/featurize.py]", f"src/featurize.py, {NOTEBOOK}]")
    project.dvc("repro", "--quiet")
    project.commit("A notebook")
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    return project


def _gate(project):
    words = ("guard", "churn@production", "--env", "production", "--working-tree", "--json")
    decided = project.lineage(*words)
    return decided.code, next(c for c in decided.json["checks"] if c["code"] == "pipeline-match")


def test_running_it_again_changes_nothing(serving):
    serving.write({NOTEBOOK: _notebook("x = 1", "y = x * 2", outputs="2" * (2 << 20))})
    assert _gate(serving)[0] == 0


def test_a_changed_cell_is_refused_with_its_lines(serving):
    serving.write({NOTEBOOK: _notebook("x = 1", "y = x * 3", outputs="3" * (2 << 20))})
    code, check = _gate(serving)
    assert code == 3
    (diff,) = check["details"]["diffs"]
    assert "-y = x * 2" in diff["lines"]
    assert "+y = x * 3" in diff["lines"]
    assert not any("outputs" in line for line in diff["lines"])
    assert check["details"]["places"] == [{"path": NOTEBOOK, "line": None}]
    assert check["details"]["carry_over"] is None


def test_a_comment_in_a_cell_is_carried_over(serving):
    serving.write({NOTEBOOK: _notebook("x = 1  # one", "y = x*2", outputs="2")})
    code, check = _gate(serving)
    assert (code, check["details"]["carry_over"]) == (3, "lineage validate churn@1 --carry-over")
    serving.ok("validate", "churn@1", "--carry-over")
    serving.commit("A comment")
    assert _gate(serving)[0] == 0


def test_an_import_in_a_cell_is_followed(serving):
    serving.write({NOTEBOOK: _notebook("x = 1", "from eval import helper")})
    captured = serving.ok("pipeline", "capture")
    way = captured["why"]["featurize"]["eval/helper.py"]
    assert way == f"eval/helper.py ← {NOTEBOOK} cell 2:1 ← declared"
