"""What a killed replay leaves behind is taken away by the next one, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lineage.capture import worktree_leftovers
from lineage.capture.git import GitRepository
from lineage.capture.git_worktree import PREFIX, temporary_worktree

HOLDING = """
import sys, time
from pathlib import Path
from lineage.capture.git import GitRepository
from lineage.capture.git_worktree import temporary_worktree
git = GitRepository(Path(sys.argv[1]))
with temporary_worktree(git, sys.argv[2]) as folder:
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield place
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def committed(repository):
    repository.write({"a.txt": "a\n"})
    return repository, repository.commit("one")


def _holding(repository, commit):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, repository.path, commit], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def _make_another(repository, commit) -> Path:
    with temporary_worktree(GitRepository(repository.path), commit) as folder:
        assert (folder / "a.txt").is_file()
    return folder


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_stays(committed, temporary):
    repository, commit = committed
    living, used = _holding(repository, commit)
    dead, left = _holding(repository, commit)
    os.kill(dead.pid, signal.SIGKILL)
    dead.wait(10)
    try:
        assert left.is_dir()
        _make_another(repository, commit)
        assert not left.exists()
        assert (used / "a.txt").is_file()
        assert len(repository.git("worktree", "list").splitlines()) == 2
    finally:
        living.kill()
        living.wait(10)
    _make_another(repository, commit)
    assert list(temporary.iterdir()) == []
    assert len(repository.git("worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("kind", ["elsewhere", "another name", "a link", "points elsewhere", "up"])
def test_a_repository_does_not_decide_what_is_deleted(kind, committed, temporary, tmp_path):
    """Its notes are files like others: a hostile one may say anything."""
    repository, commit = committed
    precious = tmp_path / "home"
    if kind == "another name":
        precious = temporary / "home"
    elif kind in ("points elsewhere", "up"):
        precious = temporary / f"{PREFIX}home"
    precious.mkdir()
    (precious / "letter").write_text("dear")
    note = repository.path / ".git/worktrees" / f"{PREFIX}x"
    note.mkdir(parents=True)
    (note / worktree_leftovers.LOCK).touch()
    told = precious
    if kind == "a link":
        told = temporary / f"{PREFIX}link"
        told.symlink_to(precious)
    if kind == "up":
        told = temporary / f"{PREFIX}x" / ".." / precious.name
    (note / "gitdir").write_text(f"{told}/.git\n")
    back = note if kind != "points elsewhere" else repository.path / "elsewhere"
    (precious / ".git").write_text(f"gitdir: {back}\n")
    _make_another(repository, commit)
    assert (precious / "letter").read_text() == "dear"


def test_a_note_without_a_lock_is_left_for_an_hour(committed, temporary):
    repository, commit = committed
    note = repository.path / ".git/worktrees" / f"{PREFIX}x"
    note.mkdir(parents=True)
    _make_another(repository, commit)
    assert note.is_dir(), "its process may be about to lock it"
    os.utime(note, (1, 1))
    _make_another(repository, commit)
    assert not note.exists()
