"""Whose settings count in a replay: the commit's, and what it lacks from the user's checkout."""

from __future__ import annotations

import pytest

from lineage.capture.project import Project
from lineage.errors import CaptureError, UsageError
from lineage.workflows.worktree_project import WorktreeProject

HERE = """\
[models.churn]
weights = "here.bin"
evaluate = "python here.py"
metrics = "here.json"
require = ["auc >= 0.9"]

[models.churn.pipeline]
name = "shared"
files = ["here.lock"]
"""
THERE = """\
[models.other]
weights = "other.bin"

[models.other.pipeline]
name = "shared"
files = ["there.lock"]
"""


@pytest.fixture
def there(repository, tmp_path):
    """The project of a worktree whose configuration is given."""

    def make(text: str | None, here: str = HERE, *, model: str = "churn") -> WorktreeProject:
        repository.write({"lineage.toml": here})
        top = tmp_path / "worktree"
        top.mkdir()
        if text is not None:
            (top / "lineage.toml").write_text(text)
        return WorktreeProject(top, Project.find(repository.path), model)

    return make


def test_what_the_commit_says_goes_before_what_is_said_here(there):
    table = there('[models.churn]\nweights = "there.bin"\nrequire = ["auc >= 0.5"]\n').config.model(
        "churn"
    )
    assert (table.weights, table.evaluate, table.metrics) == (
        "there.bin",
        "python here.py",
        "here.json",
    )
    assert table.require == ["auc >= 0.9"], (
        "a verdict of today is held to the requirements of today"
    )
    assert table.pipeline.name is None


def test_a_model_that_the_commit_does_not_know_rides_on_its_pipeline(there):
    config = there(THERE).config
    assert config.pipelines()["shared"].files == ["there.lock"]
    assert config.model("churn").evaluate == "python here.py"


def test_a_commit_without_a_configuration_has_the_one_of_here(there):
    assert there(None).config.model("churn").pipeline.files == ["here.lock"]


@pytest.mark.parametrize(
    ("configured", "recorded", "place"),
    [
        ("there.bin", "old/model.bin", "there.bin"),
        (None, "old/model.bin", "old/model.bin"),
        (None, "/elsewhere/model.bin", None),
        ("../model.bin", "model.bin", None),
        (".", "model.bin", None),
        ("link/model.bin", "model.bin", None),
    ],
)
def test_weights_belong_where_they_are_configured_else_where_they_were(
    there, configured, recorded, place
):
    text = f'[models.churn]\nweights = "{configured}"\n' if configured else ""
    project = there(text, here="")
    (project.top / "link").symlink_to("/tmp")
    version = {"ref": "churn@7", "components": {"weights": {"path": recorded}}}
    if place is None:
        with pytest.raises(
            CaptureError, match="where the weights of churn@7 belong, is not in the"
        ):
            project.weights_place(version)
    else:
        assert project.weights_place(version) == project.top / place


def test_a_command_that_cannot_be_split_is_told_by_its_key(there):
    project = there('[models.churn]\nevaluate = "python \\"x"\n')
    with pytest.raises(
        UsageError, match=r"evaluate under \[models.churn\] .* no closing quotation"
    ):
        project.evaluation(project.dvc(_no_git(project)), (), project.top / "there.bin")


def test_a_stage_is_told_from_a_command_and_by_what_it_makes(there):
    project = there('[models.churn]\nevaluate = "measure"\n')
    (project.top / "dvc.yaml").write_text(
        "stages: {measure: {foreach: [a, b], do: {cmd: 'm ${item}', deps: [there.bin], "
        "outs: ['${item}.json']}}}"
    )
    found = project.evaluation(project.dvc(_no_git(project)), (), project.top / "there.bin")
    assert (found.stages, found.makes) == (("measure@a", "measure@b"), ("a.json", "b.json"))
    assert found.command[-7:-2] == (
        *("repro", "--single-item", "--force", "--no-run-cache", "--no-commit"),
    )
    assert found.folder == project.top


WAY = """\
stages:
  measure: {cmd: m, deps: [b.csv, a.csv, truth.csv], outs: [m.json]}
  last: {cmd: l, deps: [a.csv], outs: [b.csv]}
  first: {cmd: f, deps: [there.bin, truth.csv], outs: [a.csv]}
  truth: {cmd: t, outs: [truth.csv]}
  train: {cmd: t, deps: [truth.csv], outs: [there.bin]}
  beside: {cmd: s, deps: [a.csv], outs: [s.json]}
"""


def test_every_stage_between_the_weights_and_the_named_one_is_run_in_order(there):
    project = there('[models.churn]\nevaluate = "measure"\n')
    (project.top / "dvc.yaml").write_text(WAY)
    found = project.evaluation(project.dvc(_no_git(project)), (), project.top / "there.bin")
    assert found.stages == ("first", "last", "measure")
    assert found.command[-3:] == found.stages
    assert found.makes == ("a.csv", "b.csv", "m.json")


def test_a_stage_to_which_nothing_leads_from_the_weights_is_refused(there):
    project = there('[models.churn]\nevaluate = "truth"\n')
    (project.top / "dvc.yaml").write_text(WAY)
    with pytest.raises(CaptureError, match=r"truth reads neither there.bin nor what is made"):
        project.evaluation(project.dvc(_no_git(project)), (), project.top / "there.bin")


def test_stages_in_a_circle_are_told(there):
    project = there('[models.churn]\nevaluate = "measure"\n')
    (project.top / "dvc.yaml").write_text(WAY.replace("[there.bin, truth.csv]", "[b.csv]"))
    with pytest.raises(CaptureError, match="in a circle"):
        project.evaluation(project.dvc(_no_git(project)), (), project.top / "there.bin")


def _no_git(project):
    from lineage.capture.source import WorkingTree

    return WorkingTree(project.top, None)


def test_a_folder_that_the_commit_does_not_have_is_told(repository, tmp_path):
    repository.write({"sub/lineage.toml": HERE})
    own = Project.find(repository.path / "sub")
    (tmp_path / "worktree").mkdir()
    with pytest.raises(CaptureError, match="The commit has no folder sub, in which"):
        WorktreeProject(tmp_path / "worktree", own, "churn")
