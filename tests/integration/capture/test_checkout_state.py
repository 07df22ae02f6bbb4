"""What counts as a change of the user's own checkout."""

from __future__ import annotations

import os

import pytest

from lineage.capture.checkout_state import CheckoutState
from lineage.capture.project import Project


@pytest.fixture
def state(repository):
    """A repository with a file of each sort, and what gives its state."""
    repository.write({"a.txt": "a", "edited.txt": "a", "data.dvc": "outs:\n- path: data\n"})
    repository.write({".gitignore": "/data\n*.log\n"})
    repository.commit()
    repository.write({"edited.txt": "b", "new.txt": "", "data/x.csv": "1", "run.log": ""})
    project = Project.find(repository.path)
    yield repository, lambda: CheckoutState.of(project)
    project.repository.close()


@pytest.mark.parametrize(
    "path", ["a.txt", "edited.txt", "new.txt", "data/x.csv", "data/y.csv", "b.txt"]
)
def test_a_file_that_is_written_is_named(state, path):
    work, look = state
    before = look()
    (work.path / path).write_text("other text")
    assert before.changed(look()) == [path]


@pytest.mark.parametrize("path", ["a.txt", "edited.txt", "new.txt", "data/x.csv"])
def test_a_file_that_is_removed_is_named(state, path):
    work, look = state
    before = look()
    (work.path / path).unlink()
    assert before.changed(look()) == [path]


def test_what_is_ignored_or_only_touched_is_no_change(state):
    work, look = state
    before = look()
    (work.path / "run.log").write_text("more")
    os.utime(work.path / "a.txt")
    assert before.changed(look()) == []


def test_another_commit_is_a_change(state):
    work, look = state
    before = look()
    work.git("commit", "--quiet", "--allow-empty", "--message", "Empty")
    assert before.changed(look()) == ["the commit that is checked out"]
