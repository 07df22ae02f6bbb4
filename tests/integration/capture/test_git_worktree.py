"""Temporary worktrees of a real repository: what is in them, what runs, and what is left of them."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from lineage.capture.command import Place, run
from lineage.capture.git import GitRepository
from lineage.capture.git_worktree import temporary_worktree
from lineage.errors import CaptureError
from tests.support.processes import has_ended


@pytest.fixture
def checkout(repository, monkeypatch):
    """A repository of two commits, and the folder in which temporary ones are made."""
    there = repository.path.parent / f"{repository.path.name}-there"
    there.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(there))
    repository.write({"a.txt": "first", "src/b.txt": "first", ".gitignore": "*.bin\n"})
    first = repository.commit("First")
    repository.write({"a.txt": "second"})
    repository.commit("Second")
    git = GitRepository(repository.path)
    yield repository, git, first
    git.close()
    assert list(there.iterdir()) == []
    assert not (repository.path / ".git/worktrees").exists()
    assert (repository.path / "a.txt").read_text() == "second"


def test_it_holds_the_commit_and_not_what_lies_in_the_checkout(checkout):
    work, git, first = checkout
    work.write({"new.txt": "", "left.bin": "", "src/b.txt": "unsaved"})
    with temporary_worktree(git, first) as folder:
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        assert found == {".git", ".gitignore", "a.txt", "src", "src/b.txt"}
        assert (folder / "src/b.txt").read_text() == (folder / "a.txt").read_text() == "first"
        assert folder.stat().st_mode & 0o077 == 0
        inside = GitRepository(folder)
        assert (inside.head, inside.branch, inside.modified) == (first, None, frozenset())
        inside.close()
    assert (work.path / "src/b.txt").read_text() == "unsaved"


def test_nothing_that_the_repository_names_is_run(checkout):
    work, git, first = checkout
    git.close()
    mark = work.path.parent / "ran"
    hook = f"#!/bin/sh\ntouch {mark}\n"
    work.write({f".git/hooks/{name}": hook for name in ("post-checkout", "reference-transaction")})
    for path in (work.path / ".git/hooks").iterdir():
        path.chmod(0o755)
    work.write({".gitattributes": "*.txt filter=evil\n"})
    filtered = work.commit("Filtered")
    work.git("config", "filter.evil.smudge", f"touch {mark}; cat")
    work.git("config", "core.fsmonitor", f"touch {mark}")
    mark.unlink(missing_ok=True)
    opened = GitRepository(work.path)
    with temporary_worktree(opened, filtered) as folder:
        assert (folder / "a.txt").read_text() == "second"
    opened.close()
    assert not mark.exists()
    assert first


def test_a_sparse_checkout_has_a_whole_worktree(checkout):
    work, git, first = checkout
    work.git("sparse-checkout", "set", "--no-cone", "/a.txt")
    assert not (work.path / "src").exists()
    with temporary_worktree(git, first) as folder:
        assert (folder / "src/b.txt").read_text() == "first"


def test_a_commit_with_a_submodule_is_refused_by_its_path(checkout):
    work, git, first = checkout
    work.git("update-index", "--add", "--cacheinfo", f"160000,{first},libs/common")
    work.git("commit", "--quiet", "--message", "Submodule")
    with (
        pytest.raises(CaptureError, match=r"holds the submodule libs/common, which"),
        temporary_worktree(git, git.head or ""),
    ):
        pass
    work.git("reset", "--quiet", "--hard", "HEAD^")


@pytest.mark.parametrize(
    "command",
    [
        "chmod 0500 src; chmod 0500 .",
        "rm -rf .git",
        "echo gitdir: /elsewhere > .git",
        "git worktree lock .",
        "exit 3",
        "ln -s / everything; mkdir -p x/y; chmod 0 x/y",
    ],
)
def test_it_is_removed_whatever_a_command_made_of_it(checkout, command):
    _, git, first = checkout
    with temporary_worktree(git, first) as folder:
        run(["sh", "-c", command], quiet_stdout=True, place=Place(folder, 60))


def test_a_folder_of_another_worktree_stays(checkout):
    work, git, first = checkout
    other = work.path.parent / f"{work.path.name}-other"
    work.git("worktree", "add", "--quiet", str(other), first)
    with temporary_worktree(git, first):
        pass
    assert work.git("worktree", "list").count("\n") == 2
    work.git("worktree", "remove", str(other))


def test_it_is_removed_where_the_checkout_of_it_fails(checkout):
    work, git, first = checkout
    blob = work.git("rev-parse", f"{first}:src/b.txt").strip()
    (work.path / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
    with pytest.raises(CaptureError), temporary_worktree(git, first):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_process_leaves_nothing(checkout, number):
    _, git, first = checkout
    with pytest.raises(SystemExit) as ended, temporary_worktree(git, first):
        os.kill(os.getpid(), number)
    assert ended.value.code == 128 + number
    assert signal.getsignal(number) is signal.SIG_DFL


def test_what_a_command_leaves_running_in_its_group_ends_with_it(checkout):
    _, git, first = checkout
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, file=open('pid', 'w'))"
    with temporary_worktree(git, first) as folder:
        done = run([sys.executable, "-c", code], quiet_stdout=True, place=Place(folder, 60))
        pid = int((folder / "pid").read_text())
    assert (done.exit_status, done.folder) == (0, str(folder))
    assert has_ended(pid)


def test_a_program_is_looked_for_in_the_folder_where_it_is_run(checkout):
    work, *_ = checkout
    program = work.path / "tools" / "measure"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\npwd > out.bin\n")
    program.chmod(0o755)
    assert Path.cwd() != work.path
    run(["tools/measure"], quiet_stdout=True, place=Place(work.path, 60))
    assert (work.path / "out.bin").read_text() == f"{work.path}\n"
